package recipe

// The types of blocks of a frame.
const (
	zsRaw        = 0
	zsRLE        = 1
	zsCompressed = 2
)

// The types of literals of a block.
const (
	zsLitsRaw      = 0
	zsLitsRLE      = 1
	zsLitsCoded    = 2
	zsLitsTreeless = 3
)

const (
	zsBlockHeader = 3

	// zsRoom is what a block takes at most before it turns out to be larger
	// than its plain text: literals with codes of 11 bits, three tables,
	// 11 bytes for each sequence.
	zsRoom = zsMaxBlock*3/2 + 11*zsSequences + 4<<10
)

// A zsCoder writes the blocks that a match finder has taken apart.
type zsCoder struct {
	huff zsHuffman
	seq  zsSequencer
	buf  []byte
}

// reset begins a frame.
func (c *zsCoder) reset(exact bool) {
	if c.buf == nil {
		c.buf = make([]byte, zsRoom)
	}
	c.huff.reset()
	c.seq.reset()
	c.seq.exact = exact
}

// block returns p as a block of a frame. Its memory lasts until the next.
func (c *zsCoder) block(p *zsParse, last bool) []byte {
	size := len(p.plain)
	if p.single() {
		return append(c.header(size, zsRLE, last), p.plain[0])
	}
	if len(p.seqs) == 0 || size-len(p.lits)-size>>6 < 16 {
		return append(c.header(size, zsRaw, last), p.plain...)
	}
	end, ok := c.seq.write(c.buf, c.literals(zsBlockHeader, p.lits), p.seqs)
	if !ok || end-zsBlockHeader >= size {
		c.huff.lasts = false
		return append(c.header(size, zsRaw, last), p.plain...)
	}
	c.seq.keep()
	c.header(end-zsBlockHeader, zsCompressed, last)
	return c.buf[:end]
}

// single reports whether the block is one byte over and over, as far as the
// original sees it.
func (p *zsParse) single() bool {
	return len(p.seqs) == 1 && len(p.lits) <= 1 && int(p.seqs[0].lits) == len(p.lits) && p.seqs[0].offset == 1+zsMinMatch
}

// header writes the header of a block and returns it.
func (c *zsCoder) header(size int, kind uint32, last bool) []byte {
	v := low32(size)<<3 | kind<<1
	if last {
		v |= 1
	}
	return appendLow(c.buf[:0], uint64(v), zsBlockHeader)
}

// literals writes the literals of a block from pos on and returns where they
// end.
func (c *zsCoder) literals(pos int, lits []byte) int {
	kind, end, size := huffRaw, pos, codedHeader(len(lits))
	if len(lits) > 16 {
		end, kind = c.huff.compress(c.buf, pos+size, lits, len(lits) >= 1024)
	}
	switch kind {
	case huffRLE:
		return len(append(plainLits(c.buf[:pos], len(lits), zsLitsRLE), lits[0]))
	case huffRaw:
		return len(append(plainLits(c.buf[:pos], len(lits), zsLitsRaw), lits...))
	case huffNew:
		c.codedLits(pos, len(lits), end, zsLitsCoded)
	case huffAgain:
		c.codedLits(pos, len(lits), end, zsLitsTreeless)
	}
	return end
}

// codedLits writes the header of n literals that are coded from behind it to
// end.
func (c *zsCoder) codedLits(pos, n, end int, v uint64) {
	c.huff.lasts = true
	size := codedHeader(n)
	bits := 4*size - 2 // of each of the two sizes
	if size > 3 {
		v |= uint64(low32(size-2)) << 2
	}
	v |= uint64(low32(n))<<4 | uint64(low32(end-pos-size))<<(4+bits)
	appendLow(c.buf[:pos], v, size)
}

// codedHeader returns how long the header of n coded literals is. They are
// always fewer bytes than literals.
func codedHeader(n int) int {
	switch {
	case n < 1<<10:
		return 3
	case n < 1<<14:
		return 4
	}
	return 5
}

// plainLits appends the header of n literals that are not coded.
func plainLits(b []byte, n int, kind uint64) []byte {
	v := uint64(low32(n))
	switch {
	case n < 1<<4:
		return appendLow(b, kind|v<<3, 1)
	case n < 1<<11: // there is room for 1<<12
		return appendLow(b, kind|1<<2|v<<4, 2)
	}
	return appendLow(b, kind|3<<2|v<<4, 3)
}

// appendLow appends the n lowest bytes of v, the lowest first.
func appendLow(b []byte, v uint64, n int) []byte {
	for range n {
		b = append(b, uint8(v&0xff))
		v >>= 8
	}
	return b
}
