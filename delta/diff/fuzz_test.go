package diff

import (
	"bytes"
	"errors"
	"testing"
)

func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("the base of a patch is a file that the site holds"), []byte("the base of the patch is a file that no site holds"), 1)
	f.Add([]byte{}, []byte("new"), 0)
	f.Fuzz(func(t *testing.T, base, target []byte, stride int) {
		roundTrip(t, base, target, Options{Stride: max(0, stride%100)})
	})
}

// FuzzProgram lets Diff and Apply loose on programs with a piece overwritten.
func FuzzProgram(f *testing.F) {
	f.Add([]byte{1, 2, 3}, 64, []byte{9}, 70)
	f.Fuzz(func(t *testing.T, a []byte, at int, b []byte, bt int) {
		base, target := elfFile(1), elfFile(2)
		copy(base[uint(at)%uint(len(base)):], a)
		copy(target[uint(bt)%uint(len(target)):], b)
		roundTrip(t, base, target, Options{})
	})
}

// FuzzApply feeds Apply what no Differ wrote. It must give the bytes that were
// asked for or a FormatError.
func FuzzApply(f *testing.F) {
	base, target := []byte("a base that is not long at all, but longer than an anchor"), []byte("a base that is long, but longer than an anchor")
	var d Differ
	var s Streams
	d.Diff(&s, base, target, Options{})
	f.Add(base, bytes.Join(s[:], []byte{0xff, 0xfe}), len(target))
	f.Fuzz(func(t *testing.T, base, patch []byte, size int) {
		var s Streams
		for k, b := range bytes.SplitN(patch, []byte{0xff, 0xfe}, NumStreams) {
			s[k] = b
		}
		size = min(size, 1<<20)
		got, err := new(Applier).Apply(nil, base, &s, size)
		var bad *FormatError
		switch {
		case err != nil && !errors.As(err, &bad):
			t.Fatalf("Apply: %v, want a FormatError", err)
		case err == nil && len(got) != size:
			t.Fatalf("Apply gives %d bytes, want %d", len(got), size)
		}
	})
}
