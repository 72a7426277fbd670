package entropy

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func TestDecodeRefuses(t *testing.T) {
	var e Encoder
	text := prose(2, 3000)
	lz := e.encode(nil, text, LZ, Text, Most)
	cm := e.encode(nil, text, CM, Text, Most)
	zs := e.encode(nil, text, Zstd, Text, Most)
	with := func(b []byte, more ...byte) []byte { return append(bytes.Clone(b), more...) }
	tests := []struct {
		name  string
		src   []byte
		coder Coder
		size  int
	}{
		{"unknown coder", text, CM + 1, len(text)},
		{"negative size", nil, Stored, -1},
		{"size beyond the limit", lz, LZ, MaxFrame + 1},
		{"cm beyond its limit", cm, CM, MaxCMFrame + 1},
		{"stored short", text[1:], Stored, len(text)},
		{"stored long", with(text, 0), Stored, len(text)},
		{"empty lz", nil, LZ, 0},
		{"empty cm", nil, CM, 0},
		{"unknown profile lz", with([]byte{byte(numProfiles)}, lz[1:]...), LZ, len(text)},
		{"unknown profile cm", with([]byte{0x7f}, cm[1:]...), CM, len(text)},
		{"lz followed by zero", with(lz, 0), LZ, len(text)},
		{"cm followed by zero", with(cm, 0), CM, len(text)},
		{"lz followed", with(lz, 1, 2, 3, 4, 5, 6, 7, 8, 9), LZ, len(text)},
		{"cm followed", with(cm, 1, 2, 3, 4, 5, 6, 7, 8, 9), CM, len(text)},
		{"zstd followed", with(zs, 1), Zstd, len(text)},
		{"zstd of less", zs, Zstd, len(text) + 1},
		{"zstd of more", zs, Zstd, len(text) - 1},
		{"zstd skippable", []byte{0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}, Zstd, 0},
		{"zstd empty", nil, Zstd, 1},
		{"lz distance before the beginning", []byte{0, 0, 0, 0, 0, 0, 0, 0, 1}, LZ, 100},
	}
	var d Decoder
	for _, tt := range tests {
		got, err := d.Decode([]byte("kept"), tt.src, tt.coder, tt.size)
		if err == nil || string(got) != "kept" {
			t.Errorf("%s: Decode = %d bytes, %v, want an error", tt.name, len(got), err)
		}
	}
}

// A frame that is cut anywhere is never taken for a whole one.
func TestDecodeTruncated(t *testing.T) {
	var e Encoder
	var d Decoder
	for _, s := range samples(600) {
		for _, c := range []Coder{Zstd, LZ, CM} {
			coded := e.encode(nil, s.data, c, s.kind, Most)
			step := 1
			if testing.Short() {
				step = 1 + len(coded)/8
			}
			for n := 0; n < len(coded); n += step {
				if got, err := d.Decode(nil, coded[:n], c, len(s.data)); err == nil && bytes.Equal(got, s.data) {
					t.Errorf("%s, %s: %d of %d bytes decode", s.name, coders[c], n, len(coded))
				}
			}
		}
	}
	text := prose(2, 3000)
	cm := e.encode(nil, text, CM, Text, Most)
	if _, err := d.Decode(nil, cm[:len(cm)/2], CM, len(text)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("half a frame = %v, want %v", err, io.ErrUnexpectedEOF)
	}
}

// Damage gives an error or exactly as many bytes as were asked for.
func TestDecodeDamaged(t *testing.T) {
	var e Encoder
	var d Decoder
	for _, s := range samples(400) {
		for _, c := range []Coder{Zstd, LZ, CM} {
			coded := e.encode(nil, s.data, c, s.kind, Most)
			step := 1
			if testing.Short() {
				step = 1 + len(coded)
			}
			for i := 0; i < 8*len(coded); i += step {
				b := bytes.Clone(coded)
				b[i/8] ^= 1 << (i % 8)
				if got, err := d.Decode(nil, b, c, len(s.data)); err == nil && len(got) != len(s.data) {
					t.Errorf("%s, %s, bit %d: %d bytes, want %d", s.name, coders[c], i, len(got), len(s.data))
				}
			}
		}
	}
}

// FuzzDecode: what is accepted has the size that was asked for, and survives
// being coded again.
func FuzzDecode(f *testing.F) {
	var e Encoder
	for _, s := range samples(300) {
		for _, c := range []Coder{Stored, Zstd, LZ, CM} {
			src := s.data
			if c != Stored {
				src = e.encode(nil, s.data, c, s.kind, Most)
			}
			f.Add(src, uint8(c), len(s.data))
		}
	}
	var d Decoder
	f.Fuzz(func(t *testing.T, src []byte, coder uint8, size int) {
		size %= 1 << 16 // what more would show, it would show slowly
		got, err := d.Decode(nil, src, Coder(coder), size)
		if err != nil {
			if len(got) != 0 {
				t.Errorf("Decode = %d bytes and %v", len(got), err)
			}
			return
		}
		if len(got) != size {
			t.Fatalf("Decode = %d bytes, want %d", len(got), size)
		}
		if c := Coder(coder); c != Stored {
			again := e.encode(nil, got, c, Text, Most)
			if back, err := d.Decode(nil, again, c, size); err != nil || !bytes.Equal(back, got) {
				t.Errorf("%s: coded again: %v", coders[c], err)
			}
		}
	})
}

// FuzzRoundTrip: everything can be coded, by every coder, as every kind.
func FuzzRoundTrip(f *testing.F) {
	for _, s := range samples(300) {
		f.Add(s.data, uint8(s.kind))
	}
	var e Encoder
	var d Decoder
	f.Fuzz(func(t *testing.T, src []byte, kind uint8) {
		for _, c := range []Coder{Zstd, LZ, CM} {
			coded := e.encode(nil, src, c, Kind(kind), Most)
			if got, err := d.Decode(nil, coded, c, len(src)); err != nil || !bytes.Equal(got, src) {
				t.Errorf("%s: Decode = %d bytes, %v, want %d", coders[c], len(got), err, len(src))
			}
		}
	})
}
