package recipe

import "math"

const (
	fseMinLog  = 5
	fseMaxLog  = 8 // the original never uses more
	fseSymbols = 64
)

// A zsStep is how a symbol changes the state of an FSE encoder.
type zsStep struct {
	deltaBits  uint32
	deltaState int16
	extra      uint8 // bits that follow the symbol
}

// A zsTable is a table of FSE codes.
type zsTable struct {
	log   int // 0 for a single symbol
	n     int // symbols, up to the last that occurs
	rle   bool
	norm  [fseSymbols]int16
	steps [fseSymbols]zsStep
	next  [1 << fseMaxLog]uint16
}

// normalize sets norm from the counts of total symbols, which are not all the
// same, and reports whether that is possible.
func (t *zsTable) normalize(counts []uint32, total int) bool {
	scale := 62 - t.log
	step := uint64(1<<62) / uint64(total) //nolint:gosec // not negative
	low := low32(total >> t.log)
	left := int16(1) << t.log
	largest, most := 0, int16(0)
	for i, c := range counts {
		switch {
		case c == 0:
			t.norm[i] = 0
		case c <= low:
			t.norm[i] = -1
			left--
		default:
			p := fseShare(uint64(c)*step, scale)
			if p > most {
				largest, most = i, p
			}
			t.norm[i] = p
			left -= p
		}
	}
	if -left >= t.norm[largest]>>1 {
		return t.normalizeEvenly(counts, low32(total))
	}
	t.norm[largest] += left
	return true
}

// fseShare rounds v>>scale; small shares are rounded up sooner.
func fseShare(v uint64, scale int) int16 {
	up := [8]uint64{0, 473195, 504333, 520860, 550000, 700000, 750000, 830000}
	p := v >> scale
	if p < 8 && v-p<<scale > up[p]<<(scale-20) {
		p++
	}
	return int16(p) //nolint:gosec // at most 1<<fseMaxLog
}

// normalizeEvenly is what normalize does when rounding has given away too much.
func (t *zsTable) normalizeEvenly(counts []uint32, total uint32) bool {
	const open = -2
	low, lowOne := total>>t.log, total*3>>(t.log+1)
	left := uint32(1) << t.log
	settle := func(i int, norm int16) {
		t.norm[i] = norm
		left--
		total -= counts[i]
	}
	for i, c := range counts {
		t.norm[i] = open
		switch {
		case c == 0:
			t.norm[i] = 0
		case c <= low:
			settle(i, -1)
		case c <= lowOne:
			settle(i, 1)
		}
	}
	if left == 0 || left > 1<<t.log {
		return false
	}
	if total/left > lowOne {
		lowOne = total * 3 / (left * 2)
		for i, c := range counts {
			if t.norm[i] == open && c <= lowOne {
				settle(i, 1)
			}
		}
	}
	if total == 0 {
		return t.giveAway(len(counts), left)
	}
	return t.shareOut(counts, total, left)
}

// giveAway adds the left places to the symbols that have any, in turn.
func (t *zsTable) giveAway(n int, left uint32) bool {
	for left > 0 {
		before := left
		for i := 0; i < n && left > 0; i++ {
			if t.norm[i] > 0 {
				t.norm[i]++
				left--
			}
		}
		if left == before {
			return false
		}
	}
	return true
}

// shareOut gives the left places to the symbols that are still open.
func (t *zsTable) shareOut(counts []uint32, total, left uint32) bool {
	shift := 62 - t.log
	mid := uint64(1)<<(shift-1) - 1
	step := (uint64(left)<<shift + mid) / uint64(total)
	at := mid
	for i, c := range counts {
		if t.norm[i] >= -1 {
			continue
		}
		end := at + uint64(c)*step
		weight := end>>shift - at>>shift
		if weight < 1 {
			return false
		}
		t.norm[i] = int16(weight) //nolint:gosec // at most 1<<fseMaxLog
		at = end
	}
	return true
}

// build makes the table of norm, whose shares come to 1<<log, and reports
// whether they do.
func (t *zsTable) build() bool {
	size := 1 << t.log
	var spread [1 << fseMaxLog]uint8
	var starts [fseSymbols]int
	sum, top := 0, size-1
	for i, v := range t.norm[:t.n] {
		starts[i] = sum
		if v == -1 {
			if top < 0 {
				return false
			}
			spread[top] = low8(i)
			top--
			v = 1
		}
		sum += int(v)
	}
	if sum != size {
		return false
	}
	at := 0
	for i, v := range t.norm[:t.n] {
		for range v {
			spread[at] = low8(i)
			at = (at + size>>1 + size>>3 + 3) & (size - 1)
			for at > top {
				at = (at + size>>1 + size>>3 + 3) & (size - 1)
			}
		}
	}
	for u, s := range spread[:size] {
		t.next[starts[s]] = low16(size + u)
		starts[s]++
	}
	t.buildSteps()
	return true
}

func (t *zsTable) buildSteps() {
	total := int16(0)
	size := uint32(1) << t.log
	for i, v := range t.norm[:t.n] {
		s := &t.steps[i]
		switch v {
		case 0:
		case -1, 1:
			s.deltaBits = low32(t.log)<<16 - size
			s.deltaState = total - 1
			total++
		default:
			out := t.log - high(low32(int(v-1)))
			s.deltaBits = low32(out)<<16 - low32(int(v))<<out
			s.deltaState = total - v
			total += v
		}
	}
}

// single makes the table of one symbol that takes no bits.
func (t *zsTable) single(symbol uint8) {
	t.rle, t.log = true, 0
	t.n = int(symbol) + 1
	t.next[0] = 0
	s := &t.steps[symbol&(fseSymbols-1)]
	s.deltaBits, s.deltaState = 0, 0
}

// first returns the state that ends with a symbol.
func (t *zsTable) first(s zsStep) uint16 {
	if t.rle {
		return 0
	}
	out := (s.deltaBits + 1<<15) >> 16
	v := (out<<16 - s.deltaBits) >> out
	return t.next[(int(v)+int(s.deltaState))&(1<<fseMaxLog-1)]
}

// cost returns how many bits the table takes for what is counted, about, or
// the largest number if it has no code for some of it.
func (t *zsTable) cost(counts []uint32) uint32 {
	const fraction = 8
	if t.n < len(counts) || t.rle {
		return math.MaxUint32
	}
	size, worst := uint32(1)<<t.log, (low32(t.log)+1)<<fraction
	var sum uint32
	for i, c := range counts {
		if c == 0 {
			continue
		}
		if t.norm[i] == 0 {
			return math.MaxUint32
		}
		d := t.steps[i].deltaBits
		most := d>>16 + 1
		bit := most<<fraction - (most<<16-(d+size))<<fraction>>t.log
		if bit > worst {
			return math.MaxUint32
		}
		sum += c * bit
	}
	return sum >> fraction
}

// appendHeader writes norm to buf from pos on and returns where it ends. buf
// has room for 16 bits for each symbol and 16 more.
func (t *zsTable) appendHeader(buf []byte, pos int) int {
	w := zsBits{pos: pos}.add(uint64(low32(t.log-fseMinLog)), 4)
	remaining, threshold := 1<<t.log+1, 1<<t.log
	width := uint(t.log + 1)
	zeros := false
	for i := 0; remaining > 1; {
		w = w.flush(buf)
		if zeros {
			start := i
			for i < t.n && t.norm[i] == 0 {
				i++
			}
			for ; i >= start+3; start += 3 {
				w = w.add(3, 2).flush(buf)
			}
			w = w.add(uint64(low32(i-start)), 2)
		}
		if i == t.n {
			return pos // not reached: the shares come to 1<<log
		}
		v := int(t.norm[i])
		i++
		limit := 2*threshold - 1 - remaining
		remaining -= max(v, -v)
		v++
		zeros = v == 1
		n := width
		if v < limit {
			n--
		}
		if v >= threshold {
			v += limit
		}
		w = w.add(uint64(low32(v)), n)
		for remaining < threshold {
			width--
			threshold >>= 1
		}
	}
	w = w.flush(buf)
	if w.n > 0 {
		w.pos++
	}
	return w.pos
}

// headerBound returns what a header takes at most, in bits.
func (t *zsTable) headerBound() uint32 { return low32((t.n*t.log>>3 + 3) * 8) }
