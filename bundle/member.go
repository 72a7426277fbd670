package bundle

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

const (
	blockSize = 512

	// endSize is the zero blocks that end a volume.
	endSize = 2 * blockSize

	// maxMember is the largest content of one member: 11 octal digits.
	maxMember = 1<<33 - 1 // bytes
)

// padded returns n rounded up to whole blocks.
func padded(n int64) int64 { return (n + blockSize - 1) &^ (blockSize - 1) }

// memberSize returns the bytes that a member with n bytes of content takes in
// a volume.
func memberSize(n int64) int64 { return blockSize + padded(n) }

// memberHeader returns the one ustar header that a member of this name and
// size can have.
func memberHeader(name string, size int64) (h [blockSize]byte) {
	copy(h[0:100], name)
	copy(h[100:], "0000444\x00") // mode
	copy(h[108:], "0000000\x00") // uid
	copy(h[116:], "0000000\x00") // gid
	copy(h[124:], fmt.Sprintf("%011o\x00", size))
	copy(h[136:], "00000000000\x00") // mtime
	copy(h[148:], "        ")        // checksum, counted as spaces
	h[156] = '0'
	copy(h[257:], "ustar\x0000")
	copy(h[329:], "0000000\x00") // devmajor
	copy(h[337:], "0000000\x00") // devminor
	var sum int
	for _, b := range h {
		sum += int(b)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	return h
}

// parseMember returns name and size of a member from its header. Any block
// but the one that memberHeader makes of them is refused.
func parseMember(block *[blockSize]byte) (name string, size int64, err error) {
	name = string(block[:bytes.IndexByte(append(block[:99:99], 0), 0)])
	for _, c := range block[124:135] {
		if c < '0' || c > '7' {
			return "", 0, fmt.Errorf("member header: size is not 11 octal digits")
		}
		size = size<<3 | int64(c-'0')
	}
	if want := memberHeader(name, size); *block != want {
		return "", 0, fmt.Errorf("member header of %.80q is not canonical: differs at byte %d", name, commonPrefix(block[:], want[:]))
	}
	return name, size, nil
}

// isZero reports whether b is all zeros.
func isZero(b []byte) bool {
	for len(b) >= 8 {
		if binary.NativeEndian.Uint64(b) != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
