package entropy

import "math/bits"

// Numbers of the LZ coder's format.
const (
	lzMinMatch   = 2
	lzStates     = 12
	lzPositions  = 4  // position contexts: the lowest two bits
	lzLengths    = 64 // symbols of lengths
	lzDirectLens = 16 // lengths that are their own symbol
	lzSlots      = 64 // symbols of distances
	lzFooterMin  = 4  // first slot with bits of its own
	lzDirectMin  = 14 // first slot with bits that are not modelled
	lzAlignBits  = 4
)

// A token is one step of the coded text: a literal, or length bytes that repeat
// those dist bytes before. Rep is the index of dist among the last four
// distances, 4 for a new one.
type token struct {
	length uint32 // 0 for a literal
	dist   uint32
	rep    uint8
}

// The state remembers the kinds of the last tokens as LZMA does.
func stateLiteral(s int) int {
	switch {
	case s < 4:
		return 0
	case s < 10:
		return s - 3
	default:
		return s - 6
	}
}

func stateMatch(s int) int {
	if s < 7 {
		return 7
	}
	return 10
}

func stateRep(s int) int {
	if s < 7 {
		return 8
	}
	return 11
}

func stateShort(s int) int {
	if s < 7 {
		return 9
	}
	return 11
}

// stateGroup is 0 after literals, 1 after a literal that follows a match, 2 after a match.
func stateGroup(s int) int {
	switch {
	case s == 0:
		return 0
	case s < 7:
		return 1
	default:
		return 2
	}
}

// lengthSymbol gives the symbol of a length, and how many lower bits follow.
func lengthSymbol(length uint32) (sym uint32, extra uint) {
	l := length - 1
	if l < lzDirectLens {
		return l, 0
	}
	n := uint(bits.Len32(l))
	return lzDirectLens + 2*uint32(n-5) + l>>(n-2)&1, n - 2 //nolint:gosec // below 64
}

// lengthBase is the least length of a symbol less one.
func lengthBase(sym uint32) (base uint32, extra uint) {
	if sym < lzDirectLens {
		return sym, 0
	}
	n := uint(sym-lzDirectLens)/2 + 5
	return (2 | sym&1) << (n - 2), n - 2
}

// distanceSlot gives the slot of a distance less one, and its lower bits.
func distanceSlot(d uint32) (slot uint32, extra uint) {
	if d < lzFooterMin {
		return d, 0
	}
	n := uint(bits.Len32(d))
	return uint32(2*(n-1)) + d>>(n-2)&1, n - 2 //nolint:gosec // below 64
}

// An lzModel holds the probabilities of the LZ coder.
type lzModel struct {
	recent

	rep    [lzStates]bit
	rep0   [lzStates]bit
	rep1   [lzStates]bit
	rep2   [lzStates]bit
	length [2][lzPositions][lzLengths]bit // of new distances, of repeated ones
	more   [2][lzLengths][3]bit           // the upper three of the lower bits
	slots  [4][lzSlots]bit                // by length
	footer [lzDirectMin][1 << 5]bit       // by slot
	align  [1 << lzAlignBits]bit

	flag flagModel
	lit  literalModel
}

func (m *lzModel) init(size int) {
	m.recent = recent{reps: [4]uint32{1, 1, 1, 1}}
	resetBits(m.rep[:])
	resetBits(m.rep0[:])
	resetBits(m.rep1[:])
	resetBits(m.rep2[:])
	for i := range m.length {
		for j := range m.length[i] {
			resetBits(m.length[i][j][:])
		}
		for j := range m.more[i] {
			resetBits(m.more[i][j][:])
		}
	}
	for i := range m.slots {
		resetBits(m.slots[i][:])
	}
	for i := range m.footer {
		resetBits(m.footer[i][:])
	}
	resetBits(m.align[:])
	m.flag.init()
	m.lit.init(size)
}

// lengthClass is the context of a distance: by its length.
func lengthClass(length uint32) uint32 { return min(length-lzMinMatch, 3) }

// A recent is what is remembered of the tokens so far.
type recent struct {
	state int
	reps  [4]uint32 // the last distances, the newest first
}

// apply remembers t.
func (r *recent) apply(t token) {
	switch {
	case t.length == 0:
		r.state = stateLiteral(r.state)
		return
	case t.rep == 4:
		r.state = stateMatch(r.state)
	case t.length == 1:
		r.state = stateShort(r.state)
	default:
		r.state = stateRep(r.state)
	}
	switch t.rep {
	case 0:
	case 1:
		r.reps[0], r.reps[1] = t.dist, r.reps[0]
	case 2:
		r.reps[0], r.reps[1], r.reps[2] = t.dist, r.reps[0], r.reps[1]
	default:
		r.reps[0], r.reps[1], r.reps[2], r.reps[3] = t.dist, r.reps[0], r.reps[1], r.reps[2]
	}
}

// predicted is the byte that the last distance predicts after text.
func (r *recent) predicted(text []byte) byte {
	if i := len(text) - int(r.reps[0]); i >= 0 {
		return text[i]
	}
	return 0
}
