package corpus

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"strings"

	"github.com/airgap-ferry/ferry/verify/statement"
)

// roots are good bundles for a site that was given a bad root.
func roots(c *collector) {
	with := func(number int, name string, root []byte, exit int, want string) {
		st := ordinary()
		st.Root = root
		c.addAt(number, name, small(), st, exit, want)
	}
	packers := `"packer":{"keys":["` + strings.Join(ids(packer1, packer2), `","`) + `"],"threshold":`
	for _, tt := range []struct{ name, old, new string }{
		{"a root with a threshold of zero", packers + "1", packers + "0"},
		{"a root with a threshold above the number of keys", packers + "1", packers + "3"},
		{"a root with a negative threshold", packers + "1", packers + "-1"},
		{"a root with a threshold of minus zero", `"officer":{"keys":["` + ids(officer1)[0] + `"],"threshold":0`, `"officer":{"keys":["` + ids(officer1)[0] + `"],"threshold":-0`},
		{"a root with a packer as officer", `"officer":{"keys":["`, `"officer":{"keys":["` + ids(packer1)[0] + `","`},
		{"a root with a key in a role that is not listed", `"officer":{"keys":["`, `"officer":{"keys":["0000000000000000","`},
		{"a root with a key twice in a role", `"root":{"keys":["`, `"root":{"keys":["` + ids(rootKey1)[0] + `","`},
		{"a root with another id", `"id":"` + ids(packer1)[0], `"id":"0000000000000000`},
		{"a root with a space", `"version":3`, `"version": 3`},
		{"a root with a field twice", `"version":3,`, `"version":3,"version":3,`},
		{"a root with an unknown field", `"version":3,`, `"version":3,"extra":1,`},
		{"a root of version 0", `"version":3`, `"version":0`},
		{"a root whose policy waits for no shipment", `"max_seq_step":16`, `"max_seq_step":0`},
		{"a root with an age in hours that are days", `"max_age":"P90D"`, `"max_age":"PT2160H"`},
		{"a root without an age", `"max_age":"P90D"`, `"max_age":"P0D"`},
		{"a root with a skew of a year", `"clock_skew":"P1D"`, `"clock_skew":"P365D"`},
		{"a root with sites out of order", `["north","south"]`, `["south","north"]`},
		{"a root with any site and one", `["north","south"]`, `["*","north"]`},
		{"a root with two keys of one name", `"name":"packer-2"`, `"name":"packer-1"`},
		{"a root with a name of many lines", `"name":"packer-2"`, `"name":"packer\n2"`},
		{"a root that expires before it was issued", `"expires":"2027`, `"expires":"2025`},
	} {
		with(19, tt.name, rootText(tt.old, tt.new), Failed, RootForm)
	}
	with(19, "a root with spare bits in base64", spareBits(rootBytes(nil)), Failed, RootForm)
	with(19, "a root without a newline at its end", []byte(strings.TrimSuffix(string(rootBytes(nil)), "\n")), Failed, RootForm)
	with(19, "a statement as root", []byte("ferry-statement-v1\n{}\n"), Failed, RootForm)
	with(19, "a root of the next version of the format", rootText("ferry-root-v1", "ferry-root-v2"), Newer, NewerFormat)
	with(19, "an empty root", nil, Failed, RootForm)

	for _, tt := range []struct {
		name string
		spki []byte
	}{
		{"a P-384 key", otherCurve(elliptic.P384())},
		{"a P-224 key", otherCurve(elliptic.P224())},
		{"an RSA key", rsaKey()},
		{"a compressed point", compressed()},
		{"a point that is not on the curve", offCurve()},
	} {
		with(6, "a root with "+tt.name, rootWith(tt.spki), Untrusted, statement.KeyType)
	}
}

// rootWith returns the sample root with an officer of another kind, and
// everything else as it should be. Without that key the bundle is good.
func rootWith(key []byte) []byte {
	// The last id of all keeps the keys sorted, whatever else they are.
	for i := 0; ; i++ {
		r := sampleRoot()
		last := r.Keys[len(r.Keys)-1].ID
		if keyID(key) > last {
			text := string(must(r.AppendText(nil)))
			entry := `,{"id":"` + keyID(key) + `","name":"other","spki":"` + string(toBase64(key)) + `"}],"roles"`
			return replace([]byte(text), `],"roles"`, entry)
		}
		// Another key of the kind: its first free byte that keeps the form.
		key = append([]byte{}, key...)
		key[len(key)-1-i%8]++
	}
}

func otherCurve(curve elliptic.Curve) []byte {
	scalar := big.NewInt(7).FillBytes(make([]byte, (curve.Params().BitSize+7)/8))
	k := must(ecdsa.ParseRawPrivateKey(curve, scalar))
	return must(x509.MarshalPKIXPublicKey(&k.PublicKey))
}

func rsaKey() []byte {
	n := new(big.Int).Lsh(big.NewInt(1), 1023)
	n.Add(n, big.NewInt(987654321))
	return must(x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: n, E: 65537}))
}

// compressed returns the key of a packer in the short form that P-256 also
// has.
func compressed() []byte {
	full := spki(packer2)
	point := full[len(full)-65:]
	short := append([]byte{2 + point[64]&1}, point[1:33]...)
	head := append([]byte{}, full[:len(full)-65]...)
	head[1] -= 32
	head[len(head)-2] -= 32
	return append(head, short...)
}

func offCurve() []byte {
	key := spki(packer2)
	key[len(key)-1] ^= 1
	return key
}

// spareBits sets one of the bits of the first key that its base64 does not use.
func spareBits(root []byte) []byte {
	root[bytes.Index(root, []byte(`==`))-1]++
	return root
}
