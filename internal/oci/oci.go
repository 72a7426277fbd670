// Package oci reads the structure of manifests and indexes as OCI and Docker
// registries keep them: which bytes hang below them, by digest and size.
//
// It knows the OCI image manifest and image index (image-spec 1.1), Docker's
// image manifest version 2 schema 2 and its manifest list, and the OCI
// artifact manifest of the drafts of image-spec 1.1, which some registries
// still serve. Manifests of other media types are read if they have the shape
// of one of those. Schema 1 is refused.
//
// A manifest is identified by the digest of its bytes, so nothing here
// encodes one again: callers keep the bytes, and hand on those.
//
// This package checks form, not truth: that a descriptor's digest and size
// are well-formed, not that anybody holds such a blob. It does no input or
// output, and its functions may be called concurrently.
package oci

import "errors"

// Media types of manifests and indexes.
const (
	MediaTypeIndex          = "application/vnd.oci.image.index.v1+json"
	MediaTypeManifest       = "application/vnd.oci.image.manifest.v1+json"
	MediaTypeDockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	MediaTypeDockerManifest = "application/vnd.docker.distribution.manifest.v2+json"

	// MediaTypeArtifact is from a draft of image-spec 1.1. It has blobs where
	// an image has layers, and no config.
	MediaTypeArtifact = "application/vnd.oci.artifact.manifest.v1+json"

	mediaTypeSchema1       = "application/vnd.docker.distribution.manifest.v1+json"
	mediaTypeSchema1Signed = "application/vnd.docker.distribution.manifest.v1+prettyjws"
)

// Media types of blobs.
const (
	MediaTypeConfig       = "application/vnd.oci.image.config.v1+json"
	MediaTypeDockerConfig = "application/vnd.docker.container.image.v1+json"

	// MediaTypeEmpty is that of the blob "{}", the config of an artifact that
	// needs none.
	MediaTypeEmpty = "application/vnd.oci.empty.v1+json"

	MediaTypeHelmConfig = "application/vnd.cncf.helm.config.v1+json"
	MediaTypeHelmChart  = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
)

// AnnotationTitle names the file that a layer of an artifact holds.
const AnnotationTitle = "org.opencontainers.image.title"

const (
	// MaxManifestSize is the size up to which registries agree to keep
	// manifests (distribution-spec 1.1). It bounds what is read into memory
	// because a registry says that it is a manifest.
	MaxManifestSize = 4 << 20 // bytes

	// MaxDescriptors bounds the children of an index and the layers of a
	// manifest, each.
	MaxDescriptors = 10_000
)

// ErrSchema1 reports a manifest of Docker's schema 1, which registries and
// runtimes have given up: it has no config, and its digest is not that of its
// bytes.
var ErrSchema1 = errors.New("manifest is of Docker's schema 1, which ferry does not carry: " +
	"push the image again with a client from after 2017 to have it in schema 2")

// A FormatError reports bytes that are not a well-formed manifest or index.
type FormatError struct {
	Msg string
}

func (e *FormatError) Error() string { return "malformed manifest: " + e.Msg }

// IsIndexType reports whether mediaType is that of an index: what has
// children instead of layers.
func IsIndexType(mediaType string) bool {
	return mediaType == MediaTypeIndex || mediaType == MediaTypeDockerList
}

// IsManifestType reports whether mediaType is that of a manifest or an index,
// so of bytes that registries keep as manifests, not as blobs.
func IsManifestType(mediaType string) bool {
	switch mediaType {
	case MediaTypeManifest, MediaTypeDockerManifest, MediaTypeArtifact:
		return true
	}
	return IsIndexType(mediaType)
}

// IsImageConfigType reports whether mediaType is that of the config of a
// container image, which says for which platform the image is.
func IsImageConfigType(mediaType string) bool {
	return mediaType == MediaTypeConfig || mediaType == MediaTypeDockerConfig
}
