package entropy

// Speeds of a bit's two estimates.
const (
	bitFast  = 4   // the fast one moves by 1/16
	bitLimit = 127 // updates until the slow one keeps its speed
)

// A bit is an adaptive probability: the mean of one estimate that follows fast
// and one that settles.
type bit struct {
	slow uint32 // as adapt keeps it
	fast uint16
}

// newBit has seen nothing.
var newBit = bit{slow: 1 << 31, fast: 1 << 15}

// p is the probability of a one, never below 7 or above 65527 of 65536.
func (b *bit) p() uint32 { return (b.slow>>16 + uint32(b.fast)) >> 1 }

// update learns y.
func (b *bit) update(y int) {
	adapt(&b.slow, y, bitLimit)
	if y != 0 {
		b.fast += (65535 - b.fast) >> bitFast
	} else {
		b.fast -= b.fast >> bitFast
	}
}

func resetBits(s []bit) {
	for i := range s {
		s[i] = newBit
	}
}

// bit decodes one bit and learns it.
func (d *rangeDecoder) bit(b *bit) int {
	y := d.decode(b.p())
	b.update(y)
	return y
}

// tree decodes a number of n bits, the highest first; each node of the tree
// has its own bit.
func (d *rangeDecoder) tree(t []bit, n uint) uint32 {
	v := 1
	for range n {
		v = v<<1 | d.bit(&t[v])
	}
	return uint32(v) - 1<<n
}

// reverse decodes a number of n bits, the lowest first.
func (d *rangeDecoder) reverse(t []bit, n uint) uint32 {
	v, out := 1, uint32(0)
	for i := range n {
		y := d.bit(&t[v])
		v = v<<1 | y
		out |= uint32(y) << i //nolint:gosec // a bit
	}
	return out
}

// bit codes one bit and learns it.
func (e *rangeEncoder) bit(b *bit, y int) {
	e.encode(y, b.p())
	b.update(y)
}

// tree is the inverse of the decoder's tree.
func (e *rangeEncoder) tree(t []bit, n uint, v uint32) {
	node := 1
	for n > 0 {
		n--
		y := int(v >> n & 1)
		e.bit(&t[node], y)
		node = node<<1 | y
	}
}

// reverse is the inverse of the decoder's reverse.
func (e *rangeEncoder) reverse(t []bit, n uint, v uint32) {
	node := 1
	for i := range n {
		y := int(v >> i & 1)
		e.bit(&t[node], y)
		node = node<<1 | y
	}
}
