package recipe

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// maxZstdWindow bounds the memory that a blob may ask for.
const maxZstdWindow = 128 << 20

// Plain returns the plain text of blob, and what the blob is made of: [Gzip] or
// [Zstd] as its first bytes say, else [Stored]. What follows the last member of
// a gzip file is left out, as it is no plain text; what follows a member is
// another one if it begins like one.
//
// The reader does not close blob. It is for one goroutine. Its errors wrap
// [io.ErrUnexpectedEOF] for a blob that ends early, and are a [*FormatError]
// for one of gzip that is damaged.
func Plain(blob io.Reader) (io.ReadCloser, Frame, error) {
	b := bufio.NewReaderSize(blob, inflateIn)
	head, err := b.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, fmt.Errorf("reading compressed bytes: %w", err)
	}
	switch {
	case isGzip(head):
		return newGzipReader(b), Gzip, nil
	case isZstd(head):
		d, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			return nil, 0, fmt.Errorf("reading zstd: %w", err)
		}
		return d.IOReadCloser(), Zstd, nil
	}
	return io.NopCloser(b), Stored, nil
}

// A sequential is an [io.ReaderAt] that is only read from front to back.
type sequential struct{ r io.Reader }

func (s sequential) ReadAt(p []byte, _ int64) (int, error) {
	n, err := io.ReadFull(s.r, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}

// A gzipReader reads the members of a gzip file.
type gzipReader struct {
	in    inflater
	sum   trailer
	begun bool // a member is under way
	first bool // and it is the first
	left  []byte
	err   error
}

func newGzipReader(r io.Reader) *gzipReader {
	z := &gzipReader{first: true}
	z.in.reset(sequential{r}, 0, endUnknown)
	return z
}

func (z *gzipReader) Close() error { return nil }

func (z *gzipReader) Read(p []byte) (int, error) {
	for len(z.left) == 0 && len(p) > 0 {
		if z.err == nil {
			z.err = z.more()
		}
		if z.err != nil && len(z.left) == 0 {
			return 0, z.err
		}
	}
	n := copy(p, z.left)
	z.left = z.left[n:]
	return n, nil
}

// more reads the next plain text into left, or a header, or a trailer.
func (z *gzipReader) more() error {
	if !z.begun {
		return z.begin()
	}
	b, err := z.in.next()
	if errors.Is(err, io.EOF) {
		return z.end()
	}
	z.sum.write(b)
	z.left = b
	return err
}

// begin reads the header of a member. What can't be one after the first member
// is the tail, and the end.
func (z *gzipReader) begin() error {
	var r byteCollector
	r.in = &z.in
	for n := range 3 {
		if !r.next(1) {
			if n == 0 && r.err == nil {
				return io.EOF
			}
			break
		}
	}
	if r.err == nil && !isGzip(r.b) {
		return io.EOF
	}
	r.gzipHeader()
	if r.err != nil {
		return r.err
	}
	if r.ended {
		return errTruncated
	}
	if gzipHeader(r.b) != len(r.b) {
		return &FormatError{"header", "bytes are no gzip header"}
	}
	z.sum = newTrailer(Gzip)
	z.begun = true
	z.in.nextStream()
	return nil
}

// end checks the trailer of a member.
func (z *gzipReader) end() error {
	z.begun = false
	z.in.align()
	r := byteCollector{in: &z.in}
	r.next(8)
	if r.err != nil {
		return r.err
	}
	if r.ended {
		return fmt.Errorf("reading the trailer: %w", io.ErrUnexpectedEOF)
	}
	if !bytes.Equal(r.b, z.sum.bytes()) {
		return &FormatError{"trailer", "checksum and size are of other text"}
	}
	return nil
}

// A byteCollector reads whole bytes between streams.
type byteCollector struct {
	in    *inflater
	b     []byte
	ended bool // there are no more
	err   error
}

// next adds n bytes and reports whether there were as many.
func (r *byteCollector) next(n int) bool {
	for ; n > 0 && r.err == nil && !r.ended; n-- {
		v, err := r.in.bits(8)
		switch {
		case r.in.offset() > r.in.end:
			r.ended = true
		case err != nil:
			r.err = err
		default:
			r.b = append(r.b, low8(v))
		}
	}
	return r.err == nil && !r.ended
}

// gzipHeader adds the rest of a header that begins with three bytes.
func (r *byteCollector) gzipHeader() {
	if !r.next(7) {
		return
	}
	flags := r.b[3]
	if flags&gzipExtra != 0 && r.next(2) {
		r.next(int(binary.LittleEndian.Uint16(r.b[10:])))
	}
	for _, text := range []byte{gzipName, gzipComment} {
		for flags&text != 0 && r.next(1) && r.b[len(r.b)-1] != 0 {
			if len(r.b) > maxHeader {
				r.err = &FormatError{"header", fmt.Sprintf("more than %d bytes", maxHeader)}
			}
		}
	}
	if flags&gzipCRC != 0 {
		r.next(2)
	}
}
