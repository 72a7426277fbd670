// Package nested opens the compressed streams that stand inside a file.
//
// A jar whose classes changed by a few bytes shares hardly a byte with its
// predecessor: the deflate streams in it hide what is equal. Find lists the
// streams of a file that can be opened, which is to say inflated and, by the
// recipe that package recipe finds, deflated again to the same bytes. View
// gives the file with these streams cut out and their plain texts appended;
// Rebuild makes the file from such a view.
//
// # Where streams are found
//
// A gzip member at the beginning of a file; members of zip files, and of zip
// files that stand uncompressed in other zip files; compressed sections of ELF
// files. Only the deflate stream itself is cut out; what stands around it,
// checksums included, stays. The plain text of a stream may hold streams in
// turn, three deep.
//
// # The view
//
// Text 0 is the file, text n the plain text of the n-th stream of the list. The
// view is text 0 without its streams, then text 1 without its streams, and so
// on to the last. The list is sorted by text, then by offset.
//
// # The list
//
// Numbers are in base 128, the lowest seven bits first, in the fewest bytes.
// First comes how many streams there are. For each follow: the number of the
// text it stands in, less that of the stream before; if they stand in the same
// text, the bytes between the two, else the bytes before it; its bytes; the
// bytes of its plain text. If the list is one to rebuild from, the recipe comes
// next: 0 if it is that of the stream before; or 1, encoder, level, block and
// feed; or 2, these, the number of bytes of corrections, and the corrections.
//
// # Guarantees
//
// What Rebuild makes of a view depends on the list alone, and the lists that
// Parse accepts are exactly those that Append writes. Hostile lists are refused
// in time and memory that the sizes in them account for. Find decides what is
// opened; it may do so differently in every version.
package nested

import (
	"fmt"

	"github.com/airgap-ferry/ferry/delta/recipe"
)

const (
	// leastSize is the shortest stream that is worth a line in the list.
	leastSize = 64

	// maxDepth is how deep streams are opened.
	maxDepth = 3

	// maxSize bounds offsets and sizes.
	maxSize = 1 << 30

	// maxStreams bounds the streams of one file.
	maxStreams = 1 << 18
)

// A Stream is a deflate stream that stands in a file, or in the plain text of
// another stream.
type Stream struct {
	Text   int           // which text it stands in: 0 is the file, n the plain text of the n-th stream
	Offset int64         // in that text
	Size   int64         // bytes
	Plain  int64         // bytes of its plain text
	Recipe recipe.Params // how to make it again
	Fix    []byte        // corrections of what the recipe gives

	plain []byte // if Find has it
}

// A FormatError says why bytes are not a list of streams, or not one of this
// file.
type FormatError struct {
	Msg string
}

func (e *FormatError) Error() string { return "opened streams: " + e.Msg }

func bad(format string, args ...any) error { return &FormatError{fmt.Sprintf(format, args...)} }

// PlainSize returns the bytes of all plain texts of streams.
func PlainSize(streams []Stream) int64 {
	var n int64
	for i := range streams {
		n += streams[i].Plain
	}
	return n
}

// Encoders returns the encoders that streams need, some more than once.
func Encoders(streams []Stream) []recipe.ID {
	var ids []recipe.ID
	for i := range streams {
		if id := streams[i].Recipe.Encoder; len(ids) == 0 || id != ids[len(ids)-1] {
			ids = append(ids, id)
		}
	}
	return ids
}

// cutSizes returns the bytes of each text without its streams, but for text 0,
// where it is what the streams take.
func cutSizes(streams []Stream) ([]int64, error) {
	sizes := make([]int64, len(streams)+1)
	for i := range streams {
		sizes[i+1] = streams[i].Plain
	}
	for i := range streams {
		s := &streams[i]
		if s.Text < 0 || s.Text > i {
			return nil, bad("stream %d stands in text %d", i+1, s.Text)
		}
		if sizes[s.Text] -= s.Size; s.Text > 0 && sizes[s.Text] < 0 {
			return nil, bad("text %d is shorter than its streams", s.Text)
		}
	}
	sizes[0] = -sizes[0]
	return sizes, nil
}

// in returns how many streams at the beginning of the list stand in text n.
func in(streams []Stream, n int) int {
	k := 0
	for k < len(streams) && streams[k].Text == n {
		k++
	}
	return k
}
