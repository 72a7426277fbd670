package recipe

const (
	pigzBlock  = 128 << 10
	pgzipBlock = 1 << 20
	pgzipMin   = 32 << 10 // its blocks are larger than the dictionary
	pgzipMax   = 16 << 20
)

// A look is what the beginning of a member shows of its encoder.
type look struct {
	blocks []blockShape
	ended  bool // the blocks are all there are
}

// first returns the first block that holds text, and whether it is the last.
func (l *look) first() (b blockShape, last bool) {
	for i, b := range l.blocks {
		if b.plain > 0 {
			return b, l.ended && !l.textAfter(i)
		}
	}
	return blockShape{}, true
}

func (l *look) textAfter(i int) bool {
	for _, b := range l.blocks[i+1:] {
		if b.plain > 0 {
			return true
		}
	}
	return false
}

// marker returns at which byte of the plain text the first empty stored block
// is, other than a last one, or 0 if there is none.
func (l *look) marker() int64 {
	var at int64
	for _, b := range l.blocks {
		if b.kind == blockStored && b.plain == 0 && !b.last && at > 0 {
			return at
		}
		at += b.plain
	}
	return 0
}

// markers returns how many empty stored blocks there are, but for a last one.
func (l *look) markers() int {
	n := 0
	for _, b := range l.blocks {
		if b.kind == blockStored && b.plain == 0 && !b.last {
			n++
		}
	}
	return n
}

// boundary reports whether a block ends at this byte of the plain text.
func (l *look) boundary(want int64) bool {
	var at int64
	for _, b := range l.blocks {
		if at += b.plain; at >= want {
			return at == want
		}
	}
	return l.ended
}

// endsAsGo reports whether the stream may end as Go's encoder ends it: with an
// empty stored block.
func (l *look) endsAsGo() bool {
	n := len(l.blocks)
	return !l.ended || l.blocks[n-1].kind == blockStored && l.blocks[n-1].plain == 0
}

// endsAsKP reports whether the stream may end as klauspost's encoder ends it:
// with an empty block of fixed codes.
func (l *look) endsAsKP() bool {
	n := len(l.blocks)
	return !l.ended || l.blocks[n-1].kind == blockFixed && l.blocks[n-1].plain == 0
}

// candidates returns what may have made the member, likeliest first. What it
// leaves out cannot have.
func (l *look) candidates() []Params {
	var all []Params
	for i := range encoders {
		e := &encoders[i]
		block, ok := e.allows(l)
		if !ok {
			continue
		}
		for _, level := range e.levels {
			p := Params{Encoder: e.id, Level: level, Block: block}
			if !l.allowsLevel(p) {
				continue
			}
			all = append(all, p)
		}
	}
	for _, p := range all {
		if e := p.Encoder.info(); e.feeds && p.Level != 1 {
			p.Feed = Tar
			all = append(all, p)
		}
	}
	return all
}

// silent reports whether the first block says nothing of its encoder.
func (l *look) silent() bool {
	first, last := l.first()
	return last || first.kind == blockStored
}

// The allows functions report whether an encoder may have made the blocks, and
// with which block size.

func allowsGo(l *look) (block int, ok bool) { return 0, l.endsAsGo() && l.marker() == 0 }

func allowsZlib(l *look) (block int, ok bool) {
	first, _ := l.first()
	return 0, (l.silent() || first.tokens == zTokens) && l.marker() == 0
}

func allowsGNU(l *look) (block int, ok bool) {
	first, _ := l.first()
	return 0, (l.silent() || first.tokens == gnuTokens || first.tokens&0xfff == 0) && l.marker() == 0
}

func allowsGNUR(*look) (block int, ok bool) { return 0, true }

func allowsPigz(l *look) (block int, ok bool) {
	first, _ := l.first()
	return pigzBlock, l.boundary(pigzBlock) && (l.silent() || first.tokens <= zTokens)
}

func allowsKP(l *look) (block int, ok bool) {
	at := l.marker()
	if l.ended && !l.beyond(at) && l.markers() < 2 {
		// One block; what it might have grown to is not to be seen.
		at = pgzipBlock
	}
	return int(at), at%minBlock == 0 && at >= pgzipMin && at <= pgzipMax && l.endsAsKP()
}

// beyond reports whether there is text after the byte at.
func (l *look) beyond(at int64) bool {
	for _, b := range l.blocks {
		at -= b.plain
	}
	return at < 0
}

// allowsLevel reports whether the level of p may have made the first block.
func (l *look) allowsLevel(p Params) bool {
	first, last := l.first()
	if p.Encoder != Go126 || last || first.kind == blockStored {
		return true
	}
	if p.Level == 1 {
		return first.plain == goFastBlock
	}
	return first.tokens == goTokens
}
