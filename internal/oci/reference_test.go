package oci

import (
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/airgap-ferry/ferry/bundle"
)

func TestParseReference(t *testing.T) {
	d := bundle.DigestOf(nil)
	tests := []struct {
		in   string
		want string // "" for an error
	}{
		{"nginx", "docker.io/library/nginx:latest"},
		{"nginx:1.27", "docker.io/library/nginx:1.27"},
		{"bitnami/nginx", "docker.io/bitnami/nginx:latest"},
		{"index.docker.io/nginx", "docker.io/library/nginx:latest"},
		{"docker.io/library/nginx@" + string(d), "docker.io/library/nginx@" + string(d)},
		{"Registry.Example:5000/Shop", ""},
		{"Registry.Example:5000/shop/api:1.0@" + string(d), "registry.example:5000/shop/api:1.0@" + string(d)},
		{"localhost/x", "localhost/x:latest"},
		{"localhost:5000/x", "localhost:5000/x:latest"},
		{"[::1]:5000/x:y", "[::1]:5000/x:y"},
		{"a.b/c__d/e---f/g.h_i:T_-.", "a.b/c__d/e---f/g.h_i:T_-."},
		{"127.0.0.1:5000/a/b__c:1", "127.0.0.1:5000/a/b__c:1"},
		{"", ""},
		{":1", ""},
		{"Nginx", ""},
		{"a\n", ""},
		{"registry.example/a:b:c", ""},
		{"nginx:", ""},
		{"nginx@", ""},
		{"nginx:-1", ""},
		{"nginx:" + strings.Repeat("a", 129), ""},
		{"nginx@sha512:" + strings.Repeat("a", 128), ""},
		{"a.b/" + strings.Repeat("a", 256), ""},
		{"a.b/c___d", ""},
		{"a.b/c..d", ""},
		{"a.b/-c", ""},
		{"a.b/c-", ""},
		{"a.b//c", ""},
		{"a.b/../c", ""},
		{"a.b/c/", ""},
		{"a..b/c", ""},
		{"a.b:0/c", ""},
		{"a.b:65536/c", ""},
		{"a.b:05/c", ""},
		{"a.b:/c", ""},
		{"[::1/c", ""},
		{"http://a.b/c", ""},
		{"a.b/c?d", ""},
		{"a.b/c d", ""},
		{"a.b@c/d", ""},
	}
	for _, tt := range tests {
		r, err := ParseReference(tt.in)
		if got := r.String(); (err == nil) != (tt.want != "") || got != tt.want {
			t.Errorf("ParseReference(%q) = %q, %v, want %q", tt.in, got, err, tt.want)
		}
	}
	if r, _ := ParseReference("localhost:5000/x"); r.Host() != "localhost:5000" {
		t.Errorf("Host() = %q, want localhost:5000", r.Host())
	}
}

// FuzzParseReference checks that what is accepted is written in one way only,
// and that go-containerregistry reads it as the same thing.
func FuzzParseReference(f *testing.F) {
	for _, s := range []string{
		"nginx", "a.b:5000/c/d:1@sha256:" + strings.Repeat("0", 64), "[::1]:1/x", "localhost/x", "index.docker.io/x/y", "a_b/c",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseReference(s)
		if err != nil {
			return
		}
		again, err := ParseReference(r.String())
		if err != nil || again != r {
			t.Fatalf("%q is read as %+v, and that as %+v, %v", s, r, again, err)
		}
		theirs, err := name.ParseReference(r.String())
		if err != nil {
			t.Fatalf("%q is read as %q, which go-containerregistry refuses: %v", s, r, err)
		}
		want := strings.Replace(r.Repository, "docker.io/", "index.docker.io/", 1)
		if !strings.HasPrefix(r.Repository, "docker.io/") {
			want = r.Repository
		}
		if got := theirs.Context().Name(); got != want {
			t.Fatalf("%q is in %q, go-containerregistry says %q", s, want, got)
		}
	})
}
