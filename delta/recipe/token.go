package recipe

// A token is a literal byte or a match:
//
//	literal  bits 15-19 set, 20-27 the byte
//	match    bit 28 set, bits 0-14 distance-1, 15-19 its code, 20-27 length-3
//
// No distance has the code that literals have in its place, so that tokens of
// both kinds are written alike.
type token uint32

const (
	matchFlag token = 1 << 28
	noDist          = 31
)

func literal(c byte) token { return token(c)<<20 | noDist<<15 }

// symbol returns the byte of a literal, or for a match 256 more than its
// length-3.
func (t token) symbol() int { return int(t >> 20 & 511) }

// A tokens is the tokens of a block under construction, and how often each
// symbol is in it.
type tokens struct {
	list []token
	lit  [numLit + 2]uint32
	dist [32]uint32
}

// clear forgets the tokens and counts the end of block that will follow them.
func (b *tokens) clear() {
	b.list = b.list[:0]
	clear(b.lit[:])
	clear(b.dist[:])
	b.lit[endOfBlock] = 1
}

func (b *tokens) addLiteral(c byte) {
	b.list = append(b.list, literal(c))
	b.lit[c]++
}

func (b *tokens) addLiterals(p []byte) {
	for _, c := range p {
		b.list = append(b.list, literal(c))
		b.lit[c]++
	}
}

// addMatch adds a match of the given length and distance, both as the format
// counts them: from 3 and from 1.
func (b *tokens) addMatch(length, dist int) {
	n, d := low32(length-baseMatch), low32(dist-1)
	c := distCode(d)
	b.list = append(b.list, matchFlag|token(n<<20|c<<15|d))
	b.lit[firstLength+int(lengthCodes[low8(n)])]++
	b.dist[c&31]++
}

// extraBits returns how many bits follow the codes of the block's matches.
func (b *tokens) extraBits() int {
	n := 0
	for c, f := range b.lit[firstLength:numLit] {
		n += int(f) * int(lengthExtra[c])
	}
	for c, f := range b.dist[:numDist] {
		n += int(f) * int(distExtra[c])
	}
	return n
}
