package release

import (
	"context"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
)

// A Source is what Resolve needs of registries. Repositories have their host:
// "docker.io/library/nginx". Its methods are called concurrently. A Source may
// answer from a cache whatever is asked for by digest.
type Source interface {
	// Resolve returns what the tag of ref points to now. It is one request.
	Resolve(ctx context.Context, ref oci.Reference) (oci.Descriptor, error)

	// Manifest returns a manifest or an index, compared with d.
	Manifest(ctx context.Context, repository string, d bundle.Digest) (mediaType string, raw []byte, err error)

	// Blob returns a small blob whole, compared with d.
	Blob(ctx context.Context, repository string, d bundle.Digest, size int64) ([]byte, error)

	// Attachments returns the signatures, attestations and SBOMs of subject,
	// found by cosign's tags and as referrers; none is no error. Resolve fills
	// in what a descriptor lacks.
	Attachments(ctx context.Context, repository string, subject bundle.Digest) ([]Attachment, error)

	// Tags returns all tags of a repository.
	Tags(ctx context.Context, repository string) ([]string, error)
}
