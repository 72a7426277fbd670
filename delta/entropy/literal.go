package entropy

import (
	"encoding/binary"
	"math/bits"
)

// Sizes of the literal model.
const (
	litInputs   = 5
	litMaxSlots = 1 << 17
	litMinSlots = 1 << 8
	litFirst    = 48 << 6 // learning rate of the mixers, in 1/64
	litLast     = 12 << 6
	litWeight   = 65536 * 3 / 10
)

// A chance is a probability of 12 bits above a count of 4 bits.
type chance uint16

const newChance = 1 << 15

// chanceStep[n] is the speed after n updates in units of 1/65536.
var chanceStep = [16]int32{
	43690, 26214, 18724, 14563, 11915, 10082, 8738, 7710,
	6898, 6241, 5698, 5242, 4854, 4519, 4096, 3072,
}

// Where the chances of each context begin in a literalModel.
const (
	litOrder1 = 0                  // by the byte before and node
	litSkip   = litOrder1 + 256<<8 // by the byte before that and node
	litAfter  = litSkip + 256<<8   // by the byte at the last distance, after a match or not, and node
	litHashed = litAfter + 512<<8  // two tables of slots for four bits, by the last two and three bytes
)

// A literalModel codes literals: the chances of five contexts, mixed.
type literalModel struct {
	chances []chance
	slots   uint32 // of each hashed context
	weights [3][256][litInputs]int32
	rate    int64
}

func (l *literalModel) init(size int) {
	slots := min(max(1<<bits.Len(uint(size)/8), litMinSlots), litMaxSlots)
	n := litHashed + 2*16*slots
	if cap(l.chances) < n {
		l.chances = make([]chance, n)
	}
	l.chances = l.chances[:n]
	for i := range l.chances {
		l.chances[i] = newChance
	}
	l.slots = uint32(slots)
	for i := range l.weights {
		for j := range l.weights[i] {
			for k := range l.weights[i][j] {
				l.weights[i][j][k] = litWeight
			}
		}
	}
	l.rate = litFirst
}

// A literalContext is where one literal stands.
type literalContext struct {
	l     *literalModel
	base  [litInputs]uint32 // where the contexts' chances begin
	hash  [2]uint32
	group int

	// Behind the last prediction:
	at [litInputs]uint32
	x  [litInputs]int64
	w  *[litInputs]int32
}

// begin takes the text before the literal, the byte that the last distance
// predicts, and the state.
func (c *literalContext) begin(l *literalModel, buf []byte, predicted byte, state int) {
	h := lastBytes(buf)
	c.l = l
	c.group = stateGroup(state)
	a := uint32(predicted)
	if c.group == 2 {
		a |= 256
	}
	c.base[0] = litOrder1 + h&255<<8
	c.base[1] = litSkip + h>>8&255<<8
	c.base[2] = litAfter + a<<8
	c.hash[0] = (h&0xffff + 1) * 0x9e3779b1
	c.hash[1] = (h&0xffffff + 1) * 0x85ebca6b
	c.half(0)
}

// lastBytes returns the last four bytes of buf, the newest lowest; zeros stand
// before the beginning.
func lastBytes(buf []byte) uint32 {
	if n := len(buf); n >= 4 {
		return bits.ReverseBytes32(binary.LittleEndian.Uint32(buf[n-4:]))
	}
	h := uint32(0)
	for _, b := range buf {
		h = h<<8 | uint32(b)
	}
	return h
}

// half chooses the hashed slots, for the second half of the byte by its first
// with a leading one.
func (c *literalContext) half(first uint32) {
	mask := c.l.slots - 1
	for i, h := range &c.hash {
		k := (h + first*0x2c1b3c6d) * 0x297a2d39 >> 15 & mask
		c.base[3+i] = litHashed + (uint32(i)*c.l.slots+k)<<4
	}
}

// p mixes the probability that the bit below node is a one; low is the node
// within its half of the byte.
func (c *literalContext) p(node, low uint32) uint32 {
	t, at, b := c.l.chances, &c.at, &c.base
	at[0], at[1], at[2] = b[0]+node, b[1]+node, b[2]+node
	at[3], at[4] = b[3]+low, b[4]+low
	w, x := &c.l.weights[c.group][node&255], &c.x
	c.w = w
	d := int64(0)
	for i := range at {
		x[i] = int64(stretchTable[t[at[i]]>>4])
		d += x[i] * int64(w[i])
	}
	return squash(d >> 16)
}

// update learns the bit y, which was 1 with probability p.
func (c *literalContext) update(y int, p uint32) {
	e := (int64(y)<<16 - int64(p)) * c.l.rate
	t, w := c.l.chances, c.w
	target := int32(-y) & 65535 //nolint:gosec // a bit
	for i, a := range &c.at {
		w[i] += int32((c.x[i]*e + 1<<25) >> 26) //nolint:gosec // far within 32 bits
		q := &t[a]
		v := int32(*q)
		n := v & 15
		v += (target - v) >> 4 * chanceStep[n] >> 12
		v = v&^15 | n
		if n < 15 {
			v++
		}
		*q = chance(v) //nolint:gosec // 16 bits
	}
	if c.l.rate > litLast {
		c.l.rate--
	}
}

// encode codes the literal b.
func (c *literalContext) encode(e *rangeEncoder, b byte) {
	node, low := uint32(1), uint32(1)
	for i := 7; i >= 0; i-- {
		y := int(b >> i & 1)
		p := c.p(node, low)
		e.encode(y, p)
		c.update(y, p)
		node = node<<1 | uint32(y)
		low = low<<1 | uint32(y)
		if i == 4 {
			c.half(node)
			low = 1
		}
	}
}

// decode returns the literal.
func (c *literalContext) decode(d *rangeDecoder) byte {
	node, low := uint32(1), uint32(1)
	for i := 7; i >= 0; i-- {
		p := c.p(node, low)
		y := d.decode(p)
		c.update(y, p)
		node = node<<1 | uint32(y) //nolint:gosec // a bit
		low = low<<1 | uint32(y)   //nolint:gosec // a bit
		if i == 4 {
			c.half(node)
			low = 1
		}
	}
	return byte(node)
}

// price is what the literal b costs.
func (c *literalContext) price(b byte) uint32 {
	node, low, sum := uint32(1), uint32(1), uint32(0)
	for i := 7; i >= 0; i-- {
		y := int(b >> i & 1)
		sum += price(c.p(node, low), y)
		node = node<<1 | uint32(y)
		low = low<<1 | uint32(y)
		if i == 4 {
			c.half(node)
			low = 1
		}
	}
	return sum
}
