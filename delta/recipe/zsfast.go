package recipe

const (
	zsPrime6  = 227718039650203
	zsFastLog = 15
)

// zsFast finds matches as the original does at its fastest level: with a table
// of where 6 bytes were seen last. Entries are those of [zsDouble].
type zsFast struct {
	reach int
	table [1 << zsFastLog]uint64
}

func zsHash6(v uint64) uint64 { return v << 16 * zsPrime6 >> (64 - zsFastLog) }

func (f *zsFast) reset(reach int) { f.reach = reach }

func (f *zsFast) rebase(off uint32) { rebaseTable(f.table[:], off) }

func (f *zsFast) parse(w *zsWindow, start int, alone bool, p *zsParse) {
	const (
		margin = 8 // bytes read ahead
		least  = 10
	)
	c := newZsCursor(w, start, margin, f.reach, p)
	for c.s < c.limit && len(p.plain) >= least {
		before := c.repeats()
		at, from, found := f.search(w, &c, before)
		if found == zsNothing {
			break
		}
		if found == zsAgain {
			c.again(at, 2)
			continue
		}
		c.match(at, from)
		if c.s >= c.limit {
			break
		}
		if (before || alone && c.repeats()) && c.follows() {
			v := load64(c.src, c.s)
			f.table[zsHash6(v)] = v<<32 | uint64(w.base+low32(c.s))
			c.follow()
		}
	}
	c.end()
}

// search looks for a match as that of [zsDouble] does.
func (f *zsFast) search(w *zsWindow, c *zsCursor, repeats bool) (at, from int, found zsFound) {
	src, base, reach := w.buf, w.base, low32(f.reach)
	s, emit, limit, near := c.s, c.emit, c.limit, c.near
	for s < limit {
		v := load64(src, s)
		here := base + low32(s)
		first, second := &f.table[zsHash6(v)], &f.table[zsHash6(v>>8)]
		a, b := *first, *second
		e := v<<32 | uint64(here)
		g := v>>8<<32 | uint64(here+1)
		*first = e
		*second = g
		if repeats && load32(src, s+2-near) == position(v>>16) {
			return s + 2, 0, zsAgain
		}
		if far := here - position(a); far < reach && (a^e)>>32 == 0 {
			return s, s - int(far), zsMatch
		}
		if far := here + 1 - position(b); far < reach && (b^g)>>32 == 0 {
			return s + 1, s + 1 - int(far), zsMatch
		}
		s += 2 + (s-emit)>>5
	}
	return 0, 0, zsNothing
}
