package statement

import (
	"bytes"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/bundle"
)

const testStatement = "ferry-statement-v1\n{\"the\":\"rest is the matter of package bundle\"}\n"

// Cases 1 to 5 and 8 of the hostile corpus.
func TestVerifySignatures(t *testing.T) {
	c := newCast(t)
	msg := []byte(testStatement)
	by := func(keys ...testKey) []bundle.Signature {
		var s []bundle.Signature
		for _, k := range keys {
			s = append(s, k.sign(t, msg))
		}
		return s
	}
	as := func(k, claimed testKey) bundle.Signature {
		return bundle.Signature{KeyID: claimed.ID, DER: k.sign(t, msg).DER}
	}
	tests := []struct {
		name string
		edit func(*Root)
		sigs []bundle.Signature
		want string // name of the refusal, "" if accepted
	}{
		{"one packer", nil, by(c.packer1), ""},
		{"two packers", nil, by(c.packer1, c.packer2), ""},
		{"packer and officer", nil, by(c.packer1, c.officer), ""},
		{"packer that is root too", func(r *Root) { r.Root.Keys = ids(c.packer1, c.root1) }, by(c.packer1), ""},
		{"two of two", func(r *Root) { r.Packer.Threshold = 2 }, by(c.packer2, c.packer1), ""},
		{"officer wanted and there", func(r *Root) { r.Officer.Threshold = 1 }, by(c.officer, c.packer2), ""},

		{"none", nil, nil, Unsigned},
		{"stranger", nil, by(c.stranger), NoTrustedSignature},
		{"packer and stranger", nil, by(c.packer1, c.stranger), NoTrustedSignature},
		{"root key alone", nil, by(c.root1), NoTrustedSignature},
		{"packer and root key", nil, by(c.packer1, c.root1), NoTrustedSignature},
		{"key without role", nil, by(c.former), RevokedKey},
		{"packer and key without role", nil, by(c.packer1, c.former), RevokedKey},
		{"key no longer in root", func(r *Root) {
			r.Keys = slices.DeleteFunc(r.Keys, func(k Key) bool { return k.ID == c.former.ID })
		}, by(c.former), NoTrustedSignature},
		{"one of two", func(r *Root) { r.Packer.Threshold = 2 }, by(c.packer1), Threshold},
		{"one twice for two", func(r *Root) { r.Packer.Threshold = 2 }, by(c.packer1, c.packer1), Threshold},
		{"one twice for one", nil, by(c.packer1, c.packer1), Threshold},
		{"one under two ids", func(r *Root) { r.Packer.Threshold = 2 }, []bundle.Signature{as(c.packer1, c.packer1), as(c.packer1, c.packer2)}, BadSignature},
		{"officer as packer", nil, by(c.officer), Threshold},
		{"packer, officer for two packers", func(r *Root) { r.Packer.Threshold = 2 }, by(c.packer1, c.officer), Threshold},
		{"two packers, officer wanted", func(r *Root) { r.Officer.Threshold = 1 }, by(c.packer1, c.packer2), Threshold},
		{"no threshold at all", func(r *Root) { r.Packer.Threshold = 0 }, by(c.officer), Threshold},
		{"other key's id", nil, []bundle.Signature{as(c.stranger, c.packer1)}, BadSignature},
		{"good and bad", nil, []bundle.Signature{as(c.packer1, c.packer1), as(c.stranger, c.packer2)}, BadSignature},
		{"over other bytes", nil, []bundle.Signature{c.packer1.sign(t, msg[1:])}, BadSignature},
		{"too many", nil, by(slices.Repeat([]testKey{c.packer1}, 9)...), BadSignature},
		{"zero signature", nil, []bundle.Signature{{}}, NoTrustedSignature},
		{"zero root", func(r *Root) { *r = Root{} }, by(c.packer1), NoTrustedSignature},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := c.root()
			if tt.edit != nil {
				tt.edit(r)
			}
			s, err := VerifySignatures(msg, tt.sigs, r)
			if got := refusal(err); got != tt.want {
				t.Errorf("VerifySignatures = %v, want %q", err, tt.want)
			}
			if err != nil && (s.Packers != nil || s.Officers != nil) {
				t.Errorf("Signers = %v with an error, want none", s)
			}
		})
	}
	if _, err := VerifySignatures(msg, by(c.packer1), nil); refusal(err) != NoTrustedSignature {
		t.Errorf("without a root: %v, want %s", err, NoTrustedSignature)
	}
}

// One key under two ids cannot stand in a root that was parsed. If it does
// stand in one that was not, it counts once all the same.
func TestThresholdCountsKeysNotIDs(t *testing.T) {
	c := newCast(t)
	msg := []byte(testStatement)
	r := c.root()
	alias := c.packer1.Key
	alias.ID = "0123456789abcdef"
	r.Keys = append(r.Keys, alias)
	r.Packer = Role{Keys: []string{c.packer1.ID, alias.ID}, Threshold: 2}
	first := c.packer1.sign(t, msg)
	_, err := VerifySignatures(msg, []bundle.Signature{first, {KeyID: alias.ID, DER: first.DER}}, r)
	if refusal(err) != Threshold {
		t.Errorf("VerifySignatures = %v, want %s", err, Threshold)
	}
}

func TestSigners(t *testing.T) {
	c := newCast(t)
	msg := []byte(testStatement)
	got, err := VerifySignatures(msg, []bundle.Signature{c.packer2.sign(t, msg), c.officer.sign(t, msg), c.packer1.sign(t, msg)}, c.root())
	if err != nil {
		t.Fatal(err)
	}
	want := Signers{Packers: []Key{c.packer1.Key, c.packer2.Key}, Officers: []Key{c.officer.Key}}
	slices.SortFunc(want.Packers, func(a, b Key) int { return strings.Compare(a.ID, b.ID) })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Signers differ (-want +got):\n%s", diff)
	}
}

// What the same key signed in another role is no statement: an image, a root.
func TestSignedForAnotherPurpose(t *testing.T) {
	c := newCast(t)
	for _, msg := range []string{
		`{"critical":{"identity":{"docker-reference":"x"},"image":{"docker-manifest-digest":"sha256:00"},"type":"cosign container image signature"},"optional":null}`,
		string(encode(t, c.root())),
		"",
	} {
		_, err := VerifySignatures([]byte(msg), []bundle.Signature{c.packer1.sign(t, []byte(msg))}, c.root())
		if refusal(err) != WrongMagic {
			t.Errorf("VerifySignatures of %.40q = %v, want %s", msg, err, WrongMagic)
		}
	}
}

// derOf encodes two integers from their bytes as they are.
func derOf(r, s []byte) []byte {
	b := []byte{0x30, byte(4 + len(r) + len(s)), 0x02, byte(len(r))}
	b = append(append(b, r...), 0x02, byte(len(s)))
	return append(b, s...)
}

// Case 6 of the hostile corpus: a good signature spelled in other ways, and
// numbers that are none.
func TestSignatureEncoding(t *testing.T) {
	c := newCast(t)
	// A signature in which neither number needs a leading zero byte leaves
	// room to add some.
	msg := []byte(testStatement)
	good := c.packer1.sign(t, msg).DER
	for len(good) != 70 {
		msg = append(msg, ' ')
		good = c.packer1.sign(t, msg).DER
	}
	r, s := good[4:36], good[38:]
	n := append([]byte{0}, orderP256...)
	nPlus1 := new(big.Int).Add(new(big.Int).SetBytes(n), big.NewInt(1))
	plusN := func(b []byte) []byte {
		return new(big.Int).Add(new(big.Int).SetBytes(b), new(big.Int).SetBytes(n)).Bytes()
	}
	tests := []struct {
		name string
		der  []byte
		want string // part of the message
	}{
		{"empty", nil, "not a DER sequence"},
		{"one byte", []byte{0x30}, "not a DER sequence"},
		{"empty sequence", []byte{0x30, 0}, "r: not a DER integer"},
		{"set", append([]byte{0x31}, good[1:]...), "not a DER sequence"},
		{"cut", good[:len(good)-1], "not a DER sequence"},
		{"byte after", append(bytes.Clone(good), 0), "not a DER sequence"},
		{"byte after s", append([]byte{0x30, good[1] + 1}, append(bytes.Clone(good[2:]), 0)...), "1 bytes after s"},
		{"third integer", []byte{0x30, 9, 2, 1, 1, 2, 1, 1, 2, 1, 1}, "3 bytes after s"},
		{"long length", append([]byte{0x30, 0x81, good[1]}, good[2:]...), "not a DER sequence"},
		{"indefinite length", append(append([]byte{0x30, 0x80}, good[2:]...), 0, 0), "not a DER sequence"},
		{"long length of r", append([]byte{0x30, good[1] + 1, 0x02, 0x81, good[3]}, good[4:]...), "r: "},
		{"only r", []byte{0x30, 3, 2, 1, 1}, "s: not a DER integer"},
		{"r of no bytes", derOf(nil, s), "r: not a DER integer"},
		{"leading zero in r", derOf(append([]byte{0}, r...), s), "r: leading zero byte"},
		{"leading zero in s", derOf(r, append([]byte{0}, s...)), "s: leading zero byte"},
		{"leading zeros in both", derOf(append([]byte{0}, r...), append([]byte{0}, s...)), "r: leading zero byte"},
		{"r = 0", derOf([]byte{0}, s), "r: zero"},
		{"s = 0", derOf(r, []byte{0}), "s: zero"},
		{"both 0", derOf([]byte{0}, []byte{0}), "r: zero"},
		{"r = n", derOf(n, s), "r: not below the order"},
		{"s = n", derOf(r, n), "s: not below the order"},
		{"s = n+1", derOf(r, append([]byte{0}, nPlus1.Bytes()...)), "s: not below the order"},
		{"s + n", derOf(r, plusN(s)), "s: not below the order"},
		{"r + n", derOf(plusN(r), s), "r: not below the order"},
		{"r negative", derOf([]byte{0x80}, s), "r: negative"},
		{"s negative", derOf(r, []byte{0xff}), "s: negative"},
		{"r = s = 1", derOf([]byte{1}, []byte{1}), "does not verify"},
		{"r and s swapped", derOf(s, r), "does not verify"},
		{"fixed width", append(bytes.Clone(r), s...), "not a DER sequence"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := VerifySignatures(msg, []bundle.Signature{{KeyID: c.packer1.ID, DER: tt.der}}, c.root())
			if refusal(err) != BadSignature || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("VerifySignatures = %v, want %s with %q", err, BadSignature, tt.want)
			}
		})
	}
}

// The doc comment of VerifySignatures admits one twin of each signature.
func TestSignatureTwin(t *testing.T) {
	c := newCast(t)
	msg := []byte(testStatement)
	good := c.packer1.sign(t, msg).DER
	lenR := int(good[3])
	r, s := good[4:4+lenR], new(big.Int).SetBytes(good[4+lenR+2:])
	twin := new(big.Int).Sub(new(big.Int).SetBytes(orderP256), s).Bytes()
	if twin[0]&0x80 != 0 {
		twin = append([]byte{0}, twin...)
	}
	if _, err := VerifySignatures(msg, []bundle.Signature{{KeyID: c.packer1.ID, DER: derOf(r, twin)}}, c.root()); err != nil {
		t.Errorf("n-s for s: %v", err)
	}
}

// Every byte of a signature changed to every value, every truncation, and every
// bit of what is signed.
func TestSignatureNotMalleable(t *testing.T) {
	c := newCast(t)
	root := c.root()
	msg := []byte(testStatement)
	sig := c.packer1.sign(t, msg)
	accepts := func() bool {
		_, err := VerifySignatures(msg, []bundle.Signature{sig}, root)
		return err == nil
	}
	if !accepts() {
		t.Fatal("the signature itself is refused")
	}
	step := 1
	if testing.Short() {
		step = 37
	}
	for i, old := range sig.DER {
		for d := 1; d < 256; d += step {
			sig.DER[i] = old + byte(d)
			if accepts() {
				t.Errorf("byte %d of the signature changed from %#02x to %#02x: accepted", i, old, sig.DER[i])
			}
		}
		sig.DER[i] = old
	}
	whole := sig.DER
	for n := range whole {
		if sig.DER = whole[:n]; accepts() {
			t.Errorf("signature cut to %d bytes: accepted", n)
		}
	}
	sig.DER = whole
	for i := range msg {
		for bit := range 8 {
			msg[i] ^= 1 << bit
			if accepts() {
				t.Errorf("bit %d of byte %d of the statement flipped: accepted", bit, i)
			}
			msg[i] ^= 1 << bit
		}
	}
}
