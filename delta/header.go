package delta

import (
	"bytes"
)

const (
	blockSize = 512

	// maxHead bounds the header part of an entry: extended headers that are
	// longer are no tar.
	maxHead = 1 << 20

	// maxTail is what may follow the last file of a tar and still count as
	// its end.
	maxTail = 64 << 10
)

// The fields of a tar header block that are of interest here.
var (
	fieldName   = [2]int{0, 100}
	fieldSize   = [2]int{124, 136}
	fieldSum    = [2]int{148, 156}
	fieldPrefix = [2]int{345, 500}
)

const (
	typeflagAt       = 156
	magicAt          = 257
	sparseMoreAt     = 482 // in the header of an old GNU sparse file
	sparseNextMoreAt = 504 // in a block that continues its map
)

// A headerReader reads the header part of one entry block by block: extended
// headers first, then the header of the file itself. What it accepts is part
// of the format of a patch.
type headerReader struct {
	size int64  // bytes of content, when done
	name []byte // of the file, when done and wanted

	named   bool  // whether name is wanted
	ext     byte  // typeflag of the extended header under way
	extData int64 // bytes of its data to come
	data    []byte
	paxSize int64 // from a pax header, or -1
	mapping bool  // blocks of a GNU sparse map follow
	long    []byte
}

func (h *headerReader) reset() {
	*h = headerReader{named: h.named, paxSize: -1, data: h.data[:0], name: h.name[:0]}
}

// block reads the next block of a header part. It reports whether the part is
// complete; ok is false if this is no tar.
func (h *headerReader) block(b []byte) (done, ok bool) {
	switch {
	case h.mapping:
		h.mapping = b[sparseNextMoreAt] != 0
		return !h.mapping, true
	case h.extData > 0:
		n := min(h.extData, blockSize)
		h.data = append(h.data, b[:n]...)
		if h.extData -= n; h.extData == 0 {
			return false, h.endExtended()
		}
		return false, true
	}
	return h.header(b)
}

func (h *headerReader) header(b []byte) (done, ok bool) {
	size, ok := parseSize(b[fieldSize[0]:fieldSize[1]])
	if !ok || !sumRight(b) {
		return false, false
	}
	switch t := b[typeflagAt]; t {
	case 'x', 'g', 'L', 'K':
		if size > maxHead {
			return false, false
		}
		h.ext, h.extData, h.data = t, size, h.data[:0]
		if size == 0 {
			return false, h.endExtended()
		}
		return false, true
	case '1', '2', '3', '4', '5', '6':
		h.size = 0
	default:
		h.size = size
		if h.paxSize >= 0 {
			h.size = h.paxSize
		}
		h.mapping = t == 'S' && b[sparseMoreAt] != 0
	}
	if h.named {
		h.setName(b)
	}
	return !h.mapping, true
}

// endExtended takes what matters from the data of an extended header.
func (h *headerReader) endExtended() bool {
	switch h.ext {
	case 'L':
		h.long = bytes.Clone(cutAtZero(h.data))
	case 'x':
		return h.pax(h.data)
	}
	return true
}

// pax reads the records of a pax header: "27 path=some/long/name\n".
func (h *headerReader) pax(b []byte) bool {
	for len(b) > 0 {
		n, i := 0, 0
		for ; i < len(b) && i < 7 && '0' <= b[i] && b[i] <= '9'; i++ {
			n = n*10 + int(b[i]-'0')
		}
		if i == 0 || i >= len(b) || b[i] != ' ' || n <= i+1 || n > len(b) || b[n-1] != '\n' {
			return false
		}
		key, value, found := bytes.Cut(b[i+1:n-1], []byte("="))
		if !found {
			return false
		}
		switch string(key) {
		case "path":
			h.long = bytes.Clone(value)
		case "size":
			v, ok := parseDecimal(value)
			if !ok {
				return false
			}
			h.paxSize = v
		}
		b = b[n:]
	}
	return true
}

func (h *headerReader) setName(b []byte) {
	h.name = h.name[:0]
	if len(h.long) > 0 {
		h.name = append(h.name, h.long...)
		return
	}
	if string(b[magicAt:magicAt+6]) == "ustar\x00" {
		if p := cutAtZero(b[fieldPrefix[0]:fieldPrefix[1]]); len(p) > 0 {
			h.name = append(append(h.name, p...), '/')
		}
	}
	h.name = append(h.name, cutAtZero(b[fieldName[0]:fieldName[1]])...)
}

func cutAtZero(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i]
	}
	return b
}

func parseDecimal(b []byte) (int64, bool) {
	var v int64
	for _, c := range b {
		if c < '0' || c > '9' || v > MaxPlain {
			return 0, false
		}
		v = v*10 + int64(c-'0')
	}
	return v, len(b) > 0 && v <= MaxPlain
}

// parseSize reads the size field: octal digits amid spaces and zeros, or, with
// the highest bit set, a binary number.
func parseSize(f []byte) (int64, bool) {
	if f[0]&0x80 != 0 {
		v := int64(f[0] & 0x7f)
		for _, c := range f[1:] {
			if v > MaxPlain {
				return 0, false
			}
			v = v<<8 | int64(c)
		}
		return v, v <= MaxPlain
	}
	return parseOctal(f)
}

func parseOctal(f []byte) (int64, bool) {
	f = bytes.Trim(f, " \x00")
	var v int64
	for _, c := range f {
		if c < '0' || c > '7' {
			return 0, false
		}
		v = v<<3 | int64(c-'0')
	}
	return v, v <= MaxPlain
}

// sumRight reports whether b holds its own checksum, of bytes without sign or,
// as some old programs made it, with.
func sumRight(b []byte) bool {
	want, ok := parseOctal(b[fieldSum[0]:fieldSum[1]])
	if !ok {
		return false
	}
	sum, high := blockSum(b)
	return want == sum || want == sum-high*256
}

// blockSum returns the sum of the bytes of a header block, its checksum field
// taken for spaces, and how many of them are above 127.
func blockSum(b []byte) (sum, high int64) {
	b = b[:blockSize]
	for _, c := range b {
		sum += int64(c)
		high += int64(c >> 7)
	}
	for _, c := range b[fieldSum[0]:fieldSum[1]] {
		sum -= int64(c) - ' '
		high -= int64(c >> 7)
	}
	return sum, high
}

// impliedSize returns the size of the content that follows the header part, or
// 0 if it is not the header part of a file.
func (h *headerReader) impliedSize(part []byte) int64 {
	h.reset()
	part = part[len(part)%blockSize:]
	for len(part) > 0 {
		done, ok := h.block(part[:blockSize])
		part = part[blockSize:]
		if !ok || done && len(part) > 0 {
			return 0
		}
		if done {
			return h.size
		}
	}
	return 0
}
