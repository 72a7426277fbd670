package tokens

// Sizes of RFC 1951.
const (
	windowSize   = 1 << 15
	maxMatch     = 258
	minMatch     = 3
	maxStored    = 65535
	numLit       = 286
	numDist      = 30
	numCodegen   = 19
	endOfBlock   = 256
	firstLength  = 257
	maxCodeBits  = 15
	maxCGenBits  = 7
	blockStored  = 0
	blockFixed   = 1
	blockDynamic = 2
)

// codegenOrder is the order in which the lengths of the code length code are
// written.
var codegenOrder = [numCodegen]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

var (
	lengthExtra = [32]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distExtra   = [32]uint8{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
	codesExtra  = [numCodegen]uint8{16: 2, 17: 3, 18: 7}
	codesBase   = [numCodegen]uint8{16: 3, 17: 3, 18: 11}

	// lengthBase and distBase are the smallest length-3 and distance-1 of a
	// code.
	lengthBase = lengthBases()
	distBase   = distBases()

	// lengthCodes maps length-3, distCodes distance-1 (and, from 256 on,
	// (distance-1)>>7) to its code.
	lengthCodes = makeLengthCodes()
	distCodes   = makeDistCodes()

	fixedLit  = fixedLitLengths()
	fixedDist = fixedDistLengths()
)

func lengthBases() (base [32]uint8) {
	n := 0
	for c := range 28 {
		base[c] = uint8(n)
		n += 1 << lengthExtra[c]
	}
	base[28] = 255 // length 258 has its own code
	return base
}

func distBases() (base [32]uint16) {
	n := 0
	for c := range numDist {
		base[c] = uint16(n)
		n += 1 << distExtra[c]
	}
	return base
}

func makeLengthCodes() (codes [256]uint8) {
	c := uint8(0)
	for n := range codes {
		for c < 28 && int(lengthBase[c+1]) <= n {
			c++
		}
		codes[n] = c
	}
	return codes
}

func makeDistCodes() (codes [512]uint8) {
	codeOf := func(d int) uint8 {
		c := uint8(0)
		for c < numDist-1 && int(distBase[c+1]) <= d {
			c++
		}
		return c
	}
	for n := range 256 {
		codes[n] = codeOf(n)
		codes[256+n] = codeOf(n << 7)
	}
	return codes
}

func fixedLitLengths() (lengths [numLit + 2]uint8) {
	for s := range lengths {
		switch {
		case s < 144:
			lengths[s] = 8
		case s < 256:
			lengths[s] = 9
		case s < 280:
			lengths[s] = 7
		default:
			lengths[s] = 8
		}
	}
	return lengths
}

func fixedDistLengths() (lengths [32]uint8) {
	for s := range lengths {
		lengths[s] = 5
	}
	return lengths
}

// A token is a literal byte or a match:
//
//	literal  bits 0-7 the byte
//	match    bit 31 set, bits 0-14 distance-1, 16-23 length-3;
//	         bit 30 set for length 258 spelt with the code of 257
type token uint32

const (
	matchFlag token = 1 << 31
	oddFlag   token = 1 << 30
)

func makeMatch(length, dist int) token {
	return matchFlag | token(length-minMatch)<<16 | token(dist-1) //nolint:gosec // callers check both
}

func (t token) literal() bool { return t < matchFlag }
func (t token) length3() int  { return int(t >> 16 & 0xff) }
func (t token) dist1() uint32 { return uint32(t & (windowSize - 1)) }

// size returns how many bytes of plain text t stands for.
func (t token) size() int {
	if t.literal() {
		return 1
	}
	return t.length3() + minMatch
}

// distCode returns the code of a distance d, given as d-1.
func distCode(d uint32) uint8 {
	if d < 256 {
		return distCodes[d]
	}
	return distCodes[256+d>>7&255]
}
