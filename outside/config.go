package outside

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/airgap-ferry/ferry/internal/durable"
	"github.com/airgap-ferry/ferry/internal/oci"
	"github.com/airgap-ferry/ferry/internal/strictyaml"
)

const (
	configVersion = "ferry/v1"
	configKind    = "Outside"

	defaultParallel = 8
	maxParallel     = 64
	defaultExpires  = 30 * day
	maxExpires      = 3650 * day

	day = 24 * time.Hour
)

// newConfig is ferry.yaml as Init writes it.
const newConfig = `apiVersion: ferry/v1
kind: Outside

# How long a bundle may be imported after it was packed.
expires: 30d

# Transfers at a time.
parallel: 8

# Registries that need more than credentials (which come from Docker's
# configuration and its credential helpers):
#
# registries:
#   registry.example:5000:
#     plainHTTP: true         # it does not speak TLS
#   harbor.example:
#     ca: trust/harbor.pem    # certificates to trust, besides the system's
`

// A config is what ferry.yaml says.
type config struct {
	parallel  int
	expires   time.Duration
	plainHTTP []string // hosts
	caFiles   []string
}

// readConfig reads the ferry.yaml of dir. All mistakes are reported at once,
// each a [*strictyaml.Error].
func readConfig(fsys durable.FS, dir string) (*config, error) {
	name := filepath.Join(dir, configFile)
	data, err := durable.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("reading configuration: %w", err)
	}
	return parseConfig(name, data)
}

func parseConfig(name string, data []byte) (*config, error) {
	c := &config{parallel: defaultParallel, expires: defaultExpires}
	r := strictyaml.NewReader(name)
	if n := r.Document(data); n != nil {
		c.read(r, n, filepath.Dir(name))
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *config) read(r *strictyaml.Reader, n *yaml.Node, dir string) {
	versioned := false
	r.Mapping(
		n, "configuration",
		strictyaml.Field{Name: "apiVersion", Read: func(n *yaml.Node) {
			versioned = true
			r.Constant(n, "apiVersion", configVersion)
		}},
		strictyaml.Field{Name: "kind", Read: func(n *yaml.Node) { r.Constant(n, "kind", configKind) }},
		strictyaml.Field{Name: "parallel", Read: func(n *yaml.Node) { c.parallel = r.Int(n, "parallel", 1, maxParallel) }},
		strictyaml.Field{Name: "expires", Read: func(n *yaml.Node) {
			if s := r.Text(n, "expires"); s != "" {
				d, err := ParseExpires(s)
				if err != nil {
					r.Addf(n.Line, "%v", err)
				}
				c.expires = d
			}
		}},
		strictyaml.Field{Name: "registries", Read: func(n *yaml.Node) {
			r.Entries(n, "registries", func(key, value *yaml.Node) { c.readRegistry(r, key, value, dir) })
		}},
	)
	if !versioned {
		r.Addf(n.Line, "configuration has no apiVersion; want apiVersion: %s", configVersion)
	}
}

func (c *config) readRegistry(r *strictyaml.Reader, key, value *yaml.Node, dir string) {
	host := key.Value
	repository, err := oci.ParseRepository(host + "/any/thing")
	if err != nil || repository != host+"/any/thing" || strings.Contains(host, "/") {
		r.Addf(key.Line, "%.80q is not a registry; want a host such as registry.example:5000", host)
		return
	}
	what := fmt.Sprintf("registry %q", host)
	r.Mapping(
		value, what,
		strictyaml.Field{Name: "plainHTTP", Read: func(n *yaml.Node) {
			if r.Bool(n, "plainHTTP of "+what) {
				c.plainHTTP = append(c.plainHTTP, host)
			}
		}},
		strictyaml.Field{Name: "ca", Read: func(n *yaml.Node) {
			if name := r.Text(n, "ca of "+what); name != "" {
				c.caFiles = append(c.caFiles, inDir(dir, name))
			}
		}},
	)
}

// inDir returns name as seen from dir, if it is relative.
func inDir(dir, name string) string {
	name = filepath.FromSlash(name)
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

// ParseExpires parses how long a bundle may be imported: whole days such as
// 30d, or a duration such as 36h of at least one minute. It is at most ten
// years.
func ParseExpires(s string) (time.Duration, error) {
	var d time.Duration
	var err error
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		d = time.Duration(n) * day
	} else {
		d, err = time.ParseDuration(s)
	}
	if err != nil || d < time.Minute || d > maxExpires {
		return 0, fmt.Errorf("expiry %.40q: want days such as 30d or hours such as 36h, at most %dd", s, maxExpires/day)
	}
	return d.Truncate(time.Second), nil
}
