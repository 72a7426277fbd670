package recipe

import "math"

const (
	kpPenalty    = 7   // a new table must gain a 128th
	kpFixedLimit = 250 // blocks with more tokens are not tried with fixed codes
	kpGuess      = 70 * 8
	kpRetryMin   = 1024
)

// A kpBlocks writes blocks as klauspost/compress does: the codes of one block
// go on serving the next where that is shorter, and the end of a block is
// written only when it is certain.
type kpBlocks struct {
	out     bitWriter
	m       merger
	gen     codegen
	old     bool // block headers of generation G
	lit     [numLit + 2]code
	spare   [numLit + 2]code
	dist    [32]code
	header  int  // bits of the header of the open block; 0: none is open
	huffman bool // the open block has no codes for matches
}

// start begins a stream.
func (k *kpBlocks) start() { k.header, k.huffman = 0, false }

// endOpen ends the open block, if there is one.
func (k *kpBlocks) endOpen() {
	if k.header > 0 {
		k.out.code(k.lit[endOfBlock])
		k.header = 0
	}
}

// canReuse reports whether the open block has a code for each symbol of b.
func (k *kpBlocks) canReuse(b *tokens) bool {
	for s, f := range b.lit[:numLit] {
		if f != 0 && k.lit[s] == 0 {
			return false
		}
	}
	for s, f := range b.dist[:numDist] {
		if f != 0 && k.dist[s] == 0 {
			return false
		}
	}
	return true
}

// write writes b, whose text is plain. sync says that the stream is flushed
// after it. The end of the block is not counted in b.
func (k *kpBlocks) write(b *tokens, plain []byte, sync bool) {
	n := len(b.list)
	if sync {
		b.lit[endOfBlock]++
		n++
	}
	if k.huffman || k.header > 0 && !k.canReuse(b) {
		k.endOpen()
		k.huffman = false
	}
	lits, dists := k.count(b, sync)
	stored := (len(plain) + 5) * 8
	extra := b.extraBits()
	if k.header > 0 && k.reuse(b, n, stored, extra, plain) {
		return
	}
	if k.header == 0 && k.renew(b, n, lits, dists, stored, extra, plain, sync) {
		return
	}
	if sync {
		k.header = 0
	}
	k.body(b, &k.lit, &k.dist, sync)
}

// count returns how many codes the header of b names, and counts the end of
// the block where the generation does.
func (k *kpBlocks) count(b *tokens, sync bool) (lits, dists int) {
	if k.old && !sync {
		return numLit, numDist
	}
	b.lit[endOfBlock] = 1
	for lits = numLit; b.lit[lits-1] == 0; {
		lits--
	}
	for dists = numDist; dists > 0 && b.dist[dists-1] == 0; {
		dists--
	}
	if dists == 0 {
		b.dist[0] = 1
		dists = 1
	}
	return lits, dists
}

// reuse decides whether the open block goes on. It reports whether it has
// written b in another way.
func (k *kpBlocks) reuse(b *tokens, n, stored, extra int, plain []byte) bool {
	fresh := k.header + k.estimate(b, n)
	fresh += k.lit[endOfBlock].len() + fresh>>kpPenalty
	size := cost(b.lit[:numLit], k.lit[:]) + cost(b.dist[:numDist], k.dist[:]) + extra
	if fresh < size {
		k.endOpen()
		size = fresh
	}
	if n < kpFixedLimit && k.fixed(b, extra)+7 < size {
		if stored <= size {
			k.store(plain)
		} else {
			k.writeFixed(b)
		}
		return true
	}
	if stored <= size {
		k.store(plain)
		return true
	}
	return false
}

// renew makes codes for b and opens a block with them. It reports whether it
// has written b in another way.
func (k *kpBlocks) renew(b *tokens, n, lits, dists, stored, extra int, plain []byte, sync bool) bool {
	b.lit[endOfBlock] = 1
	k.m.build(k.lit[:numLit], b.lit[:numLit], maxCodeBits)
	k.m.build(k.dist[:numDist], b.dist[:numDist], maxCodeBits)
	k.gen.build(k.lit[:lits], k.dist[:dists])
	size := k.gen.size() + cost(b.lit[:numLit], k.lit[:]) + cost(b.dist[:numDist], k.dist[:]) + extra
	if n < kpFixedLimit {
		if fixed := k.fixed(b, extra); fixed <= size {
			if stored <= fixed {
				k.store(plain)
			} else {
				k.writeFixed(b)
			}
			return true
		}
	}
	if stored <= size {
		k.store(plain)
		return true
	}
	k.gen.write(&k.out)
	if !sync {
		k.header = k.gen.size()
	}
	k.huffman = false
	return false
}

func (k *kpBlocks) fixed(b *tokens, extra int) int {
	return 3 + cost(b.lit[:numLit], fixedLit[:]) + cost(b.dist[:numDist], fixedDist[:]) + extra
}

func (k *kpBlocks) writeFixed(b *tokens) {
	k.endOpen()
	k.out.bits(header(blockFixed, false), 3)
	k.body(b, &fixedLit, &fixedDist, true)
}

func (k *kpBlocks) body(b *tokens, lit *[numLit + 2]code, dist *[32]code, end bool) {
	k.out.tokens(b.list, lit, dist)
	if end {
		k.out.code(lit[endOfBlock])
	}
}

func (k *kpBlocks) store(plain []byte) {
	k.endOpen()
	k.out.stored(plain, false)
}

// estimate guesses the bits of b with codes of its own. The original computes
// it in 32-bit floating point; each operation is rounded by itself here, so
// that no compiler joins two of them.
func (k *kpBlocks) estimate(b *tokens, n int) int {
	var shannon float32
	matches := 0
	if n > 0 {
		inv := float32(1) / float32(n)
		for _, f := range b.lit[:endOfBlock] {
			shannon = addEntropy(shannon, f, inv)
		}
		shannon += 15
		for _, f := range b.lit[firstLength:numLit] {
			shannon = addEntropy(shannon, f, inv)
			matches += int(f)
		}
	}
	if matches > 0 {
		inv := float32(1) / float32(matches)
		for _, f := range b.dist[:numDist] {
			shannon = addEntropy(shannon, f, inv)
		}
	} else {
		return int(shannon)
	}
	return int(shannon) + b.extraBits()
}

func addEntropy(sum float32, freq uint32, inv float32) float32 {
	if freq == 0 {
		return sum
	}
	n := float32(freq)
	bits := min(max(-fastLog2(float32(n*inv)), 1), 15)
	return sum + float32(bits*n)
}

// fastLog2 is the original's approximation of the logarithm.
func fastLog2(v float32) float32 {
	x := int32(math.Float32bits(v)) //nolint:gosec // the bits are meant
	whole := float32((x>>23)&255 - 128)
	x &= -0x7f800001
	x += 127 << 23
	f := math.Float32frombits(low32(x))
	p := float32(-0.34484843*f) + 2.02466578
	p = float32(p*f) - 0.67487759
	return whole + p
}

// writeHuffman writes plain without matches, or stored.
func (k *kpBlocks) writeHuffman(plain []byte, sync bool) {
	var freq [endOfBlock + 1]uint32
	for _, c := range plain {
		freq[c]++
	}
	if len(plain) > kpRetryMin && isEven(freq[:endOfBlock], len(plain)) {
		k.store(plain)
		return
	}
	freq[endOfBlock] = 1
	k.m.build(k.spare[:len(freq)], freq[:], maxCodeBits)
	size := cost(freq[:], k.spare[:]) + k.header
	if k.header == 0 {
		size += kpGuess
	}
	size += size >> kpPenalty
	if (len(plain)+5)*8 <= size {
		k.store(plain)
		return
	}
	if k.header > 0 && size < k.reuseSize(freq[:endOfBlock]) {
		k.endOpen()
	}
	if k.header == 0 {
		k.lit, k.spare = k.spare, k.lit
		k.gen.build(k.lit[:len(freq)], oneDist[:])
		k.gen.write(&k.out)
		k.huffman = true
		k.header = k.gen.size()
	}
	for _, c := range plain {
		k.out.code(k.lit[c])
	}
	if sync {
		k.endOpen()
		k.huffman = false
	}
}

// isEven reports whether the bytes are so evenly distributed that coding them
// is no use.
func isEven(freq []uint32, n int) bool {
	sum, limit := 0, 2*n<<16
	for _, f := range freq {
		d := int(f)<<8 - n
		if sum += d * d; sum > limit {
			return false
		}
	}
	return sum < limit
}

func (k *kpBlocks) reuseSize(freq []uint32) int {
	n := 0
	for s, f := range freq {
		if f != 0 && k.lit[s] == 0 {
			return math.MaxInt32
		}
		n += int(f) * k.lit[s].len()
	}
	return n
}
