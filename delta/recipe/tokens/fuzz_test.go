package tokens

import (
	"bytes"
	"compress/flate"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func newFlate(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, 6) }

// FuzzDecode tries any corrections: they give an error, or bytes within the
// bound.
func FuzzDecode(f *testing.F) {
	plain := sample(1, 3000)
	src, near := deflated(f, plain, 6, 700), deflated(f, plain, 6, 0)
	var c Codec
	f.Add(roundTrip(f, &c, src, nil), plain, false)
	f.Add(roundTrip(f, &c, src, near), plain, true)
	f.Fuzz(func(t *testing.T, fix, plain []byte, useNear bool) {
		if len(plain) > 1<<16 {
			return
		}
		var near io.Reader
		if useNear {
			near = bytes.NewReader(deflated(t, plain, 6, 0))
		}
		var n counter
		err := Decode(&n, bytes.NewReader(fix), bytes.NewReader(plain), near)
		if int64(n) > MaxSize(int64(len(plain))) {
			t.Errorf("%d bytes from %d of plain text (%v)", n, len(plain), err)
		}
	})
}

// FuzzEncode tries any bytes as a deflate stream: what is accepted comes out
// again, and is a stream for the toolchain's decoder too.
func FuzzEncode(f *testing.F) {
	f.Add(deflated(f, sample(1, 3000), 6, 700))
	f.Add(deflated(f, sample(1, 300), 0, 0))
	for _, name := range goldenFiles(f) {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 1<<15 || Encode(io.Discard, bytes.NewReader(src), nil, Options{Depth: 8}) != nil {
			return
		}
		if _, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(src)), 1<<26)); err != nil {
			t.Fatalf("Encode accepts what does not inflate: %v", err)
		}
		var c Codec
		roundTrip(t, &c, src, nil)
		roundTrip(t, &c, src, src)
	})
}
