package entropy

import "math/bits"

// Numbers of the context mixing model.
const (
	cmHashed    = 6         // hashed contexts
	cmDirect    = 2         // contexts that are not hashed: order 1, order 0
	cmInputs    = 9         // of the mixers: all contexts, the match
	cmMaxSlots  = 1 << 19   // of a hashed context
	cmMinSlots  = 1 << 8    //
	cmMaxIndex  = 1 << 20   // positions that the match model remembers
	cmWeight    = 65536 / 6 // first weight of every input
	cmFirstRate = 48 << 8   // learning rate of the mixers
	cmLastRate  = 22 << 8   // reached by one down per bit
	cmLimit     = 255       // of the state maps
)

// slotSize is the size of a slot: the bit histories of one context for four
// bits. A check byte comes first, then one state for each of the 15 nodes of the
// tree of four bits.
const slotSize = 16

// Where the slots of the contexts begin. Those that are not hashed have 17 slots
// for each value: for the first half of the byte, then by that half.
const (
	cmOrder0 = 256 * 17 * slotSize // by phase
	cmTables = cmOrder0 + 4*17*slotSize
)

// A cm predicts one bit after another: order 1 and six hashed contexts through
// bit histories, and the longest match, mixed by two sets of weights and
// refined by two adaptive maps.
type cm struct {
	profile profile
	pr      uint32 // the probability that the next bit is a one
	c0      uint32 // bits of the current byte, below a leading one
	bit     int    // bits of the current byte so far
	hist    uint64 // the last eight bytes, the newest lowest
	buf     []byte // all bytes so far
	syntax  syntax

	slots   []byte
	mask    uint32                      // of the slots of a hashed context
	hashes  [cmHashed]uint32            // of the contexts at this byte
	cur     [cmDirect + cmHashed]uint32 // where the current slots begin
	node    uint32                      // within the slots
	touched byte                        // keeps the compiler from leaving touch out

	maps    [cmDirect + cmHashed][256]uint32 // what a bit history means, as adapt keeps it
	match   matchModel
	weights [2][256][cmInputs]int32
	rate    int64
	choose  uint32 // of the second set of weights at this byte
	apms    [2]apm

	// Behind the last prediction:
	states [cmDirect + cmHashed]byte
	x      [cmInputs]int64
	px     [2]uint32
}

// init makes the model ready for size bytes. Its memory depends on size alone.
func (m *cm) init(p profile, size int) {
	m.profile, m.c0, m.bit, m.hist, m.syntax = p, 1, 0, 0, syntax{}
	m.buf = m.buf[:0]
	slots := min(max(1<<bits.Len(uint(size)), cmMinSlots), cmMaxSlots)
	m.mask = uint32(slots - 1)
	m.slots = cleared(m.slots, cmTables+cmHashed*slots*slotSize)
	for i := range m.maps {
		for s, p := range histories.initial {
			m.maps[i][s] = p << 16
		}
	}
	for i := range m.weights {
		for j := range m.weights[i] {
			for k := range m.weights[i][j] {
				m.weights[i][j][k] = cmWeight
			}
		}
	}
	m.rate = cmFirstRate
	m.match.init(min(slots, cmMaxIndex))
	m.apms[0].init(1 << 8)
	m.apms[1].init(1 << 16)
	m.nextByte()
	m.predict()
}

// cleared returns n zeros, in s if they fit.
func cleared[T byte | uint32](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// place is the first slot of the hash h of the hashed context i.
func (m *cm) place(i int, h uint32) (base, k uint32) {
	return cmTables + uint32(i)*(m.mask+1)*slotSize, h * 0x9e3779b1 >> 4 & m.mask //nolint:gosec // below 6
}

// touch reads the first slot of each hash, all at once: find, which decides by
// what it reads, would wait for one after another.
func (m *cm) touch(hashes *[cmHashed]uint32) {
	b := byte(0)
	for i, h := range hashes {
		base, k := m.place(i, h)
		b |= m.slots[base+k*slotSize]
	}
	m.touched = b
}

// find returns where the slot of the hash h of the hashed context i begins: one
// of three neighbours that has its check byte, else that with the least
// experience, cleared.
func (m *cm) find(i int, h uint32) uint32 {
	check := byte(h >> 24)
	base, k := m.place(i, h)
	a := base + k*slotSize
	if m.slots[a] == check {
		return a
	}
	b := base + (k^1)*slotSize
	if m.slots[b] == check {
		return b
	}
	c := base + (k^2)*slotSize
	if m.slots[c] == check {
		return c
	}
	least := m.slots[a+1]
	if s := m.slots[b+1]; s < least {
		a, least = b, s
	}
	if m.slots[c+1] < least {
		a = c
	}
	s := m.slots[a : a+slotSize]
	clear(s)
	s[0] = check
	return a
}

// nextByte computes the contexts at the beginning of a byte.
func (m *cm) nextByte() {
	m.contexts()
	m.touch(&m.hashes)
	m.match.next(m.buf, m.hist)
	m.chooseSet()
	m.node = 1
	m.cur[0] = uint32(m.hist&255) * (17 * slotSize)
	m.cur[1] = cmOrder0 + m.syntax.phase*(17*slotSize)
	for i, h := range &m.hashes {
		m.cur[cmDirect+i] = m.find(i, h)
	}
}

// halfByte moves to the slots of the last four bits of a byte.
func (m *cm) halfByte() {
	m.node = 1
	first := m.c0 & 15
	m.cur[0] += (first + 1) * slotSize
	m.cur[1] += (first + 1) * slotSize
	hashes := m.hashes
	for i := range hashes {
		hashes[i] = (hashes[i] + first + 1) * 0x2f0b4c47
	}
	m.touch(&hashes)
	for i, h := range hashes {
		m.cur[cmDirect+i] = m.find(i, h)
	}
}

// predict computes the probability of the next bit from the current slots.
func (m *cm) predict() {
	for i, c := range &m.cur {
		s := m.slots[c+m.node]
		m.states[i] = s
		m.x[i] = int64(stretchTable[m.maps[i][s]>>20])
	}
	m.x[cmInputs-1] = m.match.predict(m.c0, m.bit)
	u, v := &m.weights[0][m.c0&255], &m.weights[1][m.choose&255]
	d, e := int64(0), int64(0)
	for i, x := range &m.x {
		d += x * int64(u[i])
		e += x * int64(v[i])
	}
	d = min(max(d>>16, -maxStretch), maxStretch)
	e = min(max(e>>16, -maxStretch), maxStretch)
	m.px = [2]uint32{squash(d), squash(e)}
	s := (d + e) >> 1
	p := 2 * squash(s)
	p += m.apms[0].refine(s, int(m.c0))
	p += m.apms[1].refine(s, int((m.c0|uint32(m.hist&255)<<8)&0xffff))
	m.pr = min(max(p>>2, 1), 65535)
}

// update learns the bit y and predicts the next.
func (m *cm) update(y int) {
	next := &histories.next[y&1]
	for i, s := range &m.states {
		adapt(&m.maps[i][s], y, cmLimit)
		m.slots[m.cur[i]+m.node] = next[s]
	}
	u, v := &m.weights[0][m.c0&255], &m.weights[1][m.choose&255]
	d := (int64(y)<<16 - int64(m.px[0])) * m.rate
	e := (int64(y)<<16 - int64(m.px[1])) * m.rate
	for i, x := range &m.x {
		u[i] += int32((x*d + 1<<27) >> 28) //nolint:gosec // far within 32 bits
		v[i] += int32((x*e + 1<<27) >> 28) //nolint:gosec // far within 32 bits
	}
	if m.rate > cmLastRate {
		m.rate--
	}
	m.match.update(y, m.bit)
	m.apms[0].update(y)
	m.apms[1].update(y)
	m.step(y)
	m.predict()
}

// step takes the bit y into the contexts.
func (m *cm) step(y int) {
	m.c0 = m.c0<<1 | uint32(y&1)
	m.bit++
	switch m.bit {
	case 8:
		m.hist = m.hist<<8 | uint64(m.c0&255)
		m.buf = append(m.buf, byte(m.c0&255))
		m.syntax.pass(m.profile, m.c0&255)
		m.c0, m.bit = 1, 0
		m.nextByte()
	case 4:
		m.halfByte()
	default:
		m.node = m.node<<1 | uint32(y&1)
	}
}
