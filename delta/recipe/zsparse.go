package recipe

// The levels of the original.
const (
	zsFastest = 1
	zsDefault = 2
)

// A zsFinder finds the matches of a block.
type zsFinder interface {
	// reset begins a frame with matches of distances below reach.
	reset(reach int)

	// parse takes apart what w holds from start on, into p, which is empty.
	// alone says that this is the only block of its frame: the original then
	// works by slightly other rules.
	parse(w *zsWindow, start int, alone bool, p *zsParse)

	// rebase takes off from the positions in the tables.
	rebase(off uint32)
}

func newZsFinder(level int) zsFinder {
	if level == zsFastest {
		return new(zsFast)
	}
	return new(zsDouble)
}

const zsWide = 16 // bytes that are moved at once

// A zsParse is a block taken apart into sequences.
type zsParse struct {
	plain []byte
	lits  []byte // of all sequences, and what follows them
	seqs  []zsSequence
}

// take makes p what f finds in the last n bytes of w.
func (p *zsParse) take(f zsFinder, w *zsWindow, n int, alone bool) {
	if p.seqs == nil {
		p.seqs = make([]zsSequence, 0, zsSequences)
		p.lits = make([]byte, 0, zsMaxBlock+zsWide)
	}
	start := len(w.buf) - n
	p.plain = w.buf[start:]
	p.lits, p.seqs = p.lits[:0], p.seqs[:0]
	f.parse(w, start, alone, p)
}

// A zsFound says how a search has ended.
type zsFound int

const (
	zsNothing zsFound = iota
	zsMatch
	zsAgain // a match at the distance before
)

// A zsCursor goes over a block and notes its sequences.
type zsCursor struct {
	p     *zsParse
	src   []byte
	reach int
	s     int // where the next match may begin
	emit  int // where the literals begin
	limit int // no match begins here
	near  int // the distance before
	other int // and the one before that
}

func newZsCursor(w *zsWindow, start, margin, reach int, p *zsParse) zsCursor {
	return zsCursor{p: p, src: w.buf, reach: reach, s: start, emit: start, limit: len(w.buf) - margin}
}

// repeats reports whether distances of before may be used. The original trusts
// in them from the fourth sequence of a block on.
func (c *zsCursor) repeats() bool { return len(c.p.seqs) > 2 }

// again notes a match at distance near which begins at the byte at, or before,
// but leaves a literal. The search stood ahead bytes before.
func (c *zsCursor) again(at, ahead int) {
	from := at - c.near
	n := 4 + forward(c.src, at+4, from+4)
	back := backward(c.src, at, from, min(at-c.emit-1, from-max(at-ahead-c.reach, 0)))
	c.add(at-back, n+back, 1)
}

// match notes a match of the text at from which begins at the byte at, or
// before, and returns where.
func (c *zsCursor) match(at, from int) int {
	n := 4 + forward(c.src, at+4, from+4)
	back := backward(c.src, at, from, min(at-c.emit, from-max(at-c.reach, 0)))
	c.other, c.near = c.near, at-from
	c.add(at-back, n+back, low32(at-from+zsMinMatch))
	return at - back
}

// follows reports whether a match at distance other begins at s.
func (c *zsCursor) follows() bool {
	return load32(c.src, c.s) == load32(c.src, c.s-c.other)
}

// follow notes that match, which has no literals before it.
func (c *zsCursor) follow() {
	n := 4 + forward(c.src, c.s+4, c.s-c.other+4)
	c.add(c.s, n, 1)
	c.near, c.other = c.other, c.near
}

// add notes a match of length bytes at the byte at.
func (c *zsCursor) add(at, length int, offset uint32) {
	lits := c.src[c.emit:at]
	s := zsSequence{lits: low32(len(lits)), length: low32(length - zsMinMatch), offset: offset}
	s.codes = [zsKinds]uint8{zsLits: litsCode(s.lits), zsOffset: low8(high(offset)), zsLength: lengthCode(s.length)}
	c.p.seqs = append(c.p.seqs, s)
	n := len(c.p.lits)
	c.p.lits = c.p.lits[:n+len(lits)]
	if from := c.src[c.emit:]; len(lits) <= zsWide && len(from) >= zsWide {
		// More than is needed, but in one move.
		*(*[zsWide]byte)(c.p.lits[n : n+zsWide]) = *(*[zsWide]byte)(from)
	} else {
		copy(c.p.lits[n:], lits)
	}
	c.s = at + length
	c.emit = c.s
}

// end notes the literals after the last match.
func (c *zsCursor) end() { c.p.lits = append(c.p.lits, c.src[c.emit:]...) }
