package recipe

import (
	"io"
	"math/bits"
)

const (
	goEnter     = 2048
	goTokens    = 1 << 14 // per block
	goHashBits  = 17
	goMinMatch  = 4
	goTooFar    = 4096 // matches of four bytes further away are not worth it
	goLookahead = goMinMatch + maxMatch
	goHashMul   = 0x1e35a7bd
)

// goLevel holds the limits of a level's search.
type goLevel struct{ lazy, nice, chain, skip int }

var goLevels = [10]goLevel{
	2: {0, 16, 8, 5},
	3: {0, 32, 32, 6},
	4: {4, 16, 16, 0},
	5: {16, 32, 32, 0},
	6: {16, 128, 128, 0},
	7: {32, 128, 256, 0},
	8: {128, 258, 1024, 0},
	9: {258, 258, 4096, 0},
}

// A goDeflate is Go's compress/flate at levels 2 to 9. Positions in its tables
// are of the window, plus base.
type goDeflate struct {
	goBlocks
	goLevel
	spare  int // steps that find may take beside those of the original
	block  tokens
	feeder tarFeeder

	window     window
	end        int // of the input in window
	index      int // of the next byte to look at
	blockStart int // window index of the block under construction; -1 if it has left
	base       int
	length     int // of the match found at index-1
	dist       int
	pending    bool // the byte at index-1 has no token yet

	entered int // the next position to enter into the tables; not of greedy levels

	// head has the last position of a hash. By the low bits of a position,
	// back has how far before it the last of the same hash is, and rank which
	// one of its hash it is.
	head [1 << goHashBits]uint32
	back [1 << 16]uint16
	rank [1 << 16]uint16
}

func newGoDeflate() encoder { return new(goDeflate) }

func (d *goDeflate) reset(w io.Writer, p Params) {
	d.out.reset(w)
	d.goLevel = goLevels[p.Level]
	d.spare = d.chain
	if d.skip != 0 {
		// Not all positions are entered.
		d.spare = 0
	}
	d.block.list = d.block.list[:0]
	d.block.clear()
	d.feeder.reset(p.Feed)
	d.end, d.index, d.blockStart, d.entered = 0, 0, 0, 0
	d.length, d.pending = goMinMatch-1, false
	// Whatever the tables hold is now out of reach.
	d.base += 3 * windowSize
	if d.base > 1<<30 || d.base == 3*windowSize {
		clear(d.head[:])
		d.base = 3 * windowSize
	}
}

// write steps where the original would have: when the window is full, and
// where a piece of the input begins.
func (d *goDeflate) write(p []byte) error {
	for len(p) > 0 {
		n, begins := d.feeder.next(p)
		piece := p[:n]
		p = p[n:]
		for len(piece) > 0 {
			if begins || d.end == 2*windowSize {
				d.step(false)
			}
			begins = false
			piece = piece[d.fill(piece):]
		}
	}
	return d.out.err
}

func (d *goDeflate) close() error {
	d.step(true)
	if d.pending {
		d.block.addLiteral(d.window[d.index-1])
		d.pending = false
	}
	if len(d.block.list) > 0 {
		d.endBlock(d.index)
	}
	return d.finish()
}

// fill takes input into the window and moves the window when its end is near.
// Where that happens decides which far matches are in reach.
func (d *goDeflate) fill(p []byte) int {
	if d.index >= 2*windowSize-goLookahead {
		copy(d.window[:windowSize], d.window[windowSize:2*windowSize])
		d.index -= windowSize
		d.end -= windowSize
		d.entered -= windowSize
		if d.blockStart >= windowSize {
			d.blockStart -= windowSize
		} else {
			d.blockStart = -1
		}
		d.base += windowSize
		if d.base > 1<<30 {
			d.rebase()
		}
	}
	n := copy(d.window[d.end:2*windowSize], p)
	d.end += n
	return n
}

// rebase keeps positions within 32 bits.
func (d *goDeflate) rebase() {
	down := low32(d.base - windowSize)
	for i, h := range d.head {
		d.head[i] = max(h, down) - down
	}
	d.base = windowSize
}

func (d *goDeflate) endBlock(index int) {
	var plain []byte
	if d.blockStart >= 0 && d.blockStart <= index {
		plain = d.window[d.blockStart:index]
	}
	d.blockStart = index
	d.goBlocks.write(&d.block, plain)
	d.block.clear()
}

func (d *goDeflate) step(flush bool) {
	if d.end-d.index < goLookahead && !flush {
		return
	}
	if d.skip != 0 {
		d.greedy(flush)
	} else {
		d.lazily(flush)
	}
}

// link enters the position at, where the text begins with text, its first byte
// the highest. It returns how far back the last of the same hash is, at least
// roughly if that is out of reach.
func (d *goDeflate) link(at, text uint32) int {
	h := &d.head[text*goHashMul>>(32-goHashBits)]
	last := *h
	*h = at
	back := min(at-last, 1<<16-1)
	d.back[low16(at)] = low16(back)
	d.rank[low16(at)] = d.rank[low16(last)] + 1
	return int(back)
}

func (d *goDeflate) insert(i int) int {
	return d.link(low32(i+d.base), bits.ReverseBytes32(d.window.load32(i)))
}

// enter enters all positions there are. The levels that do so for each byte
// need not wait for their search, and the loads of one do not wait for those of
// another.
func (d *goDeflate) enter() {
	stop := min(d.end-(goMinMatch-1), d.index+goLookahead+goEnter)
	i := d.entered
	at := low32(i + d.base)
	for ; i+4 <= stop; i += 4 {
		text := bits.ReverseBytes64(d.window.load64(i))
		d.link(at, low32(text>>32))
		d.link(at+1, low32(text>>24))
		d.link(at+2, low32(text>>16))
		d.link(at+3, low32(text>>8))
		at += 4
	}
	for ; i < stop; i++ {
		d.insert(i)
	}
	d.entered = max(d.entered, stop)
}

// lazily is the search of levels 4 to 9: a match is taken only when there is
// no longer one at the next byte.
func (d *goDeflate) lazily(flush bool) {
	index, length, dist, pending := d.index, d.length, d.dist, d.pending
	for {
		lookahead := d.end - index
		if lookahead < goLookahead && (!flush || lookahead == 0) {
			break
		}
		if index+goLookahead > d.entered {
			d.index = index
			d.enter()
		}
		prevLength, prevDist := length, dist
		length = goMinMatch - 1
		if lookahead > prevLength && prevLength < d.lazy && int(d.back[low16(index+d.base)]) <= min(index, windowSize) {
			if n, at := d.find(index, prevLength, min(lookahead, maxMatch)); n > 0 {
				length, dist = n, at
			}
		}
		if prevLength >= goMinMatch && length <= prevLength {
			d.block.addMatch(prevLength, prevDist)
			index += prevLength - 1
			pending = false
			length = goMinMatch - 1
			if len(d.block.list) == goTokens {
				d.endBlock(index)
			}
			continue
		}
		if pending {
			d.block.addLiteral(d.window[(index-1)&(windowMem-1)])
			if len(d.block.list) == goTokens {
				d.endBlock(index)
			}
		}
		index++
		pending = true
	}
	d.index, d.length, d.dist, d.pending = index, length, dist, pending
}

// greedy is the search of levels 2 and 3: the first match is taken.
func (d *goDeflate) greedy(flush bool) {
	maxInsert := d.end - (goMinMatch - 1)
	for {
		lookahead := d.end - d.index
		if lookahead < goLookahead && (!flush || lookahead == 0) {
			return
		}
		back := 1 << 16
		if d.index < maxInsert {
			back = d.insert(d.index)
		}
		d.length = goMinMatch - 1
		if back <= min(d.index, windowSize) && lookahead > goMinMatch-1 {
			if n, at := d.find(d.index, goMinMatch-1, min(lookahead, maxMatch)); n > 0 {
				d.length, d.dist = n, at
			}
		}
		if d.length >= goMinMatch {
			d.block.addMatch(d.length, d.dist)
			next := d.index + d.length
			if d.length <= d.skip {
				for i, stop := d.index+1, min(next, maxInsert); i < stop; i++ {
					d.insert(i)
				}
			}
			d.index = next
		} else {
			d.block.addLiteral(d.window[d.index])
			d.index++
		}
		if len(d.block.list) == goTokens {
			d.endBlock(d.index)
		}
	}
}
