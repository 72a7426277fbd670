package diff

// memo remembers where addresses of the base went, as the target showed.
// It is two tables of fixed size: one of addresses themselves and one of
// neighbourhoods of several sizes, for addresses that no operation moves.
type memo struct {
	exact, near []memory1
	mask        uint64
}

// memory1 is one address, or neighbourhood, and how far it moved.
type memory1 struct {
	key, shift int64
}

// levels are the sizes of neighbourhoods, as powers of two.
var levels = [...]int64{5, 8, 11, 14, 18}

// memoSlots returns the slots of one table for a base of n bytes.
func memoSlots(n int) int {
	slots := 1 << 8
	for slots < 1<<20 && slots < n>>5 {
		slots <<= 1
	}
	return slots
}

func (m *memo) reset(n int) {
	slots := memoSlots(n)
	if cap(m.exact) < slots {
		m.exact, m.near = make([]memory1, slots), make([]memory1, slots)
	}
	m.exact, m.near = m.exact[:slots], m.near[:slots]
	clear(m.exact)
	clear(m.near)
	m.mask = unsigned64(int64(slots - 1))
}

func (m *memo) slot(table []memory1, key int64) *memory1 {
	return &table[unsigned64(key)*0x9E3779B97F4A7C15>>40&m.mask]
}

// learn notes that address a moved to b. With wide, its neighbours are thought
// to have moved as far.
func (m *memo) learn(a, b int64, wide bool) {
	shift := b - a
	if shift <= -maxShift || shift >= maxShift {
		return
	}
	*m.slot(m.exact, a) = memory1{a, shift}
	if wide {
		for _, l := range levels {
			key := a>>l<<5 | l
			*m.slot(m.near, key) = memory1{key, shift}
		}
	}
}

// recall returns where a went when it was last seen.
func (m *memo) recall(a int64) (int64, bool) {
	s := m.slot(m.exact, a)
	return a + s.shift, s.key == a
}

// recallNear returns where a went if it went with its nearest neighbour.
func (m *memo) recallNear(a int64) (int64, bool) {
	for _, l := range levels {
		key := a>>l<<5 | l
		if s := m.slot(m.near, key); s.key == key {
			return a + s.shift, true
		}
	}
	return 0, false
}

// maxShift is how far an address may move to be remembered.
const maxShift = 1 << 27
