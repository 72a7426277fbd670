package tokens

import "encoding/binary"

const (
	hashBits  = 16
	hash3Bits = 15

	// firstPlace keeps places that were never set out of the window.
	firstPlace = 1 << 16

	rungs = 16 // of a ladder that are kept
)

// A chain finds earlier occurrences of text: those with the same hash of three
// or four bytes are chained, the nearest first.
type chain struct {
	params params
	t      *text
	done   int // all text before it has been entered, or left out
	head   [1 << hashBits]uint32
	head3  [1 << hash3Bits]uint32 // the nearest place alone, by three bytes
	back   [windowSize]uint16     // how far before a place the next on its chain is
}

// A ladder holds the matches at one place: each is longer than those before
// it, and farther away.
type ladder struct {
	n    int
	len  [rungs]uint16
	dist [rungs]uint16 // less 1
}

// rung returns the match that is the i-th longest.
func (l *ladder) rung(i int) (length int, dist1 uint32, ok bool) {
	if i >= l.n || i >= rungs {
		return 0, 0, false
	}
	i = (l.n - 1 - i) & (rungs - 1)
	return int(l.len[i]), uint32(l.dist[i]), true
}

func (l *ladder) push(length, dist int) {
	i := l.n & (rungs - 1)
	l.len[i], l.dist[i] = uint16(length), uint16(dist-1) //nolint:gosec // at most 258 and 32768
	l.n++
}

func (c *chain) reset(t *text, p params) {
	c.params, c.t, c.done = p, t, 0
	clear(c.head[:])
	clear(c.head3[:])
	clear(c.back[:])
}

// place returns the number by which tables know the text at i.
func (c *chain) place(i int) uint32 {
	return uint32(c.t.base+int64(i)) + firstPlace //nolint:gosec // may wrap: what is found is compared
}

// mask selects the bytes of a word that are hashed.
func (c *chain) mask() uint32 {
	if c.params.hash == 3 {
		return 1<<24 - 1
	}
	return 1<<32 - 1
}

func hashOf(word uint32) uint32  { return word * 0x9e3779b1 >> (32 - hashBits) }
func hash3Of(word uint32) uint32 { return word << 8 * 0x9e3779b1 >> (32 - hash3Bits) }

// enter enters all text before i.
func (c *chain) enter(i int) {
	end := min(i, c.t.n-3)
	if c.done >= end {
		return
	}
	pos := c.place(c.done)
	b := c.t.b[c.done : end+3]
	c.done = end
	if c.params.hash == 3 {
		for ; len(b) >= 4; b = b[1:] {
			c.link(hashOf(binary.LittleEndian.Uint32(b)&(1<<24-1)), pos)
			pos++
		}
		return
	}
	for ; len(b) >= 4; b = b[1:] {
		word := binary.LittleEndian.Uint32(b)
		c.link(hashOf(word), pos)
		c.head3[hash3Of(word)] = pos
		pos++
	}
}

// link puts a place before the others of its hash.
func (c *chain) link(h, pos uint32) {
	head := &c.head[h&(1<<hashBits-1)]
	c.back[pos&(windowSize-1)] = uint16(min(pos-*head, 1<<16-1))
	*head = pos
}

// skip leaves the text before i out.
func (c *chain) skip(i int) { c.done = max(c.done, i) }

// find sets l to the matches at i longer than least, before which all text has
// been entered, looking at no more than depth places.
func (c *chain) find(i int, l *ladder, least, depth int) {
	l.n = 0
	limit := min(maxMatch, c.t.n-i)
	if limit < 4 {
		return
	}
	b, mask := c.t.b, c.mask()
	word, pos := load32(b, i)&mask, c.place(i)
	far := c.params.far()
	nice := min(limit, c.params.nice())
	best := max(least, int(c.params.hash)-1)
	if best >= limit {
		return
	}
	// What is longer than best has the same bytes here.
	off, tailMask := best-3, uint32(1<<32-1)
	if off < 0 {
		off, tailMask = 0, mask
	}
	tail := load32(b, i+off)
	d := pos - c.head[hashOf(word)]
	back, tails := &c.back, b[off:]
	for ; depth > 0 && d-1 < far; depth-- {
		j := i - int(d)
		if (load32(tails, j)^tail)&tailMask == 0 {
			if n := same(b, j, i, limit); n > best {
				l.push(n, int(d))
				if best = n; n >= nice {
					break
				}
				tails, tailMask = b[best-3:], 1<<32-1
				tail = load32(tails, i)
			}
		}
		d += uint32(back[(pos-d)&(windowSize-1)])
	}
	if l.n == 0 && least < minMatch && c.params.hash == 4 {
		c.find3(i, l, word, limit)
	}
}

// find3 looks at the nearest place with the same three bytes.
func (c *chain) find3(i int, l *ladder, word uint32, limit int) {
	d := c.place(i) - c.head3[hash3Of(word)]
	if d-1 >= c.params.far() {
		return
	}
	if j := i - int(d); (load32(c.t.b, j)^word)<<8 == 0 {
		l.push(same(c.t.b, j, i, limit), int(d))
	}
}

const mostHops = 256

// hops returns how many places on the chain at i, as long a match or longer,
// are nearer than dist; ok is false if dist is not among the first.
func (c *chain) hops(i, length, dist int) (k int, ok bool) {
	c.walk(i, length, func(d int) bool {
		if ok = d == dist; !ok {
			k++
		}
		return !ok
	})
	return k, ok
}

// hop returns the distance of the k-th place that hops counts, or 0.
func (c *chain) hop(i, length, k int) (dist int) {
	c.walk(i, length, func(d int) bool {
		if k == 0 {
			dist = d
		}
		k--
		return k >= 0
	})
	return dist
}

// walk calls f with the distances of matches of at least length.
func (c *chain) walk(i, length int, f func(dist int) bool) {
	if c.t.n-i < 4 || c.t.n-i < length {
		return
	}
	b := c.t.b
	pos := c.place(i)
	d := pos - c.head[hashOf(load32(b, i)&c.mask())]
	for range mostHops + 1 {
		if d > windowSize {
			return
		}
		if d > 0 && same(b, i-int(d), i, length) == length && !f(int(d)) {
			return
		}
		d += uint32(c.back[(pos-d)&(windowSize-1)])
	}
}
