package entropy

import "math/bits"

// Prices are in units of 1/64 bit.
const priceOne = 64

// priceTable[q] is the price of something with probability (q+1/2)/4096.
var priceTable = func() (t [4096]uint16) {
	for q := range t {
		// log2 by squaring: six bits after the point.
		v := uint64(2*q + 1)
		whole := bits.Len64(v) - 1
		frac := v << (31 - whole)
		log := whole
		for range 6 {
			frac = frac * frac >> 31
			log <<= 1
			if frac >= 1<<32 {
				frac >>= 1
				log |= 1
			}
		}
		t[q] = uint16(13*priceOne - log)
	}
	return t
}()

// price is what the bit y costs that is 1 with probability p/65536.
func price(p uint32, y int) uint32 {
	if y == 0 {
		p = 65536 - p
	}
	return uint32(priceTable[min(p>>4, 4095)])
}

func (b *bit) price(y int) uint32 { return price(b.p(), y) }

// symbolPrice is what the symbol v of six bits costs.
func symbolPrice(t []bit, v uint32) uint32 {
	node, sum := 1, uint32(0)
	for i := 5; i >= 0; i-- {
		y := int(v >> i & 1)
		sum += t[node].price(y)
		node = node<<1 | y
	}
	return sum
}

// reversePrice is what the number v of n bits costs, coded from the lowest bit.
func reversePrice(t []bit, n uint, v uint32) uint32 {
	node, sum := 1, uint32(0)
	for i := range n {
		y := int(v >> i & 1)
		sum += t[node].price(y)
		node = node<<1 | y
	}
	return sum
}
