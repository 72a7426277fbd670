package oci

import (
	"strings"
	"testing"

	"github.com/airgap-ferry/ferry/bundle"
)

func TestParseDigest(t *testing.T) {
	good := string(bundle.DigestOf(nil))
	tests := []struct{ in, want string }{ // "" for no error
		{good, ""},
		{"sha512:" + strings.Repeat("ab", 64), "is of sha512: ferry carries"},
		{"sha512:" + strings.Repeat("AB", 64), "want sha256:"},
		{"sha256:" + strings.ToUpper(good[7:]), "want sha256:"},
		{"sha256:" + good[8:], "want sha256:"},
		{"md5:d41d8cd98f00b204e9800998ecf8427e", "want sha256:"},
		{"", "want sha256:"},
		{good[7:], "want sha256:"},
	}
	for _, tt := range tests {
		d, err := ParseDigest(tt.in)
		if tt.want == "" {
			if err != nil || string(d) != tt.in {
				t.Errorf("ParseDigest(%q) = %q, %v", tt.in, d, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) || d != "" {
			t.Errorf("ParseDigest(%q) = %q, %v, want an error with %q", tt.in, d, err, tt.want)
		}
	}
}
