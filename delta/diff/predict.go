package diff

import "slices"

// predictor guesses the addresses in copied bytes. Where code and data of the
// base point to is known, and the operations say where that went; so what the
// pointer must be in the target can be computed. A wrong guess costs
// corrections, never correctness.
type predictor struct {
	base       []byte
	old, new   image
	ops        []op
	mapper     mapper
	memo       memo
	areas      []area
	tape       *tape
	fields     fields            // of the base
	there      fields            // of the target, as far as they are known
	bias       [fieldKinds]int64 // what guesses of fields were wrong by
	lastBias   [fieldKinds]int64
	lines      int64 // how far the line before moved
	relocShift int64 // how far the relocation before moved
	trust      int   // above 0 if operations say that better
}

// Kinds of areas of a base.
const (
	areaNone = iota
	areaData
	areaX86
	areaARM64
)

// area is a range of the base in which addresses are found in one way.
type area struct {
	from, to int64
	kind     int
}

// classify returns for each operation the stream that corrects it.
func (p *predictor) classify(kind byte, base []byte, ops []op, classes []uint8) []uint8 {
	p.old.segs = p.old.segs[:0]
	if kind != kindPlain {
		p.old.parse(base)
	}
	classes = slices.Grow(classes[:0], len(ops))
	for _, o := range ops {
		classes = append(classes, uint8(p.old.class(o.from))) //nolint:gosec // a small number
	}
	return classes
}

// prepare readies p for a target whose headers stand in out; classify has been
// called.
func (p *predictor) prepare(base, out []byte, ops []op) {
	p.base, p.ops = base, ops
	if isELF(base) {
		p.new.parse(out)
	} else {
		p.new.parseDump(len(out))
	}
	p.mapper.build(ops, len(base))
	p.memo.reset(len(base))
	p.fields.find(&p.old, base)
	p.there.bases = p.fields.bases
	p.bias, p.lastBias = [fieldKinds]int64{}, [fieldKinds]int64{}
	p.lines, p.relocShift, p.trust = 0, 0, 0
	p.findAreas()
}

// findAreas divides the base by how addresses are found in it.
func (p *predictor) findAreas() {
	var cuts []int64
	for _, s := range p.old.segs {
		cuts = append(cuts, s.off, s.off+s.n)
	}
	cuts = append(cuts, 0, int64(len(p.base)))
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	p.areas = p.areas[:0]
	for i := 1; i < len(cuts); i++ {
		p.areas = append(p.areas, area{cuts[i-1], cuts[i], p.kindAt(cuts[i-1])})
	}
}

func (p *predictor) kindAt(off int64) int {
	if p.old.class(i32(int(off))) == SparseCode {
		switch p.old.machine {
		case machineX86:
			return areaX86
		case machineARM64:
			return areaARM64
		}
		return areaNone
	}
	return areaData
}

// run guesses the addresses in all that the operations copied.
func (p *predictor) run(t *tape) {
	p.tape = t
	for _, o := range p.ops {
		from, end := int64(o.from), int64(o.from+o.n)
		i, found := slices.BinarySearchFunc(p.areas, from, func(a area, f int64) int { return int(a.from - f) })
		if !found {
			i--
		}
		for ; i < len(p.areas) && p.areas[i].from < end; i++ {
			lo, hi := int(max(from, p.areas[i].from)), int(min(end, p.areas[i].to))
			p.area(p.areas[i].kind, lo, hi, int(o.to-o.from))
		}
	}
	p.tape = nil
}

// area guesses in bytes lo to hi of the base, which went to lo+shift.
func (p *predictor) area(kind, lo, hi, shift int) {
	if hi-lo < 8 {
		return
	}
	switch kind {
	case areaX86:
		p.x86(lo, hi, shift)
	case areaARM64:
		p.arm64(lo, hi, shift)
	case areaData:
		p.data(lo, hi, shift)
	}
}

// inHeads reports whether n bytes of the target at pos touch its headers,
// which are right already.
func (p *predictor) inHeads(pos, n int) bool {
	for _, r := range p.new.heads {
		if pos < r[1] && pos+n > r[0] {
			return true
		}
	}
	return false
}

// moved returns where address a of the base went.
func (p *predictor) moved(a int64) (int64, bool) {
	if b, ok := p.memo.recall(a); ok {
		return b, true
	}
	if off, ok := p.old.offset(a); ok {
		if to, ok := p.mapper.locate(off); ok {
			return p.new.address(to)
		}
	}
	return p.memo.recallNear(a)
}

// mapped is moved by the operations alone.
func (p *predictor) mapped(a int64) (int64, bool) {
	if off, ok := p.old.offset(a); ok {
		if to, ok := p.mapper.locate(off); ok {
			return p.new.address(to)
		}
	}
	return 0, false
}

// learn notes that address a is b in the target.
func (p *predictor) learn(a, b int64) {
	_, inFile := p.old.offset(a)
	p.memo.learn(a, b, !inFile)
}
