package recipe

const (
	zHashBits = 15
	zNoLink   = 0xffff
)

// A zLinks is a number for each place of the window: most of the time, how far
// back another place is.
type zLinks [2 * windowSize]uint16

func (l *zLinks) at(i int) int { return int(l[i&(2*windowSize-1)]) }

func (l *zLinks) set(i int, v uint32) {
	l[i&(2*windowSize-1)] = uint16(v) //nolint:gosec // cut on purpose
}

// A zChains says of each byte of the window where text like that at it was
// before. The heads hold positions in the window, plus base; the links hold how
// far back the one before is, and lead out of the window where there is none.
type zChains struct {
	base uint32
	long bool // link8 is kept too

	// link3 is the chain that the original walks: all positions of the same
	// hash. number counts the steps that the original takes on it. What
	// head3 has, number<<16 | position, may have been overtaken: then the
	// link is any, perhaps 0, but what it leads to is never the same text.
	head3  [1 << zHashBits]uint32
	link3  zLinks
	number zLinks

	// link4 and link8 lead to the positions before that begin with the same
	// four and eight bytes, and perhaps to others. The levels that do not
	// enter all positions have the original's chain in link4.
	head4 [1 << zHashBits]uint32
	head8 [1 << zHashBits]uint32
	link4 zLinks
	link8 zLinks
}

// restart begins a stream without any text before it: whatever the tables hold
// is then out of reach.
func (c *zChains) restart() {
	c.base += 3 * windowSize
	if c.base > 1<<30 || c.base == 3*windowSize {
		clear(c.head4[:])
		clear(c.head8[:])
		c.base = 3 * windowSize
	}
}

// slide moves the first half of the window out of reach.
func (c *zChains) slide() {
	copy(c.link3[:windowSize], c.link3[windowSize:])
	copy(c.number[:windowSize], c.number[windowSize:])
	copy(c.link4[:windowSize], c.link4[windowSize:])
	if c.long {
		copy(c.link8[:windowSize], c.link8[windowSize:])
	}
	if c.base += windowSize; c.base <= 1<<30 {
		return
	}
	down := c.base - windowSize
	lower(c.head4[:], down)
	lower(c.head8[:], down)
	c.base = windowSize
}

func lower(heads []uint32, down uint32) {
	for i, h := range heads {
		heads[i] = max(h, down) - down
	}
}

// zHash is the original's hash of three bytes.
func zHash(v uint32) uint32 {
	return (v<<10 ^ v>>8<<5 ^ v>>16&0xff) & (1<<zHashBits - 1)
}

func zHash4(v uint32) uint32 { return v * 0x9e3779b1 >> (32 - zHashBits) }

func zHash8(v uint64) uint32 {
	return uint32(v * 0x9e3779b97f4a7c15 >> (64 - zHashBits))
}

// position returns what stands for place i in the heads.
func (c *zChains) position(i int) uint32 {
	return uint32(i) + c.base //nolint:gosec // places are below 2*windowSize
}

// enterSome enters the place i into the original's chain in link4.
func (c *zChains) enterSome(w *window, i int) {
	link(&c.head4, &c.link4, zHash(w.load32(i)), c.position(i), i)
}

// link links the place i, and the position that stands for it, to the one before
// it of the same hash.
func link(heads *[1 << zHashBits]uint32, links *zLinks, hash, at uint32, i int) {
	head := &heads[hash&(1<<zHashBits-1)]
	links.set(i, min(at-*head, zNoLink))
	*head = at
}

// enter3 enters the place i, where text of the hash is, into the original's
// chain.
func (c *zChains) enter3(hash, at uint32, i int) {
	head := &c.head3[hash&(1<<zHashBits-1)]
	before := *head
	now := (before+1<<16)&^0xffff | at&0xffff
	*head = now
	c.link3.set(i, at-before)
	c.number.set(i, now>>16)
}

// enter enters the places of w from i to end, beyond which there are seven
// bytes more.
func (c *zChains) enter(w *window, i, end int) {
	if !c.long {
		for at := c.position(i); i < end; i++ {
			v := w.load32(i)
			c.enter3(zHash(v), at, i)
			link(&c.head4, &c.link4, zHash4(v), at, i)
			at++
		}
		return
	}
	for at := c.position(i); i < end; i++ {
		v := w.load64(i)
		v4 := uint32(v) //nolint:gosec // cut on purpose
		c.enter3(zHash(v4), at, i)
		link(&c.head4, &c.link4, zHash4(v4), at, i)
		link(&c.head8, &c.link8, zHash8(v), at, i)
		at++
	}
}
