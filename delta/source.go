package delta

import (
	"errors"
	"fmt"
	"io"

	"github.com/airgap-ferry/ferry/bundle"
)

// A source is a plain text that entries are taken from.
type source struct {
	digest bundle.Digest // of the blob
	size   int64         // of the blob
	table  *Table
	target bool

	open   func() (io.ReaderAt, error)
	dead   bool // could not be opened
	window window

	number int // in the patch, or -1 before it is used
	first  int // target that uses it first
	last   int // target that uses it last
}

// A window reads small pieces of a plain text, mostly forward.
type window struct {
	r   io.ReaderAt
	end int64 // bytes of plain text
	buf []byte
	off int64 // of buf
}

const windowSize = 64 << 10

// bytes returns n bytes from off on, until the next call.
func (w *window) bytes(off int64, n int) ([]byte, error) {
	if off >= w.off && off+int64(n) <= w.off+int64(len(w.buf)) {
		return w.buf[off-w.off:][:n], nil
	}
	size := int(min(int64(max(n, windowSize)), w.end-off))
	if size < n {
		return nil, io.ErrUnexpectedEOF
	}
	if cap(w.buf) < size {
		w.buf = make([]byte, size)
	}
	w.buf, w.off = w.buf[:size], off
	if err := readAt(w.r, w.buf, off); err != nil {
		w.buf = w.buf[:0]
		return nil, err
	}
	return w.buf[:n], nil
}

// forget drops what is kept: the plain text is being written.
func (w *window) forget() { w.buf = w.buf[:0] }

// readAt fills b.
func readAt(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("reading plain text: %w", err)
}
