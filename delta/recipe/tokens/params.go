package tokens

import (
	"math"
	"math/bits"
)

// params say how the encoder of a stream looks for matches, as far as the
// general model cares. Their zero values are not valid.
type params struct {
	hash     uint8 // bytes hashed: 3 or 4
	depthLog uint8 // places looked at, as the power of two
	niceHalf uint8 // half the length at which it looks no further
	lazy     uint8 // half the length from which it takes a match at once
	good     uint8 // length from which it looks at a quarter of the places for a better one; 0: none
	flags    uint8
}

const (
	flagFar    = 1 << 0 // distances up to 32768, not 32506
	flagSparse = 1 << 1 // text inside of matches longer than lazy is not entered

	maxDepthLog  = 10
	defaultDepth = 7
	depthGain    = 40
)

func (p params) depth() int { return 1 << p.depthLog }
func (p params) nice() int  { return 2 * int(p.niceHalf) }

func (p params) far() uint32 {
	if p.flags&flagFar != 0 {
		return windowSize
	}
	return windowSize - maxMatch - 4
}

func (p params) bytes() []byte {
	return []byte{p.hash, p.depthLog, p.niceHalf, p.lazy, p.good, p.flags}
}

const paramsSize = 6

// parseParams is the inverse of bytes; ok is false for what no encoder writes.
func parseParams(b []byte) (p params, ok bool) {
	p = params{b[0], b[1], b[2], b[3], b[4], b[5]}
	return p, (p.hash == 3 || p.hash == 4) && p.depthLog <= maxDepthLog && p.niceHalf >= 2 &&
		p.flags <= flagFar|flagSparse
}

// wellKnown are params of encoders that estimate begins with.
var wellKnown = []params{
	{hash: 4, depthLog: 5, niceHalf: maxMatch / 2, lazy: maxMatch / 2, flags: flagFar},
	{hash: 3, depthLog: 7, niceHalf: 64, lazy: 8, good: 8},
	{hash: 3, depthLog: 2, niceHalf: 4, lazy: 2, flags: flagSparse},
}

// maxDepth returns the depth that o asks for, as a power of two.
func (o Options) maxDepth() uint8 {
	if o.Depth <= 0 {
		return defaultDepth
	}
	return uint8(min(bits.Len(uint(o.Depth))-1, maxDepthLog)) //nolint:gosec // small
}

// estimate returns the params with which size is smallest, or nearly: it tries
// the values of one after another. To look at twice as many places must gain
// some percent.
func estimate(maxDepth uint8, size func(params) int64) params {
	cost := func(p params) int64 {
		n := size(p)
		return n + n*int64(p.depthLog)/depthGain
	}
	var best params
	least := int64(math.MaxInt64)
	try := func(p params) {
		if p == best {
			return
		}
		p.depthLog = min(p.depthLog, maxDepth)
		if n := cost(p); n < least {
			best, least = p, n
		}
	}
	for _, p := range wellKnown {
		try(p)
	}
	depths := func() {
		for d := min(2, maxDepth); d <= maxDepth; d++ {
			p := best
			p.depthLog = d
			try(p)
		}
	}
	depths()
	p := best
	p.hash = 7 - p.hash
	if try(p); best.hash == p.hash {
		depths()
	}
	for _, nice := range []uint8{4, 8, 16, 32, 64} {
		p := best
		p.niceHalf = nice
		try(p)
	}
	for _, lazy := range []uint8{0, 2, 3, 8, 16} {
		p := best
		p.lazy = lazy
		try(p)
	}
	if best.lazy <= 3 {
		p := best
		p.flags |= flagSparse
		for _, p.lazy = range []uint8{2, 3} {
			try(p)
		}
	} else {
		for _, good := range []uint8{4, 8, 32} {
			p := best
			p.good = good
			try(p)
		}
	}
	p = best
	p.flags &^= flagFar
	try(p)
	return best
}
