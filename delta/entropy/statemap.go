package entropy

// recip[n] is 65536/(n+1.5): how fast a probability moves after n updates.
var recip = func() (t [1024]uint32) {
	for n := range t {
		t[n] = uint32(2 * 65536 / (2*n + 3))
	}
	return t
}()

// adapt moves p, 22 bits of probability above 10 bits that count how often it
// moved, towards y, and no slower than after limit updates.
func adapt(p *uint32, y int, limit uint32) {
	n := *p & 1023
	v := int64(*p >> 10)
	v += (int64(y)<<22 - int64(y) - v) * int64(recip[n]) >> 16
	if n < limit {
		n++
	}
	*p = uint32(v)<<10 | n //nolint:gosec // v stays within 22 bits
}

const (
	apmSteps = 24  // probabilities an adaptive map keeps per context
	apmWidth = 176 // from one to the next, in the logistic domain
	apmRate  = 5   // it moves by 1/32
)

// An apm refines a probability by a context: it interpolates between steps of
// the logistic domain, each of which adapts.
type apm struct {
	t   []uint16
	idx int // the step that is nearest to the last prediction
}

func (a *apm) init(contexts int) {
	n := contexts * apmSteps
	if len(a.t) != n {
		a.t = make([]uint16, n)
	}
	for j := range apmSteps {
		a.t[j] = uint16(squash(int64(j-apmSteps/2)*apmWidth + apmWidth/2)) //nolint:gosec // 16 bits
	}
	for done := apmSteps; done < n; done *= 2 {
		copy(a.t[done:], a.t[:done])
	}
}

// refine returns the refined probability of the stretched s in the context c.
func (a *apm) refine(s int64, c int) uint32 {
	const half = apmSteps / 2 * apmWidth
	v := min(max(s+half-apmWidth/2, 0), 2*half-apmWidth-1)
	w := uint32(v % apmWidth)
	i := c*apmSteps + int(v/apmWidth)
	a.idx = i
	if w >= apmWidth/2 {
		a.idx = i + 1
	}
	return (uint32(a.t[i])*(apmWidth-w) + uint32(a.t[i+1])*w) / apmWidth
}

func (a *apm) update(y int) {
	p := &a.t[a.idx]
	if y != 0 {
		*p += (65535 - *p) >> apmRate
	} else {
		*p -= *p >> apmRate
	}
}
