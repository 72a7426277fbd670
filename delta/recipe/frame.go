package recipe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/adler32"
	"hash/crc32"
	"io"
)

// maxHeader is the longest header of a member that a recipe keeps. It bounds
// what Find reads of one that does not end.
const maxHeader = 64 << 10

// The flags of a gzip header.
const (
	gzipCRC     = 1 << 1
	gzipExtra   = 1 << 2
	gzipName    = 1 << 3
	gzipComment = 1 << 4
)

// readHeader returns the raw header of the member at off.
func readHeader(src io.ReaderAt, off, size int64, frame Frame) ([]byte, error) {
	if frame == Raw {
		return nil, nil
	}
	b := make([]byte, min(maxHeader, size-off))
	if n, err := src.ReadAt(b, off); n < len(b) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("reading compressed bytes: %w", err)
	}
	n := zlibHeader(b)
	if frame == Gzip {
		n = gzipHeader(b)
	}
	if n == 0 {
		return nil, &FormatError{"header", fmt.Sprintf("bytes at %d are no %s header of at most %d bytes", off, frame, maxHeader)}
	}
	return bytes.Clone(b[:n]), nil
}

// isGzip reports whether b begins as a member of a gzip file does.
func isGzip(b []byte) bool { return len(b) >= 3 && b[0] == 0x1f && b[1] == 0x8b && b[2] == 8 }

// isZstd reports whether b begins as a frame of zstd does, or a skippable one.
func isZstd(b []byte) bool {
	if len(b) < 4 {
		return false
	}
	magic := binary.LittleEndian.Uint32(b)
	return magic == 0xfd2fb528 || magic&^15 == 0x184d2a50
}

// gzipHeader returns the length of the header that b begins with, or 0.
func gzipHeader(b []byte) int {
	const reserved = 0xe0
	if !isGzip(b) || len(b) < 10 || b[3]&reserved != 0 {
		return 0
	}
	n := 10
	if b[3]&gzipExtra != 0 {
		if len(b) < n+2 {
			return 0
		}
		n += 2 + int(binary.LittleEndian.Uint16(b[n:]))
	}
	for _, text := range []byte{gzipName, gzipComment} {
		if b[3]&text == 0 {
			continue
		}
		end := bytes.IndexByte(b[min(n, len(b)):], 0)
		if end < 0 {
			return 0
		}
		n += end + 1
	}
	if b[3]&gzipCRC != 0 {
		n += 2
	}
	if n > len(b) {
		return 0
	}
	return n
}

// zlibHeader returns 2 if b begins with a header of RFC 1950 that has no
// preset dictionary, else 0.
func zlibHeader(b []byte) int {
	if len(b) < 2 || b[0]&15 != 8 || b[0]>>4 > 7 || b[1]&0x20 != 0 || (int(b[0])<<8|int(b[1]))%31 != 0 {
		return 0
	}
	return 2
}

// A trailer takes the plain text of a member and makes what follows its
// deflate stream.
type trailer struct {
	frame Frame
	sum   hash.Hash32
	size  uint32
}

func newTrailer(frame Frame) trailer {
	t := trailer{frame: frame}
	switch frame {
	case Gzip:
		t.sum = crc32.NewIEEE()
	case Zlib:
		t.sum = adler32.New()
	case Raw, Zstd, Stored:
	}
	return t
}

func (t *trailer) write(p []byte) {
	if t.sum != nil {
		_, _ = t.sum.Write(p)    // never fails
		t.size += uint32(len(p)) //nolint:gosec // the format keeps the size modulo 1<<32
	}
}

// Write is write, as io.Writer has it.
func (t *trailer) Write(p []byte) (int, error) {
	t.write(p)
	return len(p), nil
}

func (t *trailer) bytes() []byte {
	switch t.frame {
	case Gzip:
		b := binary.LittleEndian.AppendUint32(nil, t.sum.Sum32())
		return binary.LittleEndian.AppendUint32(b, t.size)
	case Zlib:
		return binary.BigEndian.AppendUint32(nil, t.sum.Sum32())
	case Raw, Zstd, Stored:
	}
	return nil
}
