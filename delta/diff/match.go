package diff

import "encoding/binary"

const (
	// better is how many bytes more than the present alignment another one
	// must explain to be worth an operation.
	better = 8

	// hopeless ends the search backwards from a match.
	hopeless = 64
)

// matcher cuts a target into operations. It is greedy: it follows one
// alignment of base and target for as long as no other explains clearly more.
type matcher struct {
	base, target []byte
	index        *index
	ops          []op

	// The operation that is open begins here.
	to, from int
}

// run appends the operations that make the target.
func (m *matcher) run() {
	scan := 0
	for scan < len(m.target) {
		at, pos, n := m.next(scan)
		m.cut(at, pos)
		scan = at + n
	}
	if m.to < len(m.target) {
		m.cut(len(m.target), 0)
	}
}

// aligned returns where in the base the open operation expects target byte i.
func (m *matcher) aligned(i int) (int, bool) {
	a := i + m.from - m.to
	return a, a >= 0 && a < len(m.base)
}

// next returns the first place at or after scan where another alignment than
// the present one is clearly better: n bytes of the target at at are those of
// the base at pos. At the end, at is the length of the target.
func (m *matcher) next(scan int) (at, pos, n int) {
	score, counted := 0, scan // bytes that the present alignment explains in scan..counted
	for scan < len(m.target) {
		a, ok := m.aligned(scan)
		if ok {
			if l := common(m.base[a:], m.target[scan:]); l >= minCopy || l > 0 && m.recovers(a+l, scan+l) {
				scan += l
				score, counted = 0, scan
				continue
			}
		}
		p, l := m.index.find(m.target, scan, a)
		for ; counted < scan+l; counted++ {
			if m.agrees(counted) {
				score++
			}
		}
		switch {
		case l > score+better:
			return scan, p, l
		case l > 0 && l == score || l > hopeless:
			scan += l
			score, counted = 0, scan
			continue
		case counted > scan && m.agrees(scan):
			score--
		}
		scan++
		if counted < scan {
			score, counted = 0, scan
		}
	}
	return scan, 0, 0
}

func (m *matcher) agrees(i int) bool {
	a, ok := m.aligned(i)
	return ok && m.base[a] == m.target[i]
}

// recovers reports whether the present alignment explains most of the 16 bytes
// that follow a difference.
func (m *matcher) recovers(a, i int) bool {
	if a+16 > len(m.base) || i+16 > len(m.target) {
		return false
	}
	x := binary.LittleEndian.Uint64(m.base[a:]) ^ binary.LittleEndian.Uint64(m.target[i:])
	y := binary.LittleEndian.Uint64(m.base[a+8:]) ^ binary.LittleEndian.Uint64(m.target[i+8:])
	return zeroBytes(x)+zeroBytes(y) >= 12
}

// cut ends the open operation before at, where the next one has base byte pos,
// and opens that one. Both are stretched towards each other as far as they
// explain more bytes than not.
func (m *matcher) cut(at, pos int) {
	front := m.forward(at)
	back := 0
	if at < len(m.target) {
		back = m.backward(at, pos)
	}
	if over := m.to + front - (at - back); over > 0 {
		keep := m.overlap(at, pos, back, over)
		front += keep - over
		back -= keep
	}
	m.emit(front, at-back)
	m.to, m.from = at-back, pos-back
}

// emit appends an operation that copies n bytes and makes the bytes up to end
// anew. What is too short for an operation goes to the one before it.
func (m *matcher) emit(n, end int) {
	if last := len(m.ops) - 1; last >= 0 && n < minCopy {
		m.ops[last].extra += i32(end - m.to)
		return
	}
	if end > m.to {
		m.ops = append(m.ops, op{to: i32(m.to), from: i32(m.from), n: i32(n), extra: i32(end - m.to - n)})
	}
}

// forward returns how many bytes the open operation is worth up to end.
func (m *matcher) forward(end int) int {
	same, best, n := 0, 0, 0
	limit := min(end-m.to, len(m.base)-m.from)
	for i := 0; i < limit; {
		l := common(m.base[m.from+i:m.from+limit], m.target[m.to+i:m.to+limit])
		same, i = same+l, i+l
		if l > 0 && 2*same-i > best {
			best, n = 2*same-i, i
		}
		i++
	}
	return n
}

// backward returns how many bytes before at and pos the new alignment is worth.
func (m *matcher) backward(at, pos int) int {
	same, best, n := 0, 0, 0
	for i := 1; i <= min(at-m.to, pos); i++ {
		if m.base[pos-i] == m.target[at-i] {
			same++
		}
		if 2*same-i > best {
			best, n = 2*same-i, i
		}
		if i-same > hopeless+4*same {
			break
		}
	}
	return n
}

// overlap returns how many of the over bytes that both operations claim the
// open one keeps.
func (m *matcher) overlap(at, pos, back, over int) int {
	start := at - back
	score, best, keep := 0, 0, 0
	for i := range over {
		t := m.target[start+i]
		if m.base[m.from+start-m.to+i] == t {
			score++
		}
		if m.base[pos-back+i] == t {
			score--
		}
		if score > best {
			best, keep = score, i+1
		}
	}
	return keep
}
