package corpus

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/verify/statement"
)

// issued is when the sample bundle was packed.
var issued = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// Names of keys. A key follows from its name.
const (
	packer1  = "packer-1"
	packer2  = "packer-2"
	officer1 = "officer-1"
	rootKey1 = "root-1"
	revoked1 = "revoked-1"
	stranger = "stranger"
)

// must returns v. What the corpus is made of is fixed, so that an error is a
// mistake in this package.
func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("corpus: internal error: %v", err))
	}
	return v
}

func private(name string) *ecdsa.PrivateKey {
	raw := sha256.Sum256([]byte("corpus " + name))
	return must(ecdsa.ParseRawPrivateKey(elliptic.P256(), raw[:]))
}

func spki(name string) []byte {
	return must(x509.MarshalPKIXPublicKey(&private(name).PublicKey))
}

func keyID(spki []byte) string {
	sum := sha256.Sum256(spki)
	return hex.EncodeToString(sum[:8])
}

// PublicKey returns the public key of the packer of sample bundles in DER.
func PublicKey() []byte { return spki(packer1) }

// sign returns the signature by the named key over text in DER. It is the same
// each time (RFC 6979).
func sign(name string, text []byte) []byte {
	sum := sha256.Sum256(text)
	return must(private(name).Sign(nil, sum[:], crypto.SHA256))
}

// scalars are the two numbers of a signature.
type scalars struct{ R, S *big.Int }

func parseDER(der []byte) scalars {
	var s scalars
	_ = must(asn1.Unmarshal(der, &s))
	return s
}

func order() *big.Int { return elliptic.P256().Params().N }

// siteKey returns the digest that stands for the site's receipt key.
func siteKey() bundle.Digest { return bundle.DigestOf([]byte("north receipt key")) }

// head returns the statement before that of the sample.
func head() bundle.Digest { return bundle.DigestOf([]byte("statement 2/41")) }

// sampleRoot returns the root of an ordinary site: one packer must sign.
func sampleRoot() *statement.Root {
	r := &statement.Root{
		Version: 3, Epoch: 2, Issued: issued.AddDate(0, -3, 0), Expires: issued.AddDate(1, 0, 0),
		Root:    statement.Role{Keys: ids(rootKey1), Threshold: 1},
		Packer:  statement.Role{Keys: ids(packer1, packer2), Threshold: 1},
		Officer: statement.Role{Keys: ids(officer1)},
		Policy: statement.Policy{
			MaxSeqStep: 16, MaxAge: 90 * 24 * time.Hour, ClockSkew: 24 * time.Hour, Sites: []string{"north", "south"},
		},
	}
	for _, name := range []string{packer1, packer2, officer1, rootKey1, revoked1} {
		k := statement.Key{ID: keyID(spki(name)), Name: name, SPKI: spki(name)}
		at := 0
		for at < len(r.Keys) && r.Keys[at].ID < k.ID {
			at++
		}
		r.Keys = append(r.Keys[:at], append([]statement.Key{k}, r.Keys[at:]...)...)
	}
	return r
}

// rootBytes returns the sample root with a change.
func rootBytes(change func(*statement.Root)) []byte {
	r := sampleRoot()
	if change != nil {
		change(r)
	}
	return must(r.AppendText(nil))
}

// rootText returns the sample root with old replaced by new in its spelling.
func rootText(old, new string) []byte { return replace(rootBytes(nil), old, new) }

// ids returns the ids of keys, sorted.
func ids(names ...string) []string {
	var list []string
	for _, name := range names {
		id := keyID(spki(name))
		at := 0
		for at < len(list) && list[at] < id {
			at++
		}
		list = append(list[:at], append([]string{id}, list[at:]...)...)
	}
	return list
}

// replace returns text with the first old replaced by new. There must be one.
func replace(text []byte, old, new string) []byte {
	before, after, ok := strings.Cut(string(text), old)
	if !ok {
		panic(fmt.Sprintf("corpus: internal error: no %q in %.200q", old, text))
	}
	return []byte(before + new + after)
}

func toBase64(b []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(b)) }
