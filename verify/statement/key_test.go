package statement

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"strings"
	"testing"
)

// cosignPub is a file that "cosign generate-key-pair" wrote, cosignPubID what
// openssl pkey -pubin -outform DER | sha256sum says of it.
const (
	cosignPub = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEMzQiSRCBK0bfqhpv7OpkCnaTXQAL
V1IMCQaG4wRbg5BvYSiwEiLUxoiwEymF7ztFUm2kh9JQjHh8b6yd0ocxrw==
-----END PUBLIC KEY-----
`
	cosignPubID = "939ec7720a9160ef"
)

func TestParsePublicKey(t *testing.T) {
	k, err := ParsePublicKey([]byte(cosignPub))
	if err != nil {
		t.Fatal(err)
	}
	if k.ID != cosignPubID || k.Name != "" || len(k.SPKI) != spkiSize {
		t.Errorf("ParsePublicKey = %q, %q, %d bytes, want %q, no name, %d bytes", k.ID, k.Name, len(k.SPKI), cosignPubID, spkiSize)
	}
}

func TestParsePublicKeyErrors(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	edKey, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(cosignPub))
	edit := func(f func(spki []byte) []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: f(bytes.Clone(block.Bytes))})
	}
	tests := []struct {
		name string
		in   []byte
		want string // name of the refusal
		msg  string // part of the message
	}{
		{"empty", nil, "form of public key", "no PEM block"},
		{"huge", bytes.Repeat([]byte("a"), 5000), "form of public key", "5000 bytes"},
		{"certificate", []byte(strings.ReplaceAll(cosignPub, "PUBLIC KEY", "CERTIFICATE")), "form of public key", `"CERTIFICATE"`},
		{"two keys", []byte(cosignPub + cosignPub), "form of public key", "after the PEM block"},
		{"P-384", publicPEM(t, &private.PublicKey), KeyType, "an ECDSA P-384 key, want ECDSA P-256"},
		{"RSA", publicPEM(t, &rsaKey.PublicKey), KeyType, "an RSA key"},
		{"Ed25519", publicPEM(t, edKey), KeyType, "an Ed25519 key"},
		{"garbage", edit(func([]byte) []byte { return []byte("hello") }), KeyType, "of an unknown kind"},
		{"cut", edit(func(b []byte) []byte { return b[:len(b)-1] }), KeyType, "want ECDSA P-256"},
		{"byte added", edit(func(b []byte) []byte { return append(b, 0) }), KeyType, "want ECDSA P-256"},
		{"off the curve", edit(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }), KeyType, "not a point"},
		{"point at infinity", edit(func(b []byte) []byte { return append(b[:len(spkiPrefix)], make([]byte, 65)...) }), KeyType, "not a point"},
		{"compressed point", edit(func(b []byte) []byte { b[len(spkiPrefix)] = 2; return b[:len(spkiPrefix)+33] }), KeyType, "want ECDSA P-256"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParsePublicKey(tt.in)
			if refusal(err) != tt.want || !strings.Contains(err.Error(), tt.msg) {
				t.Errorf("ParsePublicKey = %v, want %s with %q", err, tt.want, tt.msg)
			}
		})
	}
}

// A file that is accepted holds a key that is the same when it is written
// again, whatever stood around it.
func FuzzParsePublicKey(f *testing.F) {
	f.Add([]byte(cosignPub))
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\n\n-----END PUBLIC KEY-----\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		k, err := ParsePublicKey(in)
		if err != nil {
			return
		}
		again, err := ParsePublicKey(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: k.SPKI}))
		if err != nil || again.ID != k.ID || !bytes.Equal(again.SPKI, k.SPKI) {
			t.Errorf("read %q as %s, written again it is %s, %v", in, k, again, err)
		}
	})
}
