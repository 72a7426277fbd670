package tokens

import (
	"bytes"
	"io"
	"testing"
)

func BenchmarkGeneral(b *testing.B) {
	plain := sample(1, 8<<20)
	benchmark(b, plain, deflated(b, plain, 6, 0), nil)
}

func BenchmarkNear(b *testing.B) {
	plain := sample(1, 8<<20)
	benchmark(b, plain, deflated(b, plain, 6, 100_000), deflated(b, plain, 6, 0))
}

func benchmark(b *testing.B, plain, src, near []byte) {
	b.Helper()
	var c Codec
	var fix bytes.Buffer
	b.Run("Encode", func(b *testing.B) {
		b.SetBytes(int64(len(plain)))
		for b.Loop() {
			fix.Reset()
			if err := c.Encode(&fix, bytes.NewReader(src), readerOf(near), Options{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Decode", func(b *testing.B) {
		b.SetBytes(int64(len(plain)))
		for b.Loop() {
			if err := c.Decode(io.Discard, bytes.NewReader(fix.Bytes()), bytes.NewReader(plain), readerOf(near)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
