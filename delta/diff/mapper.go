package diff

import "slices"

const (
	cellSize = 16  // bytes of the base that move together in a mapper
	maxReach = 256 // cells without an operation that go with a neighbour
)

// mapper says where the bytes of a base went: with the longest operation that
// copies some of their cell, or else with the nearest cell that has one.
type mapper struct {
	ops   []op
	cells []int32 // number of the operation, from 1
	order []int32
}

func (m *mapper) build(ops []op, size int) {
	n := size/cellSize + 1
	if cap(m.cells) < n {
		m.cells = make([]int32, n)
	}
	m.cells = m.cells[:n]
	clear(m.cells)
	m.ops, m.order = ops, m.order[:0]
	for i := range ops {
		if ops[i].n >= minCopy {
			m.order = append(m.order, i32(i))
		}
	}
	slices.SortStableFunc(m.order, func(a, b int32) int { return int(ops[a].n - ops[b].n) })
	for _, i := range m.order { // the longest last
		o := ops[i]
		for c := o.from / cellSize; c <= (o.from+o.n-1)/cellSize; c++ {
			m.cells[c] = i + 1
		}
	}
	m.spread()
}

// spread gives the cells without an operation that of the nearest cell.
func (m *mapper) spread() {
	last := -1
	for c := 0; c <= len(m.cells); c++ {
		if c < len(m.cells) && m.cells[c] == 0 {
			continue
		}
		for e := last + 1; e < c; e++ {
			before, after := e-last, c-e
			switch {
			case c < len(m.cells) && after <= before && after < maxReach:
				m.cells[e] = m.cells[c]
			case last >= 0 && before < maxReach && (before < after || c == len(m.cells)):
				m.cells[e] = m.cells[last]
			}
		}
		last = c
	}
}

// locate returns where the byte at off of the base went.
func (m *mapper) locate(off int64) (int64, bool) {
	i := m.cells[off/cellSize]
	if i == 0 {
		return 0, false
	}
	o := &m.ops[i-1]
	return off + int64(o.to-o.from), true
}
