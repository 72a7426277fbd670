package diff

// op makes n bytes of the target at to from the n bytes of the base at from,
// and then extra bytes anew.
type op struct {
	to, from, n, extra int32
}

// appendOps appends the operations that make a target.
func (s *Streams) appendOps(ops []op) {
	at := 0
	for _, o := range ops {
		s[Lengths] = appendNumber(s[Lengths], int(o.n))
		s[Inserts] = appendNumber(s[Inserts], int(o.extra))
		d := int(o.from) - at
		s[Seeks] = appendNumber(s[Seeks], d<<1^d>>63)
		at = int(o.from + o.n)
	}
}

// takeOps appends to ops the operations that stand at the front of s, which
// make size bytes from a base of baseSize bytes.
func (s *Streams) takeOps(ops []op, baseSize, size int) ([]op, error) {
	to, at := 0, 0
	for to < size {
		n, ok1 := takeNumber(&s[Lengths])
		extra, ok2 := takeNumber(&s[Inserts])
		seek, ok3 := takeSigned(&s[Seeks])
		if !ok1 || !ok2 || !ok3 {
			return nil, malformed("operation %d is cut or no number", len(ops))
		}
		from := at + seek
		switch {
		case from < 0 || n > baseSize-from:
			return nil, malformed("operation %d copies bytes %d to %d of a base of %d", len(ops), from, from+n, baseSize)
		case n > size-to || extra > size-to-n:
			return nil, malformed("operation %d makes more than the %d bytes left", len(ops), size-to)
		case n+extra == 0 || len(ops) > 0 && n < minCopy:
			return nil, malformed("operation %d copies %d bytes", len(ops), n)
		}
		ops = append(ops, op{to: i32(to), from: i32(from), n: i32(n), extra: i32(extra)})
		to += n + extra
		at = from + n
	}
	return ops, nil
}
