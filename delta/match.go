package delta

import "math/bits"

// A chain finds entries by a hash: a hash table of lists, the youngest first.
// Entries have numbers over all tables.
type chain struct {
	key   func(id uint32) uint64
	heads []uint32 // id+1, by hash
	next  []uint32 // id+1, by id
}

const hashMul = 0x9E3779B97F4A7C15

func (c *chain) slot(key uint64) uint64 {
	return (key * hashMul) >> (64 - uint(bits.Len(uint(len(c.heads)))-1))
}

// first returns the id+1 of the youngest entry of the list that key is in.
func (c *chain) first(key uint64) uint32 {
	if len(c.heads) == 0 {
		return 0
	}
	return c.heads[c.slot(key)]
}

// grow makes room for the ids below n.
func (c *chain) grow(n int) {
	if n <= len(c.heads) {
		c.next = append(c.next, make([]uint32, max(n-len(c.next), 0))...)
		return
	}
	size := 1024
	for size < n {
		size *= 2
	}
	linked := c.next
	c.heads = make([]uint32, size)
	c.next = make([]uint32, n)
	for id := range linked {
		if linked[id] != unlinked {
			c.add(uint32(id))
		}
	}
}

// unlinked stands in next for entries that are in no list. A list ends in 0.
const unlinked = 1<<32 - 1

func (c *chain) add(id uint32) {
	h := c.slot(c.key(id))
	c.next[id] = c.heads[h]
	c.heads[h] = id + 1
}

func (c *chain) skip(id uint32) { c.next[id] = unlinked }

// remove forgets the ids from n on.
func (c *chain) remove(n int) {
	for id := len(c.next) - 1; id >= n; id-- {
		if c.next[id] == unlinked {
			continue
		}
		c.heads[c.slot(c.key(uint32(id)))] = c.next[id] //nolint:gosec // ids have 32 bits
	}
	c.next = c.next[:min(n, len(c.next))]
}

// A catalog finds entries of all tables that were added.
type catalog struct {
	sources []*source
	starts  []int // number of each source's first entry
	total   int

	contents, paths, stems chain
}

func (c *catalog) init() {
	c.contents.key = func(id uint32) uint64 { return contentKey(c.entry(id)) }
	c.paths.key = func(id uint32) uint64 { return c.entry(id).path }
	c.stems.key = func(id uint32) uint64 { return uint64(c.entry(id).stem) }
}

func contentKey(e *entry) uint64 {
	var v uint64
	for _, c := range e.digest[:8] {
		v = v<<8 | uint64(c)
	}
	return v ^ uint64(e.size) //nolint:gosec // a hash
}

// find returns the source of an entry and the entry's number there.
func (c *catalog) find(id uint32) (src, entry int) {
	lo, hi := 0, len(c.starts)
	for hi-lo > 1 {
		if m := (lo + hi) / 2; c.starts[m] <= int(id) {
			lo = m
		} else {
			hi = m
		}
	}
	return lo, int(id) - c.starts[lo]
}

func (c *catalog) entry(id uint32) *entry {
	s, i := c.find(id)
	return &c.sources[s].table.entries[i]
}

// add makes the entries of s known.
func (c *catalog) add(s *source) {
	c.sources = append(c.sources, s)
	c.starts = append(c.starts, c.total)
	first := c.total
	c.total += s.table.Len()
	for _, l := range []*chain{&c.contents, &c.paths, &c.stems} {
		l.grow(c.total)
	}
	for i := range s.table.entries {
		id := uint32(first + i) //nolint:gosec // checked by AddBase and AddTarget
		e := &s.table.entries[i]
		c.paths.add(id)
		if e.size == 0 {
			c.contents.skip(id)
			c.stems.skip(id)
			continue
		}
		c.contents.add(id)
		c.stems.add(id)
	}
}

// removeLast forgets the source added last.
func (c *catalog) removeLast() {
	n := len(c.sources) - 1
	c.contents.remove(c.starts[n])
	c.paths.remove(c.starts[n])
	c.stems.remove(c.starts[n])
	c.total = c.starts[n]
	c.sources, c.starts = c.sources[:n], c.starts[:n]
}
