package entropy

import "math/bits"

// The mixers work in the logistic domain: squash maps x to the probability
// 1/(1+exp(-x/256)) in units of 1/65536, stretch is its inverse.
const (
	maxStretch = 2815 // |x| of what squash accepts
	probBits   = 16   // fractional bits of a probability
)

// expStep is exp(-1/256) in units of 1/2^64, rounded to the nearest.
const expStep = 0xff007fd55ffdde39

// squashTable holds squash(x) at x+maxStretch, stretchTable stretch at the
// upper twelve bits of the probability. Both are made with integers alone, so
// that they are the same on every platform.
var (
	squashTable  = makeSquash()
	stretchTable = makeStretch()
)

// makeSquash computes squash(-k) = 2^16*E/(2^62+E) with E = 2^62*exp(-k/256)
// by repeated multiplication; squash(k) = 2^16 - squash(-k). No value is less
// than 1 or more than 65535.
func makeSquash() (t [2*maxStretch + 1]uint16) {
	const one = uint64(1) << 62
	e := one
	for k := range maxStretch + 1 {
		p := max(uint16(e>>14/((one+e)>>30)), 1) //nolint:gosec // at most half of 65536
		t[maxStretch-k] = p
		t[maxStretch+k] = -p
		e, _ = bits.Mul64(e, expStep)
	}
	return t
}

// makeStretch computes for each q the smallest x whose squash is not less than
// 16*q+8; it is limited to ±2047.
func makeStretch() (t [4096]int16) {
	x := -2047
	for q := range t {
		for x < 2047 && int(squashTable[x+maxStretch]) < q<<4+8 {
			x++
		}
		t[q] = int16(x)
	}
	return t
}

// squash is defined for every x: outside of ±maxStretch it is that of the limit.
func squash(x int64) uint32 {
	return uint32(squashTable[min(max(x, -maxStretch), maxStretch)+maxStretch])
}

// stretch takes a probability of 16 bits.
func stretch(p uint32) int32 {
	return int32(stretchTable[p>>4&4095])
}
