package verify

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	v1 "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"

	"github.com/sigstore/cosign/v2/pkg/cosign"
	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/verify/statement"
)

const testStatement = "ferry-statement-v1\n{\"the\":\"rest is the matter of package bundle\"}\n"

func TestSign(t *testing.T) {
	_, public := newTestPair(t)
	s := newTestSigner(t)
	if !bytes.Equal(s.PublicKeyPEM(), public) {
		t.Errorf("PublicKeyPEM =\n%s\nwant what GenerateKeyPair gave:\n%s", s.PublicKeyPEM(), public)
	}
	sig, err := s.Sign([]byte(testStatement))
	if err != nil {
		t.Fatal(err)
	}
	signers, err := statement.VerifySignatures([]byte(testStatement), []bundle.Signature{sig}, rootOf(t, s))
	if err != nil {
		t.Fatal(err)
	}
	if len(signers.Packers) != 1 || signers.Packers[0].ID != s.KeyID() || sig.KeyID != s.KeyID() {
		t.Errorf("signed by %v with key id %s, want %s", signers.Packers, sig.KeyID, s.KeyID())
	}
}

// Equal ledgers and keys give equal bundles, signatures and all.
func TestSignDeterministic(t *testing.T) {
	private, _ := newTestPair(t)
	again, err := LoadSigner(private, []byte(testPassword))
	if err != nil {
		t.Fatal(err)
	}
	first, err := newTestSigner(t).Sign([]byte(testStatement))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		sig, err := again.Sign([]byte(testStatement))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(sig.DER, first.DER) {
			t.Errorf("the same statement and key gave %x and %x", first.DER, sig.DER)
		}
	}
	other, err := again.Sign([]byte(testStatement + " "))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(other.DER, first.DER) {
		t.Error("another statement gave the same signature")
	}
}

func TestLoadSignerErrors(t *testing.T) {
	private, public := newTestPair(t)
	edit := func(old, new string) []byte {
		block, _ := pem.Decode(private)
		if !bytes.Contains(block.Bytes, []byte(old)) {
			t.Fatalf("%q is not in %s", old, block.Bytes)
		}
		block.Bytes = bytes.Replace(block.Bytes, []byte(old), []byte(new), 1)
		return pem.EncodeToMemory(block)
	}
	damaged := func() []byte {
		block, _ := pem.Decode(private)
		var box map[string]any
		if err := json.Unmarshal(block.Bytes, &box); err != nil {
			t.Fatal(err)
		}
		text, ok := box["ciphertext"].(string)
		if !ok {
			t.Fatal("no ciphertext")
		}
		box["ciphertext"] = "AAAA" + text[4:]
		var err error
		if block.Bytes, err = json.Marshal(box); err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(block)
	}
	tests := []struct {
		name     string
		private  []byte
		password string
		want     string // name of the refusal, or the message
		msg      string // part of the message
	}{
		{"wrong password", private, "wrong", "opening private key: " + ErrPassword.Error(), ""},
		{"empty password", private, "", "opening private key: " + ErrPassword.Error(), ""},
		{"damaged", damaged(), testPassword, "opening private key: " + ErrPassword.Error(), ""},
		{"empty", nil, testPassword, "form of private key", "no PEM block"},
		{"huge", make([]byte, 1<<20), testPassword, "form of private key", "1048576 bytes"},
		{"public key", public, testPassword, "form of private key", `PEM block is "PUBLIC KEY"`},
		{"not encrypted", bytes.ReplaceAll(private, []byte("ENCRYPTED SIGSTORE"), []byte("EC")), testPassword, "form of private key", `"EC PRIVATE KEY"`},
		{"two keys", append(bytes.Clone(private), private...), testPassword, "form of private key", "after the PEM block"},
		{"not JSON", edit("{", "["), testPassword, "form of private key", "encrypted part"},
		{"huge cost", edit("65536", "1073741824"), testPassword, "form of private key", "N=1073741824"},
		{"other kdf", edit("scrypt", "argon2"), testPassword, "form of private key", `"argon2"`},
		{"other cipher", edit("nacl/secretbox", "none"), testPassword, "form of private key", `"none"`},
		{"no nonce", edit(`"nonce":"`, `"nonc":"`), testPassword, "form of private key", "not cosign's"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := LoadSigner(tt.private, []byte(tt.password))
			if refusal(err) != tt.want || !strings.Contains(err.Error(), tt.msg) {
				t.Errorf("LoadSigner = %v, want %s with %q", err, tt.want, tt.msg)
			}
			if s != nil {
				t.Error("LoadSigner returned a Signer with an error")
			}
		})
	}
	if _, err := LoadSigner(private, []byte("wrong")); !errors.Is(err, ErrPassword) {
		t.Errorf("LoadSigner with a wrong password = %v, want ErrPassword", err)
	}
}

// cosign makes keys of other kinds too. They cannot sign statements.
func TestLoadSignerKeyType(t *testing.T) {
	if testing.Short() {
		t.Skip("makes and opens two keys")
	}
	tests := []struct {
		name string
		kind v1.PublicKeyDetails
		want string // part of the message
	}{
		{"P-384", v1.PublicKeyDetails_PKIX_ECDSA_P384_SHA_384, "ECDSA P-384, want ECDSA P-256"},
		{"Ed25519", v1.PublicKeyDetails_PKIX_ED25519_PH, "ed25519.PrivateKey, want ECDSA P-256"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			details, err := signature.GetAlgorithmDetails(tt.kind)
			if err != nil {
				t.Fatal(err)
			}
			keys, err := cosign.GenerateKeyPairWithAlgorithm(&details, func(bool) ([]byte, error) { return nil, nil })
			if err != nil {
				t.Fatal(err)
			}
			_, err = LoadSigner(keys.PrivateBytes, nil)
			if refusal(err) != statement.KeyType || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("LoadSigner = %v, want %s with %q", err, statement.KeyType, tt.want)
			}
		})
	}
}

// What is accepted as an encrypted key costs a key derivation, so what comes
// before that is fuzzed alone. An accepted one has bounded cost.
func FuzzPrivateKey(f *testing.F) {
	private, public := newTestPair(f)
	f.Add(private)
	f.Add(public)
	f.Add(private[:len(private)/2])
	f.Fuzz(func(t *testing.T, in []byte) {
		box, err := encryptedBytes(in)
		if err != nil {
			if refusal(err) != "form of private key" {
				t.Errorf("error is a %T, want a *bundle.FormatError", err)
			}
			return
		}
		var params struct {
			KDF struct{ Params struct{ N, R, P int } }
		}
		if err := json.Unmarshal(box, &params); err != nil {
			t.Fatalf("accepted key does not decode: %v", err)
		}
		if p := params.KDF.Params; p.N > 1<<17 || p.R != 8 || p.P != 1 {
			t.Errorf("accepted scrypt with N=%d r=%d p=%d", p.N, p.R, p.P)
		}
	})
}
