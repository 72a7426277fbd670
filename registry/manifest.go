package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
)

type (
	// A Descriptor names content: what kind, which bytes, how many.
	Descriptor = oci.Descriptor

	// A Manifest is the structure of a manifest or an index.
	Manifest = oci.Manifest
)

// ParseManifest parses the manifest or index raw, which a registry served as
// mediaType; see [oci.ParseManifest].
func ParseManifest(mediaType string, raw []byte) (*Manifest, error) {
	return oci.ParseManifest(mediaType, raw)
}

// acceptManifests is what we can read. Without it, some registries convert a
// manifest to a form that we can't.
var acceptManifests = strings.Join([]string{
	oci.MediaTypeIndex, oci.MediaTypeManifest, oci.MediaTypeDockerList, oci.MediaTypeDockerManifest, oci.MediaTypeArtifact,
}, ", ")

// Resolve returns what ref names. A digest in ref decides over its tag. It
// costs one HEAD, unless the registry's answer to that lacks the digest or the
// size.
func (c *Client) Resolve(ctx context.Context, ref Reference) (Descriptor, error) {
	name := identifier(ref)
	d, err := c.headManifest(ctx, ref.Repository, name)
	if e, ok := errors.AsType[*Error](err); ok && (e.Status == http.StatusMethodNotAllowed || errors.Is(err, ErrUnauthorized)) {
		// The answer to a HEAD has no body, so it can't say what is wrong.
		d, _, err = c.getManifest(ctx, ref.Repository, name)
	}
	return d, err
}

// StatManifest returns what ref, a tag or a digest, names in repo, and whether
// it is there. It costs one HEAD.
func (c *Client) StatManifest(ctx context.Context, repo, ref string) (Descriptor, bool, error) {
	d, err := c.headManifest(ctx, repo, ref)
	if errors.Is(err, ErrNotFound) {
		return Descriptor{}, false, nil
	}
	return d, err == nil, err
}

// Manifest returns the manifest or index with digest d. Its bytes have been
// hashed. Manifests of more than 4 MiB, which registries don't keep, are
// refused.
func (c *Client) Manifest(ctx context.Context, repo string, d bundle.Digest) (Descriptor, []byte, error) {
	return c.getManifest(ctx, repo, string(d))
}

func (c *Client) manifestRequest(method, repo, ref string) *request {
	return &request{
		side: sideRead, method: method, repo: repo, ref: ref,
		path:   "manifests/" + ref,
		header: http.Header{"Accept": {acceptManifests}},
	}
}

func (c *Client) headManifest(ctx context.Context, repo, ref string) (Descriptor, error) {
	r := c.manifestRequest(http.MethodHead, repo, ref)
	resp, err := c.do(ctx, r)
	if err != nil {
		return Descriptor{}, err
	}
	_ = resp.Body.Close()
	d, err := bundle.ParseDigest(resp.Header.Get(headerDigest))
	if err != nil || resp.ContentLength <= 0 {
		desc, _, err := c.getManifest(ctx, repo, ref)
		return desc, err
	}
	if want, err := bundle.ParseDigest(ref); err == nil && want != d {
		return Descriptor{}, r.fail(fmt.Errorf("%w: the registry names it %s", ErrWrongContent, d))
	}
	return Descriptor{MediaType: mediaType(resp.Header), Digest: d, Size: resp.ContentLength}, nil
}

func (c *Client) getManifest(ctx context.Context, repo, ref string) (Descriptor, []byte, error) {
	r := c.manifestRequest(http.MethodGet, repo, ref)
	a, err := c.fetch(ctx, r, oci.MaxManifestSize)
	if err != nil {
		return Descriptor{}, nil, err
	}
	d := Descriptor{MediaType: mediaType(a.header), Digest: bundle.DigestOf(a.body), Size: int64(len(a.body))}
	for _, named := range []string{ref, a.header.Get(headerDigest)} {
		if want, err := bundle.ParseDigest(named); err == nil && want != d.Digest {
			return Descriptor{}, nil, r.fail(fmt.Errorf("%w: what was served is %s, not %s", ErrWrongContent, d.Digest, want))
		}
	}
	return d, a.body, nil
}

// PushManifest pushes the manifest or index raw to repo under ref, a tag or
// the digest of raw. Everything that raw names must be there, except for the
// children of an index at a registry that takes sparse indexes; at others the
// error is [ErrSparseRefused].
//
// If raw has a subject, and the registry does not keep referrers itself, the
// index at the subject's [oci.FallbackTag] is made to list raw. Pushing again
// changes nothing.
func (c *Client) PushManifest(ctx context.Context, repo, ref, mediaType string, raw []byte) error {
	r := &request{
		side: sidePush, method: http.MethodPut, repo: repo, ref: ref,
		path:   "manifests/" + ref,
		header: http.Header{"Content-Type": {mediaType}},
		body:   func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil },
		length: int64(len(raw)),
		ok:     []int{http.StatusCreated, http.StatusOK, http.StatusAccepted},
	}
	m, err := oci.ParseManifest(mediaType, raw)
	if err != nil {
		return r.fail(err)
	}
	if want, err := bundle.ParseDigest(ref); err == nil && want != m.Digest {
		return r.fail(fmt.Errorf("%w: what is to be pushed is %s", ErrWrongContent, m.Digest))
	}
	resp, err := c.do(ctx, r)
	if err != nil {
		return sparseError(err, m)
	}
	_ = resp.Body.Close()
	if err := r.checkDigest(resp, m.Digest); err != nil {
		return err
	}
	if m.Subject == nil || resp.Header.Get(headerSubject) != "" {
		return nil
	}
	return c.addReferrer(ctx, repo, m)
}

// sparseError returns err with ErrSparseRefused in it, if it says that
// children of the index m are missing.
func sparseError(err error, m *Manifest) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || !m.IsIndex {
		return err
	}
	switch e.Code {
	case "MANIFEST_BLOB_UNKNOWN", "MANIFEST_UNKNOWN", "BLOB_UNKNOWN":
		e.Err = ErrSparseRefused
	}
	return err
}

// mediaType returns the media type in h, without parameters.
func mediaType(h http.Header) string {
	t, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.TrimSpace(t)
}
