package diff

import "encoding/binary"

const machineARM64 = 183

// An instruction of arm64 is a word of 4 bytes. Two kinds say where something
// is: branches, relative to themselves in words, and the pair of one that takes
// the page of an address and one that adds or loads what is in the page.

// isBranch reports whether w is B or BL.
func isBranch(w uint32) bool { return w&0x7C000000 == 0x14000000 }

// branchBy returns how far the branch w goes, in bytes.
func branchBy(w uint32) int64 { return extend(int64(w&0x03FFFFFF), 26) << 2 }

// withBranch returns the branch w made to go by bytes.
func withBranch(w uint32, by int64) uint32 { return w&0xFC000000 | low32(by>>2)&0x03FFFFFF }

// extend returns the number whose lowest bits v has.
func extend(v int64, bits uint) int64 { return v << (64 - bits) >> (64 - bits) }

// pairScale reports whether w is ADRP and next uses the same register: as ADD
// does, or as loads and stores do, which count in units of 1<<scale bytes.
func pairScale(w, next uint32) (scale uint, ok bool) {
	if w&0x9F000000 != 0x90000000 || next>>5&31 != w&31 {
		return 0, false
	}
	if next&0xFFC00000 == 0x91000000 {
		return 0, true
	}
	if next&0x3B000000 != 0x39000000 {
		return 0, false
	}
	scale = uint(next >> 30)
	if next&0x04800000 == 0x04800000 && scale == 0 {
		scale = 4 // a whole vector
	}
	return scale, true
}

// pairTarget returns the address that the pair at address at says.
func pairTarget(w, next uint32, scale uint, at int64) int64 {
	page := extend(int64(w>>5&0x7FFFF)<<2|int64(w>>29&3), 21)
	return (at>>12+page)<<12 + int64(next>>10&0xFFF)<<scale
}

// withPair returns the pair made to say address a from address at.
func withPair(w, next uint32, scale uint, at, a int64) (uint32, uint32) {
	page := low32(a>>12 - at>>12)
	w = w&0x9F00001F | page&3<<29 | page>>2&0x7FFFF<<5
	return w, next&0xFFC003FF | low32(a&0xFFF)>>scale<<10
}

// arm64 guesses the addresses in code. Instructions stand at places divisible
// by 4 in both files, or it guesses nothing.
func (p *predictor) arm64(lo, hi, shift int) {
	le := binary.LittleEndian
	oldVA, ok1 := p.old.address(int64(lo))
	newVA, ok2 := p.new.address(int64(lo + shift))
	if !ok1 || !ok2 || shift&3 != 0 {
		return
	}
	oldVA, newVA = oldVA-int64(lo), newVA-int64(lo)
	for i := (lo + 3) &^ 3; i+4 <= hi; i += 4 {
		w, pos := le.Uint32(p.base[i:]), i+shift
		at, there := oldVA+int64(i), newVA+int64(i)
		if isBranch(w) {
			p.branch(w, at, there, pos, [2]int{lo, hi})
			continue
		}
		if i+8 > hi {
			return
		}
		if scale, ok := pairScale(w, le.Uint32(p.base[i+4:])); ok {
			p.pair([2]uint32{w, le.Uint32(p.base[i+4:])}, scale, at, there, pos)
			i += 4
		}
	}
}

// branch guesses the branch w, which stands at address at of the base and at
// there of the target, unless it goes to the bytes within of the base, which
// move with it.
func (p *predictor) branch(w uint32, at, there int64, pos int, within [2]int) {
	a := at + branchBy(w)
	off, ok := p.old.offset(a)
	if !ok || !p.old.inCode(a) || off >= int64(within[0]) && off < int64(within[1]) || p.inHeads(pos, 4) {
		return
	}
	if g, ok := p.moved(a); ok {
		binary.LittleEndian.PutUint32(p.tape.out[pos:], withBranch(w, g-there))
	}
	if t := binary.LittleEndian.Uint32(p.tape.settle(pos, 4)); isBranch(t) {
		p.learn(a, there+branchBy(t))
	}
}

// pair guesses the pair w, as branch does a branch.
func (p *predictor) pair(w [2]uint32, scale uint, at, there int64, pos int) {
	a := pairTarget(w[0], w[1], scale, at)
	if !p.old.isAddress(a) || p.inHeads(pos, 8) {
		return
	}
	le := binary.LittleEndian
	if g, ok := p.moved(a); ok {
		w0, w1 := withPair(w[0], w[1], scale, there, g)
		le.PutUint32(p.tape.out[pos:], w0)
		le.PutUint32(p.tape.out[pos+4:], w1)
	}
	t := p.tape.settle(pos, 8)
	t0, t1 := le.Uint32(t), le.Uint32(t[4:])
	if s, ok := pairScale(t0, t1); ok {
		p.learn(a, pairTarget(t0, t1, s, there))
	}
}

// arm64 replaces addresses in code.
func (n *normal) arm64(lo, hi int) {
	le := binary.LittleEndian
	va, ok := n.image.address(int64(lo))
	if !ok {
		return
	}
	va -= int64(lo)
	for i := (lo + 3) &^ 3; i+4 <= hi; i += 4 {
		w := le.Uint32(n.b[i:])
		if isBranch(w) {
			if n.image.inCode(va + int64(i) + branchBy(w)) {
				le.PutUint32(n.out[i:], w&0xFC000000)
			}
			continue
		}
		if i+8 > hi {
			return
		}
		next := le.Uint32(n.b[i+4:])
		if scale, ok := pairScale(w, next); ok {
			a := pairTarget(w, next, scale, va+int64(i))
			if n.image.isAddress(a) {
				h := uint32(0)
				if !n.image.inCode(a) {
					h = n.content(a, 8)
				}
				le.PutUint32(n.out[i:], w&0x9F00001F)
				le.PutUint32(n.out[i+4:], next&0xFFC003FF|h<<20>>10)
			}
			i += 4
		}
	}
}
