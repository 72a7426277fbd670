package tokens

// A header is what stands before the tokens of a dynamic block.
type header struct {
	lengths [numLit + numDist + 2]uint8 // of lits codes, then of dists codes
	lits    int
	dists   int
	ops     []op              // how the lengths are spelt
	code    [numCodegen]uint8 // lengths of the codes of the ops
	count   int               // of these that are written, in codegenOrder
}

// An op is a code length, or a repetition: 16, 17 or 18 and its extra bits.
type op struct {
	symbol uint8
	extra  uint8
}

// asNear says that code lengths are those of the near stream's block; custom,
// that they are built in no known way. Below them are the builders.
const (
	asNear = builders
	custom = builders + 1
	ways   = 8 // all, rounded up to a power of two
)

// The ways to spell code lengths.
const (
	joined   = 0 // runs may go on from literal codes to distance codes
	split    = 1
	freely   = 2
	spelling = 3
)

// A headerModel codes headers.
type headerModel struct {
	b     builder
	lit   lengthsModel
	dist  lengthsModel
	code  lengthsModel
	spell spellModel

	freqLit  [numLit]uint32
	freqDist [numDist]uint32
	freqCode [numCodegen]uint32
	built    [numLit]uint8
	ops      []op
}

// A lengthsModel codes the lengths of one of a header's codes.
type lengthsModel struct {
	way     int // the last one
	same    [2]prob
	other   [ways]prob
	trimmed prob
	number  [64]prob
	lengths [16 + 1][16]prob // by the predicted length
}

// A spellModel codes how lengths are spelt.
type spellModel struct {
	way   int
	kind  [spelling + 1]prob
	again [2]prob
	op    [8]prob
	extra [4][128]prob
}

// count counts the symbols of a block.
func (m *headerModel) count(list []token) {
	clear(m.freqLit[:])
	clear(m.freqDist[:])
	m.freqLit[endOfBlock] = 1
	for _, t := range list {
		switch {
		case t.literal():
			m.freqLit[t&0xff]++
		case t&oddFlag != 0:
			m.freqLit[firstLength+27]++
			m.freqDist[distCode(t.dist1())]++
		default:
			m.freqLit[firstLength+int(lengthCodes[t.length3()])]++
			m.freqDist[distCode(t.dist1())]++
		}
	}
}

// header codes the header of a block with these tokens. Near is the one at the
// same place of the near stream, if there is any.
func (m *headerModel) header(c *coder, h *header, list []token, near *header) {
	m.count(list)
	var nearLit, nearDist []uint8
	if near != nil {
		nearLit = near.lengths[:near.lits]
		nearDist = near.lengths[near.lits : near.lits+near.dists]
	}
	var lit, dist [numLit + 2]uint8
	if !c.decoding {
		copy(lit[:], h.lengths[:h.lits])
		copy(dist[:], h.lengths[h.lits:h.lits+h.dists])
	}
	h.lits = m.lengths(c, &m.lit, lit[:numLit], h.lits, m.freqLit[:], nearLit, maxCodeBits, firstLength)
	h.dists = m.lengths(c, &m.dist, dist[:numDist], h.dists, m.freqDist[:], nearDist, maxCodeBits, 1)
	if c.decoding {
		clear(h.lengths[:])
		copy(h.lengths[:], lit[:h.lits])
		copy(h.lengths[h.lits:], dist[:h.dists])
	}
	m.spelling(c, h)
	clear(m.freqCode[:])
	for _, o := range h.ops {
		m.freqCode[o.symbol]++
	}
	var code, ordered [numCodegen]uint8
	code = h.code
	m.lengths(c, &m.code, code[:], numCodegen, m.freqCode[:], nil, maxCGenBits, numCodegen)
	h.code = code
	for i, s := range codegenOrder {
		ordered[i] = code[s]
	}
	h.count = m.code.size(c, ordered[:], h.count, 4)
	if c.decoding {
		for _, s := range codegenOrder[h.count:] {
			h.code[s] = 0
		}
	}
}

// lengths codes the lengths of a code, and how many of them are written: all
// after that are zeros. It returns that number, which is at least least.
func (m *headerModel) lengths(c *coder, l *lengthsModel, lengths []uint8, n int, freq []uint32, near []uint8, limit, least int) int {
	way := l.way
	if !c.decoding {
		way = m.find(l.way, lengths, freq, near, limit)
	}
	if way = l.code(c, way); way > custom || way == asNear && near == nil {
		c.fail("unknown way to build a code")
		way = byZlib
	}
	if way == custom {
		m.b.build(byGo, m.built[:len(freq)], freq, limit)
		for i, p := range m.built[:len(freq)] {
			lengths[i] = uint8(c.tree(l.lengths[p][:], 4, uint32(lengths[i]))) //nolint:gosec // four bits
			if int(lengths[i]) > limit {
				c.fail("code length above %d", limit)
				lengths[i] = 0
			}
		}
	} else if c.decoding {
		m.make(way, lengths, freq, near, limit)
	}
	if least == len(lengths) {
		return n
	}
	return l.size(c, lengths, n, least)
}

// make sets lengths to those that way gives.
func (m *headerModel) make(way int, lengths []uint8, freq []uint32, near []uint8, limit int) {
	if way == asNear {
		clear(lengths)
		copy(lengths, near)
		return
	}
	m.b.build(way, lengths, freq, limit)
}

// find returns the way that gives lengths, first if that one does.
func (m *headerModel) find(first int, lengths []uint8, freq []uint32, near []uint8, limit int) int {
	built := m.built[:len(lengths)]
	for i := range custom + 1 {
		way := (first + custom + 1 - i) % (custom + 1)
		if way == custom || way == asNear && near == nil {
			continue
		}
		if m.make(way, built, freq, near, limit); string(built) == string(lengths) {
			return way
		}
	}
	return custom
}

// code codes a way.
func (l *lengthsModel) code(c *coder, way int) int {
	p := &l.same[0]
	if l.way == custom {
		p = &l.same[1]
	}
	if c.flag(p, way == l.way) {
		return l.way
	}
	l.way = int(c.tree(l.other[:], 3, uint32(way))) //nolint:gosec // a small number
	way = l.way
	if way > custom {
		l.way = custom
	}
	return way
}

// size codes how many lengths are written: usually up to the last that is not
// zero, and at least least.
func (l *lengthsModel) size(c *coder, lengths []uint8, n, least int) int {
	expected := len(lengths)
	for expected > least && lengths[expected-1] == 0 {
		expected--
	}
	if c.flag(&l.trimmed, n == expected) {
		return expected
	}
	n = least + int(c.tree(l.number[:32], 5, uint32(n-least))) //nolint:gosec // at most 31
	if n > len(lengths) {
		c.fail("too many code lengths")
		n = len(lengths)
	}
	return n
}

// spelling codes how the lengths of h are spelt.
func (m *headerModel) spelling(c *coder, h *header) {
	s := &m.spell
	way := s.way
	if !c.decoding {
		way = m.findSpelling(h)
	}
	if !c.flag(&s.again[0], way == s.way) {
		s.way = int(c.tree(s.kind[:], 2, uint32(way))) //nolint:gosec // a small number
	}
	switch s.way {
	case joined, split:
		if c.decoding {
			h.ops = appendOps(h.ops[:0], h, s.way)
		}
	case freely:
		m.free(c, h)
	default:
		c.fail("unknown spelling")
		s.way = joined
		h.ops = h.ops[:0]
	}
}

func (m *headerModel) findSpelling(h *header) int {
	for i := range freely {
		way := i
		if m.spell.way == split {
			way = split - i
		}
		if m.ops = appendOps(m.ops[:0], h, way); equalOps(m.ops, h.ops) {
			return way
		}
	}
	return freely
}

func equalOps(a, b []op) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// appendOps spells the lengths of h as zlib, Go and libdeflate do.
func appendOps(ops []op, h *header, way int) []op {
	all := h.lengths[:h.lits+h.dists]
	if way == joined {
		return appendRuns(ops, all)
	}
	return appendRuns(appendRuns(ops, all[:h.lits]), all[h.lits:])
}

func appendRuns(ops []op, lengths []uint8) []op {
	for len(lengths) > 0 {
		n := 1
		for n < len(lengths) && lengths[n] == lengths[0] {
			n++
		}
		ops = appendRun(ops, lengths[0], n)
		lengths = lengths[n:]
	}
	return ops
}

// appendRun spells n times the same length.
func appendRun(ops []op, length uint8, n int) []op {
	if length != 0 {
		ops = append(ops, op{symbol: length})
		n--
	}
	for n >= 3 {
		o, k := greedy(length, n)
		ops = append(ops, o)
		n -= k
	}
	for ; n > 0; n-- {
		ops = append(ops, op{symbol: length})
	}
	return ops
}

// greedy returns the op that repeats length most often, n times or fewer, and
// how often that is. The length stands already, if it is not zero.
func greedy(length uint8, n int) (o op, k int) {
	symbol, most := uint8(16), 6
	switch {
	case length == 0 && n >= 11:
		symbol, most = 18, 138
	case length == 0:
		symbol, most = 17, 10
	}
	k = min(n, most)
	return op{symbol, uint8(k) - codesBase[symbol]}, k //nolint:gosec // at most 138
}

// free codes the ops of h one by one.
func (m *headerModel) free(c *coder, h *header) {
	s := &m.spell
	all := h.lengths[:h.lits+h.dists]
	ops := h.ops
	if c.decoding {
		ops = ops[:0]
	}
	for i, k := 0, 0; i < len(all); k++ {
		var o op
		if !c.decoding {
			o = ops[k]
		}
		o, n := s.one(c, o, all, i)
		if c.decoding {
			ops = append(ops, o)
		}
		i += n
	}
	h.ops = ops
}

// one codes the op for the lengths from i on, and returns for how many of them
// it stands.
func (s *spellModel) one(c *coder, o op, all []uint8, i int) (op, int) {
	kind := uint32(0)
	if o.symbol >= 16 {
		kind = uint32(o.symbol) - 15
	}
	if kind = c.tree(s.op[:4], 2, kind); kind == 0 {
		return op{symbol: all[i]}, 1
	}
	o.symbol = uint8(kind) + 15 //nolint:gosec // at most 18
	width := int(codesExtra[o.symbol])
	o.extra = uint8(c.tree(s.extra[kind][:1<<width], width, uint32(o.extra))) //nolint:gosec // seven bits
	n := int(codesBase[o.symbol]) + int(o.extra)
	length := uint8(0)
	if o.symbol == 16 && i > 0 {
		length = all[i-1]
	}
	if n > len(all)-i || o.symbol == 16 && i == 0 {
		c.fail("repetition of code lengths beyond their end")
		return o, len(all) - i
	}
	for _, l := range all[i : i+n] {
		if l != length {
			c.fail("repetition of other code lengths")
			return o, len(all) - i
		}
	}
	return o, n
}
