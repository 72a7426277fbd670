package diff

// Differ makes patches. Its zero value is ready; it keeps memory between calls
// and is not for concurrent use.
type Differ struct {
	index   index
	ops     []op
	classes []uint8
	out     []byte
	guess   predictor
	normals [2]normal
}

// Diff appends to s the patch that makes target from base, which have at most
// MaxSize bytes each.
func (d *Differ) Diff(s *Streams, base, target []byte, o Options) {
	if len(base) > MaxSize || len(target) > MaxSize {
		panic("diff: internal error: file too long")
	}
	kind := kindPlain
	if !o.Plain {
		kind = kindOf(base, target)
	}
	if kind == kindPlain {
		d.match(base, target, o)
	} else {
		d.match(d.normals[0].make(nil, base), d.normals[1].make(nil, target), o)
	}
	d.finish(s, kind, base, target)
}

// match finds the operations that make target, in normal form.
func (d *Differ) match(base, target []byte, o Options) {
	m := matcher{base: base, target: target, index: &d.index, ops: d.ops[:0]}
	d.index.build(m.base, o.stride(len(base)))
	m.run()
	d.ops = m.ops
}

// finish appends to s the patch that the operations make.
func (d *Differ) finish(s *Streams, kind byte, base, target []byte) {
	s.appendOps(d.ops)
	s[Control] = append(s[Control], kind)
	d.classes = d.guess.classify(kind, base, d.ops, d.classes)
	d.out = fill(d.out[:0], base, d.ops, len(target))
	for _, p := range d.ops {
		end := p.to + p.n
		copy(d.out[end:end+p.extra], target[end:])
	}
	if kind == kindELF {
		s.appendHeads(d.out, target)
	}
	if kind != kindPlain {
		d.guess.prepare(base, d.out, d.ops)
		d.guess.run(&tape{out: d.out, truth: target})
	}
	d.corrections(s, target)
}

// corrections appends what must be added to the guess to get the target, and
// the new bytes.
func (d *Differ) corrections(s *Streams, target []byte) {
	var g gaps
	for i, p := range d.ops {
		class, to, end := int(d.classes[i]), p.to, p.to+p.n
		g.append(s, class, d.out[to:end], target[to:end])
		s[extraOf(class)] = append(s[extraOf(class)], target[end:end+p.extra]...)
	}
}

// extraOf returns the stream of new bytes that goes with a stream of
// corrections.
func extraOf(class int) int { return class - Sparse + Extra }

// fill appends size bytes to b: what the operations copy. The bytes that they
// make anew have no meaning yet.
func fill(b, base []byte, ops []op, size int) []byte {
	start := len(b)
	if cap(b)-start < size {
		grown := make([]byte, start, start+size)
		copy(grown, b)
		b = grown
	}
	b = b[:start+size]
	for _, o := range ops {
		copy(b[start+int(o.to):][:o.n], base[o.from:])
	}
	return b
}

// Memory returns how many bytes Diff takes at most beyond a base and a target
// of these sizes.
func (d *Differ) Memory(base, target int, o Options) int64 {
	m := int64(4*slotCount(base, o.stride(base))) + int64(target) + guessMemory(base, target)
	if !o.Plain { // both files in their normal form
		m += int64(base) + int64(target) + fieldMemory(base) + fieldMemory(target)
	}
	return m
}

// Memory returns how many bytes Apply takes at most beyond a base and a target
// of these sizes.
func (a *Applier) Memory(base, target int) int64 { return guessMemory(base, target) }

// guessMemory returns what operations and guesses take.
func guessMemory(base, target int) int64 {
	return int64(target/minCopy+2)*(16+4+1) + int64(base/cellSize+2)*4 + int64(memoSlots(base))*32 + fieldMemory(base)
}

// fieldMemory returns what the fields of a file of n bytes, and finding them,
// take.
func fieldMemory(n int) int64 { return 2 * int64(n) }
