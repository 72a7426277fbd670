package entropy

// Depths of the search at effort Most.
const (
	lzDepth = 16 // nodes of a tree that are looked at per position
	lzNice  = 64 // a match that long is taken
)

// An lzEncoder keeps the model, the match finder and the parser.
type lzEncoder struct {
	model  lzModel
	lit    literalContext
	flag   flagContext
	rc     rangeEncoder
	finder matchFinder
	parser lzParser
}

// encode appends the coded form of src.
func (e *lzEncoder) encode(dst, src []byte) []byte {
	e.model.init(len(src))
	e.rc.init(dst)
	e.finder.init(src, lzDepth, lzNice)
	e.parser.init(&e.model, &e.finder, src)
	for pos := 0; pos < len(src); {
		for _, t := range e.parser.next(pos) {
			pos += e.token(src, pos, t)
		}
	}
	return e.rc.finish()
}

// token codes t at pos and returns how many bytes it stands for.
func (e *lzEncoder) token(src []byte, pos int, t token) int {
	m := &e.model
	text := src[:pos]
	e.flag.begin(&m.flag, text, m.state)
	y := 0
	if t.length > 0 {
		y = 1
	}
	e.rc.encode(y, e.flag.pr)
	e.flag.update(y)
	if y == 0 {
		e.lit.begin(&m.lit, text, m.predicted(text), m.state)
		e.lit.encode(&e.rc, src[pos])
		m.apply(t)
		return 1
	}
	p := pos & (lzPositions - 1)
	if t.rep == 4 {
		e.rc.bit(&m.rep[m.state], 0)
		e.length(0, p, t.length)
		e.distance(lengthClass(t.length), t.dist)
	} else {
		e.rc.bit(&m.rep[m.state], 1)
		e.repeat(t.rep)
		e.length(1, p, t.length)
	}
	m.apply(t)
	return int(t.length)
}

// repeat codes which of the last distances is meant.
func (e *lzEncoder) repeat(rep uint8) {
	m := &e.model
	for i, b := range []*bit{&m.rep0[m.state], &m.rep1[m.state], &m.rep2[m.state]} {
		if int(rep) == i {
			e.rc.bit(b, 0)
			return
		}
		e.rc.bit(b, 1)
	}
}

func (e *lzEncoder) length(kind, p int, length uint32) {
	m := &e.model
	sym, extra := lengthSymbol(length)
	e.rc.tree(m.length[kind][p][:], 6, sym)
	base := length - 1
	for i := range m.more[kind][sym] {
		if extra == 0 {
			break
		}
		extra--
		e.rc.bit(&m.more[kind][sym][i], int(base>>extra&1))
	}
	e.rc.direct(base, extra)
}

func (e *lzEncoder) distance(class, dist uint32) {
	m := &e.model
	slot, extra := distanceSlot(dist - 1)
	e.rc.tree(m.slots[class][:], 6, slot)
	switch {
	case slot < lzFooterMin:
	case slot < lzDirectMin:
		e.rc.reverse(m.footer[slot][:], extra, dist-1)
	default:
		e.rc.direct((dist-1)>>lzAlignBits, extra-lzAlignBits)
		e.rc.reverse(m.align[:], lzAlignBits, dist-1)
	}
}
