package tokens

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
)

const (
	topRange  = 1 << 24
	coderSize = 32 << 10
	probBits  = 15
)

// A prob is the probability of a bit that is 1: 22 bits, above 10 bits that
// count what was seen. Its highest bit is turned, so that the zero prob is one
// half.
type prob uint32

// rates says by which part of the error a prob moves after so many bits seen.
var rates = func() (t [64]uint8) {
	for n := range t {
		t[n] = uint8(max(1, bits.Len(uint(n+2))-1))
	}
	return t
}()

// A coder codes bits, or decodes them: the same calls do both. Its first error
// stays; what is decoded after it means nothing.
type coder struct {
	decoding bool
	rng      uint32
	err      error

	// Encoding.
	w       io.Writer
	low     uint64
	cache   byte
	pending int64 // bytes held back for a carry: cache, and then 0xff

	// Decoding.
	r    io.Reader
	code uint32
	n    int // bytes in buf

	pos int // in buf, of the next byte
	buf [coderSize]byte
}

func (c *coder) startEncoding(w io.Writer) {
	c.decoding, c.err, c.rng, c.pos = false, nil, 1<<32-1, 0
	c.w, c.low, c.cache, c.pending = w, 0, 0, 1
}

func (c *coder) startDecoding(r io.Reader) {
	c.decoding, c.err, c.rng, c.pos, c.n = true, nil, 1<<32-1, 0, 0
	c.r, c.code = r, 0
	if c.byte() != 0 {
		c.fail("first byte of the range coder is not zero")
	}
	for range 4 {
		c.code = c.code<<8 | uint32(c.byte())
	}
}

// fail makes malformed corrections the error.
func (c *coder) fail(format string, args ...any) {
	if c.err == nil {
		c.err = &FormatError{"corrections", fmt.Sprintf(format, args...)}
	}
}

// bit codes v, 0 or 1, or returns the bit decoded.
func (c *coder) bit(p *prob, v uint32) uint32 {
	q := uint32(*p) ^ 1<<31
	bound := (c.rng >> probBits) * (q>>(32-probBits) | 1)
	if c.decoding {
		v = 0
		if c.code < bound {
			v = 1
		}
	}
	rate := rates[q&63]
	if q&63 < 62 {
		q++
	}
	if v != 0 {
		c.rng = bound
		q += (^q >> 10 >> rate) << 10
	} else {
		c.rng -= bound
		q -= (q >> 10 >> rate) << 10
		if c.decoding {
			c.code -= bound
		} else {
			c.low += uint64(bound)
		}
	}
	*p = prob(q ^ 1<<31)
	if c.rng < topRange {
		c.normalize()
	}
	return v
}

func (c *coder) normalize() {
	for c.rng < topRange {
		c.rng <<= 8
		if c.decoding {
			c.code = c.code<<8 | uint32(c.byte())
		} else {
			c.shift()
		}
	}
}

// flag is bit for what is true or false.
func (c *coder) flag(p *prob, v bool) bool {
	var b uint32
	if v {
		b = 1
	}
	return c.bit(p, b) != 0
}

// tree codes the n low bits of v, the highest first, each by what stands before
// it: p has 1<<n probabilities.
func (c *coder) tree(p []prob, n int, v uint32) uint32 {
	ctx := uint32(1)
	for i := n - 1; i >= 0; i-- {
		ctx = ctx<<1 | c.bit(&p[ctx], v>>i&1)
	}
	return ctx - 1<<n
}

// shift moves the highest byte of low out.
func (c *coder) shift() {
	if uint32(c.low) < 0xff<<24 || c.low>>32 != 0 { //nolint:gosec // the low half is meant
		carry := byte(c.low >> 32) //nolint:gosec // 0 or 1
		c.put(c.cache + carry)
		for ; c.pending > 1; c.pending-- {
			c.put(0xff + carry)
		}
		c.pending = 0
		c.cache = byte(c.low >> 24) //nolint:gosec // bits 24 to 31 are meant
	}
	c.pending++
	c.low = c.low & 0x00ffffff << 8
}

func (c *coder) put(b byte) {
	if c.pos == len(c.buf) {
		c.spill()
	}
	c.buf[c.pos] = b
	c.pos++
}

func (c *coder) spill() {
	if c.err == nil {
		_, c.err = c.w.Write(c.buf[:c.pos])
	}
	c.pos = 0
}

// finish ends the coded bytes, or makes sure that nothing follows them.
func (c *coder) finish() error {
	if !c.decoding {
		for range 5 {
			c.shift()
		}
		c.spill()
		return c.err
	}
	if c.err != nil {
		return c.err
	}
	if c.pos < c.n || c.fill() {
		c.fail("bytes after the end")
	}
	return c.err
}

// byte returns the next byte of the corrections, or 0 after their end.
func (c *coder) byte() byte {
	if c.pos == c.n && !c.fill() {
		if c.err == nil {
			c.err = fmt.Errorf("reading corrections: %w", io.ErrUnexpectedEOF)
		}
		return 0
	}
	b := c.buf[c.pos]
	c.pos++
	return b
}

// fill reads more, and reports whether there was any.
func (c *coder) fill() bool {
	if c.err != nil {
		return false
	}
	n, err := readSome(c.r, c.buf[:])
	c.pos, c.n = 0, n
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = fmt.Errorf("reading corrections: %w", err)
	}
	return n > 0
}

// readSome reads at least a byte, or returns an error, io.EOF at the end.
func readSome(r io.Reader, b []byte) (int, error) {
	for range 100 {
		n, err := r.Read(b)
		if n > 0 {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
	}
	return 0, io.ErrNoProgress
}

const numberBits = 24

// A number codes numbers below 1<<24, small ones in few bits.
type number struct {
	size [numberBits + 1]prob
	top  [numberBits + 1][8]prob
	rest [numberBits + 1][numberBits]prob
}

func (m *number) code(c *coder, v uint32) uint32 {
	n := bits.Len32(v + 1)
	k := 1
	for k <= numberBits && c.flag(&m.size[k-1], n > k) {
		k++
	}
	ctx, r := 1, uint32(1)
	for i := k - 2; i >= 0; i-- {
		p := &m.rest[k-1][i]
		if ctx < 8 {
			p = &m.top[k-1][ctx]
		}
		b := c.bit(p, (v+1)>>i&1)
		ctx = ctx<<1 | int(b)
		r = r<<1 | b
	}
	return r - 1
}
