package recipe

import "io"

const (
	zMinMatch  = 3
	zLookahead = maxMatch + zMinMatch + 1
	zMaxDist   = windowSize - zLookahead
	zTooFar    = 4096    // matches of three bytes further away are not worth it
	zAhead     = 1 << 14 // how far ahead of index positions are entered
	zTokens    = 1<<14 - 1
	gnuTokens  = 1<<15 - 1
)

// zLevel holds the limits of a level's search; fast levels take the first
// match they find.
type zLevel struct {
	good, lazy, nice, chain int
	fast                    bool
}

var zLevels = [10]zLevel{
	1: {4, 4, 8, 4, true},
	2: {4, 5, 16, 8, true},
	3: {4, 6, 32, 32, true},
	4: {4, 4, 16, 16, false},
	5: {8, 16, 32, 32, false},
	6: {8, 16, 128, 128, false},
	7: {8, 32, 128, 256, false},
	8: {32, 128, 258, 1024, false},
	9: {32, 258, 258, 4096, false},
}

// A zDeflate is the deflate of zlib with memLevel 8, and of GNU gzip. Positions
// in its tables are of the window, plus base.
type zDeflate struct {
	zBlocks
	zLevel
	zChains
	block  tokens
	most   int  // tokens per block
	gnu    bool // GNU gzip's habits where they differ
	cut    bool // GNU gzip may end blocks early
	eof    bool // GNU gzip has seen the end of its input
	rsync  rsyncer
	window window

	used       int // bytes of window that are not zero from the outset
	end        int // of the input in window
	index      int // of the next byte to look at
	inserted   int // the next position to enter into the chains
	blockStart int // window index; negative when the text has left the window
	length     int // of the match found at index-1
	matchAt    int // where that match begins
	pending    bool
}

func newZDeflate() encoder { return new(zDeflate) }

func (d *zDeflate) reset(w io.Writer, p Params) {
	d.out.reset(w)
	d.zLevel = zLevels[p.Level]
	d.gnu = p.Encoder == GNU || p.Encoder == GNUR
	d.cut = d.gnu && p.Level > 2
	d.long = p.Level > 5
	d.most = zTokens
	if d.gnu {
		d.most = gnuTokens
		// GNU gzip compares beyond the end of its input.
		clear(d.window[:d.used])
		d.used = 0
	}
	d.eof = false
	d.rsync.reset(p.Encoder == GNUR)
	d.restart()
}

// restart begins a stream without any text before it. Bits not yet written
// stay.
func (d *zDeflate) restart() {
	d.block.clear()
	d.end, d.index, d.inserted, d.blockStart = 0, 0, 0, 0
	d.length, d.pending = zMinMatch-1, false
	d.zChains.restart()
}

func (d *zDeflate) write(p []byte) error {
	for len(p) > 0 {
		if d.end == 2*windowSize {
			d.run(false)
			d.slide()
		}
		n := copy(d.window[d.end:2*windowSize], p)
		d.end += n
		d.used = max(d.used, d.end)
		p = p[n:]
	}
	return d.out.err
}

func (d *zDeflate) close() error {
	d.run(true)
	d.endBlock(true)
	return d.spill()
}

// flush makes tokens and a block of all input.
func (d *zDeflate) flush() {
	d.run(true)
	if len(d.block.list) > 0 {
		d.endBlock(false)
	}
}

// preset makes text matchable that comes before the stream.
func (d *zDeflate) preset(text []byte) {
	d.end = copy(d.window[:windowSize], text)
	d.used = max(d.used, d.end)
	d.index, d.blockStart = d.end, d.end
}

// slide moves the window on if the original would, now that its end is near.
func (d *zDeflate) slide() {
	if d.index < 2*windowSize-zLookahead {
		return
	}
	copy(d.window[:windowSize], d.window[windowSize:2*windowSize])
	d.index -= windowSize
	d.end -= windowSize
	d.inserted -= windowSize
	d.blockStart -= windowSize
	d.matchAt -= windowSize
	d.rsync.slide()
	d.zChains.slide()
}

// run makes tokens of the input; while more may come, up to a match's length
// before its end.
func (d *zDeflate) run(finish bool) {
	if d.fast {
		d.greedily(finish)
	} else {
		d.lazily(finish)
	}
}

// more reports whether there is input to look at.
func (d *zDeflate) more(finish bool) bool {
	lookahead := d.end - d.index
	if lookahead >= zLookahead {
		return true
	}
	if !finish {
		return false
	}
	if !d.eof {
		d.slide()
	}
	if d.gnu && !d.eof {
		d.eof = true
		d.window[d.end], d.window[d.end+1] = 0, 0
	}
	return lookahead > 0
}

func (d *zDeflate) endBlock(last bool) {
	var plain []byte
	if d.blockStart >= 0 {
		plain = d.window[d.blockStart:d.index:d.index]
	}
	d.zBlocks.write(&d.block, plain, d.index-d.blockStart, last)
	d.blockStart = d.index
	d.block.clear()
}

// full reports whether the block ends here.
func (d *zDeflate) full() bool {
	n := len(d.block.list)
	return n == d.most || d.cut && n&0xfff == 0 && d.compressesWell()
}

// compressesWell is GNU gzip's reason to end a block early: few matches, and
// half the size expected.
func (d *zDeflate) compressesWell() bool {
	n, matches := len(d.block.list), 0
	size := 8 * n
	for c, f := range d.block.dist[:numDist] {
		matches += int(f)
		size += int(f) * (5 + int(distExtra[c]))
	}
	return matches < n/2 && size>>3 < (d.index-d.blockStart)/2
}

// look enters the position at index and searches from there for a match that
// is longer than length. It returns the length of what it found, or 0.
func (d *zDeflate) look(length int) int {
	lookahead := d.end - d.index
	if lookahead < zMinMatch {
		return 0
	}
	links := &d.link3
	if d.fast {
		links = &d.link4
	}
	for ; d.inserted <= d.index; d.inserted++ {
		if d.fast {
			d.enterSome(&d.window, d.inserted)
		} else {
			d.enter3(zHash(d.window.load32(d.inserted)), d.position(d.inserted), d.inserted)
		}
	}
	if length >= d.lazy && !d.fast || d.index > 2*windowSize-zLookahead {
		return 0
	}
	n, at := d.find(links, length, lookahead)
	if n > 0 {
		d.matchAt = at
	}
	return min(n, lookahead)
}

// greedily is the search of levels 1 to 3: the first match is taken.
func (d *zDeflate) greedily(finish bool) {
	for d.more(finish) {
		n := d.look(zMinMatch - 1)
		start := d.index
		if n < zMinMatch {
			n = 1
			d.block.addLiteral(d.window[d.index])
		} else {
			d.block.addMatch(n, d.index-d.matchAt)
			if n > d.lazy || d.end-d.index-n < zMinMatch {
				d.inserted = d.index + n
			}
		}
		end := d.full()
		d.rsync.roll(&d.window, start, n)
		d.index += n
		d.endBlockIf(end)
	}
}

// endBlockIf ends the block if end is set or --rsyncable cuts here. There the
// next block begins on a whole byte.
func (d *zDeflate) endBlockIf(end bool) {
	pad := d.rsync.cuts(d.index)
	if !end && !pad {
		return
	}
	d.endBlock(false)
	if pad && d.out.nb != 0 {
		d.out.stored(nil, false)
	}
}

// lazily is the search of levels 4 to 9: a match is taken only when there is
// no longer one at the next byte.
func (d *zDeflate) lazily(finish bool) {
	d.lazilyAhead()
	for d.more(finish) {
		prevLength, prevAt := d.length, d.matchAt
		d.length = max(d.look(prevLength), zMinMatch-1)
		if d.length == zMinMatch && d.index-d.matchAt > zTooFar {
			d.length--
		}
		d.settle(prevLength, prevAt)
	}
	if finish && d.pending {
		d.block.addLiteral(d.window[d.index-1])
		d.pending = false
	}
}

// lazilyAhead is lazily for as long as no match can reach the end of the input.
func (d *zDeflate) lazilyAhead() {
	for d.index <= d.end-zLookahead {
		if d.inserted < d.index+zLookahead {
			to := min(d.index+zAhead, d.end-7)
			d.enter(&d.window, d.inserted, to)
			d.inserted = max(d.inserted, to)
		}
		prevLength, prevAt := d.length, d.matchAt
		d.length = zMinMatch - 1
		if prevLength < d.lazy {
			if n, at := d.search(d.index, prevLength); n > 0 {
				d.length, d.matchAt = n, at
			}
		}
		d.settle(prevLength, prevAt)
	}
}

// settle decides on the byte before index, where a match of prevLength bytes
// was found, now that the one at index is known.
func (d *zDeflate) settle(prevLength, prevAt int) {
	end := false
	if prevLength >= zMinMatch && d.length <= prevLength {
		d.block.addMatch(prevLength, d.index-1-prevAt)
		end = d.full()
		d.rsync.roll(&d.window, d.index, prevLength-1)
		d.index += prevLength - 1
		d.pending = false
		d.length = zMinMatch - 1
		d.endBlockIf(end)
		return
	}
	if d.pending {
		d.block.addLiteral(d.window[d.index-1])
		end = d.full()
	}
	d.endBlockIf(end)
	d.pending = true
	d.rsync.roll(&d.window, d.index, 1)
	d.index++
}
