package release

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	"go.yaml.in/yaml/v3"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
	"github.com/airgap-ferry/ferry/internal/strictyaml"
)

// ociScheme starts the reference of a chart that lies in a registry.
const ociScheme = "oci://"

// Read reads the release at path. What is wrong with its content is an [*Error]
// for each problem, joined.
func Read(path string) (*Release, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading release: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxReleaseSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading release: %w", err)
	}
	return Parse(path, data)
}

// Parse parses data, which was read from the file name. Everything that is
// wrong is an [*Error], joined in the order of the lines.
func Parse(name string, data []byte) (*Release, error) {
	r := &releaseReader{strictyaml.NewReader(name), &Release{Path: name}}
	if n := r.Document(data); n != nil {
		r.release(n)
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	return r.out, nil
}

// A releaseReader fills out.
type releaseReader struct {
	*strictyaml.Reader
	out *Release
}

func (r *releaseReader) release(n *yaml.Node) {
	var api, what string
	out := r.out
	r.Mapping(
		n, "release",
		field("apiVersion", func(n *yaml.Node) { api = r.Constant(n, "apiVersion", apiVersion) }),
		field("kind", func(n *yaml.Node) { what = r.Constant(n, "kind", kind) }),
		field("name", func(n *yaml.Node) {
			out.Name = r.Checked(n, "name", bundle.ValidReleaseName, "1 to 100 of a-z, 0-9, '.', '_' and '-'")
		}),
		field("version", func(n *yaml.Node) {
			out.Version = r.Number(n, "version")
			if out.Version != "" && !bundle.ValidVersion(out.Version) {
				r.Addf(n.Line, "version is %.80q, want what can be a tag: 1 to 128 letters, digits, '.', '_' and '-'", out.Version)
			}
		}),
		field("platforms", func(n *yaml.Node) { out.Platforms = r.platforms(n) }),
		field("images", func(n *yaml.Node) { r.Sequence(n, "images", r.image) }),
		field("charts", func(n *yaml.Node) { r.Sequence(n, "charts", r.chart) }),
		field("files", func(n *yaml.Node) { r.Sequence(n, "files", r.file) }),
		field("manifests", func(n *yaml.Node) { r.Sequence(n, "manifests", r.manifests) }),
	)
	if r.Len() > 0 {
		return
	}
	for _, f := range []struct{ name, value string }{
		{"apiVersion", api}, {"kind", what}, {"name", out.Name}, {"version", out.Version},
	} {
		if f.value == "" {
			r.Addf(n.Line, "release has no field %q", f.name)
		}
	}
	if len(out.Images)+len(out.Charts)+len(out.Files)+len(out.Manifests) == 0 {
		r.Addf(n.Line, "release has neither images nor charts nor files nor manifests")
	}
}

// platforms returns the list n, sorted; nil for every platform.
func (r *releaseReader) platforms(n *yaml.Node) []string {
	var all bool
	list := []string{}
	r.Sequence(n, "platforms", func(n *yaml.Node) {
		s := r.Text(n, "platform")
		if s == AllPlatforms {
			all = true
			return
		}
		if s == "" {
			return
		}
		if _, err := oci.ParsePlatform(s); err != nil {
			r.Addf(n.Line, "%v", err)
			return
		}
		if slices.Contains(list, s) {
			r.Addf(n.Line, "platform %q is listed twice", s)
			return
		}
		list = append(list, s)
	})
	if all && len(list) > 0 {
		r.Addf(n.Line, "platforms has %q beside others", AllPlatforms)
	}
	if all {
		return []string{AllPlatforms}
	}
	slices.Sort(list)
	return list
}

func (r *releaseReader) image(n *yaml.Node) {
	img, before := WantedImage{Line: n.Line}, r.Len()
	if isScalar(n) {
		img.Image = r.Text(n, "image")
	} else {
		r.Mapping(
			n, "image",
			field("image", func(n *yaml.Node) { img.Image = r.Text(n, "image") }),
			field("platforms", func(n *yaml.Node) { img.Platforms = r.platforms(n) }),
			field("verify", func(n *yaml.Node) {
				r.Mapping(n, "verify", field("key", func(n *yaml.Node) { img.VerifyKey = r.Text(n, "key") }))
				if img.VerifyKey == "" {
					r.missing(n, before, "verify has no key")
				}
			}),
		)
	}
	if img.Image == "" {
		r.missing(n, before, "image has no field \"image\"")
	} else if _, err := oci.ParseReference(img.Image); err != nil {
		r.Addf(n.Line, "%v", err)
	}
	r.out.Images = append(r.out.Images, img)
}

func (r *releaseReader) chart(n *yaml.Node) {
	c, before := WantedChart{Line: n.Line}, r.Len()
	if isScalar(n) {
		c.Chart = r.Text(n, "chart")
	} else {
		r.Mapping(
			n, "chart",
			field("chart", func(n *yaml.Node) { c.Chart = r.Text(n, "chart") }),
			field("repo", func(n *yaml.Node) { c.Repo = r.Text(n, "repo") }),
			field("version", func(n *yaml.Node) { c.Version = r.Number(n, "version") }),
		)
	}
	if c.Chart == "" {
		r.missing(n, before, "chart has no field \"chart\"")
	} else if err := c.check(); err != nil {
		r.Addf(n.Line, "chart %.300q: %v", c.Chart, err)
	}
	r.out.Charts = append(r.out.Charts, c)
}

// check returns what is wrong with c as far as that can be seen without
// looking for the chart.
func (c *WantedChart) check() error {
	if c.Version != "" {
		if _, err := semver.NewConstraint(c.Version); err != nil {
			return fmt.Errorf("version %.80q is neither a version nor a range of versions, such as ~1.2", c.Version)
		}
	}
	repository, isOCI := strings.CutPrefix(c.Chart, ociScheme)
	switch {
	case isOCI && c.Repo != "":
		return fmt.Errorf("has a repo, which is for charts of HTTP repositories")
	case isOCI && !oci.ValidRepository(repository):
		return fmt.Errorf("want %shost/path, and the version apart", ociScheme)
	case c.Repo != "" && (strings.ContainsAny(c.Chart, `/\`) || c.Chart == "." || c.Chart == ".."):
		return fmt.Errorf("want the name that it has in the repo")
	case (isOCI || c.Repo != "") && c.Version == "":
		return fmt.Errorf("has no version: name one, or a range, %q for the newest", "*")
	case c.Repo != "":
		return checkRepoURL(c.Repo)
	}
	return nil
}

func checkRepoURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("repo %.300q: want https://host/path", s)
	case u.User != nil:
		return fmt.Errorf("repo of host %.80q: has a password in it, which would be in the lock file", u.Host)
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("repo %.300q: has a query or a fragment, want https://host/path", s)
	}
	return nil
}

func (r *releaseReader) file(n *yaml.Node) {
	f, before := WantedFile{Line: n.Line}, r.Len()
	if isScalar(n) {
		f.Path = r.Text(n, "path")
	} else {
		r.Mapping(n, "file", r.pathFields(&f.Path, &f.To)...)
	}
	r.checkLandingOf(n, before, "file", f.Path, f.To)
	r.out.Files = append(r.out.Files, f)
}

func (r *releaseReader) manifests(n *yaml.Node) {
	m, before := WantedManifests{Line: n.Line}, r.Len()
	if isScalar(n) {
		m.Path = r.Text(n, "path")
	} else {
		r.Mapping(n, "manifests", r.pathFields(&m.Path, &m.To)...)
	}
	if _, err := path.Match(m.Path, ""); err != nil {
		r.Addf(n.Line, "manifests %.300q: %v", m.Path, err)
	}
	to := m.To
	if dir, _ := path.Split(m.Path); to == "" && dir == "" {
		to = m.Path // lies at the top, so any name will do
	} else if to == "" {
		to = path.Clean(dir)
	}
	r.checkLandingOf(n, before, "manifests", m.Path, to)
	r.out.Manifests = append(r.out.Manifests, m)
}

func (r *releaseReader) pathFields(p, to *string) []strictyaml.Field {
	return []strictyaml.Field{
		field("path", func(n *yaml.Node) { *p = r.Text(n, "path") }),
		field("to", func(n *yaml.Node) {
			*to = r.Text(n, "to")
			if *to == "" {
				return
			}
			if err := checkLanding(*to); err != nil {
				r.Addf(n.Line, "to: %v", err)
			}
		}),
	}
}

// checkLandingOf refuses a path that says nothing, or that does not say where
// it would land, because it names a folder above.
func (r *releaseReader) checkLandingOf(n *yaml.Node, before int, what, p, to string) {
	if p == "" {
		r.missing(n, before, what+" has no field \"path\"")
	}
	if r.Len() > before {
		return
	}
	if to == "" {
		to = path.Clean(p)
	}
	if to == "." {
		return
	}
	if err := checkLanding(to); err != nil {
		r.Addf(n.Line, "%s %.300q: say with \"to\" where it lands: %v", what, p, err)
	}
}

// missing adds a problem unless there are more than before, which then say
// more about the same thing.
func (r *releaseReader) missing(n *yaml.Node, before int, msg string) {
	if r.Len() == before {
		r.Addf(n.Line, "%s", msg)
	}
}

func field(name string, read func(*yaml.Node)) strictyaml.Field {
	return strictyaml.Field{Name: name, Read: read}
}

func isScalar(n *yaml.Node) bool {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n.Kind == yaml.ScalarNode
}
