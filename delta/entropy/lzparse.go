package entropy

import "math"

const (
	lzChunk   = 2048 // most positions that are parsed together
	lzSync    = 16   // least, where all ways meet
	lzRefresh = 512  // tokens between new prices

	// lzLiteralTax is what a literal is taken to cost beyond its bits. Literals
	// decode some ten times slower than matches: a quarter of a bit makes
	// frames 1 to 3 % larger and half as slow.
	lzLiteralTax = priceOne / 4
)

// A node is a position within a chunk and the cheapest known way to it: a
// token, and perhaps a match at the last distance after it, with a literal between
// the two if token is none.
type node struct {
	price uint32
	from  int32 // node before the first token
	first token
	tail  uint32 // length of the match after token and literal; 0 for none
	recent
}

// An lzParser finds the cheapest tokens by the model's prices.
type lzParser struct {
	m      *lzModel
	f      *matchFinder
	src    []byte
	prices lzPrices
	age    int // tokens since prices were fresh
	nodes  [lzChunk + 4*lzNice]node
	end    int // furthest node that is reached
	out    []token
	flag   flagContext
	lit    literalContext
}

func (p *lzParser) init(m *lzModel, f *matchFinder, src []byte) {
	p.m, p.f, p.src = m, f, src
	p.age = lzRefresh
}

// next returns the tokens of the next chunk, at least one. They are valid until
// the next call.
func (p *lzParser) next(pos int) []token {
	if p.age >= lzRefresh {
		p.prices.refresh(p.m)
		p.age = 0
	}
	p.nodes[0] = node{from: -1, recent: p.m.recent}
	p.end = 0
	cur := 0
	for {
		if cur > 0 {
			p.settle(cur)
		}
		if t := p.expand(pos, cur); t.length > 0 {
			p.backtrack(cur)
			p.out = append(p.out, t)
			break
		}
		cur++
		if pos+cur == len(p.src) || cur == p.end && cur >= lzSync || cur >= lzChunk {
			p.backtrack(cur)
			break
		}
	}
	p.age += len(p.out)
	return p.out
}

// settle computes the state and distances at node cur from the way to it.
func (p *lzParser) settle(cur int) {
	n := &p.nodes[cur]
	n.recent = p.nodes[n.from].recent
	n.apply(n.first)
	if n.tail > 0 {
		if n.first.length > 0 {
			n.apply(token{})
		}
		n.apply(token{length: n.tail, dist: n.reps[0]})
	}
}

// backtrack writes the tokens from node 0 to node cur.
func (p *lzParser) backtrack(cur int) {
	p.out = p.out[:0]
	for cur > 0 {
		n := &p.nodes[cur]
		if n.tail > 0 {
			t := token{length: n.tail, dist: n.first.dist}
			if n.first.length == 0 {
				t.dist = p.nodes[n.from].reps[0]
				p.out = append(p.out, t)
			} else {
				p.out = append(p.out, t, token{})
			}
		}
		p.out = append(p.out, n.first)
		cur = int(n.from)
	}
	for i, j := 0, len(p.out)-1; i < j; i, j = i+1, j-1 {
		p.out[i], p.out[j] = p.out[j], p.out[i]
	}
}

// reach offers a way to node to.
func (p *lzParser) reach(to int, price uint32, from int, first token, tail uint32) {
	for p.end < to {
		p.end++
		p.nodes[p.end].price = math.MaxUint32
	}
	if n := &p.nodes[to]; price < n.price {
		n.price, n.from, n.first, n.tail = price, int32(from), first, tail //nolint:gosec // below lzChunk+…
	}
}

// expand offers the ways on from node cur, and returns a token instead where a
// match is so long that it is taken at once. The finder passes the position, and
// that token.
func (p *lzParser) expand(pos, cur int) token {
	at := pos + cur
	n := &p.nodes[cur]
	rest := p.src[at:]
	text := p.src[:at]
	found := p.f.next()

	p.flag.begin(&p.m.flag, text, n.state)
	no, yes := n.price+price(p.flag.pr, 0), n.price+price(p.flag.pr, 1)
	p.lit.begin(&p.m.lit, text, n.predicted(text), n.state)
	no += p.lit.price(rest[0]) + lzLiteralTax
	p.reach(cur+1, no, cur, token{}, 0)

	for r, dist := range n.reps {
		if int64(dist) > int64(at) {
			continue
		}
		length := matchLen(p.src[at-int(dist):], rest)
		if length == 0 || length == 1 && r > 0 {
			continue
		}
		t := token{length: uint32(length), dist: dist, rep: uint8(r)} //nolint:gosec // below 4
		if length >= lzNice {
			p.f.skip(length - 1)
			return t
		}
		p.repeats(at, cur, t, yes+p.prices.rep[n.state][r])
	}
	if len(found) > 0 {
		if last := found[len(found)-1]; last.length >= lzNice {
			t := token{length: last.length, dist: last.dist, rep: 4}
			t.length = uint32(matchLen(p.src[at-int(t.dist):], rest)) //nolint:gosec // at most MaxFrame
			p.f.skip(int(t.length) - 1)
			return t
		}
		p.matches(at, cur, found, yes+p.prices.rep[n.state][4])
	}
	p.literalThenRepeat(at, cur, no)
	return token{}
}

// repeats offers all lengths of a match at one of the last distances.
func (p *lzParser) repeats(at, cur int, t token, base uint32) {
	prices := &p.prices.length[1][at&(lzPositions-1)]
	full := t.length
	least := uint32(lzMinMatch)
	if t.rep == 0 {
		least = 1
	}
	for t.length = full; t.length >= least; t.length-- {
		p.reach(cur+int(t.length), base+prices[t.length], cur, t, 0)
	}
	t.length = full
	if full >= lzMinMatch {
		p.matchThenRepeat(at, cur, t, base+prices[full])
	}
}

// matches offers all lengths of the finder's candidates, each at its nearest
// distance.
func (p *lzParser) matches(at, cur int, found []candidate, base uint32) {
	prices := &p.prices.length[0][at&(lzPositions-1)]
	length := uint32(lzMinMatch)
	for _, c := range found {
		t := token{dist: c.dist, rep: 4}
		var class, dp uint32
		class = 4
		for ; length <= c.length; length++ {
			if k := lengthClass(length); k != class {
				class = k
				dp = p.prices.distance(class, c.dist)
			}
			t.length = length
			p.reach(cur+int(length), base+prices[length]+dp, cur, t, 0)
		}
		if class < 4 {
			p.matchThenRepeat(at, cur, t, base+prices[c.length]+dp)
		}
	}
}

// literalThenRepeat offers a literal and a match at the last distance after it.
func (p *lzParser) literalThenRepeat(at, cur int, cost uint32) {
	n := &p.nodes[cur]
	if int64(n.reps[0]) > int64(at) || at+1 >= len(p.src) {
		return
	}
	if a := &p.nodes[cur+1]; int(a.from) == cur && a.first.length == 0 {
		return // the next node tries it
	}
	length := matchLen(p.src[at+1-int(n.reps[0]):], p.src[at+1:min(len(p.src), at+1+lzNice)])
	if length >= lzMinMatch {
		p.again(at+1, cur, cur+1, token{}, length, stateLiteral(n.state), cost)
	}
}

// matchThenRepeat offers after the match t a literal and a match at the same distance.
func (p *lzParser) matchThenRepeat(at, cur int, t token, cost uint32) {
	mid := at + int(t.length)
	if mid+2 > len(p.src) {
		return
	}
	n := &p.nodes[cur]
	from := mid + 1 - int(t.dist)
	length := matchLen(p.src[from:], p.src[mid+1:min(len(p.src), mid+1+lzNice)])
	if length < lzMinMatch {
		return
	}
	s := stateMatch(n.state)
	if t.rep != 4 {
		s = stateRep(n.state)
	}
	text := p.src[:mid]
	p.flag.begin(&p.m.flag, text, s)
	cost += price(p.flag.pr, 0)
	p.lit.begin(&p.m.lit, text, p.src[mid-int(t.dist)], s)
	cost += p.lit.price(p.src[mid])
	s = stateLiteral(s)
	p.again(mid+1, cur, cur+int(t.length)+1, t, length, s, cost)
}

// again offers the repeated match of the length that begins at node mid.
func (p *lzParser) again(at, cur, mid int, first token, length, s int, cost uint32) {
	p.flag.begin(&p.m.flag, p.src[:at], s)
	cost += price(p.flag.pr, 1) + p.prices.rep[s][0] + p.prices.length[1][at&(lzPositions-1)][length]
	p.reach(mid+length, cost, cur, first, uint32(length)) //nolint:gosec // at most lzNice
}
