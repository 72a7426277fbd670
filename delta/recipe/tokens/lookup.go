package tokens

import "math/bits"

const lookupBits = 10 // looked up at once

// A lookup reads symbols of a Huffman code. An entry is a symbol above the
// eight bits of its length; or where the table for longer codes begins, with
// length 255; or 0 for bits that are no code.
type lookup struct {
	table [1<<lookupBits + (numLit+2)<<(maxCodeBits-lookupBits)]uint32
}

// build makes the table for a code with these lengths and reports whether they
// are one: complete, or a single symbol of one bit, or none.
func (d *lookup) build(lengths []uint8) bool {
	var codes [numLit + 2]code
	used, ok := assign(codes[:len(lengths)], lengths)
	if !ok || used != 1<<maxCodeBits && used != 0 && used != 1<<(maxCodeBits-1) {
		return false
	}
	clear(d.table[:1<<lookupBits])
	free := uint32(1 << lookupBits)
	n := 0
	for s, c := range codes[:len(lengths)] {
		if c != 0 {
			free = d.enter(uint32(c>>8), uint32(s)<<8|uint32(c&0xff), free)
			n++
		}
	}
	return used != 1<<(maxCodeBits-1) || n == 1
}

// enter puts the code v, reversed, into the table. free is where the table
// goes on.
func (d *lookup) enter(v, entry, free uint32) uint32 {
	n := entry & 0xff
	if n <= lookupBits {
		for ; v < 1<<lookupBits; v += 1 << n {
			d.table[v] = entry
		}
		return free
	}
	const span = 1 << (maxCodeBits - lookupBits)
	link := &d.table[v&(1<<lookupBits-1)]
	if *link == 0 {
		*link = free<<8 | 0xff
		clear(d.table[free : free+span])
		free += span
	}
	sub := d.table[*link>>8:][:span]
	for i := v >> lookupBits; i < span; i += 1 << (n - lookupBits) {
		sub[i] = entry
	}
	return free
}

// symbol returns the symbol that acc, at least 15 bits, begins with and its
// length in bits, which is 0 if there is none.
func (d *lookup) symbol(acc uint64) (s int, n uint) {
	e := d.table[acc&(1<<lookupBits-1)]
	if e&0xff == 0xff {
		e = d.table[e>>8+uint32(acc>>lookupBits)&(1<<(maxCodeBits-lookupBits)-1)] //nolint:gosec // masked
	}
	return int(e >> 8), uint(e & 0x3f)
}

// A code is a Huffman code, its bits reversed as the format writes them, above
// the eight bits of its length. The zero code is of a symbol that has none.
type code uint32

// assign sets codes to those that lengths, each at most 15, determine. It
// returns which part of 1<<15 they use, and whether that is not too much.
func assign(codes []code, lengths []uint8) (used uint32, ok bool) {
	var count, next [maxCodeBits + 2]uint32
	for _, n := range lengths {
		count[n&15]++
	}
	count[0] = 0
	for n := 1; n <= maxCodeBits; n++ {
		used += count[n] << (maxCodeBits - n)
		next[n+1] = (next[n] + count[n]) << 1
	}
	if used > 1<<maxCodeBits {
		return used, false
	}
	for s, n := range lengths {
		codes[s] = 0
		if n &= 15; n != 0 {
			codes[s] = code(bits.Reverse32(next[n])>>(32-n))<<8 | code(n)
			next[n]++
		}
	}
	return used, true
}
