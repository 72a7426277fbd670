package diff

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
)

// program is a made-up ELF file with one of everything that is guessed:
// functions that call each other and load data, pointers to them, tables of
// jumps, of unwinding, of relocations and of symbols, and Go's own tables. In
// each release other functions are longer.
type program struct {
	b       []byte
	secs    []section
	starts  []int
	sizes   []int
	release int
}

const (
	programFuncs = 120
	programText  = 0x1000
	programVA    = 0x400000 // of the start of the file
)

func elfFile(release int) []byte { return elfProgram(release, machineX86) }

func elfProgram(release, machine int) []byte {
	p := program{release: release, b: make([]byte, programText)}
	p.functions(machine)
	text := len(p.b)
	p.add(".text", programText, text)
	p.pad(0x1000)
	data := len(p.b)
	p.pointers()
	p.rodata()
	p.unwinding()
	p.goTables()
	p.symbols()
	p.header(machine, text, data)
	return p.b
}

// add notes a section that is what stands from start to end.
func (p *program) add(name string, start, end int) {
	p.secs = append(p.secs, section{name: name, kind: 1, off: int64(start), va: int64(start + programVA), n: int64(end - start)})
}

func (p *program) pad(n int) {
	for len(p.b)%n != 0 {
		p.b = append(p.b, 0)
	}
}

func (p *program) word(v int)  { p.b = binary.LittleEndian.AppendUint32(p.b, uint32(v)) }
func (p *program) words(v int) { p.b = binary.LittleEndian.AppendUint64(p.b, uint64(v)) }

func (p *program) functions(machine int) {
	r := rand.New(rand.NewPCG(5, 5))
	le := binary.LittleEndian
	var bodies [][]byte
	at := programText
	for i := range programFuncs {
		b := noise(r.Uint64(), 40+4*r.IntN(50))
		for j := range b {
			b[j] &= 0x78 // no opcodes but those put in below
		}
		if i%17 == p.release {
			b = append(b, noise(uint64(i), 36)...)
		}
		bodies = append(bodies, b)
		p.starts, p.sizes = append(p.starts, at), append(p.sizes, len(b))
		at += (len(b) + 31) &^ 31
	}
	data := (at+0xfff)&^0xfff + 8*programFuncs // where tables of jumps begin
	for i, b := range bodies {
		to := func(at, k int) int { return p.starts[(i*7+k)%programFuncs] - p.starts[i] - at }
		if machine == machineARM64 {
			le.PutUint32(b[8:], withBranch(0x94000000, int64(to(8, 1))))
			w, next := withPair(0x90000003, 0x91000063, 0, int64(p.starts[i]+16+programVA), int64(data+8*i+programVA))
			le.PutUint32(b[16:], w)
			le.PutUint32(b[20:], next)
		} else {
			copy(b, []byte{0x48, 0x8d, 0x05})
			le.PutUint32(b[3:], uint32(data+24*(i/5)-p.starts[i]-7))
			for at := 10; at < 40; at += 10 {
				b[at] = 0xe8
				le.PutUint32(b[at+1:], uint32(to(at+5, at)))
			}
		}
		p.b = append(p.b, b...)
		for len(p.b)%32 != 0 {
			p.b = append(p.b, 0xcc)
		}
	}
}

func (p *program) pointers() {
	for i := range programFuncs {
		p.words(p.starts[i*3%programFuncs] + programVA)
	}
}

// rodata holds tables of jumps of 6 entries, and then types of Go.
func (p *program) rodata() {
	start := len(p.b)
	for i := range programFuncs / 5 {
		table := len(p.b)
		for k := range 6 {
			p.word(p.starts[i*5+k%5] + 4*k - table)
		}
	}
	types := len(p.b)
	for i := range 20 {
		t := len(p.b)
		p.words(8)
		p.words(8)
		p.word(0x1234567 * (i + 1))
		p.b = append(p.b, 1, 8, 8, []byte{22, 20, 25, 2}[i%4]) // pointer, interface, struct, int
		p.words(0)
		p.words(types + programVA)
		p.word(100 + 30*i)
		p.word(0)
		for len(p.b)-t < max(kindSizes[[]int{22, 20, 25, 2}[i%4]], typeSize) {
			p.words(0)
		}
		if len(p.b)-t > typeSize {
			binary.LittleEndian.PutUint64(p.b[t+48:], uint64(types+programVA))
		}
		p.word(40)
		p.word(1) // one method
		p.word(16)
		p.word(0)
		for _, v := range []int{50, 60, p.starts[i] - programText, p.starts[i+1] - programText} {
			p.word(v)
		}
	}
	p.add(".rodata", start, len(p.b))
	links := len(p.b)
	for i := range 20 {
		p.word(types - start + 16*i)
	}
	p.add(".typelink", links, len(p.b))
	p.pad(8)
}

func (p *program) unwinding() {
	start := len(p.b)
	p.word(12)
	p.b = append(p.b, make([]byte, 12)...)
	var entries []int
	for i, s := range p.starts {
		entries = append(entries, len(p.b))
		p.word(20)
		p.word(len(p.b) - start)
		p.word(s - len(p.b))
		p.word(p.sizes[i])
		p.b = append(p.b, 4, 0, 0, 0, 0, 0, 0, 0)
	}
	p.word(0)
	p.add(".eh_frame", start, len(p.b))
	head := len(p.b)
	p.word(0x3b031b01)
	p.word(start - head - 4)
	p.word(programFuncs)
	for i, e := range entries {
		p.word(p.starts[i] - head)
		p.word(e - head)
	}
	p.add(".eh_frame_hdr", head, len(p.b))
	p.pad(8)
	relocs := len(p.b)
	for i := range programFuncs {
		p.words(programVA + relocs + 8*i)
		p.words(relocRelative)
		p.words(p.starts[i] + programVA)
	}
	p.add(".rela.dyn", relocs, len(p.b))
}

func (p *program) goTables() {
	start := len(p.b)
	var names, units, files, pcs []byte
	for i := range programFuncs {
		names = fmt.Appendf(names, "main.function%d\x00", i*i)
		files = fmt.Appendf(files, "file%d.go\x00", i)
		pcs = append(pcs, noise(uint64(i), 5+i%7)...)
	}
	for i := range 30 {
		units = binary.LittleEndian.AppendUint32(units, uint32(4*i))
	}
	p.word(pclnMagic)
	p.b = append(p.b, 0, 0, 1, 8)
	at := pclnHead
	for _, v := range []int{programFuncs, 30, 0} {
		p.words(v)
	}
	for _, part := range [][]byte{names, units, files, pcs} {
		p.words(at)
		at += len(part)
	}
	p.words(at)
	p.b = append(p.b, bytes.Join([][]byte{names, units, files, pcs}, nil)...)
	const record = 44 + 4 + 16
	for i, s := range p.starts {
		p.word(s - programText)
		p.word(8*programFuncs + record*i)
	}
	for i, s := range p.starts {
		for _, v := range []int{s - programText, 14 * i, 0, 0, 5 * i, 6 * i, 7 * i, 1, i % 9, 40 + i, 4 << 24, 3 * i, -1, 8 * i, -1, 16 * i} {
			p.word(v)
		}
	}
	gofunc := len(p.b)
	for i := range programFuncs {
		for _, v := range []int{2, 14 * (i % 9), 30, 90 + i} { // what was inlined
			p.word(v)
		}
	}
	p.add(".gopclntab", start, len(p.b))
	p.pad(8)
	module := len(p.b)
	ro := int(p.secs[1].off) + programVA
	for _, v := range []int{0, 0, ro, ro + 4000, ro, gofunc + programVA} {
		p.words(v)
	}
	p.add(".go.module", module, len(p.b))
}

func (p *program) symbols() {
	p.pad(8)
	start := len(p.b)
	for i, s := range p.starts {
		p.word(7 * i)
		p.word(2)
		p.words(s + programVA)
		p.words(p.sizes[i])
	}
	p.add(".symtab", start, len(p.b))
	names := len(p.b)
	for i := range programFuncs {
		p.b = fmt.Appendf(p.b, "sym%03d\x00", i*7%programFuncs)
	}
	p.add(".strtab", names, len(p.b))
	names = len(p.b)
	p.b = append(p.b, 0)
	for _, s := range p.secs {
		p.b = append(append(p.b, s.name...), 0)
	}
	p.add("", names, len(p.b))
	p.pad(8)
}

// header writes the ELF header, two program headers and the section headers.
func (p *program) header(machine, text, data int) {
	le := binary.LittleEndian
	end, b := len(p.b), p.b
	copy(b, "\x7fELF\x02\x01\x01")
	le.PutUint16(b[16:], 2)
	le.PutUint16(b[18:], uint16(machine))
	le.PutUint64(b[32:], elfHead)
	le.PutUint64(b[40:], uint64(end))
	for i, v := range []int{elfHead, segHead, 2, secHead, len(p.secs), len(p.secs) - 1} {
		le.PutUint16(b[52+2*i:], uint16(v))
	}
	for i, s := range [2][3]int{{5, programText, text}, {6, data, end}} {
		h := b[elfHead+segHead*i:]
		le.PutUint32(h, 1)
		le.PutUint32(h[4:], uint32(s[0]))
		for k, v := range []int{s[1], s[1] + programVA, s[1] + programVA, s[2] - s[1], s[2] - s[1] + i*0x2000} {
			le.PutUint64(h[8+8*k:], uint64(v))
		}
	}
	for i, s := range p.starts { // each loads something that is not in the file
		if machine == machineX86 {
			copy(b[s+34:], []byte{0x8b, 0x05})
			le.PutUint32(b[s+36:], uint32(end+40*(i*31%97)-s-40))
		}
	}
	name := 1
	for i, s := range p.secs {
		if i == len(p.secs)-1 {
			name = 0
		}
		p.word(name)
		p.word(1)
		for _, v := range []int64{2, s.va, s.off, s.n, 0, 8, 0} {
			p.words(int(v))
		}
		name += len(s.name) + 1
	}
}
