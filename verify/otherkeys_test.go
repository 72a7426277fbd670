package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"testing"
)

// An otherKey is a key that signs images but not statements.
type otherKey struct {
	name   string
	public []byte // PEM
	sign   func(tb testing.TB, message []byte) []byte
}

func otherKeys(tb testing.TB) []otherKey {
	tb.Helper()
	ec, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	var keys []otherKey
	for name, k := range map[string]crypto.Signer{"P-384": ec, "RSA": rs} {
		spki, err := x509.MarshalPKIXPublicKey(k.Public())
		if err != nil {
			tb.Fatal(err)
		}
		keys = append(keys, otherKey{
			name:   name,
			public: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}),
			sign: func(tb testing.TB, message []byte) []byte {
				tb.Helper()
				sum := sha256.Sum256(message)
				sig, err := k.Sign(rand.Reader, sum[:], crypto.SHA256)
				if err != nil {
					tb.Fatal(err)
				}
				return sig
			},
		})
	}
	return keys
}
