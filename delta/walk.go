package delta

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/airgap-ferry/ferry/bundle"
)

const (
	// maxContent is the longest content that stays one entry, and pieceSize
	// what a longer one is cut into. Both are part of the format of a patch.
	maxContent = 128 << 20
	pieceSize  = 64 << 20
)

// Walk reads a plain text to its end and returns its table. Any bytes are a
// plain text; the error is one of reading r.
func Walk(r io.Reader) (*Table, error) {
	w := NewWalker()
	if _, err := io.Copy(w, r); err != nil {
		return nil, fmt.Errorf("walking a plain text: %w", err)
	}
	return w.Table()
}

// errWalked says that a Walker has given its table away.
var errWalked = errors.New("walking a plain text: the walk has ended")

// errManyEntries says that a plain text has more entries than can be named.
var errManyEntries = errors.New("walking a plain text: too many entries")

// A Walker is [Walk] for those who write the plain text instead of reading it.
type Walker struct {
	t     Table
	whole hash.Hash
	part  hash.Hash // of the content under way; nil if nobody asks
	state walkState

	head headerReader
	buf  []byte // header part, padding or tail under way
	next int    // how much of buf the blocks read so far take

	spans []span // instead of t.entries, where nobody asks for digests

	e       entry
	left    int64 // bytes of the piece under way
	more    int64 // bytes of the same content after the piece
	padding int   // bytes after the content
	piece   int64 // its number
}

type walkState int

const (
	inHeader walkState = iota
	inContent
	inPadding
	inTail // zero blocks that end a tar
	inRest // what is no tar
	ended
)

// NewWalker returns a Walker at the beginning of a plain text.
func NewWalker() *Walker {
	w := &Walker{whole: sha256.New(), part: sha256.New()}
	w.head.named = true
	w.head.reset()
	return w
}

// A span is where an entry stands: what the inside must know of one.
type span struct {
	off  int64  // of the header part in the plain text
	size int64  // bytes of content
	head uint32 // bytes of header part
}

func (s *span) content() int64 { return s.off + int64(s.head) }

// newSpanWalker returns a Walker that only finds out where entries stand.
func newSpanWalker() *Walker {
	w := new(Walker)
	w.head.reset()
	return w
}

// Write takes the next bytes of the plain text.
func (w *Walker) Write(p []byte) (int, error) {
	if w.state == ended {
		return 0, errWalked
	}
	if max(len(w.t.entries), len(w.spans)) > maxEntries {
		return 0, errManyEntries
	}
	if w.whole != nil {
		w.whole.Write(p)
	}
	n := len(p)
	for len(p) > 0 {
		k := w.step(p)
		w.t.Plain += int64(k)
		p = p[k:]
	}
	return n, nil
}

// step takes some of p, at least a byte, and says how much.
func (w *Walker) step(p []byte) int {
	switch w.state {
	case inHeader:
		return w.header(p)
	case inContent, inRest:
		return w.content(p)
	case inPadding:
		return w.pad(p)
	default:
		return w.tail(p)
	}
}

// header takes bytes of a header part.
func (w *Walker) header(p []byte) int {
	n := min(len(p), w.next+blockSize-len(w.buf))
	w.buf = append(w.buf, p[:n]...)
	if len(w.buf) < w.next+blockSize {
		return n
	}
	b := w.buf[w.next:]
	if w.next == 0 && allZero(b) {
		w.state = inTail
		return n
	}
	w.next += blockSize
	done, ok := w.head.block(b)
	switch {
	case !ok || !done && len(w.buf) > maxHead:
		w.rest(n)
	case done:
		w.begin(n)
	}
	return n
}

// begin begins the entry whose header part is complete with the next n bytes.
func (w *Walker) begin(n int) {
	w.e = entry{off: w.t.Plain + int64(n-len(w.buf)), head: uint32(len(w.buf))} //nolint:gosec // bounded by maxHead
	w.piece = 0
	if w.head.named {
		w.e.setName(w.head.name)
	}
	w.more, w.padding = w.head.size, int(-w.head.size&(blockSize-1))
	w.cut()
	w.buf, w.next = w.buf[:0], 0
	w.state = inContent
	if w.left == 0 {
		w.endEntry()
	}
}

// cut takes the next piece of what is left of the content.
func (w *Walker) cut() {
	w.left = w.more
	if w.piece > 0 || w.more > maxContent {
		w.left = min(w.more, pieceSize)
	}
	w.more -= w.left
}

// rest makes everything from the header part under way on, of which n bytes
// come now, one content.
func (w *Walker) rest(n int) {
	held := w.buf
	w.e = entry{off: w.t.Plain + int64(n-len(held))}
	w.piece, w.more, w.left, w.state = 0, MaxPlain, pieceSize, inRest
	if w.head.named {
		w.e.setName(nil)
	}
	w.buf, w.next = nil, 0
	for len(held) > 0 {
		k := w.take(held)
		held = held[k:]
	}
}

// content takes bytes of content.
func (w *Walker) content(p []byte) int { return w.take(p) }

func (w *Walker) take(p []byte) int {
	n := int(min(int64(len(p)), w.left))
	if w.part != nil {
		w.part.Write(p[:n])
	}
	w.e.size += int64(n)
	w.left -= int64(n)
	if w.left == 0 {
		w.endContent()
	}
	return n
}

// endContent ends the piece under way.
func (w *Walker) endContent() {
	if w.more == 0 && w.padding > 0 && w.state == inContent {
		w.state = inPadding
		return
	}
	w.endEntry()
}

// endEntry notes the entry under way and goes on with what follows it.
func (w *Walker) endEntry() {
	end := w.e.content() + w.e.size
	w.emit()
	switch {
	case w.more > 0:
		w.piece++
		name := w.e.path
		w.e = entry{off: end}
		w.e.setPiece(name)
		w.cut()
	default:
		w.state = inHeader
		w.head.reset()
	}
}

// setPiece names the entry that continues the one whose path hash is given.
func (e *entry) setPiece(before uint64) {
	e.path = before*fnvPrime + 1
	e.stem = fold32(e.path)
	e.base = e.stem
}

func (w *Walker) emit() {
	if w.part != nil && w.e.size > 0 {
		var sum [sha256.Size]byte
		w.part.Sum(sum[:0])
		w.part.Reset()
		copy(w.e.digest[:], sum[:])
	}
	if w.part == nil {
		w.spans = append(w.spans, span{w.e.off, w.e.size, w.e.head})
		return
	}
	w.t.entries = append(w.t.entries, w.e)
}

// pad takes the bytes between a content and the next block.
func (w *Walker) pad(p []byte) int {
	n := min(len(p), w.padding-len(w.buf))
	w.buf = append(w.buf, p[:n]...)
	if len(w.buf) == w.padding {
		w.endPadding()
	}
	return n
}

// endPadding ends the entry; padding that is not zero belongs to what follows.
func (w *Walker) endPadding() {
	if allZero(w.buf) {
		w.buf = w.buf[:0]
	}
	w.next = len(w.buf)
	w.endEntry()
}

// tail takes bytes after the first zero block.
func (w *Walker) tail(p []byte) int {
	n := min(len(p), maxTail+1-len(w.buf))
	w.buf = append(w.buf, p[:n]...)
	if len(w.buf) > maxTail {
		w.rest(n)
	}
	return n
}

// Table ends the plain text and returns its table.
func (w *Walker) Table() (*Table, error) {
	if w.state == ended {
		return nil, errWalked
	}
	switch w.state {
	case inContent, inRest:
		if w.e.size > 0 || w.e.head > 0 {
			w.emit()
		}
	case inPadding:
		w.endPadding()
	case inHeader, inTail, ended:
	}
	switch {
	case len(w.buf) == 0:
	case w.state == inTail:
		w.e = entry{off: w.t.Plain - int64(len(w.buf)), head: uint32(len(w.buf))} //nolint:gosec // bounded by maxTail
		if w.head.named {
			w.e.setName(nil)
		}
		w.emit()
	default:
		w.rest(0)
		w.emit()
	}
	if max(len(w.t.entries), len(w.spans)) > maxEntries {
		return nil, errManyEntries
	}
	w.state = ended
	if w.whole != nil {
		w.t.Digest = bundle.DigestFromSum([sha256.Size]byte(w.whole.Sum(nil)))
	}
	return &w.t, nil
}

func allZero(b []byte) bool {
	for len(b) >= 8 {
		if [8]byte(b) != [8]byte{} {
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
