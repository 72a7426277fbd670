package recipe

// Sizes of RFC 1951.
const (
	windowSize   = 1 << 15
	windowMask   = windowSize - 1
	maxMatch     = 258
	baseMatch    = 3 // shortest match the format can express
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
	lengthExtra = [29]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distExtra   = [32]uint8{
		0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7,
		8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
	}

	// lengthBase and distBase are the smallest length-3 and distance-1 of a
	// code.
	lengthBase = lengthBases()
	distBase   = distBases()

	// lengthCodes maps length-3, distCodes distance-1 (and, from 256 on,
	// (distance-1)>>7) to its code.
	lengthCodes = makeLengthCodes()
	distCodes   = makeDistCodes()
)

func lengthBases() (base [29]uint8) {
	n := 0
	for c := range base {
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
	c := 0
	for n := range codes {
		for c+1 < len(lengthBase) && int(lengthBase[c+1]) <= n {
			c++
		}
		codes[n] = uint8(c)
	}
	return codes
}

func makeDistCodes() (codes [512]uint8) {
	codeOf := func(d int) uint8 {
		c := 0
		for c+1 < numDist && int(distBase[c+1]) <= d {
			c++
		}
		return uint8(c)
	}
	for n := range 256 {
		codes[n] = codeOf(n)
		codes[256+n] = codeOf(n << 7)
	}
	return codes
}

// distCode returns the code of a distance d, given as d-1.
func distCode(d uint32) uint32 {
	if d < 256 {
		return uint32(distCodes[d])
	}
	return uint32(distCodes[256+d>>7&255])
}
