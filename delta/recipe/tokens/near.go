package tokens

import "io"

// A near model codes tokens by those of a near stream, the plain text of which
// it has as well.
type near struct {
	parser parser
	seg    segment
	begun  bool
	next   int // token of seg that comes next, or is under way
	pos    int // where it begins, in the text
	at     int // where the next token to code is

	all      [2]prob
	run      number
	isMatch  [4][4]prob
	sameDist [4]prob
	sameLen  [4][2]prob
	length   [4][256]prob
	dist     distModel
	odd      prob
	history  uint32
}

func (m *near) reset(src io.Reader) {
	m.parser.reset(src, "near stream")
	m.seg = segment{tokens: m.seg.tokens[:0]}
	m.begun, m.next, m.pos, m.at, m.history = false, 0, 0, 0, 0
	m.all, m.run, m.isMatch, m.sameDist, m.sameLen = [2]prob{}, number{}, [4][4]prob{}, [4]prob{}, [4][2]prob{}
	clear(m.length[:])
	m.dist, m.odd = distModel{}, 0
}

// drop forgets text that is not needed any more.
func (m *near) drop() {
	k := m.parser.text.drop(m.at)
	m.at -= k
	m.pos -= k
}

// over reports whether seg has no text after at.
func (m *near) over() bool {
	return !m.begun || m.next == len(m.seg.tokens) && m.pos <= m.at
}

// load makes the next segment of the near stream current, and reports whether
// there is one.
func (m *near) load() (bool, error) {
	if m.begun && m.parser.done {
		return false, nil
	}
	m.begun, m.next = true, 0
	m.pos = m.parser.text.n
	if err := m.parser.next(&m.seg); err != nil {
		return false, err
	}
	if m.seg.kind == blockStored {
		m.pos += m.seg.stored // no tokens: all of it lies behind
	}
	return true, nil
}

// walk passes the tokens that end at or before at, in the current segment.
func (m *near) walk() {
	for m.next < len(m.seg.tokens) {
		n := m.seg.tokens[m.next].size()
		if m.pos+n > m.at {
			return
		}
		m.pos += n
		m.next++
	}
}

// block returns the block of the near stream that stands where one begins at
// at, and whether it begins there too; nil if the near stream has ended.
func (m *near) block() (s *segment, fresh bool, err error) {
	m.walk()
	if m.over() {
		ok, err := m.load()
		if !ok {
			return nil, false, err
		}
		m.walk()
		return &m.seg, m.pos == m.at || m.seg.kind == blockStored, nil
	}
	return &m.seg, m.next == 0 && m.pos == m.at, nil
}

// left returns how many tokens of the current segment are to come.
func (m *near) left() int { return len(m.seg.tokens) - m.next }

// advance goes to the token that begins at at or before, and ends after. Where
// there is none, the near stream has a stored block or has ended.
func (m *near) advance() error {
	for {
		m.walk()
		if !m.over() {
			return nil
		}
		if ok, err := m.load(); !ok {
			return err
		}
	}
}

// pass moves on by n bytes that are in no token. It reports whether there are
// so many.
func (m *near) pass(n int) (bool, error) {
	m.at += n
	for m.parser.text.n < m.at {
		m.next = len(m.seg.tokens)
		if ok, err := m.load(); !ok {
			return false, err
		}
	}
	m.walk()
	return true, nil
}

// tokens codes n tokens of s.
func (m *near) tokens(c *coder, s *segment, n int) error {
	if c.decoding {
		s.tokens = s.tokens[:0]
	}
	for i := 0; i < n; {
		if err := m.advance(); err != nil {
			return err
		}
		aligned := m.left() > 0 && m.pos == m.at
		if aligned {
			most := min(n-i, m.left())
			k := m.runs(c, s, i, most)
			if i += k; k == most {
				continue
			}
		}
		var t token
		if !c.decoding {
			t = s.tokens[i]
		}
		t = m.token(c, t, s.odd)
		if m.at += t.size(); m.at > m.parser.text.n {
			if err := m.advance(); err != nil {
				return err
			}
			if m.at > m.parser.text.n {
				return m.mismatch(c)
			}
		}
		if c.decoding {
			if c.err != nil {
				return c.err
			}
			s.tokens = append(s.tokens, t)
		}
		i++
	}
	return nil
}

func (m *near) mismatch(c *coder) error {
	if c.decoding {
		c.fail("more tokens than plain text")
		return c.err
	}
	return ErrUnfit
}

// runs codes how many tokens, at most most, are those of the near stream.
func (m *near) runs(c *coder, s *segment, i, most int) int {
	k := 0
	theirs := m.seg.tokens[m.next:][:most]
	if !c.decoding {
		ours := s.tokens[i:][:most]
		for k < most && ours[k] == theirs[k] {
			k++
		}
	}
	if c.flag(&m.all[0], k == most) {
		k = most
	} else if k = int(m.run.code(c, uint32(k))); k >= most {
		c.fail("run of %d tokens where %d are left", k, most)
		k = most - 1
	}
	if c.decoding {
		s.tokens = append(s.tokens, theirs[:k]...)
	}
	for _, t := range theirs[:k] {
		m.at += t.size()
	}
	m.next += k
	m.pos = m.at
	if k > 0 {
		m.history = 0
	}
	return k
}

// expect returns a match that may be the token here: what is left of the near
// stream's match, or the one after its literal.
func (m *near) expect() (state, length int, dist1 uint32) {
	if m.left() == 0 {
		return 3, minMatch, 0
	}
	t := m.seg.tokens[m.next]
	switch {
	case t.literal() && m.left() > 1 && !m.seg.tokens[m.next+1].literal():
		t = m.seg.tokens[m.next+1]
		return 0, min(t.size()+1, maxMatch), t.dist1()
	case t.literal():
		return 3, minMatch, 0
	case m.pos == m.at:
		return 1, t.size(), t.dist1()
	}
	return 2, m.pos + t.size() - m.at, t.dist1()
}

// token codes a token that the near stream has not.
func (m *near) token(c *coder, t token, odd bool) token {
	state, n, d := m.expect()
	isMatch := c.flag(&m.isMatch[state][m.history&3], !t.literal())
	m.history <<= 1
	if !isMatch {
		if m.at >= m.parser.text.n {
			return 0 // refused by the caller
		}
		return token(m.parser.text.b[m.at])
	}
	m.history |= 1
	length, dist1 := t.length3()+minMatch, t.dist1()
	sameDist := state < 3 && c.flag(&m.sameDist[state], dist1 == d)
	ctx := 0
	if sameDist {
		ctx = 1
	}
	if n >= minMatch && c.flag(&m.sameLen[state][ctx], length == n) {
		length = n
	} else {
		length = int(c.tree(m.length[state][:], 8, uint32(length-minMatch)&0xff)) + minMatch //nolint:gosec // masked
	}
	if sameDist {
		dist1 = d
	} else {
		dist1 = m.dist.dist(c, length, dist1)
	}
	u := makeMatch(length, int(dist1)+1)
	if odd && length == maxMatch && c.flag(&m.odd, t&oddFlag != 0) {
		u |= oddFlag
	}
	return u
}
