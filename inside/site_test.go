package inside

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/internal/strictyaml"
)

func TestParseSite(t *testing.T) {
	text, err := newSiteFile(InitOptions{Site: "north", Registry: "harbor.example:8443"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseSite("site.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&Site{Name: "north", Registry: "harbor.example:8443", Files: "files"}, got); diff != "" {
		t.Errorf("what Init writes (-want +got):\n%s", diff)
	}
	// What is commented out in it must be right too.
	full := strings.NewReplacer("# ca:", "ca:", "# prefix:", "prefix:", "# repositories:", "repositories:",
		"#   - from", "  - from", "#     to", "    to").Replace(string(text))
	got, err = parseSite("site.yaml", []byte(full))
	if err != nil {
		t.Fatal(err)
	}
	want := &Site{
		Name: "north", Registry: "harbor.example:8443", CA: "certs/registry-ca.pem", Prefix: "platform",
		Repositories: []Rule{{"docker.io/library", "library"}}, Files: "files",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("with the comments opened (-want +got):\n%s", diff)
	}
}

// The example is what people copy.
func TestExampleSite(t *testing.T) {
	s, err := ReadSite("../examples/site/site.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m := s.mapping()
	for source, want := range map[string]string{
		"localhost:5000/demo/hello-api": "localhost:5001/platform/hello-api",
		"docker.io/library/nginx":       "localhost:5001/docker.io/library/nginx",
	} {
		if got, err := m.Target(source); err != nil || got != want {
			t.Errorf("%q lands in %q, %v, want %q", source, got, err, want)
		}
	}
}

func TestParseSiteErrors(t *testing.T) {
	const good = "apiVersion: ferry/v1\nkind: Site\nname: north\nregistry: localhost:5000\n"
	tests := []struct {
		name, in, want string
	}{
		{"empty", "", "empty"},
		{"unknown field", good + "plainHttp: true\n", `:5: site has no field "plainHttp", did you mean "plainHTTP"?`},
		{"twice", good + "name: south\n", "twice"},
		{"no registry", "apiVersion: ferry/v1\nkind: Site\nname: north\n", `no field "registry"`},
		{"other kind", strings.Replace(good, "Site", "Release", 1), "kind"},
		{"site name", strings.Replace(good, "north", "North", 1), "name is"},
		{"registry with a scheme", strings.Replace(good, "localhost", "https://localhost", 1), "registry is"},
		{"registry with a path", strings.Replace(good, ":5000", ":5000/Library", 1), "registry is"},
		{"prefix", good + "prefix: Platform\n", "prefix is"},
		{"prefix that leaves", good + "prefix: ../x\n", "prefix is"},
		{"rule without to", good + "repositories:\n  - from: docker.io\n", ":6: a rule needs both"},
		{"plainHTTP as text", good + "plainHTTP: maybe\n", "plainHTTP"},
		{"too large", good + strings.Repeat("#", maxSiteSize), "more than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseSite("site.yaml", []byte(tt.in))
			if !errors.As(err, new(*strictyaml.Error)) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want a strictyaml.Error with %q", err, tt.want)
			}
		})
	}
}

func TestInitRefusesWhatItCouldNotRead(t *testing.T) {
	for _, o := range []InitOptions{
		{Site: "North", Registry: "localhost:5000"},
		{Site: "north", Registry: "http://localhost:5000"},
		{Site: "north", Registry: ""},
		{Site: "north", Registry: "a b\nname: south"},
	} {
		if text, err := newSiteFile(o); err == nil {
			t.Errorf("%+v: written:\n%s", o, text)
		}
	}
}

// Reading what is accepted never panics, and a site that was accepted maps
// every source to a repository of its own registry or says why not.
func FuzzParseSite(f *testing.F) {
	text, err := newSiteFile(InitOptions{Site: "north", Registry: "harbor.example:8443"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	example, err := os.ReadFile("../examples/site/site.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	f.Fuzz(func(t *testing.T, in []byte) {
		s, err := parseSite("site.yaml", in)
		if err != nil {
			return
		}
		m := s.mapping()
		target, err := m.Target("docker.io/library/nginx")
		if err == nil && !strings.HasPrefix(target, s.Registry+"/") {
			t.Errorf("site %+v maps to %q", s, target)
		}
	})
}
