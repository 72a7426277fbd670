package delta

import (
	"fmt"

	"github.com/airgap-ferry/ferry/delta/diff"
	"github.com/airgap-ferry/ferry/delta/entropy"
)

// The streams of a patch. The numbers stand in it.
const (
	streamOps       = 0 // operations
	streamSizes     = 1 // how much of the diff streams each patch of a file takes
	streamNested    = 2 // lists of opened streams
	streamHeads     = 3 // which header fields differ
	streamHeadTexts = 4 // what stands in them
	streamRecipes   = 5
	streamText      = 6 // new contents
	streamCode      = 7 // new contents that hold machine code
	streamPacked    = 8 // new contents that are compressed already
	streamDiff      = 9 // the streams of package diff, in its order

	numStreams = streamDiff + diff.NumStreams
)

const (
	// maxFrame and maxNewFrame bound the plain text of a frame, in bytes: they
	// are what both sides hold in memory per stream.
	maxFrame    = 8 << 20
	maxNewFrame = 32 << 20

	// Where frames are cut: the slow coders of package entropy are for small
	// frames, and what hardly compresses needs no large ones.
	usualFrame  = 4 << 20
	packedFrame = 8 << 20
)

// cutAt returns where frames of stream s are cut.
func cutAt(s int) int {
	switch s {
	case streamText, streamCode:
		return maxNewFrame
	case streamPacked:
		return packedFrame
	}
	return usualFrame
}

// frameLimit returns the longest plain text of a frame of stream s.
func frameLimit(s int) int {
	switch s {
	case streamText, streamCode, streamPacked:
		return maxNewFrame
	}
	return maxFrame
}

// kindOf returns what the bytes of stream s are.
func kindOf(s int) entropy.Kind {
	switch s {
	case streamOps, streamSizes, streamNested, streamHeads,
		streamDiff + diff.Control, streamDiff + diff.Lengths, streamDiff + diff.Inserts, streamDiff + diff.Seeks:
		return entropy.Ops
	case streamDiff + diff.Sparse, streamDiff + diff.SparseCode:
		return entropy.Sparse
	case streamCode, streamDiff + diff.ExtraCode:
		return entropy.Code
	default:
		return entropy.Text
	}
}

var streamNames = [...]string{
	"operations", "sizes", "nested streams", "headers", "header fields", "recipes",
	"new contents", "new machine code", "new compressed contents",
	"control", "lengths", "inserts", "seeks", "differences", "differences in machine code",
	"insertions", "insertions in machine code",
}

func streamName(s int) string {
	if s < len(streamNames) {
		return streamNames[s]
	}
	return fmt.Sprintf("stream %d", s)
}

// A streamReader reads one stream of a patch from its beginning to its end.
type streamReader struct {
	cur  []byte                 // of the frame under way, what is left
	next func() ([]byte, error) // returns the next frame, nil after the last
}

// more makes cur hold something.
func (r *streamReader) more() error {
	for len(r.cur) == 0 {
		b, err := r.next()
		if err != nil {
			return err
		}
		if b == nil {
			return &FormatError{"operations", "stream ends too early"}
		}
		r.cur = b
	}
	return nil
}

func (r *streamReader) byte() (byte, error) {
	if err := r.more(); err != nil {
		return 0, err
	}
	c := r.cur[0]
	r.cur = r.cur[1:]
	return c, nil
}

// number reads a number of at most limit.
func (r *streamReader) number(limit int64) (int64, error) {
	var v int64
	for shift := 0; ; shift += 7 {
		c, err := r.byte()
		if err != nil {
			return 0, err
		}
		v |= int64(c&0x7f) << shift
		if c < 0x80 || shift > 49 {
			if c >= 0x80 || v > limit {
				return 0, &FormatError{"operations", fmt.Sprintf("number above %d", limit)}
			}
			return v, nil
		}
	}
}

// signed reads a number of at most limit either way.
func (r *streamReader) signed(limit int64) (int64, error) {
	n, err := r.number(2*limit + 1)
	return n>>1 ^ -(n & 1), err
}

// read fills b.
func (r *streamReader) read(b []byte) error {
	for len(b) > 0 {
		if err := r.more(); err != nil {
			return err
		}
		n := copy(b, r.cur)
		b, r.cur = b[n:], r.cur[n:]
	}
	return nil
}

// appendBytes appends the next n bytes to dst. It takes memory only for what
// is there.
func (r *streamReader) appendBytes(dst []byte, n int64) ([]byte, error) {
	for n > 0 {
		if err := r.more(); err != nil {
			return nil, err
		}
		k := min(n, int64(len(r.cur)))
		dst = append(dst, r.cur[:k]...)
		r.cur = r.cur[k:]
		n -= k
	}
	return dst, nil
}

// take returns the next n bytes. They stay as they are; whether they are a
// copy depends on how frames are cut.
func (r *streamReader) take(n int64) ([]byte, error) {
	if n <= int64(len(r.cur)) {
		b := r.cur[:n:n]
		r.cur = r.cur[n:]
		return b, nil
	}
	return r.appendBytes(nil, n)
}
