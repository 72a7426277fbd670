package recipe

import (
	"encoding/binary"
	"math/bits"
)

const (
	zsMagic     = 0xfd2fb528
	zsSkippable = 0x184d2a50 // and the 15 numbers after it
)

// A zsHeader is what stands before the blocks of a member: skippable frames,
// and the header of the frame that holds the blocks.
type zsHeader struct {
	size     int   // bytes
	window   int64 // bytes, as declared; 0 if the frame is a single segment
	content  int64 // bytes of plain text, as declared; -1 if they are not
	checksum bool  // follows the blocks
}

// parseZsHeader reads the header that b begins with, and reports whether there
// is one that an encoder of this package may have written.
func parseZsHeader(b []byte) (h zsHeader, ok bool) {
	n := 0
	for len(b)-n >= 8 && isSkippable(binary.LittleEndian.Uint32(b[n:])) {
		size := int64(binary.LittleEndian.Uint32(b[n+4:])) + 8
		if size > int64(len(b)-n) {
			return h, false
		}
		n += int(size)
	}
	if len(b)-n < 5 || binary.LittleEndian.Uint32(b[n:]) != zsMagic {
		return h, false
	}
	const (
		dictionary = 3
		checksum   = 1 << 2
		reserved   = 3 << 3
		single     = 1 << 5
	)
	flags := b[n+4]
	n += 5
	if flags&(dictionary|reserved) != 0 {
		return h, false
	}
	h.checksum = flags&checksum != 0
	h.content = -1
	if flags&single == 0 {
		if len(b) == n || b[n]&7 != 0 || b[n]>>3 > 13 {
			return h, false // no power of two, or above zsMaxReach
		}
		h.window = 1 << (10 + b[n]>>3)
		n++
	}
	size := 1 << (flags >> 6) // of the declared size
	if flags>>6 == 0 && flags&single == 0 {
		h.size = n
		return h, true
	}
	if len(b)-n < size {
		return h, false
	}
	var v [8]byte
	copy(v[:], b[n:n+size])
	u := binary.LittleEndian.Uint64(v[:])
	if size == 2 {
		u += 256
	}
	if u > maxPlain {
		return h, false
	}
	h.content = int64(u)
	h.size = n + size
	return h, true
}

func isSkippable(magic uint32) bool { return magic&^15 == zsSkippable }

// reach returns the distance below which matches are when a level is used to
// write frames with this header: the window, unless the declared size says that
// it has been made to fit.
func (h *zsHeader) reach(level int) int {
	if h.content < 0 && h.window >= 1<<10 {
		return int(h.window)
	}
	if level == zsFastest {
		return zsMaxReach / 2
	}
	return zsMaxReach
}

// zsCuts say where a frame has other blocks than full ones and a shorter one at
// the end, which may be empty. Each cut is a number of full blocks and the size
// of the block after them; a full block as the last cut is the last one of the
// frame.
type zsCuts [][2]int64

// appendTo appends the binary form of c.
func (c zsCuts) appendTo(b []byte) []byte {
	for _, cut := range c {
		b = appendNumber(appendNumber(b, cut[0]), cut[1])
	}
	return b
}

// parseZsCuts reads the cuts, all of b, of frames with blocks of this size,
// which hold from least to most bytes of plain text.
func parseZsCuts(b []byte, block, least, most int64) (zsCuts, error) {
	var c zsCuts
	p := parser{b: b}
	for len(p.b) > 0 {
		if len(c) > 0 && c[len(c)-1][1] == block {
			p.fail("cuts after the last")
			break
		}
		cut := [2]int64{p.number(max(least, 0) / block), p.number(block)}
		least -= cut[0]*block + cut[1]
		most -= cut[0]*block + cut[1]
		if least < 0 || cut[1] == block && most > 0 {
			p.fail("cuts are of other plain text")
		}
		c = append(c, cut)
	}
	return c, p.err
}

// blocks calls fn for each block of a frame with plain bytes of text.
func (c zsCuts) blocks(block, plain int64, fn func(size int, last bool) error) error {
	for _, cut := range c {
		for full := range cut[0] + 1 {
			size := block
			if full == cut[0] {
				size = cut[1]
			}
			plain -= size
			end := full == cut[0] && cut[1] == block
			if err := fn(int(size), end); err != nil || end {
				return err
			}
		}
	}
	for {
		size := min(plain, block)
		plain -= size
		if err := fn(int(size), size < block); err != nil || size < block {
			return err
		}
	}
}

// A zsRun is blocks of one size, one after another.
type zsRun struct{ size, n int64 }

// cutsOf returns the cuts for what the runs say of a frame.
func cutsOf(runs []zsRun, block int64) zsCuts {
	var c zsCuts
	full := int64(0)
	for i, r := range runs {
		last := i == len(runs)-1
		if r.size == block {
			full += r.n
			if last {
				c = append(c, [2]int64{full - 1, block})
			}
			continue
		}
		for k := range r.n {
			if !last || k < r.n-1 {
				c = append(c, [2]int64{full, r.size})
				full = 0
			}
		}
	}
	return c
}

// zsBlockSize returns what the size of the full blocks of a frame is likely to
// be.
func zsBlockSize(runs []zsRun, level int) int64 {
	size := int64(zsMaxBlock)
	if level == zsFastest {
		size /= 2
	}
	most := zsRun{}
	for _, r := range runs {
		if r.size > size {
			return zsMaxBlock
		}
		if r.n > most.n {
			most = r
		}
	}
	if most.n > 4 && most.size >= minBlock && most.size%minBlock == 0 && bits.OnesCount64(uint64(most.size)) == 1 {
		return most.size
	}
	return size
}
