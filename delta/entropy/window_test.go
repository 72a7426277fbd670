package entropy

import (
	"bytes"
	"slices"
	"testing"
)

// TestFarMatch checks that LZ finds again what stands further back than its
// trees reach.
func TestFarMatch(t *testing.T) {
	part := noise(1, 2000)
	src := slices.Concat(part, make([]byte, maxWindow+1000), part)
	var e Encoder
	coded := e.encode(nil, src, LZ, Text, Most)
	if len(coded) > len(part)+200 {
		t.Errorf("%d bytes, want %d at most", len(coded), len(part)+200)
	}
	var d Decoder
	if got, err := d.Decode(nil, coded, LZ, len(src)); err != nil || !bytes.Equal(got, src) {
		t.Errorf("Decode = %d bytes, %v, want the %d of the text", len(got), err, len(src))
	}
}
