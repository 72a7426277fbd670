package tokens

import (
	"bytes"
	"compress/flate"
	"io"
	"math/rand/v2"
	"testing"
)

// sample returns text that compresses about as well as a layer does: words,
// numbers that grow, zeros and noise.
func sample(seed uint64, size int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	words := make([][]byte, 400)
	for i := range words {
		w := make([]byte, 2+r.IntN(9))
		for k := range w {
			w[k] = byte('a' + min(r.IntN(26), r.IntN(26)))
		}
		words[i] = w
	}
	var b bytes.Buffer
	for b.Len() < size {
		switch r.IntN(40) {
		case 0:
			b.Write(make([]byte, r.IntN(700)))
		case 1:
			for range r.IntN(60) {
				b.WriteByte(byte(r.Uint32()))
			}
		case 2:
			for range r.IntN(80) {
				b.Write([]byte{0x48, 0x8b, byte(r.IntN(8)), byte(r.IntN(64)), 0, 0})
			}
		case 3:
			if n := b.Len(); n > 5000 {
				at := n - 1 - r.IntN(min(n-1, 60000))
				b.Write(bytes.Clone(b.Bytes()[at:min(n, at+r.IntN(900))]))
			}
		default:
			b.Write(words[min(r.IntN(400), r.IntN(400))])
			b.WriteByte(" \n.,"[min(r.IntN(4), r.IntN(4))])
		}
	}
	return b.Bytes()[:size]
}

// deflated returns what the toolchain's encoder makes of plain, flushed after
// every flush bytes unless flush is 0.
func deflated(tb testing.TB, plain []byte, level, flush int) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	if err != nil {
		tb.Fatal(err)
	}
	for flush > 0 && len(plain) > flush {
		w.Write(plain[:flush])
		w.Flush()
		plain = plain[flush:]
	}
	w.Write(plain)
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func inflated(tb testing.TB, src []byte) []byte {
	tb.Helper()
	plain, err := io.ReadAll(flate.NewReader(bytes.NewReader(src)))
	if err != nil {
		tb.Fatal(err)
	}
	return plain
}

// readerOf returns a reader of b, or nil if there is none.
func readerOf(b []byte) io.Reader {
	if b == nil {
		return nil
	}
	return bytes.NewReader(b)
}

// roundTrip makes corrections of src, makes src of them again, and returns
// them.
func roundTrip(tb testing.TB, c *Codec, src, near []byte) []byte {
	tb.Helper()
	var fix, back bytes.Buffer
	if err := c.Encode(&fix, bytes.NewReader(src), readerOf(near), Options{}); err != nil {
		tb.Fatalf("Encode: %v", err)
	}
	if err := c.Decode(&back, bytes.NewReader(fix.Bytes()), bytes.NewReader(inflated(tb, src)), readerOf(near)); err != nil {
		tb.Fatalf("Decode: %v", err)
	}
	if !bytes.Equal(back.Bytes(), src) {
		tb.Fatalf("Decode gives other bytes than Encode got: %d, want %d", back.Len(), len(src))
	}
	return fix.Bytes()
}
