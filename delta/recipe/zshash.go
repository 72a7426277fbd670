package recipe

import (
	"encoding/binary"
	"math/bits"
)

const (
	xxPrime1 = 11400714785074694791
	xxPrime2 = 14029467366897019727
	xxPrime3 = 1609587929392839161
	xxPrime4 = 9650029242287828579
	xxPrime5 = 2870177450012600261
)

// zsChecksum is XXH64 with seed 0; a frame of zstd ends with its lower half.
type zsChecksum struct {
	lane  [4]uint64
	total uint64
	tail  [32]byte
	n     int // bytes in tail
}

func (h *zsChecksum) reset() {
	p := uint64(xxPrime1) // a variable, so that the sums may wrap
	*h = zsChecksum{lane: [4]uint64{p + xxPrime2, xxPrime2, 0, -p}}
}

func xxRound(acc, v uint64) uint64 {
	return bits.RotateLeft64(acc+v*xxPrime2, 31) * xxPrime1
}

func (h *zsChecksum) write(p []byte) {
	h.total += uint64(len(p))
	if h.n > 0 {
		n := copy(h.tail[h.n:], p)
		h.n += n
		p = p[n:]
		if h.n < len(h.tail) {
			return
		}
		h.stripes(h.tail[:])
	}
	whole := len(p) &^ 31
	h.stripes(p[:whole])
	h.n = copy(h.tail[:], p[whole:])
}

// stripes takes a multiple of 32 bytes.
func (h *zsChecksum) stripes(p []byte) {
	a, b, c, d := h.lane[0], h.lane[1], h.lane[2], h.lane[3]
	for len(p) >= 32 {
		q := p[:32:32]
		a = xxRound(a, binary.LittleEndian.Uint64(q[0:8]))
		b = xxRound(b, binary.LittleEndian.Uint64(q[8:16]))
		c = xxRound(c, binary.LittleEndian.Uint64(q[16:24]))
		d = xxRound(d, binary.LittleEndian.Uint64(q[24:32]))
		p = p[32:]
	}
	h.lane = [4]uint64{a, b, c, d}
}

func (h *zsChecksum) sum() uint64 {
	s := h.lane[2] + xxPrime5
	if h.total >= 32 {
		l := h.lane
		s = bits.RotateLeft64(l[0], 1) + bits.RotateLeft64(l[1], 7) + bits.RotateLeft64(l[2], 12) + bits.RotateLeft64(l[3], 18)
		for _, v := range l {
			s = (s^xxRound(0, v))*xxPrime1 + xxPrime4
		}
	}
	s += h.total
	p := h.tail[:h.n]
	for ; len(p) >= 8; p = p[8:] {
		s ^= xxRound(0, binary.LittleEndian.Uint64(p))
		s = bits.RotateLeft64(s, 27)*xxPrime1 + xxPrime4
	}
	if len(p) >= 4 {
		s ^= uint64(binary.LittleEndian.Uint32(p)) * xxPrime1
		s = bits.RotateLeft64(s, 23)*xxPrime2 + xxPrime3
		p = p[4:]
	}
	for _, b := range p {
		s ^= uint64(b) * xxPrime5
		s = bits.RotateLeft64(s, 11) * xxPrime1
	}
	s = (s ^ s>>33) * xxPrime2
	s = (s ^ s>>29) * xxPrime3
	return s ^ s>>32
}
