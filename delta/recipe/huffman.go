package recipe

import (
	"math/bits"
	"slices"
)

// A code is a Huffman code, its bits reversed as the format writes them, above
// the eight bits of its length. The zero code is of a symbol that has none.
type code uint32

func (c code) len() int { return int(c & 0xff) }

func makeCode(v uint32, length int) code {
	return code(bits.Reverse32(v)>>(32-length))<<8 | code(low8(length))
}

// fixedLit and fixedDist are the codes of blocks of fixed codes.
var (
	fixedLit  = makeFixedLit()
	fixedDist = makeFixedDist()
)

func makeFixedLit() (t [numLit + 2]code) {
	for s := range uint32(numLit + 2) {
		switch {
		case s < 144:
			t[s] = makeCode(0b00110000+s, 8)
		case s < 256:
			t[s] = makeCode(0b110010000+s-144, 9)
		case s < 280:
			t[s] = makeCode(s-256, 7)
		default:
			t[s] = makeCode(0b11000000+s-280, 8)
		}
	}
	return t
}

func makeFixedDist() (t [32]code) {
	for s := range t {
		t[s] = makeCode(uint32(s), 5)
	}
	return t
}

// cost returns how many bits symbols of these frequencies take.
func cost(freq []uint32, codes []code) int {
	n := 0
	for s, f := range freq {
		n += int(f) * codes[s].len()
	}
	return n
}

// A merger builds length-limited codes by package-merge, ties broken as Go's
// compress/flate breaks them: a package goes before a leaf of equal frequency,
// and among leaves of equal frequency the shorter codes go to the larger
// symbols.
type merger struct {
	leaves []uint64 // frequency<<16 | symbol, ascending
	weight [2][2 * numLit]uint32
	isLeaf [maxCodeBits][2 * numLit]bool
}

// build sets codes to those for freq, of at most limit bits.
func (m *merger) build(codes []code, freq []uint32, limit int) {
	m.leaves = m.leaves[:0]
	for s, f := range freq {
		codes[s] = 0
		if f != 0 {
			m.leaves = append(m.leaves, uint64(f)<<16|uint64(s))
		}
	}
	if len(m.leaves) <= 2 {
		for i, l := range m.leaves {
			codes[l&0xffff] = makeCode(uint32(i), 1)
		}
		return
	}
	slices.Sort(m.leaves)
	m.assign(codes, m.merge(min(limit, len(m.leaves)-1)))
}

// merge returns how many leaves get codes of at least 1, 2, … limit bits.
func (m *merger) merge(limit int) (atLeast [maxCodeBits]int) {
	most := 2*len(m.leaves) - 2
	below := m.weight[0][:0]
	for level := range limit {
		row := m.weight[level&1][:0]
		flags := &m.isLeaf[level]
		leaf, pack := 0, 0
		for len(row) < most {
			havePack := pack+1 < len(below)
			var p uint32
			if havePack {
				p = below[pack] + below[pack+1]
			}
			switch {
			case leaf < len(m.leaves) && (!havePack || low32(m.leaves[leaf]>>16) < p):
				flags[len(row)] = true
				row = append(row, low32(m.leaves[leaf]>>16))
				leaf++
			case havePack:
				flags[len(row)] = false
				row = append(row, p)
				pack += 2
			default:
				most = len(row)
			}
		}
		most = 2*len(m.leaves) - 2
		below = row
	}

	take := most
	for level := limit - 1; level >= 0; level-- {
		n := 0
		for _, l := range m.isLeaf[level][:take] {
			if l {
				n++
			}
		}
		atLeast[limit-1-level] = n
		take = 2 * (take - n)
	}
	return atLeast
}

// assign gives the leaves their codes: the rarest the longest, and within a
// length in the order of the symbols.
func (m *merger) assign(codes []code, atLeast [maxCodeBits]int) {
	var next uint32
	end := len(m.leaves)
	for n := 1; n <= maxCodeBits; n++ {
		next <<= 1
		longer := 0
		if n < maxCodeBits {
			longer = atLeast[n] //nolint:gosec // n is less than its length
		}
		chunk := m.leaves[longer:end]
		end = longer
		for i, l := range chunk {
			chunk[i] = l & 0xffff
		}
		slices.Sort(chunk)
		for _, s := range chunk {
			codes[s] = makeCode(next, n)
			next++
		}
	}
}
