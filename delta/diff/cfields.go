package diff

import (
	"encoding/binary"
	"slices"
)

// frames adds the fields of the tables that C++ and others unwind the stack
// by.
func (f *fields) frames(m *image, b []byte) {
	le := binary.LittleEndian
	if s, t := m.section(".eh_frame", b); s != nil {
		for at := 0; at+12 <= len(t); {
			n := int(le.Uint32(t[at:]))
			if n < 4 || n > len(t)-at-4 {
				break
			}
			if le.Uint32(t[at+4:]) != 0 && n >= 13 {
				f.frame(int(s.off)+at, t[at:at+4+n])
			}
			at += 4 + n
		}
	}
	if s, t := m.section(".eh_frame_hdr", b); s != nil && len(t) >= 12 && le.Uint32(t) == 0x3b031b01 {
		f.bases[fromSection] = s.va
		f.add(int(s.off)+4, fromHere)
		for at := 12; at+4 <= len(t); at += 4 {
			f.add(int(s.off)+at, fromSection)
		}
	}
}

// frame adds the fields of t, which says at off how to unwind one function.
func (f *fields) frame(off int, t []byte) {
	f.add(off+4, fromBack)
	f.add(off+8, fromHere)
	f.add(off+12, sizeOfCode)
	if len(t) >= 21 && t[16] == 4 { // where its exceptions are handled
		f.add(off+17, fromHere)
	}
}

const relocSize = 24

// relocations adds the addresses that relocations are for.
func (f *fields) relocations(m *image, b []byte) {
	for _, name := range [...]string{".rela.dyn", ".rela.plt"} {
		s, t := m.section(name, b)
		if s == nil || s.off&7 != 0 {
			continue
		}
		for at := 0; at+relocSize <= len(t); at += relocSize {
			f.add(int(s.off)+at, fromReloc)
		}
	}
}

// jumps adds the fields of tables of jumps: numbers relative to the start of
// the table, which code loads the address of.
func (f *fields) jumps(m *image, b []byte) {
	if m.machine != machineX86 {
		return
	}
	f.tables = f.tables[:0]
	for _, s := range m.segs {
		if s.exec {
			f.loads(m, b, s)
		}
	}
	slices.Sort(f.tables)
	f.tables = slices.Compact(f.tables)
	for i, start := range f.tables {
		end := len(b)
		if i+1 < len(f.tables) {
			end = int(f.tables[i+1])
		}
		va, ok := m.address(int64(start))
		if !ok {
			continue
		}
		at := int(start)
		for at+4 <= end && at-int(start) < 4*maxJumps && !f.full() && m.inCode(va+signed32(b[at:])) {
			at += 4
		}
		if at-int(start) < 4*minJumps {
			continue
		}
		for p := int(start); p < at; p += 4 {
			f.list = append(f.list, field{off: i32(p), kind: fromTable, back: uint16((p - int(start)) / 4)}) //nolint:gosec // below maxJumps
		}
	}
}

const (
	minJumps = 4
	maxJumps = 1 << 12
)

// loads collects the places in data whose addresses the code in s loads.
func (f *fields) loads(m *image, b []byte, s span) {
	limit := len(b) / 64
	for i := int(s.off) + 3; i+4 <= int(s.off+s.n) && len(f.tables) < limit; i++ {
		if b[i-1]&0xC7 != 5 || b[i-2] != 0x8D || b[i-3]&0xFB != 0x48 {
			continue
		}
		a := s.va + int64(i+4) - s.off + signed32(b[i:])
		if off, ok := m.offset(a); ok && off&3 == 0 && !m.inCode(a) {
			f.tables = append(f.tables, i32(int(off)))
		}
	}
}

const symbolSize = 24

// symbols adds the fields of a table of symbols whose names are another
// section. They count from its place in the file, because it may have no
// address.
func (f *fields) symbols(m *image, b []byte, table, names string, kind uint8) {
	s, t := m.section(table, b)
	n, _ := m.section(names, b)
	if s == nil || n == nil || s.off&7 != 0 {
		return
	}
	f.bases[kind] = n.off
	for at := 0; at+symbolSize <= len(t); at += symbolSize {
		f.add(int(s.off)+at, kind)
		if t[at+4]&15 == 2 { // a function
			f.add(int(s.off)+at+16, sizeOfSymbol)
		}
	}
}
