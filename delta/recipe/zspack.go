package recipe

import "slices"

// pack writes symbols by themselves, if that makes them shorter: a header, and
// states that take turns.
func (t *zsTable) pack(buf []byte, pos int, symbols []uint8, limit int) (end int, ok bool) {
	var counts [fseSymbols]uint32
	for _, s := range symbols {
		counts[s&(fseSymbols-1)]++
	}
	t.n = fseSymbols
	for t.n > 1 && counts[t.n-1] == 0 {
		t.n--
	}
	most := int(slices.Max(counts[:]))
	total := len(symbols)
	if total <= 2 || most == total || most == 1 || most < total>>7 {
		return pos, false
	}
	least := min(high(low32(total-1))+1, high(low32(t.n-1))+2)
	t.log = max(min(limit, shortLog(total)), least, fseMinLog)
	if !t.normalize(counts[:t.n], total) || !t.build() {
		return pos, false
	}
	start := pos
	pos = t.appendHeader(buf, pos)
	pos = t.writeTurns(buf, pos, symbols)
	return pos, pos-start < total
}

// shortLog returns the largest table that is worth it for total symbols; for
// very few of them the original reckons below 0, and so has no limit.
func shortLog(total int) int {
	if n := high(low32(total-1)) - 2; n >= 0 {
		return n
	}
	return fseMaxLog
}

// writeTurns writes symbols from the last to the first, with two states that
// take turns.
func (t *zsTable) writeTurns(buf []byte, pos int, symbols []uint8) int {
	w := zsBits{pos: pos}
	var states [2]uint16
	n := len(symbols)
	states[(n-1)&1] = t.first(t.steps[symbols[n-1]&(fseSymbols-1)])
	states[n&1] = t.first(t.steps[symbols[n-2]&(fseSymbols-1)])
	for i := n - 3; i >= 0; i-- {
		w, states[i&1] = t.step(w, states[i&1], t.steps[symbols[i]&(fseSymbols-1)])
		w = w.flush(buf)
	}
	mask := uint16(1)<<t.log - 1
	w = w.add(uint64(states[1]&mask), uint(t.log)).add(uint64(states[0]&mask), uint(t.log))
	return w.close(buf)
}

// step writes the bits by which s changes state, and returns the next state.
func (t *zsTable) step(w zsBits, state uint16, s zsStep) (zsBits, uint16) {
	n := (uint32(state) + s.deltaBits) >> 16 & 15
	w = w.add(uint64(state&(1<<n-1)), uint(n))
	return w, t.next[(int(state>>n)+int(s.deltaState))&(1<<fseMaxLog-1)]
}
