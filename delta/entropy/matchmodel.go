package entropy

// matchMin is the number of bytes whose hash finds a match.
const matchMin = 5

// A matchModel predicts that what followed the last same context follows again.
type matchModel struct {
	index  []uint32 // by hash of the last matchMin bytes: where they ended
	ptr    int      // what followed
	length uint32   // bytes that are equal before ptr and before the current byte
	guess  uint32   // the byte at ptr with a leading one; 0 without a match
	ctx    int      // within maps; -1 without a prediction
	maps   [64]uint32
}

func (a *matchModel) init(n int) {
	a.index = cleared(a.index, n)
	a.ptr, a.length, a.guess, a.ctx = 0, 0, 0, -1
	for i := range a.maps {
		a.maps[i] = 1 << 31
	}
}

// next moves to the byte after buf, whose last eight bytes are hist.
func (a *matchModel) next(buf []byte, hist uint64) {
	if a.length > 0 {
		a.length = min(a.length+1, 65535)
		a.ptr++
	}
	if len(buf) >= matchMin {
		h := hist << (64 - 8*matchMin) >> (64 - 8*matchMin) * 0x9e3779b97f4a7c15 >> 40
		e := &a.index[h&uint64(len(a.index)-1)] //nolint:gosec // a power of two
		if a.length == 0 {
			a.find(buf, int(*e))
		}
		*e = uint32(len(buf)) //nolint:gosec // at most MaxFrame
	}
	a.guess = 0
	if a.length > 0 {
		a.guess = uint32(buf[a.ptr]) | 256
	}
}

// find counts, up to 32, how many bytes before ptr are equal to the last ones.
func (a *matchModel) find(buf []byte, ptr int) {
	a.ptr = ptr
	n := 0
	for n < 32 && n < ptr && buf[ptr-1-n] == buf[len(buf)-1-n] {
		n++
	}
	a.length = uint32(n)
}

// predict gives the stretched probability that the match implies, 0 without
// one. C0 holds the bits of the byte so far.
func (a *matchModel) predict(c0 uint32, bit int) int64 {
	a.ctx = -1
	if a.guess>>(8-bit) != c0 {
		return 0
	}
	a.ctx = int(matchBucket(a.length)<<1 | a.guess>>(7-bit)&1)
	return int64(stretchTable[a.maps[a.ctx]>>20])
}

func (a *matchModel) update(y, bit int) {
	if a.ctx < 0 {
		return
	}
	adapt(&a.maps[a.ctx], y, 1023)
	if int(a.guess>>(7-bit)&1) != y {
		a.length = 0
	}
}

// matchBucket groups the lengths of matches by 32.
func matchBucket(n uint32) uint32 {
	switch {
	case n < 16:
		return n
	case n < 32:
		return 16 + (n-16)>>2
	default:
		return min(20+(n-32)>>5, 31)
	}
}
