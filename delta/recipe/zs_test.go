package recipe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func zsWriter(tb testing.TB, level int, o ...zstd.EOption) *zstd.Encoder {
	tb.Helper()
	o = append([]zstd.EOption{zstd.WithEncoderLevel(zstd.EncoderLevel(level)), zstd.WithEncoderConcurrency(1)}, o...)
	w, err := zstd.NewWriter(nil, o...)
	if err != nil {
		tb.Fatal(err)
	}
	return w
}

// zsOriginal is plain as the original compresses it. Before the bytes of
// flushes it is flushed.
func zsOriginal(tb testing.TB, w *zstd.Encoder, plain []byte, flushes ...int) []byte {
	tb.Helper()
	var b bytes.Buffer
	w.Reset(&b)
	at := 0
	for _, f := range append(flushes, len(plain)) {
		if _, err := w.Write(plain[at:f]); err != nil {
			tb.Fatal(err)
		}
		if at = f; at == len(plain) {
			break
		}
		if err := w.Flush(); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// checkZsBlob finds the recipe of blob and replays it, by way of its binary
// form.
func checkZsBlob(tb testing.TB, blob, plain []byte) *Recipe {
	tb.Helper()
	var text bytes.Buffer
	r, err := Find(bytes.NewReader(blob), int64(len(blob)), Options{Plain: &text})
	if err != nil {
		tb.Fatal(err)
	}
	checkZsBytes(tb, text.Bytes(), plain)
	b, err := r.Append(nil)
	if err != nil {
		tb.Fatal(err)
	}
	parsed, err := Parse(b)
	if err != nil {
		tb.Fatal(err)
	}
	var got bytes.Buffer
	if err := Replay(parsed, bytes.NewReader(plain), &got); err != nil {
		tb.Fatal(err)
	}
	checkZsBytes(tb, got.Bytes(), blob)
	return r
}

func checkZsBytes(tb testing.TB, got, want []byte) {
	tb.Helper()
	if bytes.Equal(got, want) {
		return
	}
	n := 0
	for n < min(len(got), len(want)) && got[n] == want[n] {
		n++
	}
	tb.Fatalf("%d bytes, want %d; they differ from byte %d on", len(got), len(want), n)
}

func TestZsSameAsOriginal(t *testing.T) {
	oneGoroutine(t)
	for _, level := range []int{zsDefault, zsFastest} {
		w := zsWriter(t, level)
		for _, s := range samples() {
			t.Run(fmt.Sprintf("%d/%s", level, s.name), func(t *testing.T) {
				r := checkZsBlob(t, zsOriginal(t, w, s.plain), s.plain)
				if got := r.Groups[0]; got.Level != level && len(s.plain) > 200 && s.name != "random" && s.name != "zeros" {
					t.Errorf("the recipe says %s", got.Params)
				}
			})
		}
	}
}

func TestZsFindShapes(t *testing.T) {
	text := makeMixed(11, 400<<10)
	block := zsMaxBlock
	skip := func(n int) []byte {
		return append([]byte{0x51, 0x2a, 0x4d, 0x18, byte(n), byte(n >> 8), 0, 0}, make([]byte, n)...)
	}
	w := zsWriter(t, zsDefault)
	sized := func(tb testing.TB, n int) []byte {
		tb.Helper()
		var b bytes.Buffer
		w.ResetContentSize(&b, int64(n))
		if _, err := w.Write(text[:n]); err != nil {
			tb.Fatal(err)
		}
		if err := w.Close(); err != nil {
			tb.Fatal(err)
		}
		return b.Bytes()
	}
	bare := zsWriter(t, zsDefault, zstd.WithEncoderCRC(false))
	concat := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	tests := []struct {
		name        string
		blob, plain []byte
		groups      int
	}{
		{"flushed after 8 bytes", zsOriginal(t, w, text, 8), text, 1},
		{"flushed often", zsOriginal(t, w, text, 1, 2, 30, 40000, 40009, 40000+block, 39999+2*block), text, 1},
		{"flushed at the end", zsOriginal(t, w, text[:1000], 999), text[:1000], 1},
		{"whole blocks", zsOriginal(t, w, text[:2*block]), text[:2*block], 1},
		{"whole blocks at once", w.EncodeAll(text[:2*block], nil), text[:2*block], 1},
		{"one block at once", w.EncodeAll(text[:block], nil), text[:block], 1},
		{"one block", zsOriginal(t, w, text[:block]), text[:block], 1},
		{"at once", w.EncodeAll(text, nil), text, 1},
		{"empty at once", w.EncodeAll(nil, nil), nil, 1},
		{"size declared", sized(t, len(text)), text, 1},
		{"no checksum", zsOriginal(t, bare, text), text, 1},
		{"small window", zsOriginal(t, zsWriter(t, zsDefault, zstd.WithWindowSize(16<<10)), text), text, 1},
		{"other window", zsOriginal(t, zsWriter(t, zsFastest, zstd.WithWindowSize(256<<10)), text), text, 1},
		{"single segment", zsWriter(t, zsFastest, zstd.WithSingleSegment(true)).EncodeAll(text, nil), text, 1},
		{"frames alike", bytes.Repeat(zsOriginal(t, w, text), 3), bytes.Repeat(text, 3), 1},
		{"frames", concat(zsOriginal(t, w, text), w.EncodeAll(text[:1000], nil), zsOriginal(t, bare, text)), concat(text, text[:1000], text), 3},
		{"levels", concat(zsOriginal(t, w, text), zsOriginal(t, zsWriter(t, zsFastest), text)), concat(text, text), 2},
		{"skippable before", concat(skip(0), skip(1000), zsOriginal(t, w, text)), text, 1},
		{"skippable after", concat(zsOriginal(t, w, text), skip(1000), skip(8)), text, 1},
		{"skippable between", concat(zsOriginal(t, w, text), skip(10), zsOriginal(t, w, text)), concat(text, text), 2},
		{"bytes after", concat(zsOriginal(t, w, text), []byte("tail")), text, 1},
		{"zeros after", concat(zsOriginal(t, w, text), make([]byte, 512)), text, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if r := checkZsBlob(t, tt.blob, tt.plain); len(r.Groups) != tt.groups {
				t.Errorf("%d groups, want %d", len(r.Groups), tt.groups)
			}
		})
	}
}

// The original has other rules for a frame of one block.
func TestZsOneBlock(t *testing.T) {
	n := 20000
	if testing.Short() {
		n = 2000
	}
	r := rand.New(rand.NewPCG(32, 1))
	var z zsCodec
	for _, level := range []int{zsDefault, zsFastest} {
		w := zsWriter(t, level)
		for range n {
			text := zsSkewed(r, 17+r.IntN(300), 2+r.IntN(30), r.IntN(2))
			blob := w.EncodeAll(text, nil)
			h, _ := parseZsHeader(blob)
			g := Group{Header: blob[:h.size], Params: Params{Encoder: KPZA, Level: level, Block: zsMaxBlock}, Plain: []int64{int64(len(text))}}
			var got bytes.Buffer
			if err := z.replay(&g, bytes.NewReader(text), &got); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), blob) {
				t.Fatalf("level %d of %q gives %x, want %x", level, text, got.Bytes(), blob)
			}
		}
	}
}

// Matches reach as far as the window, and no farther.
func TestZsSmallWindows(t *testing.T) {
	for _, window := range []int{1 << 10, 4 << 10, 16 << 10, 256 << 10} {
		r := rand.New(rand.NewPCG(30, uint64(window)))
		b := makeRandom(31, window+300)
		for len(b) < window+150<<10 {
			d := window - 60 + r.IntN(64)
			k := min(1+r.IntN(600), d)
			b = append(b, b[len(b)-d:len(b)-d+k]...)
			for range r.IntN(3) * r.IntN(300) {
				b = append(b, byte(r.Uint32()))
			}
		}
		for _, level := range []int{zsDefault, zsFastest} {
			t.Run(fmt.Sprintf("%d/%d", window, level), func(t *testing.T) {
				checkZsBlob(t, zsOriginal(t, zsWriter(t, level, zstd.WithWindowSize(window)), b), b)
			})
		}
	}
}

func TestZsFindRefuses(t *testing.T) {
	text := makeText(12, 100<<10)
	good := zsOriginal(t, zsWriter(t, zsDefault), text)
	changed := func(at int, v byte) []byte {
		b := slices.Clone(good)
		b[at] = v
		return b
	}
	var format *FormatError
	tests := []struct {
		name string
		blob []byte
		want error // nil: a FormatError
	}{
		{"better level", zsOriginal(t, zsWriter(t, 3), text), ErrUnknownEncoder},
		{"skippable only", []byte{0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}, ErrNotCompressed},
		{"skippable cut", []byte{0x50, 0x2a, 0x4d, 0x18, 9, 0, 0, 0, 1}, io.ErrUnexpectedEOF},
		{"long skippable", append(append([]byte{0x50, 0x2a, 0x4d, 0x18, 0, 0, 1, 0}, make([]byte, 64<<10)...), good...), ErrUnknownEncoder},
		{"long tail", append(slices.Clone(good), make([]byte, maxTail+1)...), ErrUnknownEncoder},
		{"dictionary", changed(4, good[4]|1), ErrUnknownEncoder},
		{"checksum", changed(len(good)-1, good[len(good)-1]+1), nil},
		{"block type", changed(6, good[6]|6), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Find(bytes.NewReader(tt.blob), int64(len(tt.blob)), Options{Frame: Zstd})
			if tt.want == nil && !errors.As(err, &format) || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("Find() = %v, want %v", err, tt.want)
			}
		})
	}
}

func TestZsFindSurvivesHarm(t *testing.T) {
	oneGoroutine(t)
	w := zsWriter(t, zsDefault)
	first := zsOriginal(t, w, makeText(13, 600), 8, 300)
	good := append(bytes.Clone(first), w.EncodeAll(make([]byte, 300), nil)...)
	step := 1
	if testing.Short() {
		step = 11
	}
	for n := 1; n < len(good); n += step {
		_, err := Find(bytes.NewReader(good), int64(n), Options{Frame: Zstd})
		// Few bytes after a whole frame are its tail.
		if whole := n >= len(first) && n < len(first)+4; (err == nil) != whole {
			t.Errorf("cut to %d of %d bytes: %v", n, len(good), err)
		}
	}
	for at := 0; at < len(good); at += step {
		for _, x := range []byte{1, 0x10, 0xff} {
			b := slices.Clone(good)
			b[at] ^= x
			var text bytes.Buffer
			r, err := Find(bytes.NewReader(b), int64(len(b)), Options{Frame: Zstd, Plain: &text})
			if err != nil {
				continue
			}
			if err := Prove(r, &text, bytes.NewReader(b), int64(len(b))); err != nil {
				t.Errorf("byte %d changed by %#x: %v", at, x, err)
			}
		}
	}
}

// Few sequences with many codes are where tables of FSE are hardest to fill.
func TestZsFewSequences(t *testing.T) {
	w := zsWriter(t, zsDefault)
	step := 1
	if testing.Short() {
		step = 7
	}
	for n := 1; n < 60; n += step {
		for _, same := range []bool{false, true} {
			b := makeRandom(29, 2200)
			if n < 25 {
				b = b[:400]
			}
			at := 0
			for i := range n {
				k := i
				if same && i > 20 {
					k = i % 7
				}
				b = append(b, makeRandom(uint64(30+i), 1+k)...)
				b = append(b, b[at:at+5+k]...)
				at += 5 + k
			}
			blob := zsOriginal(t, w, b)
			h, ok := parseZsHeader(blob)
			if kind := blob[h.size] >> 1 & 3; !ok || kind != zsCompressed && n > 20 {
				t.Errorf("%d sequences: block of type %d", n, kind)
			}
			checkZsBlob(t, blob, b)
		}
	}
}

func TestZsUnproven(t *testing.T) {
	text := makeMixed(14, 4<<20)
	blob := zsOriginal(t, zsWriter(t, zsDefault), text[:3<<20])
	other := zsOriginal(t, zsWriter(t, zsFastest), text)
	// A frame that goes on as another level would.
	r, err := Find(bytes.NewReader(blob), int64(len(blob)), Options{Unproven: true, Likely: Params{Encoder: KPZB, Level: zsFastest}})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.PlainSize(); got != 3<<20 || r.Groups[0].Level != zsDefault {
		t.Errorf("the recipe says %s of %d bytes", r.Groups[0].Params, got)
	}
	if err := Prove(r, bytes.NewReader(text), bytes.NewReader(other), int64(len(other))); !errors.Is(err, ErrMismatch) {
		t.Errorf("Prove() of another blob = %v, want ErrMismatch", err)
	}
}

// A frame does not depend on those before it, however many.
func TestZsPositionsWrap(t *testing.T) {
	text := makeMixed(15, 200<<10)
	for _, level := range []int{zsDefault, zsFastest} {
		blob := zsOriginal(t, zsWriter(t, level), text)
		r := checkZsBlob(t, blob, text)
		var z zsCodec
		for i, base := range []uint32{0, 3<<30 - 100<<10, 3<<30 - 9<<20, 3<<30 + 1} {
			if z.window.base < base {
				z.window.base = base
			}
			var got bytes.Buffer
			if err := z.replay(&r.Groups[0], bytes.NewReader(text), &got); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), blob) {
				t.Errorf("level %d: frame %d differs", level, i)
			}
		}
		if z.window.base > 1<<30 {
			t.Errorf("positions begin at %d", z.window.base)
		}
	}
}

func TestZsChecksum(t *testing.T) {
	var h zsChecksum
	h.reset()
	if got, want := h.sum(), uint64(0xef46db3751d8e999); got != want {
		t.Errorf("sum of nothing = %#x, want %#x", got, want)
	}
	text := makeText(16, 1000)
	for n := range 200 {
		h.reset()
		h.write(text)
		want := h.sum()
		h.reset()
		for b := range slices.Chunk(text, n+1) {
			h.write(b)
		}
		if got := h.sum(); got != want {
			t.Errorf("sum of pieces of %d bytes = %#x, want %#x", n+1, got, want)
		}
	}
}

func TestZsRecipeRefused(t *testing.T) {
	header := zsOriginal(t, zsWriter(t, zsDefault), makeText(17, 1<<20))[:6]
	good := Group{Frame: Zstd, Header: header, Params: Params{Encoder: KPZA, Level: zsDefault, Block: zsMaxBlock}, Plain: []int64{1 << 20}}
	if err := (&Recipe{Groups: []Group{good}}).check(); err != nil {
		t.Fatal(err)
	}
	cuts := func(c ...int64) func(g *Group) {
		return func(g *Group) {
			for _, n := range c {
				g.Header = appendNumber(g.Header, n)
			}
		}
	}
	tests := []struct {
		name   string
		change func(g *Group)
	}{
		{"no header", func(g *Group) { g.Header = nil }},
		{"gzip header", func(g *Group) { g.Header = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0} }},
		{"header cut", func(g *Group) { g.Header = g.Header[:5] }},
		{"window above 8 MiB", func(g *Group) { g.Header[5] = 14 << 3 }},
		{"no window of a power of two", func(g *Group) { g.Header[5] |= 1 }},
		{"dictionary", func(g *Group) { g.Header[4] |= 2 }},
		{"other encoder", func(g *Group) { g.Encoder = Go126 }},
		{"other frame", func(g *Group) { g.Frame = Gzip }},
		{"level", func(g *Group) { g.Level = 3 }},
		{"no block", func(g *Group) { g.Block = 0 }},
		{"long block", func(g *Group) { g.Block = 2 * zsMaxBlock }},
		{"feed", func(g *Group) { g.Feed = Tar }},
		{"half a cut", cuts(1)},
		{"cut of more than a block", cuts(0, zsMaxBlock+1)},
		{"cuts beyond the text", cuts(8, 1)},
		{"cut after the last", cuts(7, zsMaxBlock, 0, 0)},
		{"last cut too early", cuts(6, zsMaxBlock)},
		{"many full blocks", cuts(1<<45, 1)},
		{"members of other sizes", func(g *Group) {
			cuts(7, zsMaxBlock)(g)
			g.Plain = append(g.Plain, 1<<20+1)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := good
			g.Header, g.Plain = slices.Clone(g.Header), slices.Clone(g.Plain)
			tt.change(&g)
			var format *FormatError
			if err := (&Recipe{Groups: []Group{g}}).check(); !errors.As(err, &format) {
				t.Errorf("check() = %v, want a FormatError", err)
			}
		})
	}
}

func TestZsCutsOfRuns(t *testing.T) {
	r := rand.New(rand.NewPCG(18, 1))
	for range 2000 {
		block := int64(4)
		var runs []zsRun
		var sizes []int64
		var plain int64
		for range 1 + r.IntN(12) {
			n := r.Int64N(block + 1)
			if r.IntN(3) == 0 {
				n = block
			}
			if k := len(runs); k > 0 && runs[k-1].size == n {
				runs[k-1].n++
			} else {
				runs = append(runs, zsRun{n, 1})
			}
			plain += n
			sizes = append(sizes, n)
		}
		b := cutsOf(runs, block).appendTo(nil)
		cuts, err := parseZsCuts(b, block, plain, plain)
		if err != nil {
			t.Fatalf("%d: %v", sizes, err)
		}
		var got []int64
		err = cuts.blocks(block, plain, func(size int, last bool) error {
			got = append(got, int64(size))
			if last != (len(got) == len(sizes)) {
				return errors.New("ends elsewhere")
			}
			return nil
		})
		if err != nil || !slices.Equal(got, sizes) {
			t.Fatalf("blocks of the cuts %d of %d: %d, %v", cuts, sizes, got, err)
		}
	}
}
