package diff

import (
	"encoding/binary"
	"slices"
)

// normal is a file with the addresses in it replaced by what stands there, so
// that two files agree where they mean the same.
type normal struct {
	image  image
	fields fields
	b, out []byte
}

// make makes n the normal form of b, for which isELF holds. It is put into
// dst, or where the last one was if that is nil.
func (n *normal) make(dst, b []byte) []byte {
	n.image.parse(b)
	n.fields.find(&n.image, b)
	n.b = b
	if dst == nil {
		dst = n.out[:0]
	}
	n.out = append(dst, b...)
	for i := range n.image.segs {
		s := &n.image.segs[i]
		switch {
		case !s.exec:
		case n.image.machine == machineX86:
			n.x86(int(s.off), int(s.off+s.n))
		case n.image.machine == machineARM64:
			n.arm64(int(s.off), int(s.off+s.n))
		}
	}
	at := 0
	for _, x := range n.fields.list {
		n.pointers(at, int(x.off))
		n.field(x)
		at = int(x.off) + x.width()
	}
	n.pointers(at, len(b))
	return n.out
}

// x86 replaces relative addresses in code.
func (n *normal) x86(lo, hi int) {
	b, m := n.b, &n.image
	va, ok := m.address(int64(lo))
	if !ok {
		return
	}
	va -= int64(lo)
	for i := lo + 1; i+4 <= hi; i++ {
		k := x86Before[b[i-1]]
		if k == 0 || k == opJcc && (i < lo+2 || b[i-2] != 0x0F) || k == opRIP && i < lo+2 {
			continue
		}
		a := va + int64(i+4) + signed32(b[i:])
		code := m.inCode(a)
		if !code && (k != opRIP || !m.isAddress(a)) {
			continue
		}
		v := uint32(0)
		if !code {
			v = n.content(a, 8)
		}
		binary.LittleEndian.PutUint32(n.out[i:], v)
		i += 3
	}
}

// content returns a number that stands for the k bytes at address a.
func (n *normal) content(a int64, k int) uint32 {
	off, ok := n.image.offset(a)
	if !ok || off+int64(k) > int64(len(n.b)) {
		return 0
	}
	return digest(n.b[off : off+int64(k)])
}

func digest(b []byte) uint32 {
	h := uint64(len(b))
	for ; len(b) >= 8; b = b[8:] {
		h = (h ^ binary.LittleEndian.Uint64(b)) * 0x9E3779B97F4A7C15
		h ^= h >> 29
	}
	for _, c := range b {
		h = (h ^ uint64(c)) * 0x9E3779B97F4A7C15
	}
	return uint32(h >> 32)
}

// pointers replaces the aligned 8-byte addresses in bytes lo to hi, where they
// are no code.
func (n *normal) pointers(lo, hi int) {
	m := &n.image
	for i := (lo + 7) &^ 7; i+8 <= hi; i += 8 {
		a := signed64(n.b[i:])
		if a < minAddress || a > maxAddress || !m.isAddress(a) || m.class(i32(i)) == SparseCode {
			continue
		}
		binary.LittleEndian.PutUint64(n.out[i:], uint64(n.content(a, 8)))
	}
}

// field replaces one field.
func (n *normal) field(x field) {
	v := x.read(n.b)
	if x.unset(v) {
		return
	}
	here, _ := n.image.address(int64(x.off))
	a := n.fields.target(x, v, here)
	h := uint32(1)
	switch x.kind {
	case fromTable, sizeOfCode, fromLine, fromBack, fromUnits, fromGofunc:
	case fromReloc:
		n.reloc(x, v)
		return
	case sizeOfSymbol:
		binary.LittleEndian.PutUint64(n.out[x.off:], 0)
		return
	case fromSymbols, fromDynSymbols:
		h = n.textAt(a)
	case fromText, fromHere:
		h = n.code(a)
	case fromSection:
		if n.image.inCode(a) {
			h = n.code(a)
		}
	case fromFuncs: // the name of the function that stands there
		if off, ok := n.image.offset(a); ok && off+8 <= int64(len(n.b)) {
			h = n.text(n.fields.bases[fromNames] + int64(binary.LittleEndian.Uint32(n.b[off+4:])))
		}
	case fromNames, fromFiles:
		h = n.text(a)
	case fromPC:
		h = n.content(a, 8)
	case fromTypes:
		h = n.content(a, 24)
	}
	binary.LittleEndian.PutUint32(n.out[x.off:], h)
}

// reloc replaces the address v that relocation x is for, and what stands there
// by what the relocation puts there.
func (n *normal) reloc(x field, v int64) {
	binary.LittleEndian.PutUint64(n.out[x.off:], 0)
	off, ok := n.image.offset(v)
	if !ok || off+8 > int64(len(n.out)) || off&7 != 0 || int64(x.off)+relocSize > int64(len(n.b)) || n.image.inCode(v) {
		return
	}
	if signed64(n.b[x.off+8:]) == relocRelative {
		binary.LittleEndian.PutUint64(n.out[off:], uint64(n.content(signed64(n.b[x.off+16:]), 8)))
	}
}

const relocRelative = 8 // a relocation that adds where the program is

// code stands for the code at address a.
func (n *normal) code(a int64) uint32 {
	off, ok := n.image.offset(a)
	if !ok {
		return 0
	}
	return digest(n.out[off:min(off+32, int64(len(n.out)))])
}

// text stands for the text at address a that ends with a zero.
func (n *normal) text(a int64) uint32 {
	off, ok := n.image.offset(a)
	if !ok {
		return 0
	}
	return n.textAt(off)
}

// textAt is text for a place in the file.
func (n *normal) textAt(off int64) uint32 {
	if off < 0 || off >= int64(len(n.b)) {
		return 0
	}
	b := n.b[off:min(off+256, int64(len(n.b)))]
	if i := slices.Index(b, 0); i >= 0 {
		b = b[:i]
	}
	return digest(b)
}
