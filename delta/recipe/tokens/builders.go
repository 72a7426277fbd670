package tokens

import "slices"

// The ways to build the lengths of a Huffman code from frequencies. They differ
// in what they do about codes that come out too long, and about equal
// frequencies.
const (
	byZlib    = 0
	byGo      = 1
	bySorting = 2 // libdeflate
	builders  = 3
)

// A builder builds code lengths in each of the ways.
type builder struct {
	heap   [numLit + 2]uint64 // from 1; frequency<<32 | depth<<16 | node
	n      int
	taken  [2*numLit + 4]uint16 // nodes in the order in which they left the heap
	nTaken int
	parent [2*numLit + 4]uint16
	length [2*numLit + 4]uint8

	leaves []uint64 // frequency<<16 | symbol, ascending
	sums   [2 * numLit]uint64
	weight [2][2 * numLit]uint64
	isLeaf [maxCodeBits][2 * numLit]bool
}

// build sets lengths to those for freq, of at most limit bits.
func (z *builder) build(way int, lengths []uint8, freq []uint32, limit int) {
	clear(lengths)
	switch way {
	case byZlib:
		z.zlib(lengths, freq, limit)
	case byGo:
		z.sort(freq)
		if len(z.leaves) == 0 && len(freq) == numDist {
			lengths[0] = 1
			return
		}
		z.merge(lengths, limit)
	default:
		z.sort(freq)
		z.sorted(lengths, limit)
	}
}

// zlib builds as zlib does: Huffman's algorithm with a heap, ties broken by the
// depth of subtrees, and codes that come out too long shortened afterwards.
func (z *builder) zlib(lengths []uint8, freq []uint32, limit int) {
	z.n, z.nTaken = 0, 0
	used := 0
	for s, f := range freq {
		if f != 0 {
			z.n++
			z.heap[z.n] = uint64(f)<<32 | uint64(s)
			used = s + 1
		}
	}
	// The format wants two codes even where one or none is in use.
	for z.n < 2 {
		node := 0
		if used < 3 {
			node = used
			used++
		}
		z.n++
		z.heap[z.n] = 1<<32 | uint64(node)
	}
	for k := z.n / 2; k >= 1; k-- {
		z.sift(k)
	}
	first := len(freq)
	z.join(first)
	z.measure(first, limit)
	for i := range z.nTaken {
		if s := int(z.taken[i]); s < first {
			lengths[s] = z.length[s]
		}
	}
}

// sift lets the item at k sink to its place.
func (z *builder) sift(k int) {
	v := z.heap[k]
	for j := 2 * k; j <= z.n; j *= 2 {
		if j < z.n && z.heap[j+1]>>16 <= z.heap[j]>>16 {
			j++
		}
		if v>>16 <= z.heap[j]>>16 {
			break
		}
		z.heap[k] = z.heap[j]
		k = j
	}
	z.heap[k] = v
}

// join makes the tree; its inner nodes are numbered from first.
func (z *builder) join(first int) {
	for node := first; ; node++ {
		a := z.heap[1]
		z.heap[1] = z.heap[z.n]
		z.n--
		z.sift(1)
		b := z.heap[1]
		z.take(a, node)
		z.take(b, node)
		depth := max(a>>16&0xffff, b>>16&0xffff) + 1
		z.heap[1] = (a>>32+b>>32)<<32 | depth<<16 | uint64(node) //nolint:gosec // an index
		z.sift(1)
		if z.n < 2 {
			z.take(z.heap[1], 0)
			return
		}
	}
}

func (z *builder) take(item uint64, parent int) {
	n := item & 0xffff
	z.taken[z.nTaken] = uint16(n)
	z.nTaken++
	z.parent[n] = uint16(parent) //nolint:gosec // an index
}

// measure sets the lengths of the nodes, of which the leaves are below first.
func (z *builder) measure(first, limit int) {
	var count [maxCodeBits + 1]int
	overflow := 0
	z.length[z.taken[z.nTaken-1]] = 0
	for i := z.nTaken - 2; i >= 0; i-- {
		n := z.taken[i]
		length := int(z.length[z.parent[n]]) + 1
		if length > limit {
			length = limit
			overflow++
		}
		z.length[n] = uint8(length) //nolint:gosec // at most limit
		if int(n) < first {
			count[length]++
		}
	}
	if overflow == 0 {
		return
	}
	for ; overflow > 0; overflow -= 2 {
		length := limit - 1
		for count[length] == 0 {
			length--
		}
		count[length]--
		count[length+1] += 2
		count[limit]--
	}
	// The longest codes go to those that left the heap first.
	i := 0
	for length := limit; length > 0; length-- {
		for n := count[length]; n > 0; i++ {
			if s := z.taken[i]; int(s) < first {
				z.length[s] = uint8(length) //nolint:gosec // at most limit
				n--
			}
		}
	}
}

// sort sets leaves.
func (z *builder) sort(freq []uint32) {
	z.leaves = z.leaves[:0]
	for s, f := range freq {
		if f != 0 {
			z.leaves = append(z.leaves, uint64(f)<<16|uint64(s))
		}
	}
	slices.Sort(z.leaves)
}

// merge builds by package-merge, ties broken as Go's compress/flate breaks
// them: a package goes after a leaf only if it is heavier.
func (z *builder) merge(lengths []uint8, limit int) {
	if len(z.leaves) <= 2 {
		for _, l := range z.leaves {
			lengths[l&0xffff] = 1
		}
		return
	}
	limit = min(limit, len(z.leaves)-1)
	most := 2*len(z.leaves) - 2
	below := z.weight[0][:0]
	for level := range limit {
		row := z.weight[level&1][:0]
		leaf, pack := 0, 0
		for len(row) < most {
			havePack := pack+1 < len(below)
			haveLeaf := leaf < len(z.leaves)
			if !havePack && !haveLeaf {
				break
			}
			isLeaf := haveLeaf && (!havePack || z.leaves[leaf]>>16 < below[pack]+below[pack+1])
			z.isLeaf[level][len(row)] = isLeaf
			if isLeaf {
				row = append(row, z.leaves[leaf]>>16)
				leaf++
			} else {
				row = append(row, below[pack]+below[pack+1])
				pack += 2
			}
		}
		below = row
	}
	take := most
	for level := limit - 1; level >= 0; level-- {
		n := 0
		for _, l := range z.isLeaf[level][:take] {
			if l {
				n++
			}
		}
		for _, l := range z.leaves[:n] {
			lengths[l&0xffff]++
		}
		take = 2 * (take - n)
	}
}

// sorted builds as libdeflate does: Huffman's algorithm over sorted leaves, and
// lengths given out in that order.
func (z *builder) sorted(lengths []uint8, limit int) {
	n := len(z.leaves)
	if n < 2 {
		// Two codes in any case, one of them of symbol 0 or 1.
		s := 0
		if n == 1 {
			s = int(z.leaves[0] & 0xffff)
		}
		lengths[0] = 1
		lengths[max(s, 1)] = 1
		return
	}
	// Inner nodes are made in ascending order of weight.
	leaf, inner := 0, 0
	pick := func(made int) (weight uint64) {
		if leaf < n && (inner == made || z.leaves[leaf]>>16 <= z.sums[inner]) {
			leaf++
			return z.leaves[leaf-1] >> 16
		}
		z.parent[inner] = uint16(made) //nolint:gosec // an index
		inner++
		return z.sums[inner-1]
	}
	for made := range n - 1 {
		a := pick(made)
		z.sums[made] = a + pick(made)
	}
	// Depths of inner nodes from the root down, which turn leaves into others.
	var count [maxCodeBits + 2]int
	count[1] = 2
	z.length[n-2] = 0
	for node := n - 3; node >= 0; node-- {
		depth := int(z.length[z.parent[node]]) + 1
		z.length[node] = uint8(min(depth, 255))
		if depth >= limit {
			depth = limit
			for {
				depth--
				if count[depth] != 0 {
					break
				}
			}
		}
		count[depth]--
		count[depth+1] += 2
	}
	i := 0
	for length := limit; length > 0; length-- {
		for range count[length] {
			lengths[z.leaves[i]&0xffff] = uint8(length) //nolint:gosec // at most limit
			i++
		}
	}
}
