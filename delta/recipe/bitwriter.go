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
	w     io.Writer
	err   error
	acc   uint64
	nb    uint      // bits in acc, at most 7 between calls
	n     int       // bytes in buf
	syms  [512]code // by symbol of a token: its code, with the extra bits
	dists [32]distBits
	buf   [bitBuffer + 8]byte
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

// A distBits is how a distance code is written: bits 0-15 the code, 16-23 its
// length, 24-31 that and the number of extra bits, 32-47 what is to be taken
// from distance-1.
type distBits uint64

func makeDistBits(c code, base uint16, extra uint8) distBits {
	n := distBits(c & 0xff)
	return distBits(c>>8) | n<<16 | (n+distBits(extra))<<24 | distBits(base)<<32
}

// setCodes sets the codes for pack.
func (b *bitWriter) setCodes(lit *[numLit + 2]code, dist *[32]code) {
	copy(b.syms[:endOfBlock], lit[:])
	for n := range uint32(256) {
		lc := lengthCodes[n]
		c := lit[firstLength+int(lc)]
		bits := uint32(c>>8) | (n-uint32(lengthBase[lc]))<<(c&0xff)
		b.syms[endOfBlock+n] = code(bits<<8) | c&0xff + code(lengthExtra[lc])
	}
	for i, c := range dist[:numDist] {
		b.dists[i] = makeDistBits(c, distBase[i], distExtra[i])
	}
}

// tokens writes list with the given codes.
func (b *bitWriter) tokens(list []token, lit *[numLit + 2]code, dist *[32]code) {
	b.setCodes(lit, dist)
	const most = 2048 // tokens of at most six bytes
	for len(list) > 0 {
		if b.n > bitBuffer-6*most-16 {
			b.spill()
		}
		n := min(len(list), most)
		b.pack(list[:n])
		list = list[n:]
	}
}

// pack writes tokens for which there is room.
func (b *bitWriter) pack(list []token) {
	acc, nb, at := b.acc, b.nb, b.n
	for _, t := range list {
		s, d := b.syms[t.symbol()], b.dists[t>>15&31]
		v := uint64(d&0xffff) | (uint64(t)&windowMask-uint64(d>>32))<<(d>>16&63)
		v = uint64(s>>8) | v<<(s&63)
		acc |= v << (nb & 63)
		nb += uint(s&0xff) + uint(d>>24&0xff)
		binary.LittleEndian.PutUint64(b.buf[at&(bitBuffer-1):], acc)
		at += int(nb >> 3)
		acc >>= nb &^ 7 & 63
		nb &= 7
	}
	b.acc, b.nb, b.n = acc, nb, at
}
