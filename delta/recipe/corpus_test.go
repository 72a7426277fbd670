package recipe

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

// A sample is plain text for tests. The texts are made, always the same, so
// that golden vectors can be kept as digests.
type sample struct {
	name  string
	plain []byte
}

// oneGoroutine skips a test of much text, which would take minutes, when the
// race detector runs in short mode: the test has one goroutine.
func oneGoroutine(t *testing.T) {
	t.Helper()
	if underRace && testing.Short() {
		t.Skip("one goroutine, much text")
	}
}

// samples are small texts that reach the corners of the encoders.
var samples = sync.OnceValue(func() []sample {
	text := makeText(1, 300<<10)
	s := []sample{
		{"empty", nil},
		{"one byte", []byte("x")},
		{"three bytes", []byte("xyz")},
		{"17 bytes", []byte("seventeen bytes!!")},
		{"100 bytes", text[:100]},
		{"127 bytes", text[:127]},
		{"128 bytes", text[:128]},
		{"4095 bytes", text[:4095]},
		{"zeros", make([]byte, 100<<10)},
		{"text", text},
		{"block", text[:maxStored]},
		{"two blocks", text[:2*maxStored]},
		{"pigz block", text[:128<<10]},
		{"random", makeRandom(2, 150<<10)},
		{"mixed", makeMixed(3, 600<<10)},
		{"binary", makeBinary(4, 300<<10)},
		{"far", makeFar(5, 300<<10)},
		{"skewed", makeSkewed(6, 100<<10)},
	}
	for _, n := range []int{0, 1, 11, 12, 13, 23} {
		s = append(s, sample{fmt.Sprintf("window end %d", n), makeFar(7, 2*windowSize-12+n)})
	}
	return s
})

// makeText is words of a small language with phrases that return.
func makeText(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	words := make([]string, 3000)
	for i := range words {
		w := make([]byte, 2+r.IntN(9))
		for j := range w {
			w[j] = "etaoinshrdlucmfwypvbgkjqxz"[min(r.IntN(26), r.IntN(26))]
		}
		words[i] = string(w)
	}
	var b bytes.Buffer
	for b.Len() < n {
		if b.Len() > 500 && r.IntN(12) == 0 {
			at := r.IntN(b.Len() - 400)
			at = max(at, b.Len()-60000)
			b.WriteString(string(b.Bytes()[at : at+20+r.IntN(300)]))
			continue
		}
		b.WriteString(words[min(r.IntN(3000), r.IntN(3000), r.IntN(3000))])
		b.WriteString([]string{" ", " ", " ", ", ", ".\n", "\n\t"}[r.IntN(6)])
	}
	return b.Bytes()[:n]
}

func makeRandom(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// makeMixed has stretches of everything, so that encoders change the kind of
// block.
func makeMixed(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 3))
	var b []byte
	for len(b) < n {
		k := 100 + r.IntN(90000)
		switch r.IntN(5) {
		case 0:
			b = append(b, makeRandom(r.Uint64(), k)...)
		case 1:
			b = append(b, makeText(r.Uint64(), k)...)
		case 2:
			b = append(b, make([]byte, k/4)...)
		case 3:
			b = append(b, makeBinary(r.Uint64(), k)...)
		default:
			b = append(b, strings.Repeat("ab", k/8)...)
		}
	}
	return b[:n]
}

// makeBinary is records of numbers, like tables of symbols and machine code.
func makeBinary(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 4))
	var b []byte
	addr := uint32(0x400000)
	for len(b) < n {
		addr += uint32(r.IntN(64))
		b = append(b, byte(addr), byte(addr>>8), byte(addr>>16), byte(addr>>24), 0, 0, 0, 0)
		switch r.IntN(3) {
		case 0:
			b = append(b, 0x48, 0x8b, byte(r.IntN(16)*8), 0x24, byte(r.IntN(64)))
		case 1:
			b = append(b, 0xe8, byte(r.Uint32()), byte(r.Uint32()), 0, 0)
		}
	}
	return b[:n]
}

// makeFar repeats itself at distances around the size of the window.
func makeFar(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 5))
	b := makeRandom(seed, min(n, windowSize+300))
	for len(b) < n {
		d := windowSize - 300 + r.IntN(600)
		if r.IntN(3) == 0 {
			d = 1 + r.IntN(40)
		}
		at := max(len(b)-d, 0)
		k := min(3+r.IntN(400), len(b)-at)
		b = append(b, b[at:at+k]...)
		if r.IntN(2) == 0 {
			b = append(b, byte(r.Uint32()))
		}
	}
	return b[:n]
}

// makeSkewed has frequencies that want codes longer than the format allows.
func makeSkewed(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 6))
	b := make([]byte, 0, n)
	for len(b) < n {
		c := 0
		for c < 40 && r.IntN(8) < 3 {
			c++
		}
		b = append(b, byte(c*5), byte(r.IntN(1+c)))
	}
	return b[:n]
}
