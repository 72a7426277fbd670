package entropy

import (
	"encoding/binary"
	"errors"
	"io"
)

// minRange is where the coders shift out the upper 32 bits of the range.
const minRange = 1 << 32

// A rangeEncoder codes bits with given probabilities into bytes appended to out.
type rangeEncoder struct {
	out   []byte
	start int // where this coder's bytes begin in out
	low   uint64
	rng   uint64
}

func (e *rangeEncoder) init(dst []byte) {
	*e = rangeEncoder{out: dst, start: len(dst), rng: 1<<64 - 1}
}

// encode codes the bit y, which is 1 with probability p/65536, 0 < p < 65536.
func (e *rangeEncoder) encode(y int, p uint32) {
	bound := e.rng >> probBits * uint64(p)
	if y != 0 {
		e.rng = bound
	} else {
		e.low += bound
		e.rng -= bound
		if e.low < bound {
			e.carry()
		}
	}
	for e.rng < minRange {
		e.shift()
	}
}

// direct codes the low n bits of v, the highest first, as equally likely.
func (e *rangeEncoder) direct(v uint32, n uint) {
	for n > 0 {
		n--
		e.encode(int(v>>n&1), 1<<(probBits-1))
	}
}

// carry adds one to the bytes that were already shifted out. The number they
// form is less than 1, so that the carry stops within them.
func (e *rangeEncoder) carry() {
	for i := len(e.out) - 1; i >= e.start; i-- {
		e.out[i]++
		if e.out[i] != 0 {
			return
		}
	}
}

func (e *rangeEncoder) shift() {
	e.out = binary.BigEndian.AppendUint32(e.out, uint32(e.low>>32))
	e.low <<= 32
	e.rng <<= 32
}

// finish writes the shortest number within the range and returns all bytes. A
// decoder reads up to eight zeros after the end, so that those are left out.
func (e *rangeEncoder) finish() []byte {
	for keep := uint(0); keep < 64; keep += 8 {
		mask := uint64(1)<<(64-keep) - 1
		v := (e.low + mask) &^ mask
		over := v < e.low
		if v-e.low < e.rng {
			if over {
				e.carry()
			}
			e.low = v
			break
		}
	}
	n := len(e.out)
	e.out = binary.BigEndian.AppendUint64(e.out, e.low)
	for len(e.out) > n && e.out[len(e.out)-1] == 0 {
		e.out = e.out[:len(e.out)-1]
	}
	return e.out
}

var errTrailing = errors.New("bytes after the end")

// A rangeDecoder is the inverse of a rangeEncoder. Every input decodes to some
// row of bits; close says whether it was exactly one encoder's output.
type rangeDecoder struct {
	src  []byte
	pos  int // of what is read next; past the end stand zeros
	code uint64
	rng  uint64
}

func (d *rangeDecoder) init(src []byte) {
	*d = rangeDecoder{src: src, rng: 1<<64 - 1}
	d.code = uint64(d.word())<<32 | uint64(d.word())
}

func (d *rangeDecoder) word() uint32 {
	p := d.pos
	d.pos = p + 4
	if d.pos <= len(d.src) {
		return binary.BigEndian.Uint32(d.src[p:])
	}
	var b [4]byte
	if p < len(d.src) {
		copy(b[:], d.src[p:])
	}
	return binary.BigEndian.Uint32(b[:])
}

func (d *rangeDecoder) shift() {
	d.code = d.code<<32 | uint64(d.word())
	d.rng <<= 32
}

// decode returns the next bit, which is 1 with probability p/65536.
func (d *rangeDecoder) decode(p uint32) int {
	bound := d.rng >> probBits * uint64(p)
	y := 0
	if d.code < bound {
		d.rng = bound
		y = 1
	} else {
		d.code -= bound
		d.rng -= bound
	}
	for d.rng < minRange {
		d.shift()
	}
	return y
}

// direct is the inverse of the encoder's direct.
func (d *rangeDecoder) direct(n uint) uint32 {
	v := uint32(0)
	for ; n > 0; n-- {
		v = v<<1 | uint32(d.decode(1<<(probBits-1))&1)
	}
	return v
}

// overrun says that more zeros were read than any encoder leaves out.
func (d *rangeDecoder) overrun() bool {
	return d.pos > len(d.src)+8
}

// close reports bytes that are missing, or left, or that an encoder leaves out.
func (d *rangeDecoder) close() error {
	n := len(d.src)
	switch {
	case d.overrun():
		return io.ErrUnexpectedEOF
	case d.pos < n || n > 0 && d.src[n-1] == 0 && d.pos < n+8:
		return errTrailing
	default:
		return nil
	}
}
