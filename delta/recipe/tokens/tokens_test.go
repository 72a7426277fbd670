package tokens

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestGeneralModel(t *testing.T) {
	var c Codec
	tests := []struct {
		level, size, flush int
		most               float64 // corrections, in percent of the stream
	}{
		{6, 1_500_000, 0, 0.2},
		{9, 500_000, 0, 10},
		{5, 500_000, 0, 2},
		{2, 500_000, 0, 5},
		{1, 500_000, 0, 25},
		{6, 500_000, 10_000, 2},
		{-2, 300_000, 0, 0.2},
		{0, 300_000, 0, 0.2},
		{6, 100_000, 5000, 4},
		{6, 1, 0, 2000},
		{6, 0, 0, 2000},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("level %d size %d flush %d", tt.level, tt.size, tt.flush), func(t *testing.T) {
			if testing.Short() && tt.size > 150_000 {
				t.Skip("takes seconds with the race detector")
			}
			src := deflated(t, sample(1, tt.size), tt.level, tt.flush)
			fix := roundTrip(t, &c, src, nil)
			if got := 100 * float64(len(fix)) / float64(len(src)); got > tt.most {
				t.Errorf("%d bytes of corrections for %d, %.2f %%, want at most %g %%", len(fix), len(src), got, tt.most)
			}
		})
	}
}

func TestNearModel(t *testing.T) {
	var c Codec
	plain := sample(2, 600_000)
	like := deflated(t, plain, 6, 0)
	tests := []struct {
		name string
		near []byte
		src  []byte
		most float64
	}{
		{"the same", like, like, 0.05},
		{"flushed", like, deflated(t, plain, 6, 50_000), 0.5},
		{"of flushed", deflated(t, plain, 6, 50_000), like, 0.5},
		{"level 7", like, deflated(t, plain, 7, 0), 10},
		{"level 1", like, deflated(t, plain, 1, 0), 50},
		{"no matches", like, deflated(t, plain, -2, 0), 30},
		{"stored", like, deflated(t, plain, 0, 0), 1},
		{"of stored", deflated(t, plain, 0, 0), like, 70},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fix := roundTrip(t, &c, tt.src, tt.near)
			if got := 100 * float64(len(fix)) / float64(len(tt.src)); got > tt.most {
				t.Errorf("%d bytes of corrections for %d, %.2f %%, want at most %g %%", len(fix), len(tt.src), got, tt.most)
			}
		})
	}
}

// TestAnyStream tries streams that no encoder writes.
func TestAnyStream(t *testing.T) {
	var c Codec
	n := 300
	if testing.Short() {
		n = 20
	}
	for seed := range uint64(n) {
		r := rand.New(rand.NewPCG(seed, 7))
		src, near := oddStream(r)
		roundTrip(t, &c, src, nil)
		roundTrip(t, &c, src, near)
		roundTrip(t, &c, src, src)
	}
}

// oddStream returns a deflate stream of random blocks, and one of the same text
// that has little in common with it.
func oddStream(r *rand.Rand) (src, near []byte) {
	var b bytes.Buffer
	var e emitter
	e.reset(&b)
	e.limit = 1 << 40
	var plain []byte
	blocks := 1 + r.IntN(6)
	for i := range blocks {
		s := &segment{kind: uint8(r.IntN(3)), first: true, final: i == blocks-1}
		if r.IntN(2) == 0 {
			s.pad = uint8(r.IntN(128))
		}
		at := len(plain)
		if s.kind == blockStored {
			for range r.IntN(400) {
				plain = append(plain, byte(r.IntN(4)))
			}
		} else {
			plain = oddTokens(r, s, plain)
			oddHeader(r, s)
		}
		e.segment(s, plain[at:])
	}
	if e.err != nil {
		panic(e.err)
	}
	var nb bytes.Buffer
	e.reset(&nb)
	e.limit = 1 << 40
	half := len(plain) / 2
	for i, part := range [][]byte{plain[:half], plain[half:]} {
		s := &segment{kind: blockFixed, first: true, final: i == 1}
		for k := 0; k < len(part); {
			if part[k] == 0 && k+3 < len(part) && k > 0 {
				if n := same(append(slices.Clone(part), make([]byte, 16)...), k-1, k, min(maxMatch, len(part)-k)); n >= 3 {
					s.tokens = append(s.tokens, makeMatch(n, 1))
					k += n
					continue
				}
			}
			s.tokens = append(s.tokens, token(part[k]))
			k++
		}
		e.segment(s, nil)
	}
	return b.Bytes(), nb.Bytes()
}

// oddTokens fills s with random tokens and appends their text to plain.
func oddTokens(r *rand.Rand, s *segment, plain []byte) []byte {
	for range r.IntN(600) {
		if len(plain) == 0 || r.IntN(3) > 0 {
			plain = append(plain, byte(r.IntN(4)))
			s.tokens = append(s.tokens, token(plain[len(plain)-1]))
			continue
		}
		n, d := 3+r.IntN(9), 1+r.IntN(min(len(plain), windowSize))
		if r.IntN(9) == 0 {
			n = maxMatch
		}
		tok := makeMatch(n, d)
		if n == maxMatch && r.IntN(2) == 0 {
			tok |= oddFlag
			s.odd = true
		}
		s.tokens = append(s.tokens, tok)
		for range n {
			plain = append(plain, plain[len(plain)-d])
		}
	}
	return plain
}

// oddHeader gives s, if it is a dynamic block, codes built in one of the ways
// or far from the best, spelt in one of the ways or without need.
func oddHeader(r *rand.Rand, s *segment) {
	if s.kind != blockDynamic {
		return
	}
	var m headerModel
	m.count(s.tokens)
	for range r.IntN(3) * 20 {
		m.freqLit[r.IntN(numLit)] += uint32(r.IntN(3000))
	}
	h := &s.header
	var dist [numDist]uint8
	h.lits, h.dists = numLit, numDist
	m.b.build(r.IntN(builders), h.lengths[:numLit], m.freqLit[:], maxCodeBits)
	m.b.build(r.IntN(builders), dist[:], m.freqDist[:], maxCodeBits)
	for r.IntN(10) > 0 && h.lits > firstLength && h.lengths[h.lits-1] == 0 {
		h.lits--
	}
	for r.IntN(10) > 0 && h.dists > 1 && dist[h.dists-1] == 0 {
		h.dists--
	}
	copy(h.lengths[h.lits:], dist[:h.dists])
	h.ops = appendOps(nil, h, r.IntN(2))
	if r.IntN(2) == 0 {
		h.ops = h.ops[:0]
		for _, l := range h.lengths[:h.lits+h.dists] {
			k := len(h.ops)
			if l == 0 && k > 2 && r.IntN(3) == 0 && h.ops[k-1].symbol == 0 && h.ops[k-2].symbol == 0 {
				h.ops = append(h.ops[:k-2], op{17, 0})
				continue
			}
			h.ops = append(h.ops, op{symbol: l})
		}
	}
	var freq [numCodegen]uint32
	for _, o := range h.ops {
		freq[o.symbol]++
	}
	m.b.build(r.IntN(builders), h.code[:], freq[:], maxCGenBits)
	h.count = numCodegen
	for r.IntN(10) > 0 && h.count > 4 && h.code[codegenOrder[h.count-1]] == 0 {
		h.count--
	}
}

func TestLongBlocks(t *testing.T) {
	if testing.Short() {
		t.Skip("long blocks take seconds")
	}
	var c Codec
	r := rand.New(rand.NewPCG(1, 1))
	literals := &segment{kind: blockFixed, first: true, final: true}
	for range 3*segmentTokens/2 + 77 {
		literals.tokens = append(literals.tokens, token(r.IntN(140)))
	}
	matches := &segment{kind: blockFixed, first: true, final: true, tokens: []token{0}}
	for range 3 * segmentPlain / maxMatch {
		matches.tokens = append(matches.tokens, makeMatch(maxMatch, 1))
	}
	for _, s := range []*segment{literals, matches} {
		var b bytes.Buffer
		var e emitter
		e.reset(&b)
		e.limit = 1 << 40
		e.segment(s, nil)
		roundTrip(t, &c, b.Bytes(), nil)
		roundTrip(t, &c, b.Bytes(), b.Bytes())
	}
}

func TestSmallReads(t *testing.T) {
	plain := sample(4, 100_000)
	src, near := deflated(t, plain, 6, 7000), deflated(t, plain, 6, 0)
	for _, withNear := range []bool{false, true} {
		open := func() io.Reader {
			if !withNear {
				return nil
			}
			return iotest.HalfReader(bytes.NewReader(near))
		}
		var whole, fix, back bytes.Buffer
		if err := Encode(&fix, iotest.OneByteReader(bytes.NewReader(src)), open(), Options{}); err != nil {
			t.Fatal(err)
		}
		if err := Encode(&whole, bytes.NewReader(src), open(), Options{}); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(fix.Bytes(), whole.Bytes()) {
			t.Error("corrections depend on how src is read")
		}
		if err := Decode(&back, iotest.OneByteReader(&fix), iotest.OneByteReader(bytes.NewReader(plain)), open()); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(back.Bytes(), src) {
			t.Error("Decode gives other bytes than Encode got")
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	plain := sample(5, 100_000)
	src := deflated(t, plain, 6, 0)
	var empty bytes.Buffer
	var e emitter
	e.reset(&empty)
	e.limit = 1 << 40
	for range 20_000 {
		e.segment(&segment{kind: blockStored, first: true}, nil)
	}
	e.segment(&segment{kind: blockStored, first: true, final: true}, nil)
	var format *FormatError
	isFormat := func(err error) bool { return errors.As(err, &format) }
	isUnfit := func(err error) bool { return errors.Is(err, ErrUnfit) }
	isShort := func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }
	tests := []struct {
		name string
		src  []byte
		near []byte
		want func(error) bool
	}{
		{"nothing", nil, nil, isShort},
		{"cut short", src[:len(src)-1], nil, isShort},
		{"bytes after the end", append(slices.Clone(src), 0), nil, isFormat},
		{"many bytes after the end", append(slices.Clone(src), make([]byte, 1<<20)...), nil, isFormat},
		{"block of kind 3", []byte{7}, nil, isFormat},
		{"text", []byte(strings.Repeat("no deflate stream", 20)), nil, isFormat},
		{"empty blocks", empty.Bytes(), nil, isUnfit},
		{"near of more", src, deflated(t, append(slices.Clone(plain), 1), 6, 0), isUnfit},
		{"near of less", src, deflated(t, plain[:len(plain)-1], 6, 0), isUnfit},
		{"near of nothing", src, deflated(t, nil, 6, 0), isUnfit},
		{"near of other", src, deflated(t, sample(6, 100_000), 6, 0), isUnfit},
		{"near cut short", src, src[:len(src)-1], isShort},
		{"near with bytes after the end", src, append(slices.Clone(src), 0), isFormat},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := Encode(io.Discard, bytes.NewReader(tt.src), readerOf(tt.near), Options{}); !tt.want(err) {
				t.Errorf("Encode = %v", err)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	plain := sample(7, 50_000)
	src, near := deflated(t, plain, 6, 9000), deflated(t, plain, 6, 0)
	type texts struct{ plain, near []byte }
	more := append(slices.Clone(plain), sample(3, 1000)...)
	others := map[bool][]texts{
		false: {{plain: more}, {plain: plain[:len(plain)-1000]}, {plain: plain[1:]}, {near: near}},
		true:  {{near: deflated(t, more, 6, 0)}, {near: deflated(t, plain[1:], 6, 0)}, {plain: plain}},
	}
	for _, with := range [][]byte{nil, near} {
		var c Codec
		fix := roundTrip(t, &c, src, with)
		for n := range len(fix) {
			if c.Decode(io.Discard, bytes.NewReader(fix[:n]), bytes.NewReader(plain), readerOf(with)) == nil {
				t.Fatalf("Decode accepts %d of %d bytes", n, len(fix))
			}
		}
		if c.Decode(io.Discard, bytes.NewReader(append(fix, 0)), bytes.NewReader(plain), readerOf(with)) == nil {
			t.Error("Decode accepts a byte after the end")
		}
		// Text that is not that of the stream gives an error or another stream.
		for _, r := range others[with != nil] {
			var back bytes.Buffer
			if c.Decode(&back, bytes.NewReader(fix), readerOf(r.plain), readerOf(r.near)) == nil && bytes.Equal(back.Bytes(), src) {
				t.Errorf("Decode makes the stream of %d bytes of text and %d of near stream", len(r.plain), len(r.near))
			}
		}
	}
}

func TestHostileCorrections(t *testing.T) {
	plain := sample(8, 20_000)
	src, near := deflated(t, plain, 6, 3000), deflated(t, plain, 6, 0)
	var c Codec
	for _, with := range [][]byte{nil, near} {
		fix := roundTrip(t, &c, src, with)
		for i := range fix {
			for _, x := range []byte{0x01, 0x80, 0xff} {
				if i < 1+paramsSize && x == 0xff && testing.Short() {
					continue
				}
				bad := slices.Clone(fix)
				bad[i] ^= x
				var n counter
				err := c.Decode(&n, bytes.NewReader(bad), bytes.NewReader(plain), readerOf(with))
				if int64(n) > MaxSize(int64(len(plain))) {
					t.Fatalf("byte %d ^ %#x: %d bytes from %d of plain text (%v)", i, x, n, len(plain), err)
				}
			}
		}
	}
}

func TestPull(t *testing.T) {
	plain := sample(9, 300_000)
	want := deflated(t, plain, 6, 0)
	open := func(w io.Writer) (io.WriteCloser, error) { return newFlate(w) }
	for _, r := range []io.Reader{bytes.NewReader(plain), iotest.DataErrReader(bytes.NewReader(plain))} {
		got, err := io.ReadAll(iotest.HalfReader(Pull(r, open)))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("Pull gives %d bytes, %v; want %d", len(got), err, len(want))
		}
	}
	broken := errors.New("broken")
	if _, err := io.ReadAll(Pull(iotest.ErrReader(broken), open)); !errors.Is(err, broken) {
		t.Errorf("reading from Pull = %v, want the reader's error", err)
	}
	var fix, back bytes.Buffer
	src := deflated(t, plain, 6, 40_000)
	if err := Encode(&fix, bytes.NewReader(src), Pull(bytes.NewReader(plain), open), Options{}); err != nil {
		t.Fatal(err)
	}
	if err := Decode(&back, &fix, nil, Pull(bytes.NewReader(plain), open)); err != nil || !bytes.Equal(back.Bytes(), src) {
		t.Errorf("Decode = %v; right bytes: %t", err, bytes.Equal(back.Bytes(), src))
	}
}

func TestOptionsDepth(t *testing.T) {
	src := deflated(t, sample(10, 60_000), 9, 0)
	size := func(depth int) int {
		var fix bytes.Buffer
		if err := Encode(&fix, bytes.NewReader(src), nil, Options{Depth: depth}); err != nil {
			t.Fatal(err)
		}
		return fix.Len()
	}
	if shallow, deep := size(4), size(512); deep >= shallow {
		t.Errorf("%d bytes of corrections at depth 512, %d at depth 4", deep, shallow)
	}
}

func TestEmitterLimit(t *testing.T) {
	var n counter
	var e emitter
	e.reset(&n)
	e.limit = 2*emitSize + 5
	s := &segment{kind: blockStored, first: true}
	for range 20 {
		e.segment(s, make([]byte, emitSize/8))
	}
	if e.err != nil {
		t.Fatalf("%d bytes are refused: %v", e.size(), e.err)
	}
	e.segment(&segment{kind: blockStored, first: true, final: true}, nil)
	for range 2 {
		e.segment(&segment{kind: blockStored, first: true, final: true}, make([]byte, emitSize-1))
	}
	var format *FormatError
	if !errors.As(e.err, &format) || int64(n) > e.limit {
		t.Errorf("%d bytes written, limit %d: %v", n, e.limit, e.err)
	}
}
