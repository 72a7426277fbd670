package entropy

import (
	"bytes"
	"testing"
)

func TestLogistic(t *testing.T) {
	for x := int64(-maxStretch); x < maxStretch; x++ {
		if p, q := squash(x), squash(x+1); p > q || p < 1 || q > 65535 {
			t.Fatalf("squash(%d) = %d, squash(%d) = %d", x, p, x+1, q)
		}
		if squash(x)+squash(-x) != 65536 {
			t.Fatalf("squash(%d) + squash(%d) = %d", x, -x, squash(x)+squash(-x))
		}
	}
	if squash(-1e9) != squash(-maxStretch) || squash(1e9) != squash(maxStretch) {
		t.Error("squash has no limits")
	}
	// 65536/(1+e) and 65536/(1+exp(8)).
	if squash(-256) != 17625 || squash(-2048) != 21 {
		t.Errorf("squash(-256) = %d, squash(-2048) = %d", squash(-256), squash(-2048))
	}
	for p := uint32(64); p < 65536-64; p += 16 {
		if q := squash(int64(stretch(p))); q+q>>6+24 < p || q > p+p>>6+24 {
			t.Errorf("squash(stretch(%d)) = %d", p, q)
		}
	}
}

func TestHistories(t *testing.T) {
	reached := map[byte]bool{0: true}
	for work := []byte{0}; len(work) > 0; work = work[1:] {
		for y := range 2 {
			if s := histories.next[y][work[0]]; !reached[s] {
				reached[s] = true
				work = append(work, s)
			}
		}
	}
	if len(reached) < 150 || len(reached) > 255 {
		t.Errorf("%d histories are reached", len(reached))
	}
	if histories.initial[0] != 1<<15 {
		t.Errorf("without a history, a one has probability %d", histories.initial[0])
	}
	zero, one := byte(0), byte(0)
	for range 100 {
		zero, one = histories.next[0][zero], histories.next[1][one]
	}
	if histories.initial[zero] > 2000 || histories.initial[one] < 63000 {
		t.Errorf("after a hundred zeros %d, after a hundred ones %d", histories.initial[zero], histories.initial[one])
	}
	for s := range reached {
		if p := histories.initial[s]; p < 1 || p > 65535 {
			t.Errorf("history %d starts from %d", s, p)
		}
	}
}

// The range coder is exact at the edges of its probabilities and when what
// it wrote last must be carried into.
func TestRangeCoder(t *testing.T) {
	r := source(7)
	for _, n := range []int{0, 1, 10, 1000, 100_000} {
		for _, edge := range []uint32{1, 100, 32768, 65535} {
			bits, ps := make([]int, n), make([]uint32, n)
			var e rangeEncoder
			e.init([]byte("x"))
			for i := range bits {
				ps[i] = min(max(edge+r.Uint32N(5), 3)-2, 65535)
				if r.Uint32N(65536) < ps[i] {
					bits[i] = 1
				}
				e.encode(bits[i], ps[i])
			}
			out := e.finish()
			var d rangeDecoder
			d.init(out[1:])
			for i := range bits {
				if d.decode(ps[i]) != bits[i] {
					t.Fatalf("n %d, p %d: bit %d differs", n, edge, i)
				}
			}
			if err := d.close(); err != nil {
				t.Errorf("n %d, p %d: close: %v", n, edge, err)
			}
		}
	}
}

// All ones stay at the lower end of the range, all zeros at the upper: there the
// coded bytes are nothing but zeros, and carries go far.
func TestRangeCoderOneSided(t *testing.T) {
	for _, y := range []int{0, 1} {
		for _, p := range []uint32{1, 1 << 15, 65535} {
			for n := range 200 {
				var e rangeEncoder
				e.init(nil)
				for range n {
					e.encode(y, p)
				}
				var d rangeDecoder
				d.init(e.finish())
				for i := range n {
					if d.decode(p) != y {
						t.Fatalf("%d times %d with p %d: bit %d differs", n, y, p, i)
					}
				}
				if err := d.close(); err != nil {
					t.Errorf("%d times %d with p %d: close: %v", n, y, p, err)
				}
			}
		}
	}
}

func TestDirect(t *testing.T) {
	var e rangeEncoder
	e.init(nil)
	for i := range uint32(30) {
		e.direct(0x2aaaaaaa, uint(i))
	}
	var d rangeDecoder
	d.init(e.finish())
	for i := range uint(30) {
		if got, want := d.direct(i), uint32(0x2aaaaaaa)&(1<<i-1); got != want {
			t.Errorf("direct(%d) = %x, want %x", i, got, want)
		}
	}
}

// The filter loses nothing, even where calls stand in the operands of calls.
func TestCalls(t *testing.T) {
	r := source(8)
	tests := [][]byte{nil, {0xe8}, {0xe8, 0, 0, 0}, {0xe8, 1, 2, 3, 0}, machine(3, 9000)}
	for range 2000 {
		b := make([]byte, r.IntN(40))
		for i := range b {
			b[i] = []byte{0xe8, 0xe9, 0, 0xff, byte(r.Uint32())}[r.IntN(5)]
		}
		tests = append(tests, b)
	}
	for _, want := range tests {
		got := bytes.Clone(want)
		callsToAbsolute(got)
		callsToRelative(got)
		if !bytes.Equal(got, want) {
			t.Fatalf("% x becomes % x", want, got)
		}
	}
	b := machine(3, 9000)
	callsToAbsolute(b)
	if bytes.Equal(b, machine(3, 9000)) {
		t.Error("the filter changes nothing")
	}
	if !callsRepeat(machine(3, 9000)) || callsRepeat(noise(1, 9000)) || callsRepeat(nil) {
		t.Error("callsRepeat does not tell code from noise")
	}
}

func TestLengthSymbols(t *testing.T) {
	last := uint32(0)
	for l := uint32(1); l < 1<<27; l += 1 + l/1000 {
		sym, extra := lengthSymbol(l)
		base, more := lengthBase(sym)
		if more != extra || base+(l-1)&(1<<extra-1) != l-1 || sym < last || sym >= lzLengths {
			t.Fatalf("length %d: symbol %d, %d bits, base %d, %d bits", l, sym, extra, base, more)
		}
		last = sym
	}
}

func TestDistanceSlots(t *testing.T) {
	last := uint32(0)
	for d := uint32(0); d < MaxFrame; d += 1 + d/1000 {
		slot, extra := distanceSlot(d)
		base := slot
		if slot >= lzFooterMin {
			base = (2 | slot&1) << extra
			if extra != uint(slot>>1-1) {
				t.Fatalf("distance %d: slot %d, %d bits", d, slot, extra)
			}
		}
		if base+d&(1<<extra-1) != d || slot < last || slot >= lzSlots {
			t.Fatalf("distance %d: slot %d, %d bits", d, slot, extra)
		}
		last = slot
	}
}

// The finder offers true matches, each longer than those before, and finds
// the longest one where it looks at every position.
func TestMatchFinder(t *testing.T) {
	src := append(prose(9, 3000), machine(3, 2000)...)
	var f matchFinder
	f.init(src, len(src), lzNice)
	for p := range src {
		best := uint32(1)
		for _, c := range f.next() {
			if c.length <= best || c.dist < 1 || int(c.dist) > p {
				t.Fatalf("at %d: length %d after %d, distance %d", p, c.length, best, c.dist)
			}
			if n := matchLen(src[p-int(c.dist):], src[p:]); uint32(n) < c.length {
				t.Fatalf("at %d: length %d at distance %d is %d", p, c.length, c.dist, n)
			}
			best = c.length
		}
		longest := 0
		for q := range p {
			longest = max(longest, matchLen(src[q:], src[p:min(p+lzNice, len(src))]))
		}
		if longest >= 4 && int(best) != longest {
			t.Fatalf("at %d: the longest is %d, want %d", p, best, longest)
		}
	}
}

func TestPrice(t *testing.T) {
	tests := []struct {
		p    uint32
		y    int
		want uint32
	}{{1 << 15, 0, 64}, {1 << 15, 1, 64}, {1 << 14, 1, 128}, {3 << 14, 0, 128}, {65535, 1, 0}, {1, 1, 832}}
	for _, tt := range tests {
		if got := price(tt.p, tt.y); got+1 < tt.want || got > tt.want+1 {
			t.Errorf("price(%d, %d) = %d, want %d", tt.p, tt.y, got, tt.want)
		}
	}
}

// Tokens cost what the prices say: a number and its tree stay in step.
func TestTrees(t *testing.T) {
	r := source(10)
	var e rangeEncoder
	e.init(nil)
	var in, out [2][64]bit
	for _, b := range []*[2][64]bit{&in, &out} {
		resetBits(b[0][:])
		resetBits(b[1][:])
	}
	want := make([]uint32, 3000)
	for i := range want {
		want[i] = r.Uint32N(r.Uint32N(64) + 1)
		e.tree(in[0][:], 6, want[i])
		e.reverse(in[1][:], 6, want[i])
	}
	var d rangeDecoder
	d.init(e.finish())
	for i, w := range want {
		if a, b := d.tree(out[0][:], 6), d.reverse(out[1][:], 6); a != w || b != w {
			t.Fatalf("number %d is %d and %d, want %d", i, a, b, w)
		}
	}
	if often, seldom := symbolPrice(in[0][:], 0), symbolPrice(in[0][:], 63); often >= seldom {
		t.Errorf("what is frequent costs %d, what is rare %d", often, seldom)
	}
}

func BenchmarkCoders(b *testing.B) {
	content := map[Kind][]byte{Text: prose(2, 1<<20), Code: machine(3, 1<<20), Sparse: sparse(6, 1<<20)}
	names := map[Kind]string{Text: "prose", Code: "machine", Sparse: "sparse"}
	var e Encoder
	var d Decoder
	for kind, src := range content {
		for _, c := range []Coder{Zstd, LZ, CM} {
			coded := e.encode(nil, src, c, kind, Normal)
			b.Run("encode/"+coders[c]+"/"+names[kind], func(b *testing.B) {
				b.SetBytes(int64(len(src)))
				for b.Loop() {
					coded = e.encode(coded[:0], src, c, kind, Normal)
				}
			})
			b.Run("decode/"+coders[c]+"/"+names[kind], func(b *testing.B) {
				var out []byte
				b.SetBytes(int64(len(src)))
				for b.Loop() {
					out, _ = d.Decode(out[:0], coded, c, len(src))
				}
			})
		}
	}
}
