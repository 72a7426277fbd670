package entropy

// lzPriced is how many lengths have their price in a table; longer ones are
// taken at once and need none.
const lzPriced = lzNice

// lzNear is how many distances have their footer's price in a table.
const lzNear = 128

// An lzPrices is what the parts of tokens cost by a model of some time ago.
type lzPrices struct {
	length [2][lzPositions][lzPriced + 1]uint32
	slot   [4][lzSlots]uint32 // with the bits that are not modelled
	near   [4][lzNear]uint32  // of distances less one
	align  [1 << lzAlignBits]uint32
	rep    [lzStates][5]uint32 // which distance, 4 for a new one
}

// refresh takes the prices from the model.
func (p *lzPrices) refresh(m *lzModel) {
	for kind := range p.length {
		for pos := range p.length[kind] {
			p.lengths(m, kind, pos)
		}
	}
	for i := range p.align {
		p.align[i] = reversePrice(m.align[:], lzAlignBits, uint32(i))
	}
	for class := range p.slot {
		for s := range p.slot[class] {
			v := symbolPrice(m.slots[class][:], uint32(s))
			if s >= lzDirectMin {
				v += uint32(s>>1-1-lzAlignBits) * priceOne
			}
			p.slot[class][s] = v
		}
		for d := range p.near[class] {
			s, extra := distanceSlot(uint32(d))
			p.near[class][d] = p.slot[class][s]
			if s >= lzFooterMin {
				p.near[class][d] += reversePrice(m.footer[s][:], extra, uint32(d))
			}
		}
	}
	for s := range p.rep {
		again := m.rep[s].price(1)
		p.rep[s] = [5]uint32{
			again + m.rep0[s].price(0),
			again + m.rep0[s].price(1) + m.rep1[s].price(0),
			again + m.rep0[s].price(1) + m.rep1[s].price(1) + m.rep2[s].price(0),
			again + m.rep0[s].price(1) + m.rep1[s].price(1) + m.rep2[s].price(1),
			m.rep[s].price(0),
		}
	}
}

func (p *lzPrices) lengths(m *lzModel, kind, pos int) {
	var syms [lzLengths]uint32
	top, _ := lengthSymbol(lzPriced)
	for s := range top + 1 {
		syms[s&(lzLengths-1)] = symbolPrice(m.length[kind][pos][:], s)
	}
	for l := uint32(1); l <= lzPriced; l++ {
		sym, extra := lengthSymbol(l)
		v := syms[sym]
		for i := 0; i < 3 && extra > 0; i++ {
			extra--
			v += m.more[kind][sym][i].price(int((l - 1) >> extra & 1))
		}
		p.length[kind][pos][l] = v + uint32(extra)*priceOne //nolint:gosec // below 32
	}
}

// distance is what a new distance costs for a match of a class of lengths.
func (p *lzPrices) distance(class, dist uint32) uint32 {
	d := dist - 1
	if d < lzNear {
		return p.near[class][d]
	}
	s, _ := distanceSlot(d)
	return p.slot[class][s] + p.align[d&(1<<lzAlignBits-1)]
}
