package entropy

// A profile chooses the contexts of the context mixing coder. It stands in the
// first byte of the frames of LZ and CM.
type profile uint8

const (
	profileText    profile = 0
	profileCode    profile = 1
	profileNumbers profile = 2
	profileHeaders profile = 3
	profileSparse  profile = 4
	numProfiles    profile = 5
)

// profileOf gives the profile of a kind.
func profileOf(k Kind) profile {
	switch k {
	case Code:
		return profileCode
	case Ops:
		return profileNumbers
	case Headers:
		return profileHeaders
	case Sparse:
		return profileSparse
	default:
		return profileText
	}
}

// Phases of the bytes of numbers and sparse differences: the first, the second
// and the later bytes of a number, and values.
const (
	phaseMore  = 2
	phaseValue = 3
)

// A syntax is what is known of the structure of the bytes so far.
type syntax struct {
	word   uint32    // hash of the letters of the current word
	phase  uint32    // of the byte that comes next
	number uint32    // hash of the bytes of the current number
	before [2]uint32 // hashes of the numbers before it, the latest first
	values uint32    // the last four values, the newest lowest
}

// pass takes the byte c.
func (s *syntax) pass(p profile, c uint32) {
	switch p {
	case profileText:
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 128 {
			s.word = (s.word + c + 1) * 0x2c9277b5
		} else {
			s.word = 0
		}
	case profileNumbers, profileSparse:
		s.passNumber(p, c)
	default:
	}
}

// passNumber follows varints; in sparse differences, a value of one byte
// follows each.
func (s *syntax) passNumber(p profile, c uint32) {
	if s.phase == phaseValue {
		s.values = s.values<<8 | c
		s.phase = 0
		return
	}
	s.number = (s.number + c + 1) * 0x2c9277b5
	if c >= 128 {
		s.phase = min(s.phase+1, phaseMore)
		return
	}
	s.before[0], s.before[1] = s.number, s.before[0]
	s.number, s.phase = 0, 0
	if p == profileSparse {
		s.phase = phaseValue
	}
}

// mix is a hash of two numbers.
func mix(a, b uint32) uint32 {
	v := (uint64(a)<<32 | uint64(b)) * 0x9e3779b97f4a7c15
	v ^= v >> 29
	return uint32(v * 0xbf58476d1ce4e5b9 >> 32)
}

// contexts computes the hashes of the contexts at the beginning of a byte.
func (m *cm) contexts() {
	newest := uint32(m.hist & 0xffffffff)
	older := uint32(m.hist >> 32 & 0xffff)
	c, pos := newest&255, uint32(len(m.buf)) //nolint:gosec // at most MaxFrame
	s := &m.syntax
	phase := s.phase << 4
	m.hashes = [cmHashed]uint32{mix(1|phase, newest&0xffff), mix(2|phase, newest&0xffffff), mix(3|phase, newest)}
	h := m.hashes[3:]
	switch m.profile {
	case profileText:
		h[0] = mix(mix(4, newest), older)
		h[1] = mix(mix(5, s.word), c)
		h[2] = mix(6, newest&0xffff00)
	case profileCode:
		h[0] = mix(mix(4, newest), older)
		h[1] = mix(5, newest&0xffff00)
		h[2] = mix(mix(6, newest&0xffff0000), older&0xff<<2|pos&3)
	case profileNumbers:
		h[0] = mix(mix(4|phase, s.number), s.before[0])
		h[1] = mix(mix(5|phase, s.number), s.before[1])
		h[2] = mix(6|phase, s.number)
	case profileHeaders:
		above := uint32(0)
		if len(m.buf) >= 512 {
			above = uint32(m.buf[len(m.buf)-512])
		}
		h[0] = mix(4, pos&511)
		h[1] = mix(5, pos&511<<16|above<<8|c)
		h[2] = mix(6, newest&0xffff00)
	default:
		h[0] = mix(mix(4|phase, s.number), s.values&0xff)
		h[1] = mix(mix(5|phase, s.number), s.values&0xffff)
		h[2] = mix(mix(6|phase, s.number), s.before[0])
	}
}

// chooseSet computes the second set of weights at the beginning of a byte, once
// the match is known.
func (m *cm) chooseSet() {
	c, length := uint32(m.hist&255), matchBucket(m.match.length)<<3
	switch m.profile {
	case profileText:
		m.choose = length | c>>5
	case profileCode:
		m.choose = length | uint32(len(m.buf)&3)
	case profileHeaders:
		m.choose = length | min(c, 7)
	default:
		m.choose = m.syntax.phase<<6 | c>>2
	}
}
