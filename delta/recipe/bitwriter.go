package recipe

import (
	"encoding/binary"
	"io"
)

// bitBuffer is how much a bitWriter gathers before it writes.
const bitBuffer = 32 << 10

// A bitWriter packs bits, least significant first. Its first error stays; what
// comes after it is dropped.
type bitWriter struct {
	w    io.Writer
	err  error
	acc  uint64
	nb   uint // bits in acc, at most 7 between calls
	n    int  // bytes in buf
	lens [256]code
	buf  [bitBuffer + 8]byte
}

func (b *bitWriter) reset(w io.Writer) {
	b.w, b.err, b.acc, b.nb, b.n = w, nil, 0, 0, 0
}

// bits writes the n low bits of v, at most 48. The others must be zero.
func (b *bitWriter) bits(v uint64, n uint) {
	b.acc |= v << (b.nb & 63)
	b.nb += n
	if b.n >= bitBuffer-8 {
		b.spill()
	}
	binary.LittleEndian.PutUint64(b.buf[b.n:], b.acc)
	b.n += int(b.nb >> 3)
	b.acc >>= b.nb &^ 7
	b.nb &= 7
}

func (b *bitWriter) code(c code) { b.bits(uint64(c>>8), uint(c&0xff)) }

// align fills the byte begun with zeros.
func (b *bitWriter) align() {
	if b.nb > 0 {
		b.bits(0, 8-b.nb)
	}
}

// raw writes whole bytes; the writer must be aligned.
func (b *bitWriter) raw(p []byte) {
	for len(p) > 0 {
		if b.n >= bitBuffer-8 {
			b.spill()
		}
		n := copy(b.buf[b.n:bitBuffer], p)
		b.n += n
		p = p[n:]
	}
}

// spill writes the whole bytes gathered.
func (b *bitWriter) spill() {
	if b.err == nil && b.n > 0 {
		_, b.err = b.w.Write(b.buf[:b.n])
	}
	b.n = 0
}

// stored writes a stored block.
func (b *bitWriter) stored(p []byte, last bool) {
	b.bits(header(blockStored, last), 3)
	b.align()
	n := uint64(len(p))
	b.bits(n|(n^0xffff)<<16, 32)
	b.raw(p)
}

// header returns the three bits that begin a block.
func header(kind uint64, last bool) uint64 {
	if last {
		return kind<<1 | 1
	}
	return kind << 1
}

// tokens writes list with the given codes.
func (b *bitWriter) tokens(list []token, lit *[numLit + 2]code, dist *[32]code) {
	// Length code and extra bits in one, for each length.
	for n := range b.lens {
		lc := lengthCodes[n]
		c := lit[firstLength+int(lc)]
		bits := uint32(c>>8) | uint32(uint8(n)-lengthBase[lc])<<(c&0xff)
		b.lens[n] = code(bits<<8) | c&0xff + code(lengthExtra[lc])
	}
	const most = 2048 // tokens of at most six bytes
	for len(list) > 0 {
		if b.n > bitBuffer-6*most-16 {
			b.spill()
		}
		n := min(len(list), most)
		b.pack(list[:n], lit, dist)
		list = list[n:]
	}
}

// pack writes tokens for which there is room.
func (b *bitWriter) pack(list []token, lit *[numLit + 2]code, dist *[32]code) {
	acc, nb, buf := b.acc, b.nb, b.buf[b.n:]
	for _, t := range list {
		if t.literal() {
			c := lit[low8(t)]
			acc |= uint64(c>>8) << (nb & 63)
			nb += uint(c & 0xff)
		} else {
			c := b.lens[t.length()]
			acc |= uint64(c>>8) << (nb & 63)
			nb += uint(c & 0xff)
			dc := t >> 15 & 31
			c = dist[dc]
			acc |= uint64(c>>8) << (nb & 63)
			nb += uint(c & 0xff)
			acc |= uint64(uint32(t)&windowMask-uint32(distBase[dc])) << (nb & 63)
			nb += uint(distExtra[dc])
		}
		binary.LittleEndian.PutUint64(buf, acc)
		buf = buf[nb>>3:]
		acc >>= nb &^ 7 & 63
		nb &= 7
	}
	b.acc, b.nb, b.n = acc, nb, len(b.buf)-len(buf)
}
