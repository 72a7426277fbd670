package recipe

// A zHeap builds length-limited codes as zlib does: Huffman's algorithm with a
// heap, ties broken by the depth of subtrees, and codes that come out too long
// shortened afterwards.
type zHeap struct {
	heap   [numLit + 2]uint64 // from 1; frequency<<32 | depth<<16 | node
	n      int
	taken  [2 * numLit]uint16 // nodes in the order in which they left the heap
	nTaken int
	parent [2 * numLit]uint16
	length [2 * numLit]uint8
}

// before reports whether a leaves the heap before b. Nodes do not count.
func before(a, b uint64) bool { return a>>16 <= b>>16 }

// sift lets the item at k sink to its place.
func (z *zHeap) sift(k int) {
	v := z.heap[k]
	for j := 2 * k; j <= z.n; j *= 2 {
		if j < z.n && before(z.heap[j+1], z.heap[j]) {
			j++
		}
		if before(v, z.heap[j]) {
			break
		}
		z.heap[k] = z.heap[j]
		k = j
	}
	z.heap[k] = v
}

// build sets codes to those for freq, of at most limit bits, and returns how
// many of them a header names: up to the last in use.
func (z *zHeap) build(codes []code, freq []uint32, limit int) int {
	z.n, z.nTaken = 0, 0
	used := 0
	for s, f := range freq {
		codes[s] = 0
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
		codes[node] = 1
	}
	for k := z.n / 2; k >= 1; k-- {
		z.sift(k)
	}
	z.join(len(freq))
	count := z.lengths(len(freq), limit)
	for s, f := range freq {
		if f != 0 || codes[s] != 0 {
			codes[s] = code(z.length[s])
		}
	}
	number(codes, count)
	return used
}

// join makes the tree; its inner nodes are numbered from first.
func (z *zHeap) join(first int) {
	for node := first; ; node++ {
		a := z.heap[1]
		z.heap[1] = z.heap[z.n]
		z.n--
		z.sift(1)
		b := z.heap[1]
		z.take(a, node)
		z.take(b, node)
		depth := max(a>>16&0xffff, b>>16&0xffff) + 1
		z.heap[1] = (a>>32+b>>32)<<32 | depth<<16 | word(node)
		z.sift(1)
		if z.n < 2 {
			z.take(z.heap[1], 0)
			return
		}
	}
}

func (z *zHeap) take(item uint64, parent int) {
	n := low16(item)
	z.taken[z.nTaken] = n
	z.nTaken++
	z.parent[n] = low16(parent)
}

// lengths sets the lengths of the nodes and returns how many leaves, the nodes
// below first, have each.
func (z *zHeap) lengths(first, limit int) (count [maxCodeBits + 1]int) {
	overflow := 0
	z.length[z.taken[z.nTaken-1]] = 0
	for i := z.nTaken - 2; i >= 0; i-- {
		n := z.taken[i]
		length := int(z.length[z.parent[n]]) + 1
		if length > limit {
			length = limit
			overflow++
		}
		z.length[n] = low8(length)
		if int(n) < first {
			count[length]++
		}
	}
	if overflow > 0 {
		z.shorten(first, limit, overflow, &count)
	}
	return count
}

// shorten makes room for the leaves that would be too long, and then gives the
// longest codes to those that left the heap first.
func (z *zHeap) shorten(first, limit, overflow int, count *[maxCodeBits + 1]int) {
	for ; overflow > 0; overflow -= 2 {
		length := limit - 1
		for count[length] == 0 {
			length--
		}
		count[length]--
		count[length+1] += 2
		count[limit]--
	}
	i := 0
	for length := limit; length > 0; length-- {
		for n := count[length]; n > 0; i++ {
			if s := z.taken[i]; int(s) < first {
				z.length[s] = low8(length)
				n--
			}
		}
	}
}

// number replaces lengths by the codes of these lengths.
func number(codes []code, count [maxCodeBits + 1]int) {
	var next [maxCodeBits + 2]uint32
	for length := 1; length <= maxCodeBits; length++ {
		next[length+1] = (next[length] + low32(count[length])) << 1
	}
	for s, c := range codes {
		if length := int(c); length != 0 {
			codes[s] = makeCode(next[length], length)
			next[length]++
		}
	}
}
