package delta

import (
	"bytes"
	"crypto/sha256"
	"math/bits"

	"github.com/airgap-ferry/ferry/bundle"
)

// A Table says what entries a plain text has: what outside must know of a layer
// to tell what a target has in common with it. It takes some 70 bytes per
// entry in memory and 45 in its binary form. A Table is not changed by the
// functions of this package and may be used concurrently.
type Table struct {
	Plain  int64         // bytes of plain text
	Digest bundle.Digest // of the plain text: a layer's diffID

	entries []entry
}

// An entry is one file of a plain text: header part, content, padding.
type entry struct {
	off    int64    // of the header part in the plain text
	size   int64    // bytes of content
	path   uint64   // hash of the path
	head   uint32   // bytes of header part
	base   uint32   // hash of the last part of the path
	stem   uint32   // the same without digits and punctuation
	digest [16]byte // the beginning of the content's SHA-256
	dirs   [4]uint16
}

// Len returns the number of entries.
func (t *Table) Len() int { return len(t.entries) }

// end returns where entry i ends in the plain text, padding and all.
func (t *Table) end(i int) int64 {
	if i+1 < len(t.entries) {
		return t.entries[i+1].off
	}
	return t.Plain
}

// content returns where the content of e begins.
func (e *entry) content() int64 { return e.off + int64(e.head) }

const tableMagic = "ferry table v1\n"

// MarshalBinary returns the binary form of t.
func (t *Table) MarshalBinary() ([]byte, error) {
	b := make([]byte, 0, len(tableMagic)+48+len(t.entries)*45)
	b = append(b, tableMagic...)
	b = appendNumber(b, t.Plain)
	sum := t.Digest.Sum()
	b = append(b, sum[:]...)
	b = appendNumber(b, len(t.entries))
	for i := range t.entries {
		b = t.appendEntry(b, i)
	}
	return b, nil
}

func (t *Table) appendEntry(b []byte, i int) []byte {
	e := &t.entries[i]
	b = appendNumber(b, int64(e.head))
	b = appendNumber(b, e.size)
	b = appendNumber(b, t.end(i)-e.content()-e.size)
	b = appendUint(b, e.path, 8)
	b = appendUint(b, uint64(e.base), 4)
	b = appendUint(b, uint64(e.stem), 4)
	for _, d := range e.dirs {
		b = appendUint(b, uint64(d), 2)
	}
	if e.size > 0 {
		b = append(b, e.digest[:]...)
	}
	return b
}

func appendUint(b []byte, v uint64, size int) []byte {
	for i := size - 1; i >= 0; i-- {
		b = append(b, byte(v>>(8*i))) //nolint:gosec // one byte of it
	}
	return b
}

// ParseTable returns the table that b holds, all of b. Input that
// MarshalBinary would not have written gives a [*FormatError].
func ParseTable(b []byte) (*Table, error) {
	p := parser{part: "table", b: b}
	if m := p.bytes(int64(len(tableMagic))); p.err == nil && string(m) != tableMagic {
		p.fail("not a table of version 1")
	}
	t := &Table{Plain: p.number(MaxPlain)}
	t.Digest = p.digest()
	const least = 3 + 8 + 4 + 4 + 8 // bytes of an entry without content
	n := p.number(int64(min(len(p.b)/least, maxEntries)))
	t.entries = make([]entry, 0, n)
	var off int64
	for range n {
		off = t.parseEntry(&p, off)
	}
	if p.err == nil && off != t.Plain {
		p.fail("entries of %d bytes in a plain text of %d", off, t.Plain)
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	return t, nil
}

// parseEntry reads the entry that begins at off and returns where it ends.
func (t *Table) parseEntry(p *parser, off int64) int64 {
	e := entry{off: off, head: uint32(p.number(maxHead + blockSize)), size: p.number(MaxPlain)} //nolint:gosec // within the limit
	pad := p.number(blockSize - 1)
	e.path = p.uint(8)
	e.base = uint32(p.uint(4)) //nolint:gosec // 4 bytes
	e.stem = uint32(p.uint(4)) //nolint:gosec // 4 bytes
	for i := range e.dirs {
		e.dirs[i] = uint16(p.uint(2)) //nolint:gosec // 2 bytes
	}
	if e.size > 0 {
		copy(e.digest[:], p.bytes(int64(len(e.digest))))
	}
	next := off + int64(e.head) + e.size + pad
	if p.err == nil && (next == off || next > t.Plain) {
		p.fail("entry of %d bytes at %d of %d", next-off, off, t.Plain)
	}
	t.entries = append(t.entries, e)
	return next
}

func (p *parser) uint(size int64) uint64 {
	var v uint64
	for _, c := range p.bytes(size) {
		v = v<<8 | uint64(c)
	}
	return v
}

func (p *parser) digest() bundle.Digest {
	var sum [sha256.Size]byte
	copy(sum[:], p.bytes(sha256.Size))
	return bundle.DigestFromSum(sum)
}

// setName notes what name says of the piece of a file.
func (e *entry) setName(name []byte) {
	name = bytes.TrimLeft(bytes.TrimPrefix(name, []byte("./")), "/")
	name = bytes.TrimRight(name, "/")
	e.path = hashName(name)
	dir, last := cutLast(name)
	e.base, e.stem = fold32(hashName(last)), fold32(hashStem(last))
	for i := range e.dirs {
		if len(dir) == 0 {
			break
		}
		dir, last = cutLast(dir)
		e.dirs[i] = uint16(fold32(hashStem(last)) >> 16)
	}
}

func cutLast(name []byte) (dir, last []byte) {
	if i := bytes.LastIndexByte(name, '/'); i >= 0 {
		return name[:i], name[i+1:]
	}
	return nil, name
}

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// hashName is FNV-1a.
func hashName(b []byte) uint64 {
	h := uint64(fnvOffset)
	for _, c := range b {
		h = (h ^ uint64(c)) * fnvPrime
	}
	return h
}

// hashStem is hashName without what changes from version to version.
func hashStem(b []byte) uint64 {
	h := uint64(fnvOffset)
	for _, c := range b {
		if '0' <= c && c <= '9' || c == '.' || c == '-' || c == '_' || c == '+' || c == '~' {
			continue
		}
		h = (h ^ uint64(c)) * fnvPrime
	}
	return h
}

func fold32(h uint64) uint32 { return uint32(h ^ bits.RotateLeft64(h, 32)) } //nolint:gosec // half of it
