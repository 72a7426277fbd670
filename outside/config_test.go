package outside

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/internal/strictyaml"
)

func TestConfig(t *testing.T) {
	c, err := parseConfig("dir/ferry.yaml", []byte(`apiVersion: ferry/v1
kind: Outside
parallel: 3
expires: 36h
registries:
  registry.example:5000: {plainHTTP: true}
  harbor.example: {ca: trust/harbor.pem}
  localhost: {ca: /etc/ca.pem, plainHTTP: false}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := &config{
		parallel: 3, expires: 36 * time.Hour,
		plainHTTP: []string{"registry.example:5000"},
		caFiles:   []string{filepath.Join("dir", "trust", "harbor.pem"), "/etc/ca.pem"},
	}
	if diff := cmp.Diff(want, c, cmp.AllowUnexported(config{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNewConfigIsTheDefault(t *testing.T) {
	for _, in := range []string{newConfig, "apiVersion: ferry/v1\nkind: Outside\n"} {
		c, err := parseConfig("ferry.yaml", []byte(in))
		if err != nil {
			t.Fatal(err)
		}
		want := &config{parallel: defaultParallel, expires: defaultExpires}
		if diff := cmp.Diff(want, c, cmp.AllowUnexported(config{})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestConfigMistakes(t *testing.T) {
	const head = "apiVersion: ferry/v1\n"
	tests := []struct{ name, in, want string }{
		{"other version", "apiVersion: ferry/v2\n", `ferry.yaml:1: apiVersion is "ferry/v2", want "ferry/v1"`},
		{"no version", "kind: Outside\n", "no apiVersion"},
		{"other kind", head + "kind: Site\n", `want "Outside"`},
		{"unknown field", head + "registrys: {}\n", `ferry.yaml:2: configuration has no field "registrys", did you mean "registries"?`},
		{"unknown field below", head + "registries:\n  a.b:\n    plainHttp: true\n", `ferry.yaml:4: registry "a.b" has no field "plainHttp", did you mean "plainHTTP"?`},
		{"repository", head + "registries:\n  a.b/c: {}\n", "ferry.yaml:3: "},
		{"no host", head + "registries:\n  library: {}\n", "is not a registry"},
		{"parallel", head + "parallel: 0\n", "want a whole number from 1 to 64"},
		{"expires", head + "expires: soon\n", "ferry.yaml:2: expiry"},
		{"expires at once", head + "expires: 0d\n", "expiry"},
		{"expires late", head + "expires: 3651d\n", "expiry"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseConfig("ferry.yaml", []byte(tt.in))
			if !errors.As(err, new(*strictyaml.Error)) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want one with %q", err, tt.want)
			}
		})
	}
}

func FuzzConfig(f *testing.F) {
	f.Add(newConfig)
	f.Add("apiVersion: ferry/v1\nregistries:\n  h.example: {plainHTTP: true, ca: x}\n")
	f.Fuzz(func(t *testing.T, in string) {
		c, err := parseConfig("ferry.yaml", []byte(in))
		if err == nil && (c.parallel < 1 || c.parallel > maxParallel || c.expires < time.Minute) {
			t.Errorf("accepted as %+v", c)
		}
	})
}
