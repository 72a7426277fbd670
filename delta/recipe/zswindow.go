package recipe

import (
	"encoding/binary"
	"math/bits"
)

const zsMaxReach = 8 << 20

// A zsWindow holds the text of a frame as far back as matches reach. The byte i
// of buf is at position base+i of the tables of a finder, where 0 is nowhere.
type zsWindow struct {
	buf   []byte
	reach int // how much of the text is kept
	base  uint32
}

// reset begins a frame. Whatever the tables hold is out of reach.
func (w *zsWindow) reset(reach int) {
	if len(w.buf) > 0 || w.base == 0 {
		w.base += low32(len(w.buf) + zsMaxReach)
	}
	w.buf = w.buf[:0]
	w.reach = reach
}

// room returns where the next n bytes of text go.
func (w *zsWindow) room(n int) []byte {
	if len(w.buf)+n > cap(w.buf) {
		w.grow(n)
	}
	start := len(w.buf)
	w.buf = w.buf[:start+n]
	return w.buf[start:]
}

// grow makes room for n bytes: more memory for a frame that may be short, then
// that of text out of reach.
func (w *zsWindow) grow(n int) {
	full := w.reach + max(w.reach/2, 4*zsMaxBlock)
	if len(w.buf)+n <= full {
		size := min(max(4*cap(w.buf), zsMaxBlock, len(w.buf)+n), full)
		w.buf = append(make([]byte, 0, size), w.buf...)
		return
	}
	gone := len(w.buf) - w.reach
	copy(w.buf, w.buf[gone:])
	w.buf = w.buf[:w.reach]
	w.base += low32(gone)
}

// rebase makes positions small again. What it returns is to be taken off those
// in the tables.
func (w *zsWindow) rebase() (off uint32, needed bool) {
	if w.base < 3<<30 {
		return 0, false
	}
	off = w.base - low32(zsMaxReach)
	w.base -= off
	return off, true
}

// rebaseTable takes off from the positions of a table, and forgets those that
// lie before: they are out of reach.
func rebaseTable(table []uint64, off uint32) {
	for i, e := range table {
		if position(e) <= off {
			table[i] = 0
			continue
		}
		table[i] = e - uint64(off)
	}
}

// position returns the position of an entry.
func position(e uint64) uint32 { return low32(e) }

func load32(b []byte, i int) uint32 { return binary.LittleEndian.Uint32(b[i:]) }

func load64(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i:]) }

// forward returns for how many bytes the texts of b at i and at j, before i,
// are the same.
func forward(b []byte, i, j int) int {
	p := b[i:]
	q := b[j : j+len(p)]
	n := 0
	for ; len(p)-n >= 8; n += 8 {
		if x := load64(p, n) ^ load64(q, n); x != 0 {
			return n + bits.TrailingZeros64(x)>>3
		}
	}
	for ; n < len(p) && p[n] == q[n]; n++ {
	}
	return n
}

// backward returns for how many bytes, at most limit, the texts of b before i
// and before j are the same.
func backward(b []byte, i, j, limit int) int {
	n := 0
	for n < limit && b[i-1-n] == b[j-1-n] {
		n++
	}
	return n
}
