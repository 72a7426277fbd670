package diff

import "encoding/binary"

const machineX86 = 62

// What a byte of x86-64 code may be before a relative address.
const (
	opBranch = 1 << iota // the opcode of CALL or JMP
	opJcc                // the second byte of a conditional jump
	opRIP                // a ModRM byte that means RIP and a displacement
)

var x86Before = func() (t [256]uint8) {
	t[0xE8], t[0xE9] = opBranch, opBranch
	for i := range 16 {
		t[0x80+i] = opJcc
	}
	for i := 0x05; i < 0x40; i += 8 {
		t[i] = opRIP
	}
	return t
}()

// x86 guesses the relative addresses in code.
func (p *predictor) x86(lo, hi, shift int) {
	b := p.base
	oldVA, ok1 := p.old.address(int64(lo))
	newVA, ok2 := p.new.address(int64(lo + shift))
	if !ok1 || !ok2 {
		return
	}
	oldVA, newVA = oldVA-int64(lo), newVA-int64(lo)
	for i := lo + 1; i+4 <= hi; i++ {
		k := x86Before[b[i-1]]
		if k == 0 || k == opJcc && (i < lo+2 || b[i-2] != 0x0F) || k == opRIP && i < lo+2 {
			continue
		}
		at := oldVA + int64(i+4)
		a := at + signed32(b[i:])
		if k != opRIP && !p.old.inCode(a) || !p.old.isAddress(a) {
			continue
		}
		if off, ok := p.old.offset(a); ok && off >= int64(lo) && off < int64(hi) {
			i += 3 // it moves with this operation
			continue
		}
		pos, here := i+shift, newVA+int64(i+4)
		if p.inHeads(pos, 4) {
			continue
		}
		if g, ok := p.moved(a); ok {
			binary.LittleEndian.PutUint32(p.tape.out[pos:], low32(g-here))
		}
		p.learn(a, here+signed32(p.tape.settle(pos, 4)))
		i += 3
	}
}

// inCode reports whether a is the address of code in the file.
func (m *image) inCode(a int64) bool {
	for i := range m.segs {
		if s := &m.segs[i]; s.exec && a >= s.va && a < s.va+s.n {
			return true
		}
	}
	return false
}
