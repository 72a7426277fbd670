package recipe

const (
	zsPrime5 = 889523592379
	zsPrime8 = 0xcf1bbcdcb7a56463

	zsShortLog = 15
	zsLongLog  = 17
)

// zsDouble finds matches as the original does at its default level: with a
// table of where 8 bytes were seen last, and one of 5 bytes. An entry is the
// first four of the bytes above their position.
type zsDouble struct {
	reach int
	long  [1 << zsLongLog]uint64
	short [1 << zsShortLog]uint64
}

func zsHash8(v uint64) uint64 { return v * zsPrime8 >> (64 - zsLongLog) }

func zsHash5(v uint64) uint64 { return v << 24 * zsPrime5 >> (64 - zsShortLog) }

func (d *zsDouble) reset(reach int) { d.reach = reach }

func (d *zsDouble) rebase(off uint32) {
	rebaseTable(d.long[:], off)
	rebaseTable(d.short[:], off)
}

func (d *zsDouble) parse(w *zsWindow, start int, alone bool, p *zsParse) {
	const (
		margin = 8 + 2 // bytes read ahead
		least  = 16
	)
	c := newZsCursor(w, start, margin, d.reach, p)
	for c.s < c.limit && len(p.plain) >= least {
		before := c.repeats()
		at, from, found := d.search(w, &c, before)
		if found == zsNothing {
			break
		}
		if found == zsAgain {
			c.again(at, 1)
			continue
		}
		first := c.match(at, from)
		if c.s >= c.limit {
			break
		}
		last := d.index(w, first+1, c.s-2)
		if !before && (!alone || !c.repeats()) {
			continue
		}
		for c.s < c.limit && c.follows() {
			v := load64(c.src, c.s)
			e := v<<32 | uint64(w.base+low32(c.s))
			d.long[zsHash8(v)] = e
			if alone {
				v = last // a slip of the original
			}
			d.short[zsHash5(v)] = e
			c.follow()
		}
	}
	c.end()
}

// index enters the positions i and j and those after them, and returns the
// bytes from two after j on.
func (d *zsDouble) index(w *zsWindow, i, j int) uint64 {
	v, u := load64(w.buf, i), load64(w.buf, j)
	p, q := uint64(w.base+low32(i)), uint64(w.base+low32(j))
	d.long[zsHash8(v)] = v<<32 | p
	d.long[zsHash8(u)] = u<<32 | q
	v, u = v>>8, u>>8
	d.short[zsHash5(v)] = v<<32 | (p + 1)
	d.short[zsHash5(u)] = u<<32 | (q + 1)
	return u >> 8
}

// search looks for a match from the cursor on: of the text at from, at least
// four bytes from the byte at on.
func (d *zsDouble) search(w *zsWindow, c *zsCursor, repeats bool) (at, from int, found zsFound) {
	src, base, reach := w.buf, w.base, low32(d.reach)
	s, emit, limit, near := c.s, c.emit, c.limit, c.near
	for s < limit {
		v := load64(src, s)
		here := base + low32(s)
		long, short := &d.long[zsHash8(v)], &d.short[zsHash5(v)]
		l, h := *long, *short
		e := v<<32 | uint64(here)
		*long, *short = e, e
		if repeats && load32(src, s+1-near) == position(v>>8) {
			return s + 1, 0, zsAgain
		}
		if far := here - position(l); far < reach && (l^e)>>32 == 0 {
			return s, s - int(far), zsMatch
		}
		if far := here - position(h); far < reach && (h^e)>>32 == 0 {
			// Perhaps there is a long one a byte later.
			v = load64(src, s+1)
			here++
			long = &d.long[zsHash8(v)]
			l, e = *long, v<<32|uint64(here)
			*long = e
			if far := here - position(l); far < reach && (l^e)>>32 == 0 {
				return s + 1, s + 1 - int(far), zsMatch
			}
			return s, s - int(far), zsMatch
		}
		s += 1 + (s-emit)>>7
	}
	return 0, 0, zsNothing
}
