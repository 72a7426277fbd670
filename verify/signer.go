package verify

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
	"github.com/sigstore/cosign/v2/pkg/cosign"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/verify/statement"
)

// maxPrivateKeySize bounds the file of a private key; cosign.key has 649.
const maxPrivateKeySize = 16 << 10 // bytes

// ErrPassword says that a private key does not open with the password. Damage
// to the encrypted part of the key looks the same.
var ErrPassword = errors.New("wrong password, or the key is damaged")

// A Signer signs statements and roots.
type Signer interface {
	// KeyID returns the id of the public key: 16 hex digits.
	KeyID() string
	// PublicKeyPEM returns the public key as in cosign.pub.
	PublicKeyPEM() []byte
	// Sign signs the SHA-256 of message. The same message gives the same
	// signature if the key is one that LoadSigner loaded.
	Sign(message []byte) (bundle.Signature, error)
}

// GenerateKeyPair makes a new key pair as "cosign generate-key-pair" does: the
// contents of cosign.key, encrypted under password, and of cosign.pub. The
// password may be empty, as with cosign.
func GenerateKeyPair(password []byte) (privatePEM, publicPEM []byte, err error) {
	keys, err := cosign.GenerateKeyPair(func(bool) ([]byte, error) { return password, nil })
	if err != nil {
		return nil, nil, fmt.Errorf("generating a key pair: %w", err)
	}
	return keys.PrivateBytes, keys.PublicBytes, nil
}

// LoadSigner opens a private key that [GenerateKeyPair] or cosign made. It must
// be ECDSA P-256.
//
// A wrong password gives [ErrPassword], a key of another kind a
// [*statement.UntrustedError] named [statement.KeyType], and anything that is
// no encrypted private key a [*bundle.FormatError].
func LoadSigner(privatePEM, password []byte) (Signer, error) {
	box, err := encryptedBytes(privatePEM)
	if err != nil {
		return nil, err
	}
	der, err := encrypted.Decrypt(box, password)
	if err != nil {
		// encryptedBytes has checked the rest of what Decrypt checks.
		return nil, fmt.Errorf("opening private key: %w", ErrPassword)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, keyError("what the password opened is no PKCS #8 key: %v", err)
	}
	private, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || private.Curve != elliptic.P256() {
		return nil, &statement.UntrustedError{
			Name: statement.KeyType,
			Msg:  fmt.Sprintf("private key is %s, want ECDSA P-256", kind(parsed)),
		}
	}
	spki, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		return nil, keyError("%v", err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})
	key, err := statement.ParsePublicKey(public)
	if err != nil {
		return nil, err
	}
	return &localSigner{private: private, key: key, public: public}, nil
}

// encryptedBytes returns what the PEM block of an encrypted private key holds,
// if it is something that only a wrong password keeps from being opened.
func encryptedBytes(privatePEM []byte) ([]byte, error) {
	if len(privatePEM) > maxPrivateKeySize {
		return nil, keyError("%d bytes, at most %d are allowed", len(privatePEM), maxPrivateKeySize)
	}
	block, rest := pem.Decode(privatePEM)
	if block == nil {
		return nil, keyError("no PEM block")
	}
	if block.Type != cosign.SigstorePrivateKeyPemType && block.Type != cosign.CosignPrivateKeyPemType {
		return nil, keyError("PEM block is %.40q, want %q as cosign writes it", block.Type, cosign.SigstorePrivateKeyPemType)
	}
	if len(bytes.TrimSpace(rest)) != 0 {
		return nil, keyError("%d bytes after the PEM block", len(rest))
	}
	var box struct {
		KDF struct {
			Name   string `json:"name"`
			Params struct {
				N int `json:"N"`
				R int `json:"r"`
				P int `json:"p"`
			} `json:"params"`
		} `json:"kdf"`
		Cipher struct {
			Name  string `json:"name"`
			Nonce []byte `json:"nonce"`
		} `json:"cipher"`
		Ciphertext []byte `json:"ciphertext"`
	}
	if err := json.Unmarshal(block.Bytes, &box); err != nil {
		return nil, keyError("encrypted part: %v", err)
	}
	p := box.KDF.Params
	known := (p.N == 1<<15 || p.N == 1<<16 || p.N == 1<<17) && p.R == 8 && p.P == 1
	if box.KDF.Name != "scrypt" || box.Cipher.Name != "nacl/secretbox" || !known || len(box.Cipher.Nonce) != 24 {
		return nil, keyError("encrypted in a way that is not cosign's: %.40q with N=%d r=%d p=%d, %.40q", box.KDF.Name, p.N, p.R, p.P, box.Cipher.Name)
	}
	return block.Bytes, nil
}

// kind names a private key of x509, for people.
func kind(private any) string {
	if k, ok := private.(*ecdsa.PrivateKey); ok {
		return "ECDSA " + k.Curve.Params().Name
	}
	return fmt.Sprintf("%T", private)
}

// A localSigner holds its private key in memory.
type localSigner struct {
	private *ecdsa.PrivateKey
	key     statement.Key
	public  []byte // PEM
}

func (s *localSigner) KeyID() string { return s.key.ID }

func (s *localSigner) PublicKeyPEM() []byte { return bytes.Clone(s.public) }

func (s *localSigner) Sign(message []byte) (bundle.Signature, error) {
	sum := sha256.Sum256(message)
	// Without a source of randomness the nonce follows from key and message
	// by RFC 6979. cosign's own signers cannot be asked for that.
	der, err := s.private.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		return bundle.Signature{}, fmt.Errorf("signing with key %s: %w", s.key.ID, err)
	}
	return bundle.Signature{KeyID: s.key.ID, DER: der}, nil
}

func keyError(format string, args ...any) error {
	return &bundle.FormatError{Part: "private key", Msg: fmt.Sprintf(format, args...)}
}
