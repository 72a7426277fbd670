package diff

// Applier applies patches. Its zero value is ready; it keeps memory between
// calls and is not for concurrent use.
type Applier struct {
	ops     []op
	classes []uint8
	guess   predictor
}

// Apply appends to dst the target of size bytes that s makes from base. All of
// s must be one patch; otherwise it fails with a [*FormatError]. A patch that
// was made from another base gives wrong bytes or an error. Apply changes s.
func (a *Applier) Apply(dst, base []byte, s *Streams, size int) ([]byte, error) {
	if size < 0 || size > MaxSize || len(base) > MaxSize {
		return nil, malformed("%d bytes from a base of %d are too many", size, len(base))
	}
	var err error
	if a.ops, err = s.takeOps(a.ops[:0], len(base), size); err != nil {
		return nil, err
	}
	kind, ok := s.takeByte(Control)
	if !ok || kind >= kinds || kind == kindELF && !isELF(base) || kind == kindDump && (!isDump(base) || size <= dumpHead) {
		return nil, malformed("it is of an unknown kind")
	}
	start := len(dst)
	dst = fill(dst, base, a.ops, size)
	out := dst[start:]
	if a.classes = a.guess.classify(kind, base, a.ops, a.classes); !s.takeExtra(out, a.ops, a.classes) {
		return nil, malformed("new bytes are missing")
	}
	if kind == kindELF && !s.takeHeads(out) {
		return nil, malformed("the headers of the target are no headers")
	}
	t := tape{out: out, ops: a.ops, classes: a.classes}
	t.open(s)
	if kind != kindPlain {
		a.guess.prepare(base, out, a.ops)
		a.guess.run(&t)
	}
	if !t.close() {
		return nil, malformed("a correction is none of a copied byte")
	}
	for k := range s {
		if len(s[k]) > 0 {
			return nil, malformed("%d bytes of stream %d are left", len(s[k]), k)
		}
	}
	return dst, nil
}

func (s *Streams) takeByte(kind int) (byte, bool) {
	if len(s[kind]) == 0 {
		return 0, false
	}
	b := s[kind][0]
	s[kind] = s[kind][1:]
	return b, true
}

// takeExtra puts the new bytes where the operations want them.
func (s *Streams) takeExtra(out []byte, ops []op, classes []uint8) bool {
	for i, o := range ops {
		from := &s[extraOf(int(classes[i]))]
		if len(*from) < int(o.extra) {
			return false
		}
		copy(out[o.to+o.n:], (*from)[:o.extra])
		*from = (*from)[o.extra:]
	}
	return true
}
