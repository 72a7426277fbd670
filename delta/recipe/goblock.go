package recipe

// A goBlocks writes blocks as Go's compress/flate does.
type goBlocks struct {
	out  bitWriter
	m    merger
	gen  codegen
	lit  [numLit + 2]code
	dist [32]code
}

// index makes the codes for b and returns how many of them a header names.
func (g *goBlocks) index(b *tokens) (lits, dists int) {
	for lits = numLit; b.lit[lits-1] == 0; {
		lits--
	}
	for dists = numDist; dists > 0 && b.dist[dists-1] == 0; {
		dists--
	}
	if dists == 0 {
		// A block without matches still names one distance.
		b.dist[0] = 1
		dists = 1
	}
	g.m.build(g.lit[:numLit], b.lit[:numLit], maxCodeBits)
	g.m.build(g.dist[:numDist], b.dist[:numDist], maxCodeBits)
	return lits, dists
}

// write writes b in the shortest of the three ways. plain is the text of the
// block, or nil if it is no longer at hand.
func (g *goBlocks) write(b *tokens, plain []byte) {
	lits, dists := g.index(b)
	g.gen.build(g.lit[:lits], g.dist[:dists])
	storable := plain != nil && len(plain) <= maxStored
	extra := 0
	if storable {
		extra = b.extraBits()
	}
	fixed := 3 + cost(b.lit[:numLit], fixedLit[:]) + cost(b.dist[:numDist], fixedDist[:]) + extra
	dynamic := g.gen.size() + cost(b.lit[:numLit], g.lit[:]) + cost(b.dist[:numDist], g.dist[:]) + extra
	switch {
	case storable && (len(plain)+5)*8 < min(fixed, dynamic):
		g.out.stored(plain, false)
	case dynamic < fixed:
		g.gen.write(&g.out)
		g.body(b, &g.lit, &g.dist)
	default:
		g.out.bits(header(blockFixed, false), 3)
		g.body(b, &fixedLit, &fixedDist)
	}
}

// writeDynamic writes b with its own codes unless that gains less than a
// sixteenth over storing it.
func (g *goBlocks) writeDynamic(b *tokens, plain []byte) {
	lits, dists := g.index(b)
	g.gen.build(g.lit[:lits], g.dist[:dists])
	size := g.gen.size() + cost(b.lit[:numLit], g.lit[:]) + cost(b.dist[:numDist], g.dist[:])
	if (len(plain)+5)*8 < size+size/16 {
		g.out.stored(plain, false)
		return
	}
	g.gen.write(&g.out)
	g.body(b, &g.lit, &g.dist)
}

// oneDist is the distance code in the header of a block without matches.
var oneDist = [1]code{makeCode(0, 1)}

// writeHuffman writes plain without matches, or stored.
func (g *goBlocks) writeHuffman(plain []byte) {
	var freq [endOfBlock + 1]uint32
	for _, c := range plain {
		freq[c]++
	}
	freq[endOfBlock] = 1
	g.m.build(g.lit[:len(freq)], freq[:], maxCodeBits)
	g.gen.build(g.lit[:len(freq)], oneDist[:])
	size := g.gen.size() + cost(freq[:], g.lit[:])
	if (len(plain)+5)*8 < size+size/16 {
		g.out.stored(plain, false)
		return
	}
	g.gen.write(&g.out)
	for _, c := range plain {
		g.out.code(g.lit[c])
	}
	g.out.code(g.lit[endOfBlock])
}

func (g *goBlocks) body(b *tokens, lit *[numLit + 2]code, dist *[32]code) {
	g.out.tokens(b.list, lit, dist)
	g.out.code(lit[endOfBlock])
}

// finish ends the stream with the empty stored block that Go writes.
func (g *goBlocks) finish() error {
	g.out.stored(nil, true)
	g.out.spill()
	return g.out.err
}

// spill hands over the whole bytes made so far.
func (g *goBlocks) spill() error {
	g.out.spill()
	return g.out.err
}
