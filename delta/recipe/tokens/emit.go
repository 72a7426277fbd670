package tokens

import (
	"encoding/binary"
	"fmt"
	"io"
)

const emitSize = 32 << 10

// An emitter writes a deflate stream, bits least significant first. Its first
// error stays; what comes after it is dropped.
type emitter struct {
	w     io.Writer
	err   error
	acc   uint64
	nb    uint // bits in acc, at most 7 between calls
	n     int  // bytes in buf
	total int64
	limit int64 // of total
	lens  [256]code
	lit   [numLit + 2]code
	dist  [32]code
	buf   [emitSize + 16]byte
}

func (e *emitter) reset(w io.Writer) {
	e.w, e.err, e.acc, e.nb, e.n, e.total, e.limit = w, nil, 0, 0, 0, 0, 0
}

// size returns how many bytes have been written, the last perhaps in part.
func (e *emitter) size() int64 { return e.total + int64(e.n) + int64(e.nb+7)>>3 } //nolint:gosec // nb is small

// bits writes the n low bits of v, at most 48. The others must be zero.
func (e *emitter) bits(v uint64, n uint) {
	e.acc |= v << (e.nb & 63)
	e.nb += n
	if e.n >= emitSize-8 {
		e.spill()
	}
	binary.LittleEndian.PutUint64(e.buf[e.n:], e.acc)
	e.n += int(e.nb >> 3)
	e.acc >>= e.nb &^ 7
	e.nb &= 7
}

// align fills the byte begun with pad.
func (e *emitter) align(pad uint8) {
	if e.nb > 0 {
		e.bits(uint64(pad)&(1<<(8-e.nb)-1), 8-e.nb)
	}
}

// raw writes whole bytes; the emitter must be aligned.
func (e *emitter) raw(p []byte) {
	for len(p) > 0 {
		if e.n >= emitSize-8 {
			e.spill()
		}
		n := copy(e.buf[e.n:emitSize], p)
		e.n += n
		p = p[n:]
	}
}

// spill writes the whole bytes gathered.
func (e *emitter) spill() {
	if e.err == nil && e.total+int64(e.n) > e.limit {
		e.err = &FormatError{"corrections", fmt.Sprintf("stream of more than %d bytes", e.limit)}
	}
	if e.err == nil && e.n > 0 {
		_, e.err = e.w.Write(e.buf[:e.n])
	}
	e.total += int64(e.n)
	e.n = 0
}

// segment writes s; plain is the text it stands for, used if it is stored.
func (e *emitter) segment(s *segment, plain []byte) {
	if s.first {
		v := uint64(s.kind) << 1
		if s.final {
			v |= 1
		}
		e.bits(v, 3)
	}
	if s.kind == blockStored {
		e.align(s.pad)
		n := uint64(len(plain))
		e.bits(n|(n^0xffff)<<16, 32)
		e.raw(plain)
	} else {
		e.tokens(s)
	}
	if s.final && !s.more {
		e.align(s.pad)
		e.spill()
	}
}

func (e *emitter) tokens(s *segment) {
	switch {
	case !s.first:
	case s.kind == blockFixed:
		assign(e.lit[:], fixedLit[:])
		assign(e.dist[:], fixedDist[:])
	default:
		e.header(&s.header)
	}
	if s.first {
		e.merge()
	}
	for list := s.tokens; len(list) > 0; {
		const most = 2048 // tokens of at most six bytes
		if e.n > emitSize-6*most-16 {
			e.spill()
		}
		n := min(len(list), most)
		if !e.pack(list[:n]) {
			e.fail()
			return
		}
		list = list[n:]
	}
	if !s.more {
		e.put(e.lit[endOfBlock])
	}
}

// put writes a code, which must be one.
func (e *emitter) put(c code) {
	if c == 0 {
		e.fail()
	}
	e.bits(uint64(c>>8), uint(c&0xff))
}

func (e *emitter) fail() {
	if e.err == nil {
		e.err = &FormatError{"corrections", "symbol without a code"}
	}
}

// merge puts length codes and their extra bits into one, for each length.
func (e *emitter) merge() {
	for n := range e.lens {
		lc := lengthCodes[n]
		c := e.lit[firstLength+int(lc)]
		if e.lens[n] = 0; c != 0 {
			v := uint32(c>>8) | uint32(n-int(lengthBase[lc]))<<(c&0xff) //nolint:gosec // not negative
			e.lens[n] = code(v<<8) | c&0xff + code(lengthExtra[lc])
		}
	}
}

// pack writes tokens for which there is room, and reports whether each of them
// has a code.
func (e *emitter) pack(list []token) bool {
	acc, nb, buf := e.acc, e.nb, e.buf[e.n:]
	ok := true
	for _, t := range list {
		if t.literal() {
			c := e.lit[t&0xff]
			ok = ok && c != 0
			acc |= uint64(c>>8) << (nb & 63)
			nb += uint(c & 0xff)
		} else {
			c := e.lens[t.length3()]
			if t&oddFlag != 0 {
				c = e.lit[firstLength+27]
				ok = ok && c != 0
				c = code(uint32(c>>8)|31<<(c&0xff))<<8 | c&0xff + 5
			}
			d := t.dist1()
			dc := distCode(d) & 31
			k := e.dist[dc]
			ok = ok && c != 0 && k != 0
			acc |= uint64(c>>8) << (nb & 63)
			nb += uint(c & 0xff)
			acc |= uint64(k>>8) << (nb & 63)
			nb += uint(k & 0xff)
			acc |= uint64(d-uint32(distBase[dc])) << (nb & 63)
			nb += uint(distExtra[dc])
		}
		binary.LittleEndian.PutUint64(buf, acc)
		buf = buf[nb>>3:]
		acc >>= nb &^ 7 & 63
		nb &= 7
	}
	e.acc, e.nb, e.n = acc, nb, len(e.buf)-len(buf)
	return ok
}

// header writes the codes of a dynamic block, and makes them those in use.
func (e *emitter) header(h *header) {
	e.bits(uint64(h.lits-firstLength)|uint64(h.dists-1)<<5|uint64(h.count-4)<<10, 14) //nolint:gosec // not negative
	for _, s := range codegenOrder[:h.count] {
		e.bits(uint64(h.code[s]), 3)
	}
	var codes [numCodegen]code
	_, ok := assign(codes[:], h.code[:])
	for _, o := range h.ops {
		e.put(codes[o.symbol])
		e.bits(uint64(o.extra), uint(codesExtra[o.symbol]))
	}
	clear(e.lit[:])
	clear(e.dist[:])
	_, ok1 := assign(e.lit[:h.lits], h.lengths[:h.lits])
	_, ok2 := assign(e.dist[:h.dists], h.lengths[h.lits:h.lits+h.dists])
	if !ok || !ok1 || !ok2 {
		e.fail()
	}
}
