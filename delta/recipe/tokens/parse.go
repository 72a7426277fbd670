package tokens

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	parseIn = 64 << 10

	// segmentTokens and segmentPlain bound a segment, and so what a codec
	// keeps of a stream.
	segmentTokens = 1 << 20
	segmentPlain  = 4 << 20
)

// A segment is a block, or as much of one as is dealt with at a time.
type segment struct {
	kind   uint8
	final  bool // the block is the last of the stream
	first  bool // the block begins here
	more   bool // the block goes on in the next segment
	odd    bool // a match of 258 is spelt with the code of 257
	pad    uint8
	stored int // bytes, if the block is a stored one
	plain  int // bytes that the segment stands for
	tokens []token
	header header // of a dynamic block, if first
}

// A parser reads a raw deflate stream and gives its segments and its text.
type parser struct {
	part string // what errors call the stream
	src  io.Reader
	in   [parseIn + 16]byte
	pos  int
	n    int
	acc  uint64
	nb   uint
	lost int // bytes of zeros that were added after the end of src
	read int64

	text  text
	codes lookup // of code lengths
	lit   lookup
	dist  lookup
	fixed bool // lit and dist are those of fixed codes

	open  bool // a block goes on
	kind  uint8
	final bool
	done  bool
}

func (f *parser) reset(src io.Reader, part string) {
	f.src, f.part = src, part
	f.pos, f.n, f.acc, f.nb, f.lost, f.read = 0, 0, 0, 0, 0, 0
	f.open, f.done, f.fixed = false, false, false
	f.text.reset(nil)
}

func (f *parser) bad(msg string) error { return &FormatError{f.part, msg} }

func (f *parser) short() error {
	return fmt.Errorf("reading the %s: %w", f.part, io.ErrUnexpectedEOF)
}

// used returns how many bytes of src have been taken, the last perhaps in part.
func (f *parser) used() int64 { return f.read - int64(f.n-f.pos) - int64(f.nb>>3) }

// next reads a segment into s. After the last block it makes sure that src ends.
func (f *parser) next(s *segment) error {
	*s = segment{tokens: s.tokens[:0], header: s.header}
	start := f.text.n
	var err error
	if !f.open {
		s.first = true
		err = f.begin(s)
	}
	s.kind, s.final = f.kind, f.final
	if err == nil && f.kind != blockStored {
		err = f.decode(s)
	}
	if f.lost > 0 && f.used() > f.read-int64(f.lost) {
		return f.short() // what was read beyond the end were zeros
	}
	if err != nil {
		return err
	}
	s.plain = f.text.n - start
	s.more = f.open
	if f.final && !f.open {
		err = f.finish(s)
	}
	return err
}

// finish deals with the bits after the last block and the end of src.
func (f *parser) finish(s *segment) error {
	if f.kind != blockStored {
		v, err := f.bits(f.nb & 7)
		if err != nil {
			return err
		}
		s.pad = uint8(v) //nolint:gosec // at most 7 bits
	}
	f.done, f.text.end = true, true
	if f.used() < f.read-int64(f.lost) {
		return f.bad("bytes after the end")
	}
	switch _, err := readSome(f.src, f.in[:1]); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return fmt.Errorf("reading the %s: %w", f.part, err)
	}
	return f.bad("bytes after the end")
}

// refill makes at least 56 bits available. After the end of src they are zeros.
func (f *parser) refill() error {
	if f.n-f.pos < 8 {
		if err := f.fill(); err != nil {
			return err
		}
	}
	f.acc |= binary.LittleEndian.Uint64(f.in[f.pos:]) << (f.nb & 63)
	f.pos += int(63-f.nb) >> 3
	f.nb |= 56
	return nil
}

func (f *parser) fill() error {
	f.n = copy(f.in[:], f.in[f.pos:f.n])
	f.pos = 0
	for f.n < 8 && f.lost == 0 {
		n, err := readSome(f.src, f.in[f.n:parseIn])
		f.n += n
		f.read += int64(n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("reading the %s: %w", f.part, err)
		}
	}
	if f.n < 8 {
		if f.lost > 16 {
			return f.short()
		}
		clear(f.in[f.n:16])
		f.lost += 8 - f.n
		f.read += int64(8 - f.n)
		f.n = 8
	}
	return nil
}

func (f *parser) bits(n uint) (int, error) {
	if f.nb < n {
		if err := f.refill(); err != nil {
			return 0, err
		}
	}
	v := f.acc & (1<<n - 1)
	f.acc >>= n
	f.nb -= n
	return int(v), nil //nolint:gosec // at most 32 bits
}

// begin reads what stands before the tokens of a block, and all of a stored one.
func (f *parser) begin(s *segment) error {
	v, err := f.bits(3)
	if err != nil {
		return err
	}
	f.kind, f.final, f.open = uint8(v>>1), v&1 != 0, true //nolint:gosec // two bits
	switch f.kind {
	case blockStored:
		return f.readStored(s)
	case blockFixed:
		if !f.fixed {
			f.fixed = f.lit.build(fixedLit[:]) && f.dist.build(fixedDist[:])
		}
		return nil
	case blockDynamic:
		f.fixed = false
		return f.readHeader(&s.header)
	}
	return f.bad("block of unknown kind")
}

func (f *parser) readStored(s *segment) error {
	v, err := f.bits(f.nb & 7)
	if err != nil {
		return err
	}
	s.pad = uint8(v) //nolint:gosec // at most 7 bits
	if v, err = f.bits(32); err != nil {
		return err
	}
	if v&0xffff != v>>16^0xffff {
		return f.bad("stored block whose sizes differ")
	}
	s.stored = v & 0xffff
	f.text.room(s.stored)
	for left := s.stored; left > 0; {
		if f.nb == 0 && f.pos < f.n {
			n := copy(f.text.b[f.text.n:f.text.n+left], f.in[f.pos:f.n])
			f.text.n += n
			f.pos += n
			f.acc = 0
			left -= n
			continue
		}
		if v, err = f.bits(8); err != nil {
			return err
		}
		f.text.b[f.text.n] = byte(v) //nolint:gosec // eight bits
		f.text.n++
		left--
	}
	f.open = false
	return nil
}

// decode reads tokens until the block or the segment ends.
func (f *parser) decode(s *segment) error {
	start := f.text.n
	list := s.tokens
	for len(list) < segmentTokens && f.text.n-start < segmentPlain {
		f.text.room(maxMatch * 64)
		for range 64 {
			if f.nb < 48 {
				if err := f.refill(); err != nil {
					return err
				}
			}
			v, n := f.lit.symbol(f.acc)
			f.acc >>= n & 63
			f.nb -= n
			if v < endOfBlock {
				if n == 0 {
					return f.bad("bad symbol")
				}
				f.text.b[f.text.n] = byte(v) //nolint:gosec // below 256
				f.text.n++
				list = append(list, token(v)) //nolint:gosec // a byte
				continue
			}
			if v == endOfBlock {
				f.open = false
				s.tokens = list
				return nil
			}
			t, err := f.match(v - firstLength)
			if err != nil {
				return err
			}
			s.odd = s.odd || t&oddFlag != 0
			list = append(list, t)
		}
	}
	s.tokens = list
	return nil
}

// match reads the rest of the match with the length code lc, and copies it.
func (f *parser) match(lc int) (token, error) {
	if lc > 28 {
		return 0, f.bad("bad length")
	}
	extra := uint(lengthExtra[lc])
	n := minMatch + int(lengthBase[lc]) + int(f.acc&(1<<extra-1)) //nolint:gosec // few bits
	f.acc >>= extra
	f.nb -= extra
	dc, k := f.dist.symbol(f.acc)
	if k == 0 || dc >= numDist {
		return 0, f.bad("bad distance")
	}
	f.acc >>= k
	extra = uint(distExtra[dc])
	d := 1 + int(distBase[dc]) + int(f.acc&(1<<extra-1)) //nolint:gosec // few bits
	f.acc >>= extra
	f.nb -= k + extra
	to := f.text.n
	if d > to {
		return 0, f.bad("distance before the beginning")
	}
	b := f.text.b
	f.text.n += n
	if d >= 8 {
		from := b[to-d:]
		dst := b[to:]
		for i := 0; i < n; i += 8 {
			binary.LittleEndian.PutUint64(dst[i:], binary.LittleEndian.Uint64(from[i:]))
		}
	} else {
		for i := to; i < to+n; i++ {
			b[i] = b[i-d]
		}
	}
	t := makeMatch(n, d)
	if n == maxMatch && lc != 28 {
		t |= oddFlag
	}
	return t, nil
}

// readHeader reads the codes of a dynamic block.
func (f *parser) readHeader(h *header) error {
	v, err := f.bits(14)
	if err != nil {
		return err
	}
	h.lits, h.dists, h.count = v&31+firstLength, v>>5&31+1, v>>10+4
	if h.lits > numLit || h.dists > numDist {
		return f.bad("too many codes")
	}
	clear(h.code[:])
	for _, s := range codegenOrder[:h.count] {
		if v, err = f.bits(3); err != nil {
			return err
		}
		h.code[s] = uint8(v) //nolint:gosec // three bits
	}
	if !f.codes.build(h.code[:]) {
		return f.bad("bad code of code lengths")
	}
	clear(h.lengths[:])
	h.ops = h.ops[:0]
	for i := 0; i < h.lits+h.dists; {
		if i, err = f.readOp(h, i); err != nil {
			return err
		}
	}
	lit, dist := h.lengths[:h.lits], h.lengths[h.lits:h.lits+h.dists]
	if lit[endOfBlock] == 0 || !f.lit.build(lit) || !f.dist.build(dist) {
		return f.bad("bad codes")
	}
	return nil
}

// readOp reads a code length or a repetition, for the lengths from i on.
func (f *parser) readOp(h *header, i int) (int, error) {
	if f.nb < 32 {
		if err := f.refill(); err != nil {
			return 0, err
		}
	}
	s, k := f.codes.symbol(f.acc)
	if k == 0 {
		return 0, f.bad("bad code lengths")
	}
	f.acc >>= k
	f.nb -= k
	if s < 16 {
		h.lengths[i] = uint8(s)                     //nolint:gosec // below 16
		h.ops = append(h.ops, op{symbol: uint8(s)}) //nolint:gosec // below 16
		return i + 1, nil
	}
	v, err := f.bits(uint(codesExtra[s]))
	if err != nil {
		return 0, err
	}
	n := v + int(codesBase[s])
	if n > h.lits+h.dists-i || s == 16 && i == 0 {
		return 0, f.bad("bad code lengths")
	}
	h.ops = append(h.ops, op{uint8(s), uint8(v)}) //nolint:gosec // seven bits
	if s == 16 {
		for j := i; j < i+n; j++ {
			h.lengths[j] = h.lengths[i-1]
		}
	}
	return i + n, nil
}
