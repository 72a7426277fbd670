package inside

import (
	"fmt"
	"io"
	"os"

	"go.yaml.in/yaml/v3"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
	"github.com/airgap-ferry/ferry/internal/strictyaml"
)

// A Site is what site.yaml says.
type Site struct {
	Name         string // of the site
	Registry     string // host, with the port if there is one
	PlainHTTP    bool   // the registry does not speak TLS
	CA           string // PEM file with the certificate of the registry's authority, "" for the system's
	Prefix       string // path put before every repository, "" for none
	Repositories []Rule
	Files        string // directory for the files of releases
}

const (
	siteVersion = "ferry/v1"
	siteKind    = "Site"

	// maxSiteSize bounds site.yaml.
	maxSiteSize = 1 << 20 // bytes
)

// ReadSite reads the file name. All mistakes in it are reported at once, each
// a [*strictyaml.Error].
func ReadSite(name string) (*Site, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading the site: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSiteSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading the site: %w", err)
	}
	return parseSite(name, b)
}

// parseSite parses the bytes of the file name.
func parseSite(name string, b []byte) (*Site, error) {
	r := strictyaml.NewReader(name)
	if len(b) > maxSiteSize {
		r.Addf(0, "more than %d bytes", maxSiteSize)
		return nil, r.Err()
	}
	s := &Site{Files: defaultFiles}
	if n := r.Document(b); n != nil {
		s.read(r, n)
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Site) read(r *strictyaml.Reader, n *yaml.Node) {
	seen := make(map[string]bool)
	field := func(name string, read func(*yaml.Node)) strictyaml.Field {
		return strictyaml.Field{Name: name, Read: func(n *yaml.Node) {
			seen[name] = true
			read(n)
		}}
	}
	r.Mapping(
		n, "site",
		field("apiVersion", func(n *yaml.Node) { r.Constant(n, "apiVersion", siteVersion) }),
		field("kind", func(n *yaml.Node) { r.Constant(n, "kind", siteKind) }),
		field("name", func(n *yaml.Node) {
			s.Name = r.Text(n, "name")
			if s.Name != "" && !bundle.ValidSiteName(s.Name) {
				r.Addf(n.Line, "name is %.80q, want 1 to 63 of a-z, 0-9 and '-'", s.Name)
			}
		}),
		field("registry", func(n *yaml.Node) {
			s.Registry = r.Text(n, "registry")
			checkRepository(r, n, s.Registry, "registry is %.80q, want a host such as harbor.example:5000", s.Registry)
		}),
		field("plainHTTP", func(n *yaml.Node) { s.PlainHTTP = r.Bool(n, "plainHTTP") }),
		field("ca", func(n *yaml.Node) { s.CA = r.Text(n, "ca") }),
		field("prefix", func(n *yaml.Node) {
			s.Prefix = r.Text(n, "prefix")
			checkRepository(r, n, "host.example/"+s.Prefix, "prefix is %.80q, want a path such as platform", s.Prefix)
		}),
		field("repositories", func(n *yaml.Node) {
			r.Sequence(n, "repositories", func(n *yaml.Node) { s.Repositories = append(s.Repositories, readRule(r, n)) })
		}),
		field("files", func(n *yaml.Node) { s.Files = r.Text(n, "files") }),
	)
	for _, name := range []string{"apiVersion", "kind", "name", "registry"} {
		if !seen[name] {
			r.Addf(n.Line, "site has no field %q", name)
		}
	}
}

// checkRepository adds a mistake unless repositories can lie below path, which
// begins with a host. An empty text is a mistake already.
func checkRepository(r *strictyaml.Reader, n *yaml.Node, path, format, value string) {
	repository, err := oci.ParseRepository(path + "/any/thing")
	if value != "" && (err != nil || repository != path+"/any/thing") {
		r.Addf(n.Line, format, value)
	}
}

func readRule(r *strictyaml.Reader, n *yaml.Node) Rule {
	var rule Rule
	r.Mapping(
		n, "repositories",
		strictyaml.Field{Name: "from", Read: func(n *yaml.Node) { rule.From = r.Text(n, "from") }},
		strictyaml.Field{Name: "to", Read: func(n *yaml.Node) {
			rule.To = r.Text(n, "to")
			checkRepository(r, n, "host.example/"+rule.To, "to is %.80q, want a path such as library", rule.To)
		}},
	)
	if rule.From == "" || rule.To == "" {
		r.Addf(n.Line, "a rule needs both from and to")
	}
	return rule
}

func (s *Site) mapping() Mapping {
	return Mapping{Host: s.Registry, Prefix: s.Prefix, Rules: s.Repositories}
}

// newSiteFile returns the site.yaml that Init writes.
func newSiteFile(o InitOptions) ([]byte, error) {
	if !bundle.ValidSiteName(o.Site) {
		return nil, fmt.Errorf("site name %.80q: want 1 to 63 of a-z, 0-9 and '-'", o.Site)
	}
	text := fmt.Appendf(nil, `# What this site is and where it lands what arrives.
apiVersion: ferry/v1
kind: Site
name: %s

# Where images, charts and releases are pushed: a host, with its port.
registry: %s
plainHTTP: %t
# ca: certs/registry-ca.pem

# A path put before every repository, such as the one project that takes all.
# prefix: platform

# Which source repositories land where. The longest prefix wins. What no rule
# names keeps its source host as the first part of its path, so that two
# sources never meet.
# repositories:
#   - from: docker.io/library
#     to: library

# Where the plain files and the manifests of releases are written.
files: %s
`, o.Site, o.Registry, o.PlainHTTP, defaultFiles)
	_, err := parseSite(siteFile, text)
	return text, err
}
