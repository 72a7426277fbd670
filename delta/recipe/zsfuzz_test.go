package recipe

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// FuzzZsSameAsOriginal compresses text, which seed makes longer, as the
// original does.
func FuzzZsSameAsOriginal(f *testing.F) {
	f.Add([]byte("abcabcabcabcabcabcabcabcabcabcabc"), uint64(0), uint8(0))
	f.Add(makeText(21, 2000), uint64(3), uint8(1))
	f.Add(makeBinary(22, 2000), uint64(50), uint8(2))
	f.Add(makeMixed(23, 3000), uint64(400), uint8(7))
	f.Fuzz(func(t *testing.T, seedText []byte, seed uint64, how uint8) {
		text := zsGrow(seedText, seed)
		w := zsWriter(t, zsDefault-int(how&1))
		var flushes []int
		if how&2 != 0 && len(text) > 8 {
			flushes = append(flushes, 8)
		}
		blob := zsOriginal(t, w, text, flushes...)
		if how&4 != 0 {
			blob = w.EncodeAll(text, nil)
		}
		checkZsBlob(t, blob, text)
	})
}

// zsGrow appends changed pieces of text to itself, seed%512 of them.
func zsGrow(text []byte, seed uint64) []byte {
	if len(text) == 0 {
		return nil
	}
	r := rand.New(rand.NewPCG(seed, 9))
	text = bytes.Clone(text)
	for range seed % 512 {
		at := r.IntN(len(text))
		n := min(len(text)-at, 1+r.IntN(1<<r.IntN(12)))
		text = append(text, text[at:at+n]...)
		if r.IntN(2) == 0 {
			text[len(text)-1-r.IntN(n)] = byte(r.Uint32())
		}
	}
	return text[:min(len(text), 1<<20)]
}

// What FuzzZsFind finds a recipe for, the recipe gives.
func FuzzZsFind(f *testing.F) {
	w := zsWriter(f, zsDefault)
	f.Add(zsOriginal(f, w, makeText(24, 3000)))
	f.Add(zsOriginal(f, w, makeMixed(25, 2000), 8, 1000))
	f.Add(append(w.EncodeAll(makeBinary(26, 500), nil), zsOriginal(f, w, make([]byte, 1000))...))
	f.Add(append([]byte{0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 7}, w.EncodeAll(nil, nil)...))
	f.Fuzz(func(t *testing.T, blob []byte) {
		var text bytes.Buffer
		r, err := Find(bytes.NewReader(blob), int64(len(blob)), Options{Frame: Zstd, Plain: &text})
		if err != nil {
			return
		}
		if err := Prove(r, &text, bytes.NewReader(blob), int64(len(blob))); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzZsReplay replays groups of any header.
func FuzzZsReplay(f *testing.F) {
	blob := zsOriginal(f, zsWriter(f, zsDefault), makeText(27, 3000))
	f.Add(blob[:6], uint16(3000), uint8(0))
	f.Add(zsCuts{{0, 8}, {2, 100}}.appendTo(bytes.Clone(blob[:6])), uint16(9000), uint8(1))
	text := makeMixed(28, 1<<16)
	f.Fuzz(func(t *testing.T, header []byte, n uint16, how uint8) {
		g := Group{Frame: Zstd, Header: header, Plain: []int64{int64(n)}}
		g.Params = Params{Encoder: KPZA + ID(how&1), Level: 1 + int(how>>1&1), Block: 1 << (10 + how>>2&7)}
		r := &Recipe{Groups: []Group{g}}
		if r.check() != nil {
			return
		}
		var out bytes.Buffer
		if err := Replay(r, bytes.NewReader(text[:n]), &out); err != nil {
			t.Fatal(err)
		}
		if most := len(header) + int(n) + 3*(int(n)>>10+len(header)+1) + 4; out.Len() > most {
			t.Fatalf("%d bytes, want at most %d", out.Len(), most)
		}
	})
}
