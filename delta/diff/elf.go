package diff

import (
	"bytes"
	"encoding/binary"
)

const (
	elfHead    = 64 // bytes of an ELF header
	segHead    = 56 // bytes of a program header
	secHead    = 64 // bytes of a section header
	maxSegs    = 16 // segments that are looked at
	maxSecs    = 256
	maxNames   = 8 << 10 // bytes of their names
	maxName    = 32
	maxAddress = 1 << 40 // addresses above it are not looked at
)

// span is n bytes of a file at off, which stand at address va when it runs,
// and mem bytes there.
type span struct {
	off, va, n, mem int64
	exec            bool
}

// image is what is known of a file that a system would load: a 64-bit ELF file
// of little endian.
type image struct {
	machine int
	segs    []span
	secs    []section
	heads   [4][2]int // ranges of the ELF, program and section headers, and of the names of sections
}

// section is one section of an ELF file.
type section struct {
	name              string
	kind, flags       int
	off, va, n, entry int64
}

// isELF reports whether b begins as a file that parseImage understands.
func isELF(b []byte) bool {
	return len(b) >= elfHead && string(b[:6]) == "\x7fELF\x02\x01"
}

// headRanges returns where the headers of the ELF file b are. Ranges that are
// not in b are empty.
func headRanges(b []byte) (r [3][2]int) {
	r[0] = [2]int{0, elfHead}
	le := binary.LittleEndian
	r[1] = headRange(b, signed64(b[32:]), segHead, int(le.Uint16(b[54:])), min(int(le.Uint16(b[56:])), maxSegs))
	r[2] = headRange(b, signed64(b[40:]), secHead, int(le.Uint16(b[58:])), min(int(le.Uint16(b[60:])), maxSecs))
	return r
}

// namesRange returns where the names of the sections of the ELF file b are.
func namesRange(b []byte) [2]int {
	le := binary.LittleEndian
	table, i := headRanges(b)[2], int(le.Uint16(b[62:]))
	p := table[0] + i*secHead
	if p >= table[1] {
		return [2]int{}
	}
	off, n := signed64(b[p+24:]), signed64(b[p+32:])
	if off < elfHead || n < 0 || n > maxNames || off > int64(len(b))-n {
		return [2]int{}
	}
	return [2]int{int(off), int(off + n)}
}

func headRange(b []byte, off int64, want, size, n int) [2]int {
	if size != want || off < elfHead || off > int64(len(b)-size*n) {
		return [2]int{}
	}
	return [2]int{int(off), int(off) + size*n}
}

// A dump of the classes of a Java machine begins with this, has one page of
// headers, and is loaded at this address if it can be.
const (
	dumpMagic   = 0xf00baba2
	dumpHead    = 0x1000
	dumpAddress = 0x800000000
)

// isDump reports whether b is a dump of a Java machine.
func isDump(b []byte) bool {
	return len(b) > dumpHead && binary.LittleEndian.Uint32(b) == dumpMagic
}

// parse makes m the image of b, for which isELF or isDump holds.
func (m *image) parse(b []byte) {
	if !isELF(b) {
		m.parseDump(len(b))
		return
	}
	le := binary.LittleEndian
	m.machine = int(le.Uint16(b[18:]))
	r := headRanges(b)
	m.heads = [4][2]int{r[0], r[1], r[2], namesRange(b)}
	m.segs, m.secs = m.segs[:0], m.secs[:0]
	for p := m.heads[1][0]; p < m.heads[1][1]; p += segHead {
		s := span{off: signed64(b[p+8:]), va: signed64(b[p+16:]), n: signed64(b[p+32:]), mem: signed64(b[p+40:])}
		s.exec = b[p+4]&1 != 0
		if le.Uint32(b[p:]) == 1 && s.valid(int64(len(b))) {
			m.segs = append(m.segs, s)
		}
	}
	for p := m.heads[2][0]; p < m.heads[2][1]; p += secHead {
		m.secs = append(m.secs, section{
			name: m.name(b, int(le.Uint32(b[p:]))), kind: int(le.Uint32(b[p+4:])), flags: int(le.Uint32(b[p+8:])),
			va: signed64(b[p+16:]), off: signed64(b[p+24:]), n: signed64(b[p+32:]), entry: signed64(b[p+56:]),
		})
	}
}

// name returns the name at place i of the names of sections.
func (m *image) name(b []byte, i int) string {
	names := b[m.heads[3][0]:m.heads[3][1]]
	if i >= len(names) {
		return ""
	}
	n := bytes.IndexByte(names[i:min(len(names), i+maxName)], 0)
	return string(names[i : i+max(n, 0)])
}

// parseDump makes m the image of a dump of size bytes.
func (m *image) parseDump(size int) {
	n := int64(size - dumpHead)
	*m = image{segs: append(m.segs[:0], span{off: dumpHead, va: dumpAddress, n: n, mem: n}), secs: m.secs[:0]}
}

// valid reports whether s lies in a file of size bytes and at addresses that
// are looked at.
func (s *span) valid(size int64) bool {
	return s.off >= 0 && s.n >= 0 && s.off <= size && s.n <= size-s.off &&
		s.va >= 0 && s.va < maxAddress && s.mem >= s.n && s.mem < maxAddress
}

// offset returns where in the file the byte at address va is.
func (m *image) offset(va int64) (int64, bool) {
	for i := range m.segs {
		s := &m.segs[i]
		if d := va - s.va; d >= 0 && d < s.n {
			return s.off + d, true
		}
	}
	return 0, false
}

// address returns the address of the byte at off of the file.
func (m *image) address(off int64) (int64, bool) {
	for i := range m.segs {
		s := &m.segs[i]
		if d := off - s.off; d >= 0 && d < s.n {
			return s.va + d, true
		}
	}
	return 0, false
}

// isAddress reports whether a is an address of the program.
func (m *image) isAddress(a int64) bool {
	for i := range m.segs {
		if s := &m.segs[i]; a >= s.va && a < s.va+s.mem {
			return true
		}
	}
	return false
}
