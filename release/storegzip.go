package release

import (
	"encoding/binary"
	"hash/crc32"
)

const (
	// gzipHeader is that of RFC 1952 for deflate, without a time, a name and
	// a system.
	gzipHeader = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

	// maxStored is the length of the longest stored block of RFC 1951.
	maxStored = 1<<16 - 1 // bytes
)

// storeGzip returns b as a gzip stream of stored blocks, so without
// compression.
func storeGzip(b []byte) []byte {
	out := make([]byte, 0, len(gzipHeader)+len(b)+5*(len(b)/maxStored+1)+8)
	out = append(out, gzipHeader...)
	for rest := b; ; {
		n := min(len(rest), maxStored)
		final := byte(0)
		if n == len(rest) {
			final = 1
		}
		out = append(out, final)
		out = binary.LittleEndian.AppendUint16(out, uint16(n))
		out = binary.LittleEndian.AppendUint16(out, ^uint16(n))
		out = append(out, rest[:n]...)
		rest = rest[n:]
		if final == 1 {
			break
		}
	}
	out = binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(b))
	return binary.LittleEndian.AppendUint32(out, uint32(len(b))) //nolint:gosec // RFC 1952 wants it modulo 2^32
}
