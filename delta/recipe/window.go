package recipe

import (
	"encoding/binary"
	"math/bits"
)

// windowMem is the most text an encoder keeps at hand.
const windowMem = 1 << 17

// A window is text, with room for wide loads at its end. Indexes wrap, so that
// the compiler needs no check for them; no caller depends on that.
type window [windowMem + 8]byte

func (w *window) load32(i int) uint32 {
	return binary.LittleEndian.Uint32(w[i&(windowMem-1):])
}

func (w *window) load64(i int) uint64 {
	return binary.LittleEndian.Uint64(w[i&(windowMem-1):])
}

// match returns for how many of limit bytes the texts at i and j are the same.
func (w *window) match(i, j, limit int) int {
	for n := 0; n < limit; n += 8 {
		if x := w.load64(i+n) ^ w.load64(j+n); x != 0 {
			return min(n+bits.TrailingZeros64(x)>>3, limit)
		}
	}
	return limit
}
