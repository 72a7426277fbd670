package entropy

import (
	"bytes"
	"testing"

	"github.com/klauspost/compress/flate"
)

func TestIsNoise(t *testing.T) {
	half := noise(1, 1<<20)
	copy(half[noiseEvery:], bytes.Repeat([]byte("text "), 1000))
	seven := noise(1, 1<<20)
	for i := range seven {
		seven[i] &= 0x7f
	}
	tests := []struct {
		name string
		b    []byte
		want bool
	}{
		{"nothing", nil, false},
		{"too short", noise(1, noiseSample-1), false},
		{"one sample", noise(1, noiseSample), true},
		{"noise", noise(1, 10<<20), true},
		{"zeros", make([]byte, 1<<20), false},
		{"noise with text in it", half, false},
		{"noise of seven bits", seven, false},
		{"deflated", deflated(t), true},
	}
	for _, tt := range tests {
		if got := IsNoise(tt.b); got != tt.want {
			t.Errorf("IsNoise(%s) = %t, want %t", tt.name, got, tt.want)
		}
	}
}

// deflated returns what deflate makes of numbers that it makes smaller.
func deflated(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	src := noise(1, 1<<20)
	for i := range src {
		src[i] = "0123456789abcdef,;:"[int(src[i])%19]
	}
	if _, err := w.Write(src); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestNoiseIsStored checks that noise costs nothing at any effort.
func TestNoiseIsStored(t *testing.T) {
	b := noise(1, 1<<20)
	var e Encoder
	for _, effort := range []Effort{Normal, Fast, Most} {
		if c, out := e.Encode(nil, b, Text, effort); c != Stored || len(out) != len(b) {
			t.Errorf("Encode(noise, effort %d) = coder %d, %d bytes, want it stored", effort, c, len(out))
		}
	}
}
