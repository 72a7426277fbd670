package recipe

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/fse"
	"github.com/klauspost/compress/huff0"
)

// zsSkewed is n symbols below most; the larger bend is, the rarer are high ones.
func zsSkewed(r *rand.Rand, n, most, bend int) []byte {
	b := make([]byte, n)
	for i := range b {
		v := r.IntN(most)
		for range bend {
			v = r.IntN(v + 1)
		}
		b[i] = byte(v)
	}
	return b
}

// zsUneven is many symbols that are rare and few that are not, such that
// rounding gives away more of a small table than there is.
func zsUneven(r *rand.Rand) []byte {
	var b []byte
	for i := range 16 {
		n := 1 + r.IntN(3)
		if r.IntN(4) == 0 {
			n = 10 + r.IntN(10) + 60*r.IntN(2)
		}
		b = append(b, bytes.Repeat([]byte{byte(i)}, n)...)
	}
	r.Shuffle(len(b), func(i, j int) { b[i], b[j] = b[j], b[i] })
	return b
}

func TestZsFSESameAsOriginal(t *testing.T) {
	n := 20000
	if testing.Short() {
		n = 2000
	}
	r := rand.New(rand.NewPCG(19, 1))
	packed := 0
	for range n {
		limit := 5 + r.IntN(4)
		size := 3 + r.IntN(1<<(1+r.IntN(11)))
		symbols := zsSkewed(r, size, 1+r.IntN(1<<r.IntN(7)), r.IntN(5))
		if r.IntN(2) == 0 {
			symbols = zsUneven(r)
		}
		if checkZsFSE(t, symbols, limit) {
			packed++
		}
	}
	if packed < n/10 {
		t.Errorf("only %d of %d became shorter", packed, n)
	}
}

// checkZsFSE compares with the original and reports whether symbols became
// shorter.
func checkZsFSE(tb testing.TB, symbols []byte, limit int) bool {
	tb.Helper()
	want, err := fse.Compress(symbols, &fse.Scratch{TableLog: uint8(limit)})
	buf := make([]byte, 2*len(symbols)+1024)
	end, ok := new(zsTable).pack(buf, 0, symbols, limit)
	if ok != (err == nil) {
		tb.Fatalf("pack(%x, %d) = %t, the original says %v", symbols, limit, ok, err)
	}
	if ok && !bytes.Equal(buf[:end], want) {
		tb.Fatalf("pack(%x, %d) = %x, want %x", symbols, limit, buf[:end], want)
	}
	return ok
}

func TestZsHuffmanSameAsOriginal(t *testing.T) {
	n := 1000
	if testing.Short() {
		n = 100
	}
	r := rand.New(rand.NewPCG(20, 1))
	var seen [huffAgain + 1]int
	for range n {
		var blocks [][]byte
		size := 17 + r.IntN(1<<(1+r.IntN(16)))
		most, bend := 1+r.IntN(256), r.IntN(6)
		if r.IntN(10) == 0 {
			most = 1
		}
		for range 4 {
			b := zsSkewed(r, size, most, bend)
			if r.IntN(3) == 0 {
				b[r.IntN(size)] = byte(r.IntN(256))
			}
			blocks = append(blocks, b)
		}
		for _, k := range checkZsHuffman(t, blocks) {
			seen[k]++
		}
	}
	for k, n := range seen {
		if n == 0 {
			t.Errorf("no literals of kind %d", k)
		}
	}
}

// Counts like those of Fibonacci want the longest codes.
func TestZsHuffmanLimitsLengths(t *testing.T) {
	for n := 12; n < 23; n++ {
		for extra := range 40 {
			var b []byte
			for i, a, c := 0, 1, 1; i < n; i, a, c = i+1, c, a+c {
				b = append(b, bytes.Repeat([]byte{byte(i * 3)}, a)...)
			}
			for i := range extra {
				b = append(b, bytes.Repeat([]byte{byte(200 + i)}, 1+i%3)...)
			}
			checkZsHuffman(t, [][]byte{b})
		}
	}
}

// checkZsHuffman compares the blocks, one after another, with what the original
// makes of them, and returns their kinds.
func checkZsHuffman(tb testing.TB, blocks [][]byte) []huffKind {
	tb.Helper()
	var h zsHuffman
	h.reset()
	s := &huff0.Scratch{WantLogLess: 4, Reuse: huff0.ReusePolicyNone}
	buf := make([]byte, zsRoom)
	var kinds []huffKind
	for i, b := range blocks {
		four := len(b) >= 1024
		compress := huff0.Compress1X
		if four {
			compress = huff0.Compress4X
		}
		out, again, err := compress(b, s)
		want := huffNew
		switch {
		case errors.Is(err, huff0.ErrIncompressible):
			want = huffRaw
		case errors.Is(err, huff0.ErrUseRLE):
			want = huffRLE
		case err != nil:
			tb.Fatal(err)
		case again:
			want = huffAgain
		}
		end, kind := h.compress(buf, 0, b, four)
		if kind != want {
			tb.Fatalf("block %d of %d bytes: kind %d, want %d", i, len(b), kind, want)
		}
		if err == nil {
			checkZsBytes(tb, buf[:end], out)
			h.lasts, s.Reuse = true, huff0.ReusePolicyAllow
		}
		kinds = append(kinds, kind)
	}
	return kinds
}
