package oci

import (
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
)

func TestParseReference(t *testing.T) {
	d := string(digestA)
	tests := []struct{ in, want string }{
		{"nginx", "docker.io/library/nginx:latest"},
		{"nginx:1.27", "docker.io/library/nginx:1.27"},
		{"calico/cni:v3", "docker.io/calico/cni:v3"},
		{"docker.io/nginx:1", "docker.io/library/nginx:1"},
		{"index.docker.io/nginx:1", "docker.io/library/nginx:1"},
		{"localhost/x:1", "localhost/x:1"},
		{"localhost:5000/x", "localhost:5000/x:latest"},
		{"127.0.0.1:5000/a/b__c:1", "127.0.0.1:5000/a/b__c:1"},
		{"[::1]:5000/x:1", "[::1]:5000/x:1"},
		{"registry.example/a/b@" + d, "registry.example/a/b@" + d},
		{"registry.example/a/b:1@" + d, "registry.example/a/b:1@" + d},
	}
	for _, tt := range tests {
		r, err := ParseReference(tt.in)
		if err != nil || r.String() != tt.want {
			t.Errorf("ParseReference(%q) = %q, %v, want %q", tt.in, r, err, tt.want)
		}
	}
	if r, _ := ParseReference("localhost:5000/x"); r.Host() != "localhost:5000" {
		t.Errorf("Host() = %q, want localhost:5000", r.Host())
	}
}

func TestParseReferenceRefuses(t *testing.T) {
	for _, s := range []string{
		"", ":1", "nginx:", "nginx@", "Nginx", "a/B", "a//b", "a/", "/a", "registry.example/", "registry.example/a:b:c",
		"https://registry.example/a", "a b", "a\n", "a@sha512:00", "a@sha256:00", "a:" + strings.Repeat("x", 129),
		"registry.example/../a", "registry.example/a/../b", "registry.example/" + strings.Repeat("a", 256), "-.x/a",
	} {
		if r, err := ParseReference(s); err == nil {
			t.Errorf("ParseReference(%q) = %q, want an error", s, r)
		}
	}
}

// What is accepted is read back the same, and go-containerregistry, which is
// used to speak to registries, reads the same.
func FuzzParseReference(f *testing.F) {
	for _, s := range []string{"nginx", "a/b:1", "localhost/x", "r.example:5000/a/b@" + string(digestA), "[::1]:5000/x:1", "A/b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseReference(s)
		if err != nil {
			return
		}
		again, err := ParseReference(r.String())
		if err != nil || again != r {
			t.Fatalf("ParseReference(%q) = %+v, %v, want %+v", r, again, err, r)
		}
		theirs, err := name.ParseReference(r.String())
		if err != nil {
			return // stricter on hosts and on names of one character
		}
		repository := strings.Replace(theirs.Context().Name(), "index.docker.io/", "docker.io/", 1)
		if repository != r.Repository {
			t.Errorf("repository of %q is %q, go-containerregistry has %q", s, r.Repository, repository)
		}
	})
}
