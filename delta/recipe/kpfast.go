package recipe

import (
	"encoding/binary"
	"io"
	"math/bits"
)

const (
	kpTableBits = 15
	kpChunk     = maxStored
	kpHistory   = 5 * kpChunk // text at hand, after which it is moved down
	kpMargin    = 11          // the search stops that many bytes before the end
	kpTail      = 16 << 10    // of the block before that a pgzip block sees
	kpMask      = 1<<19 - 1
	kpPrime4    = 2654435761
	kpPrime7    = 58295818150454627
)

// A kpFast is klauspost/compress at level 5, its input cut as pgzip cuts it:
// into blocks that see the last 16 KiB of the one before, each flushed.
type kpFast struct {
	kpBlocks
	block  tokens
	params Params

	// history holds text up to end; what is from at on has no tokens yet.
	history [kpMask + 1 + 8]byte
	at      int
	end     int
	taken   int // bytes of the pgzip block under way
	base    int // of positions in the tables

	short [1 << kpTableBits]uint32
	long  [1 << kpTableBits]kpPair
}

// kpPair is the last two positions of a hash.
type kpPair struct{ last, before uint32 }

func newKPFast() encoder { return new(kpFast) }

func (d *kpFast) reset(w io.Writer, p Params) {
	d.out.reset(w)
	d.params = p
	d.old = p.Encoder == KPG
	d.end = 0
	d.begin()
}

// begin begins a pgzip block.
func (d *kpFast) begin() {
	d.start()
	// Whatever the tables hold is now out of reach.
	d.base += 2 * kpHistory
	if d.base > 1<<30 || d.base == 2*kpHistory {
		clear(d.short[:])
		clear(d.long[:])
		d.base = 2 * kpHistory
	}
	tail := 0
	if d.end > 0 {
		tail = kpTail
		copy(d.history[:tail], d.history[d.end-tail:d.end])
	}
	d.at, d.end, d.taken = 0, tail, 0
	if tail > 0 {
		d.search()
	}
	d.next()
}

// next begins a chunk.
func (d *kpFast) next() {
	d.block.clear()
	d.block.lit[endOfBlock] = 0
	d.at = d.end
}

// moveDown makes room as the original does, when the chunk would not fit after
// the text at hand. Matches do not reach beyond its beginning.
func (d *kpFast) moveDown() {
	if d.end <= kpHistory {
		return
	}
	move := d.at - windowSize
	copy(d.history[:], d.history[move:d.end])
	d.base += move
	d.at -= move
	d.end -= move
}

func (d *kpFast) write(p []byte) error {
	for len(p) > 0 {
		if d.taken == d.params.Block {
			d.flush()
			d.begin()
		} else if d.end-d.at == kpChunk {
			d.endChunk(false)
		}
		n := min(len(p), kpChunk-(d.end-d.at), d.params.Block-d.taken)
		copy(d.history[d.end:], p[:n])
		d.end += n
		d.taken += n
		p = p[n:]
	}
	return d.out.err
}

func (d *kpFast) spill() error {
	d.out.spill()
	return d.out.err
}

// flush ends a pgzip block on a whole byte.
func (d *kpFast) flush() {
	plain := d.history[d.at:d.end]
	switch {
	case len(plain) == 0:
	case len(plain) <= 32:
		d.store(plain)
	case len(plain) < 128:
		d.writeHuffman(plain, true)
	default:
		d.endChunk(true)
	}
	d.endOpen()
	d.out.stored(nil, false)
}

func (d *kpFast) close() error {
	d.flush()
	if d.taken == d.params.Block {
		// pgzip ends with a block of its own, be it an empty one.
		d.out.stored(nil, false)
	}
	d.out.bits(header(blockFixed, true), 10)
	d.out.align()
	return d.spill()
}

// endChunk writes the chunk gathered.
func (d *kpFast) endChunk(sync bool) {
	d.moveDown()
	plain := d.history[d.at:d.end]
	d.search()
	switch n := len(d.block.list); {
	case n == 0:
		d.store(plain)
	case n > len(plain)-len(plain)>>4:
		d.writeHuffman(plain, sync)
	default:
		d.kpBlocks.write(&d.block, plain, sync)
	}
	d.next()
}

func (d *kpFast) load(i int) uint64 {
	return binary.LittleEndian.Uint64(d.history[i&kpMask:])
}

func (d *kpFast) load32(i int) uint32 {
	return binary.LittleEndian.Uint32(d.history[i&kpMask:])
}

func (d *kpFast) shortAt(v uint64) *uint32 {
	return &d.short[low32(v)*kpPrime4>>(32-kpTableBits)]
}

func (d *kpFast) longAt(v uint64) *kpPair {
	return &d.long[v<<8*kpPrime7>>(64-kpTableBits)]
}

// push enters the position at into a pair.
func (p *kpPair) push(at uint32) { p.last, p.before = at, p.last }

// same returns for how many of limit bytes the texts at i and j are the same.
func (d *kpFast) same(i, j, limit int) int {
	for n := 0; n < limit; n += 8 {
		if x := d.load(i+n) ^ d.load(j+n); x != 0 {
			return min(n+bits.TrailingZeros64(x)>>3, limit)
		}
	}
	return limit
}

// A kpMatch is what a search has found: n bytes at s are those at t, or four
// at least if n is 0.
type kpMatch struct{ s, t, n int }

// search makes tokens of the text from at to end.
func (d *kpFast) search() {
	s, emitted := d.at, d.at
	limit := d.end - kpMargin
	for {
		m, next, ok := d.scan(s, emitted, limit)
		if !ok {
			break
		}
		m = d.extend(m, emitted, limit)
		for _, c := range d.history[emitted:m.s] {
			d.block.addLiteral(c)
		}
		d.addLong(m.n, m.s-m.t)
		s = m.s + m.n
		emitted = s
		if next >= s {
			s = next + 1
		}
		if s >= limit {
			break
		}
		d.enter(m, s)
	}
	if emitted < d.end && len(d.block.list) > 0 {
		d.block.addLiterals(d.history[emitted:d.end])
	}
}

// scan looks for the next match from s on. It also returns where it would have
// looked next.
func (d *kpFast) scan(s, emitted, limit int) (m kpMatch, next int, ok bool) {
	cv := d.load(s)
	next = s
	for {
		s = next
		next = s + 1 + (s-emitted)>>6
		if next > limit {
			return m, next, false
		}
		at, nextAt := low32(s+d.base), low32(next+d.base)
		short, long := d.shortAt(cv), d.longAt(cv)
		shortOld, longOld := *short, *long
		*short = at
		long.push(at)
		nv := d.load(next)

		if t, ok := d.fits(s, longOld.last, low32(cv)); ok {
			m = kpMatch{s, t, 0}
			if t2, ok := d.fits(s, longOld.before, low32(cv)); ok {
				m.n = d.length(s, t)
				if n := d.length(s, t2); n > m.n {
					m.t, m.n = t2, n
				}
			}
			*d.shortAt(nv) = nextAt
			d.longAt(nv).push(nextAt)
			return m, next, true
		}
		if t, ok := d.fitsOnly(s, longOld, low32(cv)); ok {
			*d.shortAt(nv) = nextAt
			d.longAt(nv).push(nextAt)
			return kpMatch{s, t, 0}, next, true
		}
		if t, ok := d.fits(s, shortOld, low32(cv)); ok {
			return d.longer(kpMatch{s, t, d.length(s, t)}, next, nv), next, true
		}
		cv = nv
	}
}

// fits reports whether four bytes at s are those at the position at, in reach.
func (d *kpFast) fits(s int, at, v uint32) (t int, ok bool) {
	back := low32(s+d.base) - at
	t = s - int(back)
	return t, back < windowSize && d.load32(t) == v
}

// fitsOnly is fits for the older position of a pair, which counts only while
// the newer one is in reach.
func (d *kpFast) fitsOnly(s int, p kpPair, v uint32) (t int, ok bool) {
	if low32(s+d.base)-p.last >= windowSize {
		return 0, false
	}
	return d.fits(s, p.before, v)
}

// length returns the length of a match of four bytes at least.
func (d *kpFast) length(s, t int) int {
	return 4 + d.same(s+4, t+4, min(maxMatch-4, d.end-s-4))
}

// longer enters next, where the text begins with nv, and returns m or a longer
// match there.
func (d *kpFast) longer(m kpMatch, next int, nv uint64) kpMatch {
	nextAt := low32(next + d.base)
	long := d.longAt(nv)
	old := *long
	*d.shortAt(nv) = nextAt
	long.push(nextAt)
	if nextAt-old.last >= windowSize {
		return m
	}
	for _, at := range [2]uint32{old.last, old.before} {
		if t, ok := d.fits(next, at, low32(nv)); ok {
			if n := d.length(next, t); n > m.n {
				return kpMatch{next, t, n}
			}
		}
	}
	return m
}

// extend makes m as long as it gets, at both ends.
func (d *kpFast) extend(m kpMatch, emitted, limit int) kpMatch {
	switch m.n {
	case 0:
		m.n = 4 + d.same(m.s+4, m.t+4, d.end-m.s-4)
	case maxMatch:
		m.n += d.same(m.s+m.n, m.t+m.n, d.end-m.s-m.n)
	}
	// A match that begins two bytes later may end further on.
	if end := m.s + m.n; m.n < 30 && end < limit {
		const skip = 2
		back := low32(end+d.base) - d.longAt(d.load(end)).last
		s := m.s + skip
		t := s - int(back)
		if back > 0 && back < windowSize && t >= 0 {
			if n := d.same(s, t, d.end-s); n > m.n {
				m = kpMatch{s, t, n}
			}
		}
	}
	for m.t > 0 && m.s > emitted && d.history[m.t-1] == d.history[m.s-1] {
		m.s--
		m.t--
		m.n++
	}
	return m
}

// addLong adds a match of any length from 3.
func (d *kpFast) addLong(n, dist int) {
	for n > 0 {
		part := n
		if n > maxMatch+baseMatch {
			part = maxMatch
		} else if n > maxMatch {
			part = maxMatch - baseMatch
		}
		d.block.addMatch(part, dist)
		n -= part
	}
}

// enter enters some positions of the match m, and the two before s.
func (d *kpFast) enter(m kpMatch, s int) {
	i := s - m.n + 1
	if i < s-1 {
		v := d.load(i)
		at := low32(i + d.base)
		*d.shortAt(v) = at
		d.longAt(v).push(at)
		v >>= 8
		d.longAt(v).push(at + 1)
		v >>= 8
		*d.shortAt(v) = at + 2
		for i += 4; i < s-1; i += 3 {
			v := d.load(i)
			at := low32(i + d.base)
			d.longAt(v).push(at)
			*d.shortAt(v >> 8) = at + 1
		}
	}
	v := d.load(s - 1)
	at := low32(s - 1 + d.base)
	*d.shortAt(v) = at
	d.longAt(v).push(at)
}
