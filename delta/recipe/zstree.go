package recipe

import "slices"

// A huffNode is a symbol or, while a tree is built, a parent of two.
type huffNode struct {
	count  uint32
	parent uint16
	symbol uint8
	bits   uint8
}

const huffNone = -1

// A huffTree finds the lengths of codes.
type huffTree struct {
	nodes [512]huffNode
	keys  [256]uint64
}

// lengths returns the symbols that occur, the most frequent first, with codes
// of at most limit bits, and the longest. There are at least two.
func (t *huffTree) lengths(counts []uint32, limit int) (leaves []huffNode, longest int) {
	n := t.sort(counts)
	t.join(n)
	root := 2*n - 2
	t.nodes[root].bits = 0
	for i := root - 1; i >= 0; i-- {
		t.nodes[i].bits = t.nodes[t.nodes[i].parent].bits + 1
	}
	leaves = t.nodes[:n]
	longest = int(leaves[n-1].bits)
	if longest > limit {
		shorten(leaves, low8(limit))
		longest = limit
	}
	return leaves, longest
}

// sort puts the symbols that occur into nodes, the most frequent first, and
// the lower of two that are as frequent.
func (t *huffTree) sort(counts []uint32) int {
	keys := t.keys[:0]
	for s, c := range counts {
		if c > 0 {
			keys = append(keys, uint64(^c)<<8|uint64(low8(s)))
		}
	}
	slices.Sort(keys)
	for i, k := range keys {
		t.nodes[i] = huffNode{count: ^uint32(k >> 8), symbol: uint8(k & 0xff)} //nolint:gosec // as put together
	}
	return len(keys)
}

// join makes n-1 parents out of the n first nodes. Of two that are as frequent
// a parent is taken before a symbol.
func (t *huffTree) join(n int) {
	leaf, made := n-1, n // the next to be taken of either kind
	for next := n; next < 2*n-1; next++ {
		sum := uint32(0)
		for range 2 {
			i := leaf
			if leaf >= 0 && (made >= next || t.nodes[leaf].count < t.nodes[made].count) {
				leaf--
			} else {
				i = made
				made++
			}
			sum += t.nodes[i].count
			t.nodes[i].parent = low16(next)
		}
		t.nodes[next] = huffNode{count: sum}
	}
}

// shorten cuts the codes of leaves, the longest last, to limit bits, and makes
// others longer until they fit again.
func shorten(leaves []huffNode, limit uint8) {
	longest := leaves[len(leaves)-1].bits
	debt, i := 0, len(leaves)-1
	for ; leaves[i].bits > limit; i-- {
		debt += 1<<(longest-limit) - 1<<(longest-leaves[i].bits)
		leaves[i].bits = limit
	}
	for leaves[i].bits == limit {
		i--
	}
	debt >>= longest - limit

	// last holds the last symbol that is shorter than limit by its index.
	var last [huffMaxBits + 2]int
	for r := range last {
		last[r] = huffNone
	}
	at := limit
	for p := i; p >= 0; p-- {
		if leaves[p].bits < at {
			at = leaves[p].bits
			last[limit-at] = p
		}
	}
	for debt > 0 {
		debt -= lengthen(leaves, &last, limit, debt)
	}
	for ; debt < 0; debt++ {
		if last[1] == huffNone {
			for leaves[i].bits == limit {
				i--
			}
			last[1] = i
		}
		last[1]++
		leaves[last[1]].bits--
	}
}

// lengthen makes one code longer, and returns how much of debt that repays.
func lengthen(leaves []huffNode, last *[huffMaxBits + 2]int, limit uint8, debt int) int {
	r := high(low32(debt)) + 1
	for ; r > 1; r-- {
		hi, lo := last[r], last[r-1]
		if hi == huffNone {
			continue
		}
		if lo == huffNone || leaves[hi].count <= 2*leaves[lo].count {
			break
		}
	}
	for r <= huffMaxBits && last[r] == huffNone {
		r++
	}
	if last[r-1] == huffNone {
		last[r-1] = last[r]
	}
	leaves[last[r]].bits++
	last[r]--
	if last[r] >= 0 && int(leaves[last[r]].bits) != int(limit)-r {
		last[r] = huffNone
	}
	return 1 << (r - 1)
}
