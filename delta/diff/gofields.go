package diff

import (
	"encoding/binary"
	"math"
	"slices"
)

const (
	pclnMagic = 0xfffffff1 // Go 1.20 and later
	pclnHead  = 72
)

// pcln adds the fields of Go's table of functions.
func (f *fields) pcln(m *image, b []byte) {
	s, t := m.section(".gopclntab", b)
	le := binary.LittleEndian
	if s == nil || len(t) < pclnHead || le.Uint32(t) != pclnMagic || t[7] != 8 {
		return
	}
	head := func(i int) int64 { return signed64(t[8+8*i:]) }
	funcs, table := head(0), head(7)
	if table < 0 || table > s.n || funcs < 0 || funcs > (s.n-table)/8 {
		return
	}
	for i, k := range [...]int{fromNames, fromUnits, fromFiles, fromPC, fromFuncs} {
		f.bases[k] = s.va + head(3+i)
	}
	for at := head(4); at >= 0 && at+4 <= min(head(5), s.n); at += 4 {
		f.add(int(s.off+at), fromFiles)
	}
	if x, _ := m.section(".text", b); x != nil {
		f.bases[fromText] = x.va
	}
	f.inlined = f.inlined[:0]
	start, end := int(s.off), 0
	for i := range int(funcs) {
		at := int(table) + 8*i
		f.add(start+at, fromText)
		f.add(start+at+4, fromFuncs)
	}
	for i := range int(funcs) {
		if e := int(table) + int(le.Uint32(t[int(table)+8*i+4:])); e >= end && e+44 <= len(t) {
			end = f.function(start, e, t)
		}
	}
	f.inlines(m, b)
}

const (
	inlineTree  = 3  // the data of a function that says what was inlined
	inlineSize  = 16 // bytes of one entry
	maxInlineID = 32
)

// inlines adds the fields of the entries of the trees of inlined calls. How
// long a tree is, is not said; it ends where its entries look like none.
func (f *fields) inlines(m *image, b []byte) {
	slices.Sort(f.inlined)
	for i, v := range slices.Compact(f.inlined) {
		off, ok := m.offset(f.bases[fromGofunc] + v)
		if !ok {
			continue
		}
		end := int64(len(b))
		if i+1 < len(f.inlined) && f.inlined[i+1] > v {
			end = min(end, off+f.inlined[i+1]-v)
		}
		for ; off+inlineSize <= end && f.isInline(m, b, int(off)); off += inlineSize {
			f.add(int(off)+4, fromNames)
			f.add(int(off)+12, fromLine)
		}
	}
}

// isInline reports whether an entry of a tree of inlined calls is at off of b.
func (f *fields) isInline(m *image, b []byte, off int) bool {
	e := b[off : off+inlineSize]
	line := signed32(e[12:])
	if e[0] > maxInlineID || e[1]|e[2]|e[3] != 0 || line < 0 || line > 1<<20 || signed32(e[8:]) < 0 {
		return false
	}
	name, ok := m.offset(f.bases[fromNames] + signed32(e[4:]))
	return ok && name > 0 && b[name-1] == 0 && b[name] > ' '
}

// function adds the fields of the function that t describes at e and returns
// where they end.
func (f *fields) function(start, e int, t []byte) int {
	f.add(start+e, fromText)
	f.add(start+e+4, fromNames)
	f.add(start+e+16, fromPC)
	f.add(start+e+20, fromPC)
	f.add(start+e+24, fromPC)
	f.add(start+e+32, fromUnits)
	f.add(start+e+36, fromLine)
	tables, at := int(binary.LittleEndian.Uint32(t[e+28:])), e+44
	for ; tables > 0 && at+4 <= len(t); tables-- {
		f.add(start+at, fromPC)
		at += 4
	}
	for i := 0; i < int(t[e+43]) && at+4 <= len(t); i++ {
		f.add(start+at, fromGofunc)
		if v := int64(binary.LittleEndian.Uint32(t[at:])); i == inlineTree && v != math.MaxUint32 {
			f.inlined = append(f.inlined, v)
		}
		at += 4
	}
	return at
}

// module learns from Go's description of the module where types and the data
// of functions begin: it has the words types, end of types, read-only data and
// data of functions one after another.
func (f *fields) module(m *image, b []byte) {
	_, t := m.section(".go.module", b)
	ro, _ := m.section(".rodata", b)
	if t == nil || ro == nil {
		return
	}
	for i := 0; i+32 <= len(t); i += 8 {
		types, end, read, data := signed64(t[i:]), signed64(t[i+8:]), signed64(t[i+16:]), signed64(t[i+24:])
		if _, ok := m.offset(data); ok && types > 0 && types < end && read == ro.va {
			f.bases[fromTypes], f.bases[fromGofunc] = types, data // the last ones that fit
		}
	}
}

// types adds the fields of Go's descriptions of types.
func (f *fields) types(m *image, b []byte) {
	r, t := m.section(".rodata", b)
	if r == nil {
		return
	}
	links, lt := m.section(".typelink", b)
	if links == nil {
		return
	}
	for i := 0; i+4 <= len(lt); i += 4 {
		f.add(int(links.off)+i, fromTypes)
	}
	for p := 0; p+typeSize <= len(t) && !f.full(); p += 8 {
		if m.isType(t[p:], r) {
			f.oneType(r, t, p)
		}
	}
}

const (
	typeSize      = 48 // bytes of what all types have
	uncommonSize  = 16
	kindInterface = 20
	maxMethods    = 1 << 12
)

// kindSizes says how long the description of a type of each kind is.
var kindSizes = [32]int{17: 72, 18: 64, 19: 56, 20: 80, 21: 112, 22: 56, 23: 56, 25: 80}

// isType reports whether t, which is in section r, begins as the description
// of a type does.
func (m *image) isType(t []byte, r *section) bool {
	size, pointers := signed64(t), signed64(t[8:])
	flags, align, fieldAlign, kind := t[20], t[21], t[22], t[23]&31
	if size < 0 || pointers < 0 || pointers > size || flags > 127 || kind == 0 || kind > 26 {
		return false
	}
	if align == 0 || align > 8 || align&(align-1) != 0 || fieldAlign != align {
		return false
	}
	equal, gcdata := signed64(t[24:]), signed64(t[32:])
	return (equal == 0 || equal >= r.va && equal < r.va+r.n) && gcdata >= 0 &&
		binary.LittleEndian.Uint32(t[16:]) != 0 && int64(binary.LittleEndian.Uint32(t[40:])) < r.n
}

// oneType adds the fields of the type that t describes at p.
func (f *fields) oneType(r *section, t []byte, p int) {
	start, le := int(r.off), binary.LittleEndian
	f.add(start+p+40, fromTypes)
	f.add(start+p+44, fromTypes)
	kind := t[p+23] & 31
	if kind == kindInterface && p+80 <= len(t) {
		at, n := signed64(t[p+56:])-r.va, signed64(t[p+64:])
		if at >= 0 && n >= 0 && n < maxMethods && at <= int64(len(t))-8*n {
			for i := range int(2 * n) {
				f.add(start+int(at)+4*i, fromTypes)
			}
		}
	}
	u := p + max(kindSizes[kind], typeSize)
	if t[p+20]&1 == 0 || u+uncommonSize > len(t) || le.Uint32(t[u+12:]) != 0 {
		return
	}
	f.add(start+u, fromTypes)
	at, n := u+int(le.Uint32(t[u+8:])), int(le.Uint16(t[u+4:]))
	if n >= maxMethods || at > len(t)-16*n {
		return
	}
	for i := range n {
		f.add(start+at+16*i, fromTypes)
		f.add(start+at+16*i+4, fromTypes)
		f.add(start+at+16*i+8, fromText)
		f.add(start+at+16*i+12, fromText)
	}
}
