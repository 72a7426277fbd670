package oci

import (
	"fmt"

	"github.com/opencontainers/go-digest"

	"github.com/airgap-ferry/ferry/bundle"
)

// ParseDigest returns s as a digest of what a registry holds. One of another
// algorithm than SHA-256 is well-formed, but not carried, and the error says
// so: whoever has such an image must push it again.
func ParseDigest(s string) (bundle.Digest, error) {
	d, err := digest.Parse(s)
	if err != nil {
		return bundle.ParseDigest(s) // says what is wanted
	}
	if d.Algorithm() != digest.SHA256 {
		return "", fmt.Errorf("digest %.80q is of %s: ferry carries content that is named by sha256 alone", s, d.Algorithm())
	}
	return bundle.ParseDigest(s)
}
