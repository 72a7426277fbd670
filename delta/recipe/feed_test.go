package recipe

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"testing"
)

// writeTar writes one file that ends shortly before the window of Go's encoder
// does. A match leads to the byte where the window may move, and from there
// another reaches back almost as far as the format allows.
func writeTar(tb testing.TB, w io.Writer) {
	tb.Helper()
	const turn = 2*windowSize - goLookahead
	b := makeRandom(51, turn+26)
	copy(b[turn-244:turn], b[turn-5000:])
	copy(b[turn:], b[turn-32600:])
	b = b[tarBlock:]
	tw := tar.NewWriter(w)
	if err := tw.WriteHeader(&tar.Header{Name: "file", Mode: 0o644, Size: int64(len(b))}); err != nil {
		tb.Fatal(err)
	}
	// As from a file, in pieces of 32 KiB.
	if _, err := io.Copy(tw, struct{ io.Reader }{bytes.NewReader(b)}); err != nil {
		tb.Fatal(err)
	}
	if err := tw.Close(); err != nil {
		tb.Fatal(err)
	}
}

// The pieces in which input arrives decide which far matches Go's encoder sees.
func TestFindTarFeed(t *testing.T) {
	var blob, plain bytes.Buffer
	w := gzip.NewWriter(&blob)
	writeTar(t, w)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	writeTar(t, &plain)
	if bytes.Equal(blob.Bytes(), gzipped(t, 6, plain.Bytes())) {
		t.Fatal("the pieces make no difference; this test needs other text")
	}
	r := findAndReplay(t, blob.Bytes(), Options{})
	if got := r.Groups[0].Params; got.Encoder != Go126 || got.Feed != Tar {
		t.Errorf("recipe is %s, want one of go126 with tar", got)
	}
}
