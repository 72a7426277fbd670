package delta

import (
	"bytes"
	"slices"
	"testing"
)

// readStream returns a reader of b as one frame.
func readStream(b []byte) *streamReader {
	return &streamReader{next: func() ([]byte, error) {
		f := b
		b = nil
		if len(f) == 0 {
			return nil, nil
		}
		return f, nil
	}}
}

// checkHeads codes parts one after another, each against an other one, and
// decodes them again.
func checkHeads(tb testing.TB, others, parts [][]byte) (heads, texts []byte) {
	tb.Helper()
	var c headCoder
	for i, p := range parts {
		other := others[i]
		if other == nil {
			other = slices.Clone(c.last)
		}
		heads, texts = c.encode(heads, texts, other, p)
	}
	var d headCoder
	hr, tr := readStream(heads), readStream(texts)
	for i, p := range parts {
		other := others[i]
		if other == nil {
			other = slices.Clone(d.last)
		}
		got, err := d.decode(nil, hr, tr, other, len(p))
		if err != nil {
			tb.Fatalf("part %d: %v", i, err)
		}
		if !bytes.Equal(got, p) {
			tb.Fatalf("part %d is %d other bytes", i, len(got))
		}
	}
	if len(hr.cur)+len(tr.cur) > 0 {
		tb.Errorf("%d and %d bytes are left", len(hr.cur), len(tr.cur))
	}
	return heads, texts
}

func TestHeadsRoundTrip(t *testing.T) {
	changed := func(b []byte, at int, text string) []byte {
		b = slices.Clone(b)
		copy(b[at:], text)
		return setSums(b, 0)
	}
	a := rawHeader("name", '0', 100)
	touched := changed(a, 136, "12345670123")
	pax := slices.Concat(rawHeader("p", 'x', 17), padded([]byte("17 path=abcdefgh\n")), a)
	wrong := slices.Clone(a)
	wrong[150] ^= 1
	full := changed(a, 0, string(bytes.Repeat([]byte("n"), 100)))
	odd := changed(a, 0, "a\x00b")
	raw := changed(a, 0, "\x01b")
	noise := makeNoise(1, blockSize)

	tests := []struct {
		name   string
		other  []byte
		part   []byte
		limits [2]int // bytes that it may take
	}{
		{"equal", a, a, [2]int{1, 0}},
		{"first", nil, a, [2]int{3, 40}},
		{"touched", a, touched, [2]int{1, 12}},
		{"pax", a, pax, [2]int{10, 80}},
		{"pax to pax", pax, slices.Concat(pax[:512], padded([]byte("17 path=abcdefxx\n")), touched), [2]int{5, 15}},
		{"less", pax, a, [2]int{1, 0}},
		{"wrong checksum", a, wrong, [2]int{4, 8}},
		{"full name", a, full, [2]int{2, 101}},
		{"zero in a name", a, odd, [2]int{2, 101}},
		{"escaped name", a, raw, [2]int{2, 101}},
		{"no header", a, noise, [2]int{4, 512}},
		{"no whole block", a, a[:100], [2]int{0, 100}},
		{"a bit more than a block", a, slices.Concat([]byte("xyz"), a), [2]int{1, 3}},
		{"zeros", a, zeros(1024), [2]int{4, 512}},
		{"none", a, nil, [2]int{0, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			heads, texts := checkHeads(t, [][]byte{tt.other}, [][]byte{tt.part})
			if len(heads) > tt.limits[0] || len(texts) > tt.limits[1] {
				t.Errorf("coded in %d and %d bytes, want at most %d", len(heads), len(texts), tt.limits)
			}
		})
	}
	// One time of modification for many files is told once.
	heads, texts := checkHeads(t, [][]byte{a, a, a}, [][]byte{touched, touched, touched})
	if len(heads)+len(texts) > 15 {
		t.Errorf("three equal times are coded in %d bytes", len(heads)+len(texts))
	}
}

func FuzzHeads(f *testing.F) {
	a := rawHeader("name", '0', 100)
	f.Add(a, rawHeader("other", '5', 0), []byte{1, 2, 3}, []byte("text\x00"))
	f.Fuzz(func(t *testing.T, other, part, heads, texts []byte) {
		checkHeads(t, [][]byte{other, nil}, [][]byte{part, part})
		var c headCoder
		n := len(part) % 2000
		b, err := c.decode(nil, readStream(heads), readStream(texts), other, n)
		if err == nil && len(b) != n {
			t.Errorf("decode gave %d bytes, want %d", len(b), n)
		}
	})
}
