package corpus

import (
	"bytes"
	"crypto/sha256"
	"encoding/asn1"
	"math/big"

	"github.com/airgap-ferry/ferry/verify/statement"
)

func marshalDER(s scalars) []byte { return must(asn1.Marshal(s)) }

// unsigned are bundles with too few signatures, or by the wrong people.
func unsigned(c *collector) {
	by := func(names ...string) *draft {
		b := sample()
		b.signers = names
		return b
	}
	needs := func(packers, officers int) State {
		st := ordinary()
		st.Root = rootBytes(func(r *statement.Root) { r.Packer.Threshold, r.Officer.Threshold = packers, officers })
		return st
	}
	c.add(1, "no signature", by(), Untrusted, statement.Unsigned)
	b := sample()
	b.sigs = func([]byte) []member { return []member{newMember("sigs/", nil).with(156, "5")} }
	c.add(1, "a folder sigs and no signature in it", b, Damaged, IsDamaged)
	b = sample()
	b.sigs = func([]byte) []member { return []member{newMember(sigName(packer1), nil)} }
	c.add(1, "an empty signature", b, Malformed, SignatureForm)

	c.add(2, "signed by a stranger", by(stranger), Untrusted, statement.NoTrustedSignature)
	c.add(2, "signed by a packer and a stranger", by(packer1, stranger), Untrusted, statement.NoTrustedSignature)
	b = sample()
	b.sigs = func(text []byte) []member {
		return []member{newMember(sigName(packer1), toBase64(sign(stranger, text)))}
	}
	c.add(2, "signed by a stranger under a packer's id", b, Untrusted, statement.BadSignature)

	b = sample()
	b.sigs = func(text []byte) []member {
		return []member{signature(packer1, sign(packer1, text)), signature(packer1, sign(packer1, text))}
	}
	c.addAt(3, "one signature twice", b, needs(2, 0), Malformed, SignatureForm)
	b = sample()
	b.sigs = func(text []byte) []member {
		der := toBase64(sign(packer1, text))
		return sorted([]member{newMember(sigName(packer1), der), newMember("sigs/00000000000000ff.sig", der)})
	}
	c.addAt(3, "one key under two ids", b, needs(2, 0), Untrusted, statement.NoTrustedSignature)
	b = sample()
	b.sigs = func(text []byte) []member {
		der := toBase64(sign(packer1, text))
		return sorted([]member{newMember(sigName(packer1), der), newMember(sigName(packer2), der)})
	}
	c.addAt(3, "one signature under the ids of two keys", b, needs(2, 0), Untrusted, statement.BadSignature)
	c.addAt(3, "one packer of two", by(packer1), needs(2, 0), Untrusted, statement.Threshold)

	c.add(4, "signed by an officer alone", by(officer1), Untrusted, statement.Threshold)
	c.addAt(4, "a packer and an officer where two packers are needed", by(packer1, officer1), needs(2, 0), Untrusted, statement.Threshold)
	c.addAt(4, "two packers where an officer is needed", by(packer1, packer2), needs(1, 1), Untrusted, statement.Threshold)
	c.add(4, "a statement signed by a root key", by(packer1, rootKey1), Untrusted, statement.NoTrustedSignature)

	c.add(5, "signed by a key without a role", by(revoked1), Untrusted, statement.RevokedKey)
	c.add(5, "signed by a packer and a key without a role", by(packer1, revoked1), Untrusted, statement.RevokedKey)
}

// encoded adds a case in which the file of a signature is what change makes of
// the statement.
func (c *collector) encoded(number int, name string, change func(text []byte) []byte, exit int, want string) {
	b := sample()
	b.sigs = func(text []byte) []member { return []member{newMember(sigName(packer1), change(text))} }
	c.add(number, name, b, exit, want)
}

// der adds a case in which the DER of a signature is changed.
func (c *collector) der(name string, change func(der []byte) []byte) {
	c.encoded(6, name, func(text []byte) []byte { return toBase64(change(sign(packer1, text))) }, Untrusted, statement.BadSignature)
}

// badSignatures are numbers that somebody would accept as a signature.
func badSignatures(c *collector) {
	number := func(name string, r, s func(scalars) *big.Int) {
		c.der(name, func(d []byte) []byte {
			n := parseDER(d)
			return marshalDER(scalars{r(n), s(n)})
		})
	}
	r, s := func(n scalars) *big.Int { return n.R }, func(n scalars) *big.Int { return n.S }
	fixed := func(n *big.Int) func(scalars) *big.Int { return func(scalars) *big.Int { return n } }
	zero := new(big.Int)
	number("r and s are zero", fixed(zero), fixed(zero))
	number("r is zero", fixed(zero), s)
	number("s is zero", r, fixed(zero))
	number("r is the order", fixed(order()), s)
	number("s is the order", r, fixed(order()))
	number("r is above the order", func(n scalars) *big.Int { return new(big.Int).Add(n.R, order()) }, s)
	number("s is above the order", r, func(n scalars) *big.Int { return new(big.Int).Add(n.S, order()) })
	number("r is negative", func(n scalars) *big.Int { return new(big.Int).Neg(n.R) }, s)
	number("s is negative", r, func(n scalars) *big.Int { return new(big.Int).Neg(n.S) })
	number("r is s", s, s)
	c.der("over another statement", func([]byte) []byte { return sign(packer1, []byte("ferry-statement-v1\n{}\n")) })
	c.encoded(6, "over the digest of the statement", func(text []byte) []byte {
		sum := sha256.Sum256(text)
		return toBase64(sign(packer1, sum[:]))
	}, Untrusted, statement.BadSignature)
}

// badDER are good signatures in another encoding than DER.
func badDER(c *collector) {
	der := c.der
	der("a leading zero byte", func(d []byte) []byte {
		n := parseDER(d)
		rb := append([]byte{0, 0}, n.R.Bytes()...)
		body := append([]byte{2, byte(len(rb))}, rb...) //nolint:gosec // 34 at most
		body = append(body, must(asn1.Marshal(n.S))...)
		return append([]byte{0x30, byte(len(body))}, body...) //nolint:gosec // 71 at most
	})
	der("a length in two bytes", func(d []byte) []byte { return append([]byte{0x30, 0x81, d[1]}, d[2:]...) })
	der("an indefinite length", func(d []byte) []byte { return append(append([]byte{0x30, 0x80}, d[2:]...), 0, 0) })
	der("a byte after the sequence", func(d []byte) []byte { return append(d, 0) })
	der("a byte in the sequence after s", func(d []byte) []byte {
		d = append(d, 0)
		d[1]++
		return d
	})
	der("a third number", func(d []byte) []byte {
		d = append(d, 2, 1, 1)
		d[1] += 3
		return d
	})
	der("cut short", func(d []byte) []byte { return d[:len(d)-1] })
	der("a set instead of a sequence", func(d []byte) []byte { return append([]byte{0x31}, d[1:]...) })
	der("r and s without DER", func(d []byte) []byte {
		n := parseDER(d)
		return append(n.R.FillBytes(make([]byte, 32)), n.S.FillBytes(make([]byte, 32))...)
	})
}

// badBase64 are good signatures in another spelling.
func badBase64(c *collector) {
	spelled := func(name string, change func(b []byte) []byte) {
		c.encoded(7, name, func(text []byte) []byte { return change(toBase64(sign(packer1, text))) }, Malformed, SignatureForm)
	}
	spelled("base64 with a newline", func(b []byte) []byte { return append(b, '\n') })
	spelled("base64 with a newline inside", func(b []byte) []byte { return append(b[:40:40], append([]byte("\n"), b[40:]...)...) })
	spelled("base64 with a carriage return", func(b []byte) []byte { return append(b, '\r') })
	spelled("base64 with a space", func(b []byte) []byte { return append([]byte(" "), b...) })
	spelled("base64 of the URL alphabet", func(b []byte) []byte {
		return bytes.ReplaceAll(bytes.ReplaceAll(append([]byte("-"), b[1:]...), []byte("+"), []byte("-")), []byte("/"), []byte("_"))
	})
	spelled("base64 with too much padding", func(b []byte) []byte { return append(b, '=', '=', '=', '=') })
	spelled("base64 without padding", func(b []byte) []byte { return bytes.TrimRight(append(b, "AA=="...), "=") })
	spelled("base64 with spare bits", func(b []byte) []byte {
		// A DER of 70 to 72 bytes; one more leaves spare bits for 70 and 71.
		if bytes.HasSuffix(b, []byte("=")) {
			at := len(bytes.TrimRight(b, "=")) - 1
			b[at]++
			return b
		}
		return append(b, "AB=="...)
	})
	spelled("hex", func(b []byte) []byte { return bytes.Repeat([]byte("30"), 80) })
	c.encoded(7, "a signature of a megabyte", func([]byte) []byte { return bytes.Repeat([]byte("AAAA"), 1<<18) }, Malformed, SignatureForm)

	b := sample()
	b.sigs = func(text []byte) []member {
		return []member{signature(packer1, sign(packer1, text)).named("sigs/" + keyID(spki(packer1)) + ".pem")}
	}
	c.add(7, "a signature with another suffix", b, Malformed, SignatureForm)
	b = sample()
	b.sigs = func(text []byte) []member {
		m := []member{signature(packer1, sign(packer1, text)), signature(packer2, sign(packer2, text))}
		m = sorted(m)
		m[0], m[1] = m[1], m[0]
		return m
	}
	c.add(7, "signatures out of order", b, Malformed, SignatureForm)
	b = sample()
	b.sigs = func(text []byte) []member {
		m := []member{signature(packer1, sign(packer1, text))}
		for i := range 8 {
			m = append(m, newMember("sigs/000000000000000"+string(rune('0'+i))+".sig", toBase64(sign(stranger, text))))
		}
		return sorted(m)
	}
	c.add(7, "nine signatures", b, Malformed, SignatureForm)
}

// otherMessages are good signatures over something that is no statement.
func otherMessages(c *collector) {
	spell := func(name, text string, exit int, want string) {
		b := sample()
		b.spell = func([]byte) []byte { return []byte(text) }
		c.add(8, name, b, exit, want)
	}
	image := `{"critical":{"identity":{"docker-reference":"docker.io/library/nginx"},"image":{"docker-manifest-digest":"` +
		string(head()) + `"},"type":"cosign container image signature"},"optional":null}`
	spell("the payload of an image's signature", image, Malformed, StatementForm)
	spell("a root", string(rootBytes(nil)), Malformed, StatementForm)
	spell("an empty statement", "", Malformed, StatementForm)
	spell("a statement of version 2", "ferry-statement-v2\n{}\n", Newer, NewerFormat)
	spell("a statement of version 01", "ferry-statement-v01x\n{}\n", Malformed, StatementForm)
}
