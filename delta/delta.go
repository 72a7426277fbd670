// Package delta makes patches below the layer, and applies them.
//
// A patch is one file for a whole bundle. It rebuilds many targets, bit by
// bit, from bases that the site holds and from targets that stand earlier in
// the same patch. A base and a target are blobs; what a patch speaks about is
// their plain text: what their compression holds. Package recipe finds the
// plain text's compressor outside and runs it again inside.
//
// # How a patch is made
//
// [Walk] cuts a plain text into entries, as tar has them, and gives a [Table]:
// what outside must know of a layer to find the files that a target has in
// common with it. A [Builder] is told of bases by their tables, and of targets
// by their plain text. For each entry of a target it finds the entry of another
// plain text that is equal or most alike, and writes how to make one from the
// other: package diff does that for one file, after package nested has opened
// the compressed streams that stand in it. [Builder.Finish] writes the patch.
//
// # How it is applied
//
// [Open] reads the head of a patch: which bases it needs, which targets it
// makes, what they take. [Patch.Apply] rebuilds the plain texts one after
// another. Compressing them again is the caller's work, with the recipe that
// [Patch.Recipe] gives.
//
// # Guarantees
//
// The same bases, targets and options give the same patch, however many cores
// made it. A plain text that Apply hands over has the digest that the head
// names. A hostile patch is refused with a [*FormatError] or ends in a digest
// that is not the wanted one; it costs no more time than its declared sizes
// account for, and no more memory than the caller allows. The format is
// specified byte by byte in docs/formats/patch-v1.md; if the package differs,
// the document is right.
//
// # What it does not do
//
// It knows no registries, files or networks, starts no goroutines, and does not
// verify who made a patch: package verify does, before anybody opens one.
package delta

import (
	"fmt"
	"io"

	"github.com/airgap-ferry/ferry/bundle"
)

const (
	// MaxPlain is the longest plain text that a patch speaks about, in bytes.
	MaxPlain = 1 << 46

	// maxEntries bounds the entries of one plain text.
	maxEntries = 1 << 26

	// DefaultMemory is what making and applying a patch take at most where
	// the caller does not say, in bytes.
	DefaultMemory = 512 << 20
)

// A Temp holds a plain text while a patch is made or applied: a file, as a
// rule. It may be read and written at several places at once.
type Temp interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
}

// Parallel runs work(0) to work(n-1), each once, several at once if it likes,
// and returns when all have ended, with one of their errors. It may leave out
// what has not begun after an error. It begins with low numbers.
type Parallel func(n int, work func(i int) error) error

// sequentially is the Parallel of callers that give none.
func sequentially(n int, work func(i int) error) error {
	for i := range n {
		if err := work(i); err != nil {
			return err
		}
	}
	return nil
}

// A FormatError says why bytes are not a patch.
type FormatError struct {
	Part string // "table", "head", "frame" or "operations"
	Msg  string
}

func (e *FormatError) Error() string { return e.Part + ": " + e.Msg }

// A BaseError says that a patch could not be applied because a base could not
// be read.
type BaseError struct {
	Base bundle.Digest
	Err  error
}

func (e *BaseError) Error() string { return fmt.Sprintf("reading base %s: %s", e.Base, e.Err) }

// Unwrap returns why the base could not be read.
func (e *BaseError) Unwrap() error { return e.Err }

// A MismatchError says that a rebuilt plain text is not the wanted one. Either
// a base is not what it was when the patch was made, or the patch is wrong.
type MismatchError struct {
	Target bundle.Digest // the blob's digest
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("rebuilding %s: plain text has another digest", e.Target)
}

func badOp(format string, args ...any) error {
	return &FormatError{"operations", fmt.Sprintf(format, args...)}
}
