package tokens

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
)

const (
	textSlack = 8 + maxMatch // bytes after the text, so that wide loads and copies are possible
	textFill  = 64 << 10     // read at a time
)

// A text is plain text, as much of it as is needed: the window before a place
// and what is known after it.
type text struct {
	b    []byte // n bytes, and at least textSlack more
	n    int
	base int64 // how many bytes were dropped before b
	end  bool  // nothing follows
	r    io.Reader
}

// reset begins a text that is read from r, or to which is added if r is nil.
func (t *text) reset(r io.Reader) {
	t.n, t.base, t.end, t.r = 0, 0, false, r
	t.room(textFill)
}

// room makes room for k bytes and textSlack.
func (t *text) room(k int) {
	if want := t.n + k + textSlack; want > len(t.b) {
		b := make([]byte, max(want, 2*len(t.b)))
		copy(b, t.b[:t.n])
		t.b = b
	}
}

// total returns how many bytes of plain text are known in all.
func (t *text) total() int64 { return t.base + int64(t.n) }

// drop forgets what is more than a window before at, if that is much, and
// returns by how much the places of the rest have moved.
func (t *text) drop(at int) int {
	k := at - windowSize
	if k < max(4*windowSize, t.n/2) {
		return 0
	}
	copy(t.b, t.b[k:t.n])
	t.n -= k
	t.base += int64(k)
	return k
}

// ahead reads until there are k bytes after at, or the end.
func (t *text) ahead(at, k int) error {
	for t.n-at < k && !t.end {
		t.room(textFill)
		n, err := readSome(t.r, t.b[t.n:t.n+textFill])
		t.n += n
		if errors.Is(err, io.EOF) {
			t.end = true
		} else if err != nil {
			return fmt.Errorf("reading plain text: %w", err)
		}
	}
	return nil
}

func load32(b []byte, i int) uint32 { return binary.LittleEndian.Uint32(b[i:]) }

// same returns for how many of limit bytes the texts at i and j, of which i is
// the smaller, are alike.
func same(b []byte, i, j, limit int) int {
	x, y := b[i:], b[j:]
	x = x[:len(y)]
	for n := 0; n < limit; n += 8 {
		if d := binary.LittleEndian.Uint64(x[n:]) ^ binary.LittleEndian.Uint64(y[n:]); d != 0 {
			return min(n+bits.TrailingZeros64(d)>>3, limit)
		}
	}
	return limit
}
