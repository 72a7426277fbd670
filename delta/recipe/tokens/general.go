package tokens

// lookAhead is how much text after a place has to be known, or its end, before
// the token there is coded.
const lookAhead = 1024

// A general model codes the tokens of encoders it does not know. It looks for
// matches as they do, and learns which of them they take.
type general struct {
	chain chain
	at    int // where the next token is, in the text

	// The matches at at, if it is aheadAt: found while looking ahead.
	here, next ladder
	nextAt     int

	history uint32 // of the last tokens: 1 for a match

	isMatch [12 * 4 * 4 * 4]prob
	isTop   [12 * 4 * 2 * 2]prob
	isRung  [8 * 12 * 2]prob
	length  [12][256]prob
	onChain [4]prob
	hops    number
	dist    distModel
}

// A distModel codes distances that nothing predicts.
type distModel struct {
	code [4][32]prob
}

// code codes a distance less 1, of a match of this length.
func (m *distModel) dist(c *coder, length int, d uint32) uint32 {
	dc := c.tree(m.code[min(length-minMatch, 3)][:], 5, uint32(distCode(d)))
	if dc >= numDist {
		c.fail("distance code %d", dc)
		return 0
	}
	base, v := uint32(distBase[dc]), uint32(0)
	for i := int(distExtra[dc]) - 1; i >= 0; i-- {
		var half prob
		v |= c.bit(&half, (d-base)>>i&1) << i
	}
	return base + v
}

// lengthClass groups lengths; 0 is no match.
var lengthClass = func() (t [maxMatch + 1]uint8) {
	for n := range t {
		switch {
		case n < minMatch:
		case n < 8:
			t[n] = uint8(n - 2)
		case n < 12:
			t[n] = 6
		case n < 16:
			t[n] = 7
		case n < 32:
			t[n] = 8
		case n < 128:
			t[n] = 9
		case n < maxMatch:
			t[n] = 10
		default:
			t[n] = 11
		}
	}
	return t
}()

// distClass groups distances, less 1, of matches so short that they may not be
// worth while.
func distClass(length int, dist1 uint32) int {
	switch {
	case length > 5 || dist1 < 256:
		return 0
	case dist1 < 4096:
		return 1
	case dist1 < 16384:
		return 2
	}
	return 3
}

func (g *general) reset(t *text, p params) {
	g.chain.reset(t, p)
	g.at, g.nextAt, g.history = 0, -1, 0
	clear(g.isMatch[:])
	clear(g.isTop[:])
	clear(g.isRung[:])
	clear(g.length[:])
	clear(g.onChain[:])
	g.hops, g.dist = number{}, distModel{}
}

// pass moves on by n bytes that are in no token.
func (g *general) pass(n int) {
	g.at += n
	g.chain.enter(g.at)
}

// drop forgets text that is not needed any more.
func (g *general) drop() {
	if k := g.chain.t.drop(g.at); k > 0 {
		g.at -= k
		g.nextAt -= k
		g.chain.done -= k
	}
}

// tokens codes n tokens of s.
func (g *general) tokens(c *coder, s *segment, n int) error {
	t := g.chain.t
	if c.decoding {
		s.tokens = s.tokens[:0]
	}
	for i := range n {
		if t.n-g.at < lookAhead && !t.end {
			g.drop()
			if err := t.ahead(g.at, lookAhead); err != nil {
				return err
			}
		}
		var tok token
		if !c.decoding {
			tok = s.tokens[i]
		}
		tok = g.token(c, tok)
		if c.decoding {
			if tok.size() > t.n-g.at {
				c.fail("more tokens than plain text")
			}
			if c.err != nil {
				return c.err
			}
			if s.odd && tok&^(windowSize-1) == matchFlag|255<<16 {
				tok = g.odd(c, tok)
			}
			s.tokens = append(s.tokens, tok)
		} else if s.odd && tok.length3() == maxMatch-minMatch {
			g.odd(c, s.tokens[i])
		}
		g.step(tok)
	}
	return nil
}

// odd codes how a match of 258 is spelt.
func (g *general) odd(c *coder, t token) token {
	if c.flag(&g.onChain[3], t&oddFlag != 0) {
		return t | oddFlag
	}
	return t
}

// step moves on behind a token.
func (g *general) step(t token) {
	n := t.size()
	g.history <<= 1
	if !t.literal() {
		g.history |= 1
	}
	p := g.chain.params
	if n > 1 && p.flags&flagSparse != 0 && n > 2*int(p.lazy) {
		g.chain.enter(g.at + 1)
		g.chain.skip(g.at + n)
	}
	g.at += n
}

// look finds the matches here and, if that may matter, at the next place. It
// returns how the longest compare: 0 if there is none better, 3 if the next
// one is much better.
func (g *general) look() (better int) {
	p := g.chain.params
	g.chain.enter(g.at)
	if g.nextAt == g.at {
		g.here, g.next = g.next, g.here
	} else {
		g.chain.find(g.at, &g.here, 0, p.depth())
	}
	n, _, ok := g.here.rung(0)
	if !ok || n >= 2*int(p.lazy) || n >= g.chain.t.n-g.at {
		return 0
	}
	g.chain.enter(g.at + 1)
	depth := p.depth()
	if p.good != 0 && n >= int(p.good) {
		depth /= 4
	}
	g.chain.find(g.at+1, &g.next, n, depth)
	m, _, ok := g.next.rung(0)
	if !ok {
		return 0
	}
	g.nextAt = g.at + 1
	return min(m-n, 3)
}

// token codes the token here.
func (g *general) token(c *coder, t token) token {
	better := g.look()
	n, d, _ := g.here.rung(0)
	class := int(lengthClass[n])
	ctx := ((class*4+better)*4+distClass(n, d))*4 + int(g.history&3)
	if !c.flag(&g.isMatch[ctx], !t.literal()) {
		return token(g.chain.t.b[g.at])
	}
	length, dist1 := t.length3()+minMatch, t.dist1()
	if n > 0 {
		ctx = ((class*4+better)*2+int(g.history&1))*2 + int(g.history>>1&1)
		if c.flag(&g.isTop[ctx], length == n && dist1 == d) {
			return makeMatch(n, int(d)+1)
		}
		for i := 1; ; i++ {
			n, d, ok := g.here.rung(i)
			if !ok {
				break
			}
			ctx = (min(i, 7)*12+int(lengthClass[n]))*2 + min(better, 1)
			if c.flag(&g.isRung[ctx], length == n && dist1 == d) {
				return makeMatch(n, int(d)+1)
			}
		}
	}
	length = int(c.tree(g.length[class][:], 8, uint32(length-minMatch)&0xff)) + minMatch //nolint:gosec // masked
	return makeMatch(length, g.distance(c, length, int(dist1)+1))
}

// distance codes the distance of a match of a length that was coded.
func (g *general) distance(c *coder, length, dist int) int {
	k, ok := 0, false
	if !c.decoding {
		k, ok = g.chain.hops(g.at, length, dist)
	}
	if c.flag(&g.onChain[0], ok) {
		k = int(g.hops.code(c, uint32(k)))
		if !c.decoding {
			return dist
		}
		if dist = g.chain.hop(g.at, length, k); dist == 0 {
			c.fail("match that is not there")
			dist = 1
		}
		return dist
	}
	return int(g.dist.dist(c, length, uint32(dist-1))) + 1 //nolint:gosec // at most 32768
}
