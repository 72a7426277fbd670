package statement

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"

	"github.com/airgap-ferry/ferry/bundle"
)

const (
	// spkiPrefix is what stands before the point in the SPKI of an
	// uncompressed P-256 key. DER leaves no choice, so that such a key has
	// one encoding and comparing bytes is enough.
	spkiPrefix = "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00"
	spkiSize   = len(spkiPrefix) + 65

	// maxKeyFileSize bounds the file of a public key; cosign.pub has 178.
	maxKeyFileSize = 4 << 10 // bytes
)

// keyKinds are the keys that people have besides P-256, told apart by the
// object identifier in their SPKI, for the error message only.
var keyKinds = []struct{ oid, name string }{
	{"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", "an RSA key"},
	{"\x06\x05\x2b\x81\x04\x00\x22", "an ECDSA P-384 key"},
	{"\x06\x05\x2b\x81\x04\x00\x23", "an ECDSA P-521 key"},
	{"\x06\x05\x2b\x81\x04\x00\x21", "an ECDSA P-224 key"},
	{"\x06\x03\x2b\x65\x70", "an Ed25519 key"},
}

// A Key is a public key: ECDSA P-256.
type Key struct {
	ID   string // 16 hex digits, the start of the SHA-256 of SPKI
	Name string // for people, such as "packer-1"; "" outside a root
	SPKI []byte // SubjectPublicKeyInfo in DER, 91 bytes
}

// ParsePublicKey parses one public key as "cosign generate-key-pair" and
// "openssl pkey -pubout" write it: a PEM block PUBLIC KEY and nothing else.
// The Key has no Name.
//
// A key of another kind gives an [*UntrustedError] named [KeyType], anything
// else that is no public key a [*bundle.FormatError].
func ParsePublicKey(pemBytes []byte) (Key, error) {
	if len(pemBytes) > maxKeyFileSize {
		return Key{}, keyError("%d bytes, at most %d are allowed", len(pemBytes), maxKeyFileSize)
	}
	block, rest := pem.Decode(pemBytes)
	if block == nil {
		return Key{}, keyError("no PEM block")
	}
	if block.Type != "PUBLIC KEY" {
		return Key{}, keyError("PEM block is %.40q, want %q", block.Type, "PUBLIC KEY")
	}
	if len(bytes.TrimSpace(rest)) != 0 {
		return Key{}, keyError("%d bytes after the PEM block", len(rest))
	}
	k := Key{ID: keyID(block.Bytes), SPKI: block.Bytes}
	if _, err := k.public(); err != nil {
		return Key{}, err
	}
	return k, nil
}

// keyID returns the id of the key with that SPKI.
func keyID(spki []byte) string {
	sum := sha256.Sum256(spki)
	return hex.EncodeToString(sum[:8])
}

// public returns k as crypto/ecdsa wants it.
func (k Key) public() (*ecdsa.PublicKey, error) {
	point, ok := bytes.CutPrefix(k.SPKI, []byte(spkiPrefix))
	if !ok || len(k.SPKI) != spkiSize {
		return nil, untrusted(KeyType, "key %s is %s, want ECDSA P-256", k, kind(k.SPKI))
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, untrusted(KeyType, "key %s is not a point of P-256", k)
	}
	return pub, nil
}

// String returns k as messages name it.
func (k Key) String() string {
	if k.Name == "" {
		return k.ID
	}
	return fmt.Sprintf("%q (%s)", k.Name, k.ID)
}

func kind(spki []byte) string {
	for _, kk := range keyKinds {
		if bytes.Contains(spki[:min(len(spki), len(spkiPrefix))], []byte(kk.oid)) {
			return kk.name
		}
	}
	return "of an unknown kind"
}

func keyError(format string, args ...any) error {
	return &bundle.FormatError{Part: "public key", Msg: fmt.Sprintf(format, args...)}
}
