package diff

import (
	"encoding/binary"
	"math"
	"slices"
)

const minAddress = 0x1000 // below it, a number is thought to be no address

// data guesses the addresses in bytes lo to hi of the base, which are no code:
// its fields, and aligned 8-byte addresses elsewhere.
func (p *predictor) data(lo, hi, shift int) {
	list := p.fields.list
	i, _ := slices.BinarySearchFunc(list, lo, func(f field, lo int) int { return int(f.off) - lo })
	for at := lo; ; i++ {
		end := hi
		if i < len(list) {
			end = min(hi, int(list[i].off))
		}
		p.pointers(at, end, shift)
		if i == len(list) || int(list[i].off)+list[i].width() > hi {
			return
		}
		p.field(list[i], shift)
		at = int(list[i].off) + list[i].width()
	}
}

// pointers guesses the aligned 8-byte addresses in bytes lo to hi.
func (p *predictor) pointers(lo, hi, shift int) {
	for i := (lo + 7) &^ 7; i+8 <= hi; i += 8 {
		a := signed64(p.base[i:])
		if a < minAddress || a > maxAddress || !p.old.isAddress(a) || p.inHeads(i+shift, 8) {
			continue
		}
		if g, ok := p.moved(a); ok {
			binary.LittleEndian.PutUint64(p.tape.out[i+shift:], unsigned64(g))
		}
		p.learn(a, signed64(p.tape.settle(i+shift, 8)))
	}
}

// field guesses one field.
func (p *predictor) field(x field, shift int) {
	v, pos := x.read(p.base), int(x.off)+shift
	if p.inHeads(pos, x.width()) || x.unset(v) {
		return
	}
	there := x
	there.off = i32(pos)
	switch x.kind {
	case fromLine:
		p.put(there, v+p.lines)
		p.lines = p.truth(there) - v
		return
	case fromReloc:
		p.reloc(there, v)
		return
	}
	guess, ok := p.fieldGuess(x, v, pos)
	if !ok {
		return
	}
	p.put(there, guess+p.bias[x.kind])
	if d := p.truth(there) - guess; d == p.lastBias[x.kind] {
		p.bias[x.kind] = d
	} else {
		p.lastBias[x.kind] = d
	}
}

// unset reports whether v says that there is no such place.
func (x field) unset(v int64) bool {
	return v == 0 && x.kind != fromText && x.kind != fromFuncs || v == math.MaxUint32
}

// fieldGuess returns what field x, which is v in the base, is at pos of the
// target, as far as the operations say.
func (p *predictor) fieldGuess(x field, v int64, pos int) (int64, bool) {
	switch x.kind {
	case fromSymbols, fromDynSymbols:
		off := p.fields.bases[x.kind] + v
		if off < 0 || off >= int64(len(p.base)) {
			return 0, false
		}
		g, ok := p.mapper.locate(off)
		return g - p.there.bases[x.kind], ok
	case sizeOfSymbol:
		return p.extent(signed64(p.base[x.off-8:]), v)
	}
	here, ok1 := p.old.address(int64(x.off))
	there, ok2 := p.new.address(int64(pos))
	if !ok1 || !ok2 {
		return 0, false
	}
	switch x.kind {
	case fromTable:
		start := here - 4*int64(x.back)
		base, ok1 := p.mapped(start)
		g, ok2 := p.mapped(start + v)
		return g - base, ok1 && ok2
	case sizeOfCode:
		return p.extent(here-4+signed32(p.base[x.off-4:]), v)
	}
	g, ok := p.mapped(p.fields.target(x, v, here))
	return p.there.value(x, g, there), ok
}

// extent returns how long the n bytes at address a of the base are in the
// target.
func (p *predictor) extent(a, n int64) (int64, bool) {
	first, ok1 := p.mapped(a)
	last, ok2 := p.mapped(a + n - 1)
	return last + 1 - first, ok1 && ok2
}

// reloc guesses the address that a relocation is for: it moved as the
// operations say, or as the one before it did, whichever was right more often.
func (p *predictor) reloc(x field, v int64) {
	g, ok := p.mapped(v)
	if !ok || p.trust < 0 {
		p.put(x, v+p.relocShift)
	} else {
		p.put(x, g)
	}
	truth := p.truth(x)
	if ok && (g == truth) != (v+p.relocShift == truth) {
		if g == truth {
			p.trust = min(p.trust+1, maxTrust)
		} else {
			p.trust = max(p.trust-1, -maxTrust)
		}
	}
	p.relocShift = truth - v
}

const maxTrust = 4

// put writes a guess.
func (p *predictor) put(x field, v int64) {
	if x.width() == 8 {
		binary.LittleEndian.PutUint64(p.tape.out[x.off:], unsigned64(v))
		return
	}
	binary.LittleEndian.PutUint32(p.tape.out[x.off:], low32(v))
}

// truth returns what x is in the target.
func (p *predictor) truth(x field) int64 {
	p.tape.settle(int(x.off), x.width())
	if p.tape.truth != nil {
		return x.read(p.tape.truth)
	}
	return x.read(p.tape.out)
}
