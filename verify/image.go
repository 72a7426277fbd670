package verify

import (
	"context"
	"crypto"
	"errors"
	"fmt"

	"github.com/sigstore/cosign/v2/pkg/cosign"
	"github.com/sigstore/cosign/v2/pkg/oci/static"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/verify/statement"
)

const (
	// maxImageSignatures bounds the work that a registry can make by listing
	// signatures.
	maxImageSignatures = 100

	// maxPayloadSize bounds a payload, which is a few hundred bytes of JSON.
	maxPayloadSize = 1 << 20
)

// An ImageSignature is a cosign signature that was found for an image: one
// layer of the manifest under the tag sha256-<hex>.sig.
type ImageSignature struct {
	Payload         []byte // the layer's bytes, what is signed
	Base64Signature string // the layer's annotation dev.cosignproject.cosign/signature
	Source          string // where it was found, for messages
}

// VerifyImage checks that at least one of sigs is a signature by the given
// public key, and that it names the image. The key may be of any kind that
// cosign takes, in PEM. The check is cosign's own, with the key alone: no
// transparency log, no certificate, no network.
//
// A key that is none gives a [*bundle.FormatError]. Otherwise errors are of
// type [*statement.UntrustedError]: Unsigned if sigs is empty, BadSignature if
// none of them is good, with the reason for each.
func VerifyImage(publicKeyPEM []byte, image bundle.Digest, sigs []ImageSignature) error { //nolint:revive // verify.Image would read as a thing, not as an act
	public, err := cryptoutils.UnmarshalPEMToPublicKey(publicKeyPEM)
	if err != nil {
		return &bundle.FormatError{Part: "public key", Msg: err.Error()}
	}
	verifier, err := signature.LoadVerifier(public, crypto.SHA256)
	if err != nil {
		return &bundle.FormatError{Part: "public key", Msg: err.Error()}
	}
	if len(sigs) == 0 {
		return &statement.UntrustedError{Name: statement.Unsigned, Msg: fmt.Sprintf("image %s has no signature", image)}
	}
	if len(sigs) > maxImageSignatures {
		return &statement.UntrustedError{
			Name: statement.BadSignature,
			Msg:  fmt.Sprintf("image %s has %d signatures, at most %d are looked at", image, len(sigs), maxImageSignatures),
		}
	}
	var problems error
	for _, s := range sigs {
		err := verifyImageSignature(verifier, image, s)
		if err == nil {
			return nil
		}
		problems = errors.Join(problems, fmt.Errorf("%q: %w", s.Source, err))
	}
	return &statement.UntrustedError{
		Name: statement.BadSignature,
		Msg:  fmt.Sprintf("image %s is not signed by this key: %v", image, problems),
	}
}

func verifyImageSignature(verifier signature.Verifier, image bundle.Digest, s ImageSignature) error {
	if len(s.Payload) > maxPayloadSize {
		return fmt.Errorf("payload has %d bytes, at most %d are allowed", len(s.Payload), maxPayloadSize)
	}
	sig, err := static.NewSignature(s.Payload, s.Base64Signature)
	if err != nil {
		return err
	}
	// cosign takes the image's digest in a type of the registry library,
	// which only package registry imports. The digest of the signature is a
	// value of that type.
	digest, err := sig.Digest()
	if err != nil {
		return err
	}
	digest.Algorithm, digest.Hex = "sha256", image.Hex()
	_, err = cosign.VerifyImageSignature(context.Background(), sig, digest, &cosign.CheckOpts{
		SigVerifier:   verifier,
		ClaimVerifier: cosign.SimpleClaimVerifier,
		IgnoreTlog:    true,
		IgnoreSCT:     true,
		Offline:       true,
	})
	return err
}
