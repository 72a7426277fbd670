package delta

import (
	"bytes"
	"testing"

	"github.com/airgap-ferry/ferry/delta/entropy"
)

// TestLongContents checks contents that are not kept in memory while the patch
// is made.
func TestLongContents(t *testing.T) {
	long := append(makeText(1, leastStreamed), makeNoise(2, 1<<20)...)
	noise := makeNoise(3, leastStreamed+1)
	packed := append([]byte("\x1f\x8b\x08\x00"), makeNoise(4, leastStreamed)...)
	targets := [][]byte{
		makeTar(t, sampleFile{name: "long", content: long}, sampleFile{name: "noise", content: noise}),
		makeTar(t, sampleFile{name: "packed", content: packed}, sampleFile{name: "long", content: edit(5, long)}),
	}
	// So little memory makes frames be coded while they are written.
	patch := build(t, Options{Memory: 16 << 20, Effort: entropy.Fast}, nil, targets)
	checkPatch(t, patch, nil, targets)
	stored := 0
	for _, f := range openPatch(t, patch).head.frames {
		if f.stream == streamPacked && f.coder != entropy.Stored {
			t.Errorf("frame of %d bytes of noise is coded by %d", f.plain, f.coder)
		}
		if f.coder == entropy.Stored {
			stored += f.plain
		}
	}
	if stored < len(noise)+len(packed) {
		t.Errorf("%d bytes are stored, want %d at least", stored, len(noise)+len(packed))
	}
}

func openPatch(tb testing.TB, patch []byte) *Patch {
	tb.Helper()
	p, err := Open(bytes.NewReader(patch), int64(len(patch)), Limits{})
	if err != nil {
		tb.Fatal(err)
	}
	return p
}
