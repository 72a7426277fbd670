package outside

import (
	"context"
	"fmt"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/durable"
	"github.com/airgap-ferry/ferry/internal/oci"
	"github.com/airgap-ferry/ferry/release"
	"github.com/airgap-ferry/ferry/verify"
)

const (
	// annotationSignature is where cosign keeps the signature over a layer.
	annotationSignature = "dev.cosignproject.cosign/signature"

	// maxSignaturePayload bounds what is read of a payload, which is a few
	// hundred bytes of JSON.
	maxSignaturePayload = 1 << 20 // bytes
)

// verifyImage checks that the key in the file key signed image. Signatures on
// the image's index or manifest count, not those on children of it.
func (s *source) verifyImage(ctx context.Context, fsys durable.FS, image release.Image, key string) error {
	publicPEM, err := durable.ReadFile(fsys, key)
	if err != nil {
		return fmt.Errorf("reading the key that must verify it: %w", err)
	}
	var sigs []verify.ImageSignature
	for _, a := range image.Attachments {
		if a.Subject != image.Digest {
			continue
		}
		found, err := s.signatures(ctx, image.Repository, a.Digest)
		if err != nil {
			return err
		}
		sigs = append(sigs, found...)
	}
	if err := verify.VerifyImage(publicPEM, image.Digest, sigs); err != nil {
		return fmt.Errorf("verifying with key %q: %w", key, err)
	}
	return nil
}

// signatures returns the signatures that the manifest d holds; other kinds of
// attachments hold none.
func (s *source) signatures(ctx context.Context, repository string, d bundle.Digest) ([]verify.ImageSignature, error) {
	mediaType, raw, err := s.Manifest(ctx, repository, d)
	if err != nil {
		return nil, err
	}
	m, err := oci.ParseManifest(mediaType, raw)
	if err != nil {
		return nil, fmt.Errorf("signature manifest %s: %w", d, err)
	}
	var sigs []verify.ImageSignature
	for _, layer := range m.Layers {
		sig := layer.Annotations[annotationSignature]
		if sig == "" || layer.Size > maxSignaturePayload {
			continue
		}
		payload, err := s.Blob(ctx, repository, layer.Digest, layer.Size)
		if err != nil {
			return nil, err
		}
		sigs = append(sigs, verify.ImageSignature{Payload: payload, Base64Signature: sig, Source: repository + "@" + string(d)})
	}
	return sigs, nil
}
