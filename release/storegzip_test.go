package release

import (
	"bytes"
	"compress/gzip"
	"io"
	"testing"
)

// Every length around the limits of a block unpacks to what went in.
func TestStoreGzip(t *testing.T) {
	for _, n := range []int{0, 1, maxStored - 1, maxStored, maxStored + 1, 2 * maxStored, 2*maxStored + 1, 1 << 20} {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(i * 7)
		}
		zr, err := gzip.NewReader(bytes.NewReader(storeGzip(b)))
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		got, err := io.ReadAll(zr)
		if err != nil || !bytes.Equal(got, b) {
			t.Errorf("%d bytes: got %d, %v", n, len(got), err)
		}
	}
}
