package entropy

import (
	"encoding/binary"
	"math/bits"
)

// A candidate is a match that the finder offers.
type candidate struct {
	length, dist uint32
}

// A matchFinder finds for each position the nearest match of every length that
// is longer than all nearer ones. Positions of four equal bytes are kept in
// binary trees ordered by what follows, as LZMA keeps them, as far back as the
// window goes; the latest positions of two, three and many bytes in tables.
type matchFinder struct {
	src   []byte
	pos   int
	depth int
	nice  int
	hash2 []uint32 // position plus one
	hash3 []uint32
	hash4 []uint32
	far   []uint32
	sons  []uint32 // for each position of the window: where less, where greater follows
	mask  int      // of the window
	shift uint
	found []candidate
}

const (
	hash2Bits = 16
	hash3Bits = 18
	maxHash4  = 20
	minHash4  = 12

	farBits  = 20
	farBytes = 24 // that the far table's positions are found by

	// maxWindow is how many positions the trees hold. Each takes eight bytes.
	maxWindow = 4 << 20
)

func (f *matchFinder) init(src []byte, depth, nice int) {
	h4 := min(max(bits.Len(uint(len(src))), minHash4), maxHash4)
	f.src, f.pos, f.depth, f.nice = src, 0, depth, nice
	f.shift = uint(32 - h4)
	f.hash2 = cleared(f.hash2, 1<<hash2Bits)
	f.hash3 = cleared(f.hash3, 1<<hash3Bits)
	f.hash4 = cleared(f.hash4, 1<<h4)
	window := min(1<<bits.Len(uint(len(src))), maxWindow)
	f.mask = window - 1
	if len(src) > window {
		f.far = cleared(f.far, 1<<farBits)
	}
	if cap(f.sons) < 2*window {
		f.sons = make([]uint32, 2*window)
	}
	f.sons = f.sons[:2*window]
}

// skip passes n positions.
func (f *matchFinder) skip(n int) {
	for range n {
		f.step(false)
	}
}

// next returns the candidates at the current position, shortest first, and
// passes it. They are valid until the next call.
func (f *matchFinder) next() []candidate {
	f.found = f.found[:0]
	f.step(true)
	return f.found
}

func (f *matchFinder) step(want bool) {
	p := f.pos
	f.pos++
	if len(f.src)-p < 4 {
		return
	}
	v := binary.LittleEndian.Uint32(f.src[p:])
	h2 := v & 0xffff
	h3 := (v << 8) * 0x9e3779b1 >> (32 - hash3Bits)
	h4 := v * 0x9e3779b1 >> f.shift
	q2, q3, q4 := f.hash2[h2], f.hash3[h3], f.hash4[h4]
	now := uint32(p + 1) //nolint:gosec // at most MaxFrame
	f.hash2[h2], f.hash3[h3], f.hash4[h4] = now, now, now
	best := 1
	if want {
		if q2 != 0 {
			best = f.offer(p, int(q2-1), best)
		}
		if q3 != 0 && q3 != q2 {
			best = f.offer(p, int(q3-1), best)
		}
	}
	best = f.descend(p, q4, best, want)
	if len(f.src) > f.mask && len(f.src)-p >= farBytes {
		h := hashFar(f.src[p:])
		if q := f.far[h]; q != 0 && want && best < f.nice {
			f.offer(p, int(q-1), max(best, farBytes-1))
		}
		f.far[h] = now
	}
}

func hashFar(b []byte) uint64 {
	_ = b[farBytes-1]
	v := binary.LittleEndian.Uint64(b) * 0x9e3779b97f4a7c15
	v = (v ^ v>>32 ^ binary.LittleEndian.Uint64(b[8:])) * 0x9e3779b97f4a7c15
	v = (v ^ v>>32 ^ binary.LittleEndian.Uint64(b[16:])) * 0x9e3779b97f4a7c15
	return v >> (64 - farBits)
}

// offer adds the match at q if it is longer than best.
func (f *matchFinder) offer(p, q, best int) int {
	if n := matchLen(f.src[q:], f.src[p:min(len(f.src), p+f.nice)]); n > best {
		f.found = append(f.found, candidate{uint32(n), uint32(p - q)}) //nolint:gosec // at most MaxFrame
		return n
	}
	return best
}

// descend walks the tree of p's hash, inserts p as its root, and offers
// matches longer than best. It returns the longest length.
func (f *matchFinder) descend(p int, q4 uint32, best int, want bool) int {
	src := f.src
	limit := min(len(src)-p, f.nice)
	less, greater := 2*(p&f.mask), 2*(p&f.mask)+1 // where the next smaller and greater subtree hang
	lenLess, lenGreater := 0, 0
	for range f.depth {
		q := int(q4) - 1
		if q < 0 || p-q > f.mask {
			break
		}
		son := 2 * (q & f.mask)
		n := min(lenLess, lenGreater)
		n += matchLen(src[q+n:], src[p+n:p+limit])
		if n > best && want {
			best = n
			f.found = append(f.found, candidate{uint32(n), uint32(p - q)}) //nolint:gosec // at most MaxFrame
		}
		if n >= limit {
			f.sons[less], f.sons[greater] = f.sons[son], f.sons[son+1]
			return best
		}
		if src[q+n] < src[p+n] {
			f.sons[less] = q4
			less = son + 1
			q4 = f.sons[less]
			lenLess = n
		} else {
			f.sons[greater] = q4
			greater = son
			q4 = f.sons[greater]
			lenGreater = n
		}
	}
	f.sons[less], f.sons[greater] = 0, 0
	return best
}

// matchLen is the number of equal bytes that begin a and b.
func matchLen(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for ; i+8 <= n; i += 8 {
		if x := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); x != 0 {
			return i + bits.TrailingZeros64(x)>>3
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}
