package bundle

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// maxSignatureSize bounds a signature file. A P-256
// signature has at most 72 bytes, so 96 characters.
const maxSignatureSize = 128

// A Signature is one signer's signature over the bytes of a statement or of a
// root: ECDSA P-256 over SHA-256, in the form that "cosign sign-blob" and
// "openssl dgst -sha256 -sign | base64" write.
type Signature struct {
	KeyID string // of the signer's public key: 16 hex digits
	DER   []byte // ASN.1 SEQUENCE of r and s
}

// ValidKeyID reports whether s has the form of a key id: 16 lower-case hex
// digits, the start of the SHA-256 of the public key's SPKI in DER.
func ValidKeyID(s string) bool {
	return len(s) == 16 && strings.Trim(s, "0123456789abcdef") == ""
}

// ParseSignature parses the bytes of a signature file as a bundle stores it:
// strict base64, nothing before or after it. Errors are of type
// [*FormatError].
func ParseSignature(keyID string, b []byte) (Signature, error) {
	if !ValidKeyID(keyID) {
		return Signature{}, &FormatError{Part: "signature", Msg: fmt.Sprintf("key id %.40q: want 16 lower-case hex digits", keyID)}
	}
	if len(b) > maxSignatureSize {
		return Signature{}, &FormatError{Part: "signature", Msg: fmt.Sprintf("signature by %s: %d bytes, at most %d are allowed", keyID, len(b), maxSignatureSize)}
	}
	der, err := base64.StdEncoding.Strict().DecodeString(string(b))
	if err != nil || strings.ContainsAny(string(b), "\r\n") || len(der) == 0 {
		return Signature{}, &FormatError{Part: "signature", Msg: fmt.Sprintf("signature by %s: not strict base64 on one line", keyID)}
	}
	return Signature{KeyID: keyID, DER: der}, nil
}

// AppendText appends the signature as a bundle stores it, without a newline.
func (s Signature) AppendText(b []byte) ([]byte, error) {
	return base64.StdEncoding.AppendEncode(b, s.DER), nil
}
