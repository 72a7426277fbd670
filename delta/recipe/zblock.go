package recipe

// A zBlocks writes blocks as zlib and GNU gzip do.
type zBlocks struct {
	out  bitWriter
	heap zHeap
	lit  [numLit + 2]code
	dist [32]code
	runs [numLit + 32]uint16 // as in codegen
	n    int
	freq [numCodegen]uint32
	gen  [numCodegen]code
}

// write writes b in the shortest of the three ways. plain is the text of the
// block, or nil if it is no longer at hand; size is its length either way.
func (z *zBlocks) write(b *tokens, plain []byte, size int, last bool) {
	extra := b.extraBits()
	fixed := cost(b.lit[:numLit], fixedLit[:]) + cost(b.dist[:numDist], fixedDist[:]) + extra
	lits := z.heap.build(z.lit[:numLit], b.lit[:numLit], maxCodeBits)
	dists := z.heap.build(z.dist[:numDist], b.dist[:numDist], maxCodeBits)
	count, header3 := z.header(lits, dists)
	dynamic := header3 + cost(b.lit[:numLit], z.lit[:]) + cost(b.dist[:numDist], z.dist[:]) + extra

	fixedBytes, bytes := (fixed+10)>>3, (dynamic+10)>>3
	switch {
	case plain != nil && size+4 <= min(fixedBytes, bytes):
		z.out.stored(plain, last)
	case fixedBytes <= bytes:
		z.out.bits(header(blockFixed, last), 3)
		z.out.tokens(b.list, &fixedLit, &fixedDist)
		z.out.code(fixedLit[endOfBlock])
	default:
		z.out.bits(header(blockDynamic, last), 3)
		z.writeHeader(lits, dists, count)
		z.out.tokens(b.list, &z.lit, &z.dist)
		z.out.code(z.lit[endOfBlock])
	}
	if last {
		z.out.align()
	}
}

// header makes the run-length code of the first lits and dists codes. It
// returns how many lengths of that code are written, and the bits of the whole.
func (z *zBlocks) header(lits, dists int) (count, size int) {
	z.n = 0
	clear(z.freq[:])
	z.scan(z.lit[:lits])
	z.scan(z.dist[:dists])
	z.heap.build(z.gen[:], z.freq[:], maxCGenBits)
	count = numCodegen
	for count > 4 && z.gen[codegenOrder[count-1]] == 0 {
		count--
	}
	size = 5 + 5 + 4 + 3*count + cost(z.freq[:], z.gen[:])
	for s := 16; s < numCodegen; s++ {
		size += int(z.freq[s]) * int(codegenExtra[s])
	}
	return count, size
}

// scan adds the lengths of codes. Runs do not reach from the literals into the
// distances.
func (z *zBlocks) scan(codes []code) {
	before := -1
	for len(codes) > 0 {
		length := codes[0].len()
		most, least := 7, 4 // with one plain length before the repeat
		switch length {
		case 0:
			most, least = 138, 3
		case before:
			most, least = 6, 3
		}
		n := 1
		for n < len(codes) && n < most && codes[n].len() == length {
			n++
		}
		codes = codes[n:]
		z.run(length, n, least, before)
		before = length
	}
}

func (z *zBlocks) run(length, n, least, before int) {
	switch {
	case n < least:
		for range n {
			z.add(length, 0)
		}
	case length != 0:
		if length != before {
			z.add(length, 0)
			n--
		}
		z.add(16, n-3)
	case n <= 10:
		z.add(17, n-3)
	default:
		z.add(18, n-11)
	}
}

func (z *zBlocks) add(symbol, extra int) {
	z.runs[z.n] = uint16(symbol | extra<<8) //nolint:gosec // symbols are below 19, extra below 128
	z.n++
	z.freq[symbol]++
}

func (z *zBlocks) writeHeader(lits, dists, count int) {
	z.writeNumber(lits-firstLength, 5)
	z.writeNumber(dists-1, 5)
	z.writeNumber(count-4, 4)
	for _, s := range codegenOrder[:count] {
		z.writeNumber(z.gen[s].len(), 3)
	}
	for _, r := range z.runs[:z.n] {
		z.out.code(z.gen[r&0xff])
		z.out.bits(uint64(r>>8), uint(codegenExtra[r&0xff]))
	}
}

// writeNumber writes v, which is not negative, in bits bits.
func (z *zBlocks) writeNumber(v int, bits uint) {
	z.out.bits(uint64(v), bits) //nolint:gosec // not negative
}

// spill hands over the whole bytes made so far.
func (z *zBlocks) spill() error {
	z.out.spill()
	return z.out.err
}
