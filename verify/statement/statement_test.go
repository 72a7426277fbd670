package statement

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
)

var update = flag.Bool("update", false, "write golden files that do not exist yet")

// A testKey is a key pair with a fixed private key, so that golden files stay.
type testKey struct {
	private *ecdsa.PrivateKey
	Key
}

// newTestKey makes the key pair with that number.
func newTestKey(tb testing.TB, number byte, name string) testKey {
	tb.Helper()
	raw := sha256.Sum256([]byte{'k', 'e', 'y', number})
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw[:])
	if err != nil {
		tb.Fatal(err)
	}
	k, err := ParsePublicKey(publicPEM(tb, &private.PublicKey))
	if err != nil {
		tb.Fatal(err)
	}
	k.Name = name
	return testKey{private: private, Key: k}
}

func publicPEM(tb testing.TB, public any) []byte {
	tb.Helper()
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		tb.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})
}

func (k testKey) sign(tb testing.TB, message []byte) bundle.Signature {
	tb.Helper()
	sum := sha256.Sum256(message)
	der, err := k.private.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		tb.Fatal(err)
	}
	return bundle.Signature{KeyID: k.ID, DER: der}
}

// A cast is the keys that the tests are about.
type cast struct {
	root1, root2, packer1, packer2, officer, former, stranger testKey
}

func newCast(tb testing.TB) cast {
	tb.Helper()
	return cast{
		root1: newTestKey(tb, 1, "root-1"), root2: newTestKey(tb, 2, "root-2"),
		packer1: newTestKey(tb, 3, "packer-1"), packer2: newTestKey(tb, 4, "packer-2"),
		officer: newTestKey(tb, 5, "officer-1"), former: newTestKey(tb, 6, "packer-0"),
		stranger: newTestKey(tb, 7, "stranger"),
	}
}

func ids(keys ...testKey) []string {
	s := []string{}
	for _, k := range keys {
		s = append(s, k.ID)
	}
	slices.Sort(s)
	return s
}

// root returns a valid root: one of two root keys, one of two packers, no
// officer needed, and a key that lost its role.
func (c cast) root() *Root {
	r := &Root{
		Version: 3, Epoch: 2,
		Issued:  time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC),
		Expires: time.Date(2027, 8, 1, 0, 0, 0, 0, time.UTC),
		Root:    Role{ids(c.root1, c.root2), 1},
		Packer:  Role{ids(c.packer1, c.packer2), 1},
		Officer: Role{ids(c.officer), 0},
		Policy:  Policy{MaxSeqStep: 16, MaxAge: 30 * day, ClockSkew: 36 * time.Hour, Sites: []string{"north", "south"}},
	}
	for _, k := range []testKey{c.root1, c.root2, c.packer1, c.packer2, c.officer, c.former} {
		r.Keys = append(r.Keys, k.Key)
	}
	slices.SortFunc(r.Keys, func(a, b Key) int { return strings.Compare(a.ID, b.ID) })
	return r
}

func encode(tb testing.TB, r *Root) []byte {
	tb.Helper()
	b, err := r.AppendText(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// refusal returns the stable name of err, or its text if it has none.
func refusal(err error) string {
	var u *UntrustedError
	var m *MisfitError
	var f *bundle.FormatError
	var v *bundle.VersionError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &u):
		return u.Name
	case errors.As(err, &m):
		return m.Name
	case errors.As(err, &f):
		return "form of " + f.Part
	case errors.As(err, &v):
		return "version"
	default:
		return err.Error()
	}
}
