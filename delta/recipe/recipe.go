// Package recipe finds and replays the exact compressor of a blob.
//
// The digest of a layer covers its compressed bytes, so whoever changes the
// text below must compress it again to the same bytes. A [Recipe] says how:
// which encoder, at which level, cut into which members, with which raw header
// bytes. [Find] looks at compressed bytes and works the recipe out; [Replay]
// makes the compressed bytes from the recipe and the plain text.
//
// # What a recipe is
//
// A compressed blob is a row of members (gzip calls them so; a plain .gz has
// one, an eStargz layer thousands) and perhaps a few bytes after the last.
// Neighbours that were made alike are one [Group]: the frame around the deflate
// stream, the raw header, the [Params] of the encoder, and the size of each
// member's plain text. Checksums and sizes in the trailers follow from the
// plain text and are not recorded.
//
// # Encoders
//
// The encoders here are ferry's own, compatible with the originals to the bit:
//
//	go126  Go's compress/flate of Go 1.19 to 1.26
//	zlib   zlib's deflate, memLevel 8
//	gnu    GNU gzip
//	gnur   GNU gzip --rsyncable
//	pigz   pigz, blocks that see the 32 KiB before them
//	pigzi  pigz --independent
//	kpG    klauspost/compress 1.15.11 to 1.18.0 as pgzip uses it
//	kpH    klauspost/compress 1.18.2 and later as pgzip uses it
//	kpz…   klauspost/compress/zstd
//
// They use neither the toolchain's compress/flate, which changes between
// releases of Go, nor floating point that a compiler may fuse.
//
// # Guarantees
//
// The same recipe and the same plain text give the same bytes, on every
// platform and in every later version of ferry: ids are appended, never
// changed, and golden vectors made by the originals hold each of them.
// A recipe from outside can neither make Replay run longer than its plain text
// and its own length account for, nor take memory beyond a few megabytes.
// The binary form is canonical: [Parse] accepts exactly what [Recipe.Append]
// writes. It is specified in docs/formats/recipe-v1.md; if they differ, the
// document is right.
//
// # What it does not do
//
// It does not say whether rebuilt bytes are the wanted ones: the caller hashes
// what Replay writes. It starts no goroutines and opens no files.
package recipe

import (
	"errors"
	"fmt"
	"slices"
)

// A Frame says what stands around a deflate stream.
type Frame uint8

// The frames.
const (
	Gzip Frame = 1 // header of RFC 1952; then CRC-32 and size of the plain text
	Zlib Frame = 2 // header of RFC 1950; then Adler-32 of the plain text
	Raw  Frame = 3 // nothing, as in a zip file

	Zstd   Frame = 4 // zstd in place of deflate, RFC 8878
	Stored Frame = 5 // no compression: the plain text is the blob
)

// String returns the frame's name as messages print it.
func (f Frame) String() string {
	switch f {
	case Gzip:
		return "gzip"
	case Zlib:
		return "zlib"
	case Raw:
		return "deflate"
	case Zstd:
		return "zstd"
	case Stored:
		return "stored"
	}
	return fmt.Sprintf("frame %d", uint8(f))
}

// A Recipe says how to compress plain text to the bytes of one blob. Its
// methods do not change it, and it may be used concurrently.
type Recipe struct {
	Groups []Group // in the order of the blob, at least one
	Tail   []byte  // what follows the last member, at most 64 KiB
}

// A Group is a run of members that were made alike.
type Group struct {
	Frame  Frame
	Header []byte // raw, before each deflate stream
	Params
	Fix   []byte  // corrections of what the encoder predicts; nil if it is right
	Plain []int64 // bytes of plain text of each member, at least one
}

// Params say which encoder made a deflate stream, and how it was used.
type Params struct {
	Encoder ID
	Level   int  // of the original's own scale
	Block   int  // bytes; 0 for encoders that do not cut their input
	Feed    Feed // how the input arrived; [Whole] for encoders that do not care
}

// A Feed says in which pieces the input was written to the encoder.
type Feed uint8

const (
	// Whole is input in pieces that leave no trace: large ones.
	Whole Feed = 0

	// Tar is input as Go's archive/tar writes it: headers, contents in pieces
	// of 32 KiB and padding, each by itself.
	Tar Feed = 1
)

// String returns p as messages print it, such as "go126 level 6".
func (p Params) String() string {
	if p == (Params{}) {
		return "stored"
	}
	s := fmt.Sprintf("%s level %d", p.Encoder, p.Level)
	if p.Block != 0 {
		s += fmt.Sprintf(" block %d", p.Block)
	}
	if p.Feed == Tar {
		s += " tar"
	}
	return s
}

// Errors that callers tell apart.
var (
	// ErrNotCompressed says that a blob does not begin as compressed bytes do.
	ErrNotCompressed = errors.New("compressed with neither gzip nor zstd")

	// ErrUnknownEncoder says that no encoder of this package made the bytes.
	ErrUnknownEncoder = errors.New("unknown encoder")

	// ErrMismatch says that a recipe does not give the original bytes.
	ErrMismatch = errors.New("recipe gives other bytes")
)

// A FormatError says why bytes are not a recipe or not a compressed stream.
type FormatError struct {
	Part string // "recipe", "header", "deflate stream" or "trailer"
	Msg  string
}

func (e *FormatError) Error() string { return e.Part + ": " + e.Msg }

// PlainSize returns the number of bytes of plain text that r describes.
func (r *Recipe) PlainSize() int64 {
	var n int64
	for i := range r.Groups {
		for _, m := range r.Groups[i].Plain {
			n += m
		}
	}
	return n
}

// Encoders returns the ids that r needs, in ascending order.
func (r *Recipe) Encoders() []ID {
	var ids []ID
	for i := range r.Groups {
		ids = append(ids, r.Groups[i].Encoder)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
