package recipe

import "io"

const (
	goFastBits   = 14
	goFastBlock  = maxStored
	goFastMargin = 15 // the search stops that many bytes before the end of a block
)

// A goFast is Go's compress/flate at level 1. Each block of 65,535 bytes may
// refer to the one before it.
type goFast struct {
	goBlocks
	block tokens

	// window holds the previous block, which ends at goFastBlock, and the
	// one being gathered.
	window window
	end    int // of the input in window
	base   int // of positions in table
	table  [1 << goFastBits]goFastEntry
}

// goFastEntry is where the four bytes val were last seen.
type goFastEntry struct {
	val uint32
	at  uint32
}

func newGoFast() encoder { return new(goFast) }

func (d *goFast) reset(w io.Writer, _ Params) {
	d.out.reset(w)
	d.block.clear()
	d.end = goFastBlock
	// Whatever the table holds is now out of reach.
	d.advance(goFastBlock + windowSize)
}

// advance moves positions on by n.
func (d *goFast) advance(n int) {
	if d.base += n; d.base > 1<<30 || d.base == n {
		keep := low32(d.base - goFastBlock)
		for i, e := range d.table {
			d.table[i].at = max(e.at, keep) - keep
		}
		d.base = goFastBlock
	}
}

func (d *goFast) write(p []byte) error {
	for len(p) > 0 {
		n := copy(d.window[d.end:2*goFastBlock], p)
		d.end += n
		p = p[n:]
		if d.end == 2*goFastBlock {
			d.endBlock()
			copy(d.window[:goFastBlock], d.window[goFastBlock:2*goFastBlock])
			d.end = goFastBlock
			d.advance(goFastBlock)
		}
	}
	return d.out.err
}

func (d *goFast) close() error {
	switch n := d.end - goFastBlock; {
	case n == 0:
	case n <= 16:
		d.out.stored(d.window[goFastBlock:d.end], false)
	case n < 128:
		d.writeHuffman(d.window[goFastBlock:d.end])
	default:
		d.endBlock()
	}
	return d.finish()
}

func (d *goFast) endBlock() {
	plain := d.window[goFastBlock:d.end]
	d.search()
	if len(d.block.list) > len(plain)-len(plain)>>4 {
		d.writeHuffman(plain)
	} else {
		d.writeDynamic(&d.block, plain)
	}
	d.block.clear()
}

func goFastHash(v uint32) uint32 { return v * goHashMul >> (32 - goFastBits) }

// swap enters the position s, where the text begins with val, and returns how
// far back the same text was last entered, if at all in reach.
func (d *goFast) swap(s int, val uint32) (dist int, ok bool) {
	e := &d.table[goFastHash(val)&(1<<goFastBits-1)]
	at := low32(s + d.base)
	dist, ok = int(at-e.at), e.val == val
	e.val, e.at = val, at
	return dist, ok && dist <= windowSize
}

// search makes tokens of the gathered block.
func (d *goFast) search() {
	win := &d.window
	limit := d.end - goFastMargin
	emitted, s := goFastBlock, goFastBlock
	for {
		// The longer nothing is found, the larger the steps.
		skip := 32
		next := s
		var dist int
		for {
			s = next
			step := skip >> 5
			next = s + step
			skip += step
			if next > limit {
				d.block.addLiterals(win[emitted:d.end])
				return
			}
			var ok bool
			if dist, ok = d.swap(s, win.load32(s)); ok {
				break
			}
		}
		d.block.addLiterals(win[emitted:s])
		for ok := true; ok; {
			n := win.match(s, s-dist, min(maxMatch, d.end-s))
			d.block.addMatch(n, dist)
			s += n
			emitted = s
			if s >= limit {
				if s < d.end {
					d.block.addLiterals(win[s:d.end])
				}
				return
			}
			x := win.load64(s - 1)
			d.swap(s-1, low32(x))
			dist, ok = d.swap(s, low32(x>>8))
		}
		s++
	}
}
