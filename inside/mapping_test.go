package inside

import (
	"errors"
	"strings"
	"testing"

	"github.com/airgap-ferry/ferry/internal/oci"
	"github.com/airgap-ferry/ferry/registry/registrytest"
)

func TestTarget(t *testing.T) {
	rules := []Rule{
		{From: "docker.io/library", To: "library"},
		{From: "docker.io", To: "hub/"},
		{From: "registry.example:5000/team/", To: ""},
		{From: "quay.io/org/app", To: "/renamed"},
	}
	tests := []struct {
		name   string
		m      Mapping
		source string
		want   string // "" for an error
	}{
		{"host is kept", Mapping{}, "docker.io/library/nginx", "in.example/docker.io/library/nginx"},
		{"port", Mapping{}, "registry.example:5000/a/b", "in.example/registry.example-5000/a/b"},
		{"upper case host", Mapping{}, "Registry.Example/a", "in.example/registry.example/a"},
		{"no host", Mapping{}, "ferry/releases/shop", "in.example/ferry/releases/shop"},
		{"prefix", Mapping{Prefix: "platform"}, "quay.io/a", "in.example/platform/quay.io/a"},
		{"longest rule", Mapping{Rules: rules}, "docker.io/library/nginx", "in.example/library/nginx"},
		{"shorter rule", Mapping{Rules: rules}, "docker.io/grafana/loki", "in.example/hub/grafana/loki"},
		{"rule ends at a part", Mapping{Rules: rules}, "docker.io/libraryx/nginx", "in.example/hub/libraryx/nginx"},
		{"rule for one", Mapping{Rules: rules}, "quay.io/org/app", "in.example/renamed"},
		{"below a rule for one", Mapping{Rules: rules}, "quay.io/org/app/sub", "in.example/renamed/sub"},
		{"beside a rule for one", Mapping{Rules: rules}, "quay.io/org/apple", "in.example/quay.io/org/apple"},
		{"to the top", Mapping{Rules: rules}, "registry.example:5000/team/x", "in.example/x"},
		{"to nothing", Mapping{Rules: rules}, "registry.example:5000/team", ""},
		{"rule and prefix", Mapping{Prefix: "p", Rules: rules}, "docker.io/library/nginx", "in.example/p/library/nginx"},
		{"prefix out of the registry", Mapping{Prefix: ".."}, "docker.io/library/nginx", ""},
		{"rule out of the registry", Mapping{Rules: []Rule{{From: "a.b", To: "../x"}}}, "a.b/c", ""},
		{"upper case path", Mapping{Rules: []Rule{{From: "a.b", To: "X"}}}, "a.b/c", ""},
		{"IPv6", Mapping{}, "[::1]:5000/a", ""},
		{"host that is none", Mapping{Host: "registry"}, "docker.io/library/nginx", ""},
		{"Docker's short names", Mapping{Host: "docker.io", Rules: []Rule{{From: "a.b", To: ""}}}, "a.b/nginx", ""},
		{"too long", Mapping{}, "a.b/" + strings.Repeat("a", 252), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.m.Host == "" {
				tt.m.Host = "in.example"
			}
			got, err := tt.m.Target(tt.source)
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("Target(%q) = %q, %v, want %q", tt.source, got, err, tt.want)
			}
		})
	}
}

// TestTargetsCollide: two sources never land in one repository.
func TestTargetsCollide(t *testing.T) {
	tests := []struct {
		name    string
		m       Mapping
		sources []string
	}{
		{"by rules", Mapping{Host: "in.example", Rules: []Rule{{"a.example", "x"}, {"b.example", "x"}}}, []string{"a.example/app", "b.example/app"}},
		{"by a rule and the host", Mapping{Host: "in.example", Rules: []Rule{{"a.example", "b.example"}}}, []string{"a.example/app", "b.example/app"}},
		{"by a port", Mapping{Host: "in.example"}, []string{"a.example-80/app", "a.example:80/app"}},
		{"with a release", Mapping{Host: "in.example", Rules: []Rule{{"a.example", "ferry/releases"}}}, []string{"a.example/shop", "ferry/releases/shop"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.m.targets(tt.sources)
			e, ok := errors.AsType[*CollisionError](err)
			if !ok || e.Sources != [2]string(tt.sources) {
				t.Errorf("targets(%q) = %v, want a CollisionError of both", tt.sources, err)
			}
		})
	}
	m := Mapping{Host: "in.example"}
	if got, err := m.targets([]string{"a.example/app", "a.example/app"}); err != nil || len(got) != 1 {
		t.Errorf("targets of one source twice = %v, %v, want one", got, err)
	}
}

func FuzzTarget(f *testing.F) {
	f.Add("in.example:5000", "platform", "docker.io", "hub", "docker.io/library/nginx")
	f.Add("localhost", "", "", "../x", "[::1]:5000/a")
	f.Add("docker.io", "", "a.b", "", "a.b/nginx")
	f.Fuzz(func(t *testing.T, host, prefix, from, to, source string) {
		m := Mapping{Host: host, Prefix: prefix, Rules: []Rule{{from, to}}}
		got, err := m.Target(source)
		if err != nil {
			return
		}
		path, ok := strings.CutPrefix(got, strings.ToLower(host)+"/")
		if !ok || !oci.ValidPath(path) || !oci.ValidRepository(got) {
			t.Errorf("Target(%q) of %+v = %q, which is not a repository below %q", source, m, got, host)
		}
	})
}

// TestCollisionRefused: a bundle whose content would meet is not pushed, also
// when the other source came with an earlier bundle.
func TestCollisionRefused(t *testing.T) {
	rules := "repositories: [{from: HOST/a, to: same}, {from: HOST/b, to: same}]\n"
	tests := []struct {
		name   string
		before string // images of a release that was imported before
		images string
	}{
		{"in one bundle", "", "images: ['HOST/a/app:1', 'HOST/b/app:1']\n"},
		{"with an earlier one", "images: ['HOST/a/app:1']\n", "images: ['HOST/b/app:1']\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, p := setUp(t)
			harm(t, p.dir+"/"+siteFile, func(b []byte) []byte {
				return append(b, strings.ReplaceAll(rules, "HOST", s.source.Host)...)
			})
			registrytest.PushImage(t, s.ref("a/app:1"), "a")
			registrytest.PushImage(t, s.ref("b/app:1"), "b")
			if tt.before != "" {
				p.mustImport(s.pack("first", "1.0", tt.before, packing{}).all())
			}
			p.registry.Reset()
			_, _, err := p.tryImport(s.pack("second", "1.0", tt.images, packing{}).all())
			if e, ok := errors.AsType[*CollisionError](err); !ok || !strings.HasSuffix(e.Target, "/same/app") {
				t.Errorf("Import: %v, want a CollisionError", err)
			}
			if w := p.writes(); len(w) > 0 {
				t.Errorf("the registry got %v", w)
			}
		})
	}
}
