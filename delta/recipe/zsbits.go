package recipe

import (
	"encoding/binary"
	"math/bits"
)

// high returns the position of the highest bit of n, which is not 0.
func high(n uint32) int { return bits.Len32(n) - 1 }

// zsBits writes bits from the lowest of each byte up. It is passed by value, so
// that its fields stay in registers. There is room for 57 bits after flush.
type zsBits struct {
	acc uint64
	n   uint
	pos int // in the buffer, which the caller keeps
}

// add appends the n lowest bits of v; the others must be 0.
func (w zsBits) add(v uint64, n uint) zsBits {
	w.acc |= v << (w.n & 63)
	w.n += n
	return w
}

// flush moves whole bytes to buf, which has room for 8 more.
func (w zsBits) flush(buf []byte) zsBits {
	binary.LittleEndian.PutUint64(buf[w.pos:], w.acc)
	w.pos += int(w.n >> 3)
	w.acc >>= w.n &^ 7 & 63
	w.n &= 7
	return w
}

// close ends the stream with a bit that is 1 and returns where buf goes on.
func (w zsBits) close(buf []byte) int {
	w = w.flush(buf).add(1, 1)
	w = w.flush(buf)
	if w.n > 0 {
		w.pos++
	}
	return w.pos
}
