package recipe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

const (
	inflateIn   = 64 << 10
	inflateOut  = 64 << 10 // delivered at a time, at most
	shapeBlocks = 4096     // the most that are remembered
)

// endUnknown is the end of a source that is read until it ends.
const endUnknown = math.MaxInt64

// A blockShape is what a block looks like from outside.
type blockShape struct {
	kind   int
	tokens int // 0 for stored blocks
	plain  int64
	end    int64 // bits of the stream up to here
	last   bool
}

// An inflater reads a raw deflate stream and notes the shape of its first
// blocks, by which encoders give themselves away.
type inflater struct {
	src io.ReaderAt
	off int64 // in src, of the byte after those in in
	end int64 // of src
	// start is where in src the stream begins.
	start int64
	in    [inflateIn + 8]byte
	pos   int
	n     int
	acc   uint64
	nb    uint
	lost  int // bytes of zeros that were added after the end of src

	out   [windowSize + inflateOut + maxMatch + 8]byte
	have  int // bytes in out
	total int64

	open   bool // a block is under way
	block  blockShape
	stored int // bytes left of a stored block
	lit    decoder
	dist   decoder
	shape  []blockShape
	done   bool
}

func (f *inflater) reset(src io.ReaderAt, off, end int64) {
	f.src, f.off, f.end, f.start = src, off, end, off
	f.pos, f.n, f.acc, f.nb, f.lost = 0, 0, 0, 0, 0
	f.have, f.total = 0, 0
	f.open, f.done = false, false
	f.shape = f.shape[:0]
}

// nextStream begins another stream where the reader stands.
func (f *inflater) nextStream() {
	f.have, f.total = 0, 0
	f.open, f.done = false, false
	f.shape = f.shape[:0]
	f.start = f.offset()
}

// align drops what is left of a byte begun.
func (f *inflater) align() {
	f.acc >>= f.nb & 7
	f.nb &^= 7
}

// offset returns where in src the next byte after the stream is, once next has
// returned io.EOF.
func (f *inflater) offset() int64 { return f.off - int64(f.n-f.pos) - int64(f.nb>>3) }

var errTruncated = fmt.Errorf("inflating: %w", io.ErrUnexpectedEOF)

func badDeflate(msg string) error { return &FormatError{"deflate stream", msg} }

// next returns more plain text, valid until it is called again, or io.EOF
// after the last.
func (f *inflater) next() ([]byte, error) {
	if f.have > windowSize {
		copy(f.out[:], f.out[f.have-windowSize:f.have])
		f.have = windowSize
	}
	start := f.have
	for !f.done && f.have < windowSize+inflateOut {
		if err := f.more(); err != nil {
			return nil, err
		}
	}
	f.total += int64(f.have - start)
	if f.have == start {
		return nil, io.EOF
	}
	return f.out[start:f.have], nil
}

// more goes on with the block under way, or begins one.
func (f *inflater) more() error {
	err := f.step()
	if f.offset() > f.end {
		// What was read beyond the end were zeros.
		return errTruncated
	}
	return err
}

func (f *inflater) step() error {
	if !f.open {
		return f.begin()
	}
	start := f.have
	var err error
	if f.block.kind == blockStored {
		err = f.copyStored()
	} else {
		err = f.decode()
	}
	f.block.plain += int64(f.have - start)
	if err == nil && !f.open {
		f.block.end = (f.off-int64(f.n-f.pos)-f.start)*8 - int64(asInt(f.nb))
		if len(f.shape) < shapeBlocks {
			f.shape = append(f.shape, f.block)
		}
		f.done = f.block.last
	}
	return err
}

// refill makes at least 56 bits available. After the end of src they are zeros.
func (f *inflater) refill() error {
	if f.n-f.pos < 8 {
		if err := f.read(); err != nil {
			return err
		}
	}
	f.acc |= binary.LittleEndian.Uint64(f.in[f.pos:]) << (f.nb & 63)
	f.pos += int(63-f.nb) >> 3
	f.nb |= 56
	return nil
}

// read fills the input.
func (f *inflater) read() error {
	n := copy(f.in[:], f.in[f.pos:f.n])
	f.pos, f.n = 0, n
	want := int(min(int64(inflateIn-n), f.end-f.off))
	if want > 0 {
		k, err := f.src.ReadAt(f.in[n:n+want], f.off)
		switch {
		case k == want:
		case err != nil && !errors.Is(err, io.EOF):
			return fmt.Errorf("reading compressed bytes: %w", err)
		case f.end != endUnknown:
			return errTruncated
		default:
			f.end = f.off + int64(k)
		}
		f.off += int64(k)
		f.n += k
	}
	if f.n < 8 {
		if f.lost > 16 {
			return errTruncated
		}
		// Zeros in place of what is not there; more and the caller of
		// bits find out when they have been used.
		clear(f.in[f.n:16])
		f.lost += 8 - f.n
		f.off += int64(8 - f.n)
		f.n = 8
	}
	return nil
}

func (f *inflater) bits(n uint) (int, error) {
	if f.nb < n {
		if err := f.refill(); err != nil {
			return 0, err
		}
	}
	v := f.acc & (1<<n - 1)
	f.acc >>= n
	f.nb -= n
	return asInt(v), nil
}

// begin reads what stands before the tokens of a block.
func (f *inflater) begin() error {
	v, err := f.bits(3)
	if err != nil {
		return err
	}
	f.block = blockShape{kind: v >> 1, last: v&1 != 0}
	f.open = true
	switch f.block.kind {
	case blockStored:
		return f.beginStored()
	case blockFixed:
		f.lit.fixed(fixedLengths[:])
		f.dist.fixed(fixedDistLengths[:])
		return nil
	case blockDynamic:
		return f.readCodes()
	}
	return badDeflate("block of unknown kind")
}

func (f *inflater) beginStored() error {
	if _, err := f.bits(f.nb & 7); err != nil {
		return err
	}
	v, err := f.bits(32)
	if err != nil {
		return err
	}
	if v&0xffff != v>>16^0xffff {
		return badDeflate("stored block whose sizes differ")
	}
	f.stored = v & 0xffff
	return nil
}

func (f *inflater) copyStored() error {
	for f.stored > 0 && f.have < windowSize+inflateOut {
		v, err := f.bits(8)
		if err != nil {
			return err
		}
		f.out[f.have] = low8(v)
		f.have++
		f.stored--
		if f.nb == 0 && f.stored > 0 {
			n := min(f.stored, f.n-f.pos, windowSize+inflateOut-f.have)
			copy(f.out[f.have:], f.in[f.pos:f.pos+n])
			f.have += n
			f.pos += n
			f.stored -= n
			f.acc = 0
		}
	}
	f.open = f.stored > 0
	return nil
}

// readCodes reads the header of a dynamic block.
func (f *inflater) readCodes() error {
	v, err := f.bits(14)
	if err != nil {
		return err
	}
	lits, dists, count := v&31+firstLength, v>>5&31+1, v>>10+4
	if lits > numLit || dists > numDist {
		return badDeflate("too many codes")
	}
	var lengths [numLit + numDist]uint8
	for _, s := range codegenOrder[:count] {
		if v, err = f.bits(3); err != nil {
			return err
		}
		lengths[s] = low8(v)
	}
	if !f.lit.build(lengths[:numCodegen]) {
		return badDeflate("bad code of code lengths")
	}
	clear(lengths[:])
	for i := 0; i < lits+dists; {
		if err := f.refill(); err != nil {
			return err
		}
		s := f.lit.symbol(&f.acc, &f.nb)
		if s < 0 {
			return badDeflate("bad code lengths")
		}
		if s < 16 {
			lengths[i] = uint8(s)
			i++
			continue
		}
		if i, err = f.repeat(s, lengths[:lits+dists], i); err != nil {
			return err
		}
	}
	if lengths[endOfBlock] == 0 || !f.lit.build(lengths[:lits]) || !f.dist.build(lengths[lits:lits+dists]) {
		return badDeflate("bad codes")
	}
	return nil
}

// repeat carries out the repetition s at i.
func (f *inflater) repeat(s int, lengths []uint8, i int) (int, error) {
	var n int
	var length uint8
	switch {
	case s == 16 && i > 0:
		v, err := f.bits(2)
		if err != nil {
			return 0, err
		}
		n, length = v+3, lengths[i-1] //nolint:gosec // i is at least 1 here
	case s == 17:
		v, err := f.bits(3)
		if err != nil {
			return 0, err
		}
		n = v + 3
	case s == 18:
		v, err := f.bits(7)
		if err != nil {
			return 0, err
		}
		n = v + 11
	default:
		return 0, badDeflate("bad code lengths")
	}
	if n > len(lengths)-i {
		return 0, badDeflate("too many code lengths")
	}
	for range n {
		lengths[i] = length
		i++
	}
	return i, nil
}

// decode reads tokens until the block ends or out is full.
func (f *inflater) decode() error {
	tokens := 0
	defer func() { f.block.tokens += tokens }()
	for f.have < windowSize+inflateOut {
		if err := f.refill(); err != nil {
			return err
		}
		s := f.lit.symbol(&f.acc, &f.nb)
		if s < endOfBlock {
			if s < 0 {
				return badDeflate("bad symbol")
			}
			f.out[f.have] = byte(s)
			f.have++
			tokens++
			continue
		}
		if s == endOfBlock {
			f.open = false
			return nil
		}
		tokens++
		if err := f.match(s - firstLength); err != nil {
			return err
		}
	}
	return nil
}

// match copies the match with the length code lc.
func (f *inflater) match(lc int) error {
	if lc >= len(lengthBase) {
		return badDeflate("bad length")
	}
	n := baseMatch + int(lengthBase[lc]) + asInt(f.acc&(1<<lengthExtra[lc]-1))
	f.acc >>= lengthExtra[lc]
	f.nb -= uint(lengthExtra[lc])
	dc := f.dist.symbol(&f.acc, &f.nb)
	if dc < 0 || dc >= numDist {
		return badDeflate("bad distance")
	}
	d := 1 + int(distBase[dc]) + asInt(f.acc&(1<<distExtra[dc]-1))
	f.acc >>= distExtra[dc]
	f.nb -= uint(distExtra[dc])
	at := f.have - d
	if at < 0 {
		return badDeflate("distance before the beginning")
	}
	if d >= n {
		copy(f.out[f.have:f.have+n], f.out[at:at+n])
	} else {
		for i := range n {
			f.out[f.have+i] = f.out[at+i]
		}
	}
	f.have += n
	return nil
}
