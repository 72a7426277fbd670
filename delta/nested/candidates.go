package nested

import (
	"bytes"
	"encoding/binary"
)

// A candidate is where a stream seems to stand. Its end is 0 if it is not
// known.
type candidate struct{ start, end int }

const (
	gzipMagic    = "\x1f\x8b\x08"
	localMagic   = "PK\x03\x04"
	centralMagic = "PK\x01\x02"
	endMagic     = "PK\x05\x06"

	localSize   = 30
	centralSize = 46
	endSize     = 22
	deflated    = 8
)

// candidates lists where streams seem to stand in b, in order.
func (*Opener) candidates(b []byte) []candidate {
	if len(b) < leastSize {
		return nil
	}
	if string(b[:3]) == gzipMagic {
		if n := gzipHeader(b); n > 0 {
			return []candidate{{n, 0}}
		}
		return nil
	}
	if cs := elfSections(b); len(cs) > 0 {
		return cs
	}
	if string(b[:4]) == localMagic || zipEnd(b) >= 0 {
		return zipMembers(b)
	}
	return nil
}

// gzipHeader returns the size of the header that b begins with, or 0.
func gzipHeader(b []byte) int {
	n, flags := 10, b[3]
	if flags&4 != 0 {
		if len(b) < n+2 {
			return 0
		}
		n += 2 + int(binary.LittleEndian.Uint16(b[n:]))
	}
	for _, bit := range [...]byte{8, 16} {
		if flags&bit == 0 {
			continue
		}
		if n > len(b) {
			return 0
		}
		i := bytes.IndexByte(b[n:], 0)
		if i < 0 {
			return 0
		}
		n += i + 1
	}
	if flags&2 != 0 {
		n += 2
	}
	if n >= len(b) {
		return 0
	}
	return n
}

// zipEnd returns where the record stands that ends a zip file, or -1.
func zipEnd(b []byte) int {
	if n := len(b) - endSize; n >= 0 && string(b[n:n+4]) == endMagic {
		return n
	}
	return -1
}

// zipMembers lists the deflated members of the zip file b, and of those that
// are stored in it.
func zipMembers(b []byte) []candidate {
	var cs []candidate
	sizes := centralSizes(b)
	for at := 0; ; {
		i := bytes.Index(b[at:], []byte(localMagic))
		if i < 0 || at+i+localSize > len(b) {
			return cs
		}
		at += i
		h := b[at:]
		start := at + localSize + int(binary.LittleEndian.Uint16(h[26:])) + int(binary.LittleEndian.Uint16(h[28:]))
		size, known := sizes[at]
		if n := int(binary.LittleEndian.Uint32(h[18:])); !known && h[6]&8 == 0 && n > 0 {
			size, known = n, true
		}
		method := binary.LittleEndian.Uint16(h[8:])
		at += len(localMagic)
		if method != deflated || start >= len(b) || known && size > len(b)-start {
			continue
		}
		c := candidate{start: start}
		at = start
		if known {
			c.end = start + size
			at = c.end
		}
		cs = append(cs, c)
	}
}

// centralSizes returns the compressed sizes that the directory at the end of b
// gives, by the offsets of the members.
func centralSizes(b []byte) map[int]int {
	end := zipEnd(b)
	if end < 0 {
		return nil
	}
	le := binary.LittleEndian
	size, off := int(le.Uint32(b[end+12:])), int(le.Uint32(b[end+16:]))
	at := end - size
	shift := at - off // what stands before the zip file
	if at < 0 || shift < 0 {
		return nil
	}
	sizes := make(map[int]int)
	for at+centralSize <= end && string(b[at:at+4]) == centralMagic {
		h := b[at:]
		sizes[shift+int(le.Uint32(h[42:]))] = int(le.Uint32(h[20:]))
		at += centralSize + int(le.Uint16(h[28:])) + int(le.Uint16(h[30:])) + int(le.Uint16(h[32:]))
	}
	return sizes
}

const (
	elfMagic      = "\x7fELF\x02\x01" // of 64 bits, the lowest byte first
	elfHeader     = 64
	elfSection    = 64
	elfCompressed = 0x800
	elfZlib       = 1
	elfChdr       = 24
)

// elfSections lists the compressed sections of b.
func elfSections(b []byte) []candidate {
	if len(b) < elfHeader || string(b[:6]) != elfMagic {
		return nil
	}
	le := binary.LittleEndian
	off, size, n := le.Uint64(b[40:]), le.Uint16(b[58:]), int(le.Uint16(b[60:]))
	if size != elfSection || off > uint64(len(b)) || n > (len(b)-int(off))/elfSection { //nolint:gosec // below len(b)
		return nil
	}
	var cs []candidate
	for i := range n {
		h := b[int(off)+i*elfSection:] //nolint:gosec // below len(b)
		at, length := le.Uint64(h[24:]), le.Uint64(h[32:])
		if le.Uint64(h[8:])&elfCompressed == 0 || length < elfChdr+leastSize || at > uint64(len(b)) || length > uint64(len(b))-at {
			continue
		}
		if le.Uint32(b[at:]) != elfZlib {
			continue
		}
		start := int(at) + elfChdr + 2 //nolint:gosec // below len(b)
		end := int(at + length - 4)    //nolint:gosec // below len(b)
		if k := len(cs); k == 0 || start >= cs[k-1].end {
			cs = append(cs, candidate{start, end})
		}
	}
	return cs
}
