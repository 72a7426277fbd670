package oci

import (
	"fmt"
	"strings"

	"github.com/airgap-ferry/ferry/bundle"
)

const (
	// maxMediaTypeLen is the longest media type of RFC 6838: two names of 127
	// characters.
	maxMediaTypeLen = 255

	// maxBlobSize keeps sums of sizes far from overflow. What is larger than
	// a bundle may be can't be carried anyway.
	maxBlobSize = bundle.MaxBundleBytes
)

// foreignTypes are the media types of layers that a registry need not hold,
// because their owner does not allow others to distribute them.
var foreignTypes = map[string]bool{
	"application/vnd.docker.image.rootfs.foreign.diff.tar":         true,
	"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip":    true,
	"application/vnd.oci.image.layer.nondistributable.v1.tar":      true,
	"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip": true,
	"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd": true,
}

// A Descriptor names content: what kind, which bytes, how many.
type Descriptor struct {
	MediaType    string
	Digest       bundle.Digest
	Size         int64             // bytes
	Platform     string            // "linux/arm64/v8", or "" if none is given
	ArtifactType string            // what an artifact is, "" for images
	Annotations  map[string]string // nil if there are none
}

type descriptorJSON struct {
	MediaType    string            `json:"mediaType"`
	Digest       string            `json:"digest"`
	Size         *int64            `json:"size"`
	URLs         []string          `json:"urls"`
	Platform     *platformJSON     `json:"platform"`
	ArtifactType string            `json:"artifactType"`
	Annotations  map[string]string `json:"annotations"`
}

type platformJSON struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant"`
}

// descriptor checks d and returns what it says. An empty media type is let
// pass: some clients leave it out where nothing depends on it.
func (d *descriptorJSON) descriptor() (Descriptor, error) {
	digest, err := ParseDigest(d.Digest)
	if err != nil {
		return Descriptor{}, err
	}
	if d.Size == nil {
		return Descriptor{}, fmt.Errorf("%s has no size", digest)
	}
	if *d.Size < 0 || *d.Size > maxBlobSize {
		return Descriptor{}, fmt.Errorf("%s has %d bytes, want 0 to %d", digest, *d.Size, int64(maxBlobSize))
	}
	for _, t := range []string{d.MediaType, d.ArtifactType} {
		if !validMediaType(t) {
			return Descriptor{}, fmt.Errorf("%s: %.80q is not a media type", digest, t)
		}
	}
	platform, err := d.Platform.text()
	if err != nil {
		return Descriptor{}, fmt.Errorf("%s: %w", digest, err)
	}
	return Descriptor{
		MediaType: d.MediaType, Digest: digest, Size: *d.Size, Platform: platform,
		ArtifactType: d.ArtifactType, Annotations: d.Annotations,
	}, nil
}

// foreign reports whether d is a layer that the registry need not hold. That
// is distribution's rule: both the media type and an address elsewhere say so.
func (d *descriptorJSON) foreign() bool { return len(d.URLs) > 0 && foreignTypes[d.MediaType] }

// validMediaType reports whether s is "" or can be a media type, perhaps with
// parameters. It is wider than RFC 6838, because clients are; it keeps out
// what could not be printed, or put into a header.
func validMediaType(s string) bool {
	return len(s) <= maxMediaTypeLen && !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' || r > '~' || r == '"' || r == '\\'
	})
}
