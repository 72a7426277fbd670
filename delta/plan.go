package delta

// A choice says what an entry is made from.
type choice struct {
	kind contentKind
	from place // of the content
	head place // of the header part; none if it is coded against the one before
}

// A place is an entry of a source of the catalog.
type place struct{ source, entry int32 }

// none is no place.
var none = place{-1, -1}

const (
	// A base is opened only for what is worth it: a share of its plain text,
	// and a larger share of a short one.
	leastGain      = 64 << 10
	leastGainShare = 1000
	smallGainShare = 16

	// leastPatch is the shortest content that a patch is tried for.
	leastPatch = 48

	// maxCandidates and maxSteps bound how long one entry looks for another.
	maxCandidates = 64
	maxSteps      = 1024
)

// A planner chooses for each entry of a target what it is made from.
type planner struct {
	c       *catalog
	target  int // of the sources
	first   uint32
	table   *Table
	ranks   []int64 // by source: bytes that it has in common, more for those in use
	allowed []bool  // by source
}

// plan returns a choice for each entry of the source added last.
func (c *catalog) plan() []choice {
	n := len(c.sources)
	p := &planner{
		c: c, target: n - 1, first: uint32(c.starts[n-1]), //nolint:gosec // ids have 32 bits
		table:   c.sources[n-1].table,
		ranks:   make([]int64, n),
		allowed: make([]bool, n),
	}
	for i, s := range c.sources {
		p.allowed[i] = !s.dead
	}
	p.rank()
	choices := make([]choice, p.table.Len())
	p.choose(choices)
	if p.drop(choices) {
		p.choose(choices)
	}
	return choices
}

// rank adds up how much each source has in common with the target.
func (p *planner) rank() {
	for i := range p.table.entries {
		e := &p.table.entries[i]
		if e.size == 0 {
			continue
		}
		found := false
		p.each(&p.c.contents, contentKey(e), i, func(src, _ int, o *entry) {
			if o.digest == e.digest && o.size == e.size {
				found = true
				p.ranks[src] += e.size
				if o.path == e.path {
					p.ranks[src] += blockSize
				}
			}
		})
		if found {
			continue
		}
		p.each(&p.c.paths, e.path, i, func(src, _ int, o *entry) {
			if o.path == e.path {
				p.ranks[src] += min(e.size, o.size) / 2
			}
		})
	}
	for i, s := range p.c.sources {
		if s.target || s.number >= 0 {
			p.ranks[i] *= 2 // it costs nothing to use it again
		}
	}
}

// each calls f for the entries of a list of l that stand in allowed sources, in
// the target itself only those before entry i.
func (p *planner) each(l *chain, key uint64, i int, f func(src, entry int, e *entry)) {
	steps, seen := 0, 0
	for id := l.first(key); id != 0 && steps < maxSteps && seen < maxCandidates; id = l.next[id-1] {
		steps++
		if id-1 >= p.first+uint32(i) { //nolint:gosec // ids have 32 bits
			continue
		}
		src, entry := p.c.find(id - 1)
		if !p.allowed[src] {
			continue
		}
		seen++
		f(src, entry, &p.c.sources[src].table.entries[entry])
	}
}

// choose makes all choices.
func (p *planner) choose(choices []choice) {
	for i := range choices {
		e := &p.table.entries[i]
		ch := choice{contentEmpty, none, none}
		if e.size > 0 {
			ch = p.chooseContent(e, i)
		}
		ch.head = p.chooseHead(e, i, ch)
		choices[i] = ch
	}
}

// chooseContent chooses what the content of entry i is made from.
func (p *planner) chooseContent(e *entry, i int) choice {
	best, at := int64(-1), none
	p.each(&p.c.contents, contentKey(e), i, func(src, entry int, o *entry) {
		if o.digest != e.digest || o.size != e.size {
			return
		}
		score := p.ranks[src]
		if o.path == e.path && o.head > 0 == (e.head > 0) {
			score += 1 << 50
		}
		if score > best {
			best, at = score, p.place(src, entry)
		}
	})
	if at != none {
		return choice{contentCopy, at, none}
	}
	if e.size < leastPatch {
		return choice{contentNew, none, none}
	}
	p.each(&p.c.paths, e.path, i, func(src, entry int, o *entry) {
		if o.path != e.path || src == p.target || o.size < leastPatch {
			return
		}
		if score := sizeScore(e, o)<<50 + p.ranks[src]; score > best {
			best, at = score, p.place(src, entry)
		}
	})
	if at == none {
		at = p.chooseRelative(e, i)
	}
	if at == none {
		return choice{contentNew, none, none}
	}
	return choice{contentPatch, at, none}
}

// chooseRelative looks for a file of another path that has the same name but
// for digits.
func (p *planner) chooseRelative(e *entry, i int) place {
	if e.stem == fold32(fnvOffset) {
		return none
	}
	best, at := int64(-1), none
	p.each(&p.c.stems, uint64(e.stem), i, func(src, entry int, o *entry) {
		if o.stem != e.stem || src == p.target || o.size < leastPatch {
			return
		}
		score := sizeScore(e, o)
		if o.base == e.base {
			score += 12
		}
		for k := range e.dirs {
			if e.dirs[k] == o.dirs[k] {
				score += 8
			}
		}
		if score = score<<50 + p.ranks[src]; score > best {
			best, at = score, p.place(src, entry)
		}
	})
	return at
}

// sizeScore says how near two contents are in size, from 0 to 3.
func sizeScore(a, b *entry) int64 {
	d := max(a.size-b.size, b.size-a.size)
	switch m := max(a.size, b.size); {
	case d <= m/16:
		return 3
	case d <= m/4:
		return 2
	case d <= m/2:
		return 1
	}
	return 0
}

// chooseHead chooses what the header part of entry i is coded against.
func (p *planner) chooseHead(e *entry, i int, ch choice) place {
	if ch.from != none && p.c.sources[ch.from.source].table.entries[ch.from.entry].path == e.path {
		return ch.from
	}
	best, at := int64(-1), none
	p.each(&p.c.paths, e.path, i, func(src, entry int, o *entry) {
		if o.path != e.path || src == p.target {
			return
		}
		score := p.ranks[src]
		if ch.from != none && int(ch.from.source) == src {
			score += 1 << 50
		}
		if score > best {
			best, at = score, p.place(src, entry)
		}
	})
	return at
}

// drop forbids the bases that too little would come from.
func (p *planner) drop(choices []choice) bool {
	gains := make([]int64, len(p.ranks))
	for i := range choices {
		ch := &choices[i]
		if ch.head != none {
			gains[ch.head.source] += 8
		}
		switch size := p.table.entries[i].size; ch.kind {
		case contentCopy:
			gains[ch.from.source] += size / 3
		case contentPatch:
			gains[ch.from.source] += size / 4
		case contentEmpty, contentNew:
		}
	}
	dropped := false
	for i, s := range p.c.sources {
		if s.target || s.number >= 0 || s.dead {
			continue
		}
		if gains[i] < max(s.table.Plain/leastGainShare, min(s.table.Plain/smallGainShare, leastGain)) {
			p.allowed[i] = false
			dropped = dropped || gains[i] > 0
		}
	}
	return dropped
}

func (p *planner) place(src, entry int) place {
	return place{int32(src), int32(entry)} //nolint:gosec // bounded by the catalog's ids
}
