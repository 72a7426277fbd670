package recipe

import "math/bits"

const decoderBits = 10 // looked up at once

// A decoder reads symbols of a Huffman code. An entry is a symbol above the
// eight bits of its length; or where the table for longer codes begins, with
// length 255; or 0 for bits that are no code.
type decoder struct {
	table   [1<<decoderBits + (numLit+2)<<(maxCodeBits-decoderBits)]uint32
	isFixed bool
}

var (
	fixedLengths     = lengthsOf(fixedLit[:])
	fixedDistLengths = lengthsOf(fixedDist[:])
)

func lengthsOf(codes []code) []uint8 {
	lengths := make([]uint8, len(codes))
	for s, c := range codes {
		lengths[s] = low8(c)
	}
	return lengths
}

// fixed is build for a code that is always the same.
func (d *decoder) fixed(lengths []uint8) {
	if !d.isFixed {
		d.build(lengths)
		d.isFixed = true
	}
}

// build makes the table for a code with these lengths and reports whether they
// are one: complete, or a single symbol of one bit, or none.
func (d *decoder) build(lengths []uint8) bool {
	d.isFixed = false
	var next [maxCodeBits + 2]uint32
	var count [maxCodeBits + 1]uint32
	for _, n := range lengths {
		count[n]++
	}
	count[0] = 0
	for n := 1; n <= maxCodeBits; n++ {
		next[n+1] = (next[n] + count[n]) << 1
	}
	used := next[maxCodeBits+1] >> 1 // of 1<<15
	clear(d.table[:1<<decoderBits])
	if used != 1<<maxCodeBits && used != 0 && (used != 1<<(maxCodeBits-1) || count[1] != 1) {
		return false
	}
	free := uint32(1 << decoderBits)
	for s, n := range lengths {
		if n == 0 {
			continue
		}
		v := bits.Reverse32(next[n]) >> (32 - n)
		next[n]++
		free = d.enter(v, uint32(s)<<8|uint32(n), free)
	}
	return true
}

// enter puts the code v, reversed, into the table. free is where the table
// goes on.
func (d *decoder) enter(v, entry, free uint32) uint32 {
	n := entry & 0xff
	if n <= decoderBits {
		for ; v < 1<<decoderBits; v += 1 << n {
			d.table[v] = entry
		}
		return free
	}
	const span = 1 << (maxCodeBits - decoderBits)
	link := &d.table[v&(1<<decoderBits-1)]
	if *link == 0 {
		*link = free<<8 | 0xff
		clear(d.table[free : free+span])
		free += span
	}
	sub := d.table[*link>>8:][:span]
	for i := v >> decoderBits; i < span; i += 1 << (n - decoderBits) {
		sub[i] = entry
	}
	return free
}

// symbol takes a symbol from the bits, at least 15 of them, or returns -1.
func (d *decoder) symbol(acc *uint64, nb *uint) int {
	e := d.table[*acc&(1<<decoderBits-1)]
	if e&0xff == 0xff {
		e = d.table[e>>8+low32(*acc>>decoderBits)&(1<<(maxCodeBits-decoderBits)-1)]
	}
	if e == 0 {
		return -1
	}
	*acc >>= e & 0x3f
	*nb -= uint(e & 0x3f)
	return int(e >> 8)
}
