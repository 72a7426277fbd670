package diff

// class returns the stream of corrections of an operation that copies from
// place from of the base.
func (m *image) class(from int32) int {
	for i := range m.segs {
		if s := &m.segs[i]; s.exec && int64(from) >= s.off && int64(from) < s.off+s.n {
			return SparseCode
		}
	}
	return Sparse
}

// gaps appends corrections to the two streams: for each byte that is wrong,
// the number of right ones before it in the operations of its class, and what
// must be added.
type gaps struct {
	right [2]int
}

func (g *gaps) append(s *Streams, class int, have, want []byte) {
	out, right := s[class], g.right[class-Sparse]
	for i := 0; i < len(have); {
		if l := common(have[i:], want[i:]); l > 0 {
			right, i = right+l, i+l
			continue
		}
		out = appendNumber(out, right)
		out = append(out, want[i]-have[i])
		right, i = 0, i+1
	}
	s[class], g.right[class-Sparse] = out, right
}

// cursor reads the corrections of one class. It stands before the correction
// of target byte next.
type cursor struct {
	data  []byte
	class int
	i     int // operation
	done  int // bytes of it that are behind
	next  int
	add   byte
	bad   bool
}

// never is behind the end of every target.
const never = MaxSize + 1

// advance reads the correction after the present one.
func (c *cursor) advance(ops []op, classes []uint8) {
	c.next = never
	if len(c.data) == 0 {
		return
	}
	gap, ok := takeNumber(&c.data)
	if !ok || len(c.data) == 0 || c.data[0] == 0 {
		c.bad = true
		return
	}
	c.add, c.data = c.data[0], c.data[1:]
	for ; c.i < len(ops); c.i++ {
		if int(classes[c.i]) != c.class {
			continue
		}
		if left := int(ops[c.i].n) - c.done; gap >= left {
			gap, c.done = gap-left, 0
			continue
		}
		c.done += gap
		c.next = int(ops[c.i].to) + c.done
		c.done++
		return
	}
	c.bad = true
}
