package recipe

// A codegen writes the lengths of the codes of a dynamic block, run-length
// coded as Go's compress/flate does it.
type codegen struct {
	m     merger
	runs  [numLit + 32]uint16 // symbol, and above it the value of its extra bits
	n     int
	freq  [numCodegen]uint32
	codes [numCodegen]code
	count int // of the lengths in codegenOrder that are written
	lit   int // of the literal and length codes that are written
	dist  int
}

var codegenExtra = [numCodegen]uint8{16: 2, 17: 3, 18: 7}

// build prepares the header for the first numLit and numDist of the codes.
func (g *codegen) build(lit, dist []code) {
	g.lit, g.dist = len(lit), len(dist)
	g.n = 0
	clear(g.freq[:])
	var lengths [numLit + 32]uint8
	for i, c := range lit {
		lengths[i] = low8(c)
	}
	for i, c := range dist {
		lengths[len(lit)+i] = low8(c)
	}
	all := lengths[:len(lit)+len(dist)]
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n] == all[0] {
			n++
		}
		g.run(all[0], n)
		all = all[n:]
	}
	g.m.build(g.codes[:], g.freq[:], maxCGenBits)
	g.count = numCodegen
	for g.count > 4 && g.freq[codegenOrder[g.count-1]] == 0 {
		g.count--
	}
}

// run adds n times the same length.
func (g *codegen) run(length uint8, n int) {
	if length != 0 {
		g.add(length, 0)
		n--
		for n >= 3 {
			k := min(n, 6)
			g.add(16, k-3)
			n -= k
		}
	} else {
		for n >= 11 {
			k := min(n, 138)
			g.add(18, k-11)
			n -= k
		}
		if n >= 3 {
			g.add(17, n-3)
			n = 0
		}
	}
	for ; n > 0; n-- {
		g.add(length, 0)
	}
}

func (g *codegen) add(symbol uint8, extra int) {
	g.runs[g.n] = uint16(symbol) | low16(extra)<<8
	g.n++
	g.freq[symbol]++
}

// size returns the bits that write writes.
func (g *codegen) size() int {
	n := 3 + 5 + 5 + 4 + 3*g.count + cost(g.freq[:], g.codes[:])
	for s := 16; s < numCodegen; s++ {
		n += int(g.freq[s]) * int(codegenExtra[s])
	}
	return n
}

// write writes the header of a dynamic block that is not the last: the encoders
// that use it end their streams with an empty one.
func (g *codegen) write(w *bitWriter) {
	w.bits(header(blockDynamic, false), 3)
	w.bits(word(g.lit-firstLength), 5)
	w.bits(word(g.dist-1), 5)
	w.bits(word(g.count-4), 4)
	for _, s := range codegenOrder[:g.count] {
		w.bits(word(g.codes[s].len()), 3)
	}
	for _, r := range g.runs[:g.n] {
		w.code(g.codes[low8(r)])
		w.bits(uint64(r>>8), uint(codegenExtra[low8(r)]))
	}
}
