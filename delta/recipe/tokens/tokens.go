// Package tokens rebuilds a deflate stream whose encoder is not known, or is a
// near relative of a known one.
//
// A deflate stream is its plain text and many small choices: where a match
// begins and how far it reaches, where a block ends, how its codes are spelt.
// This package predicts the choices and records, as corrections, where the
// prediction was wrong. [Encode] makes the corrections of a stream, [Decode]
// makes the stream of its corrections.
//
// # Two predictions
//
// With a near stream, which a known encoder made of the same plain text, each
// token is expected to be the one that the near stream has at the same place.
// This suits versions of one encoder, or ways of framing its output: the
// corrections come to a few thousandths of the stream.
//
// Without one, a general model looks for matches in the plain text as most
// encoders do and learns from the stream how its encoder chooses among them. Encode
// estimates from the first 256 KiB how deep and how eagerly that encoder searched
// and puts it into the head of the corrections. They come to a tenth of a percent
// of the stream for relatives of zlib, to 2 for libdeflate, and to 5 to 15 percent
// for encoders that look for matches in another way or weigh their costs.
//
// Huffman codes are predicted from the true tokens of their block, by the
// ways of zlib, of Go and of libdeflate to build them.
//
// # Composition
//
// A near stream is read, not written: [Pull] turns an encoder that is an
// [io.WriteCloser] and its plain text into such a reader without a goroutine.
// A near stream holds the plain text, so Decode needs either of them.
//
// # The corrections
//
// They begin with a byte that is 1 for the general model, followed by its
// parameters in six bytes, or 2 for a near stream. The rest are binary
// decisions, coded with adaptive probabilities by a range coder (LZMA's, with
// probabilities of 15 bits); their order is that of [codec.segment]. The
// corrections say themselves where they end.
//
// # Guarantees
//
// Decode writes exactly the bytes that Encode read, on every platform. Hostile
// corrections can make it write at most [MaxSize] bytes, take a few megabytes
// of memory and a time proportional to the plain text; whether what it writes
// is what was wanted is for the caller to find out, by digest. The package
// starts no goroutines and opens no files.
package tokens

import (
	"errors"
	"fmt"
	"io"
)

// Options say how Encode works. The zero Options are the default.
type Options struct {
	// Depth is the most earlier places that the general model looks at for a
	// match, rounded down to a power of two; 0 is 128. More is slower, for
	// Decode too, and brings less.
	Depth int
}

// Errors that callers tell apart.
var (
	// ErrUnfit says that a deflate stream is valid and yet can't be described:
	// it is larger than MaxSize, or the near stream is of another plain text.
	ErrUnfit = errors.New("deflate stream unfit for corrections")
)

// A FormatError says why bytes are no deflate stream or no corrections.
type FormatError struct {
	Part string // "deflate stream", "near stream" or "corrections"
	Msg  string
}

func (e *FormatError) Error() string { return e.Part + ": " + e.Msg }

// MaxSize returns the size of the longest stream that corrections describe for
// this much plain text, in bytes.
func MaxSize(plain int64) int64 { return plain + plain>>3 + 64<<10 }

// Encode writes the corrections of src to w. See [Codec.Encode].
func Encode(w io.Writer, src, near io.Reader, o Options) error {
	return new(Codec).Encode(w, src, near, o)
}

// Decode writes the deflate stream of corrections to w. See [Codec.Decode].
func Decode(w io.Writer, corrections, plain, near io.Reader) error {
	return new(Codec).Decode(w, corrections, plain, near)
}

// A Codec encodes and decodes, and keeps what it needs for that from one call
// to the next: a few megabytes. The zero Codec is ready. It is not for
// concurrent use.
type Codec struct {
	codec codec
}

// Encode writes corrections of the raw deflate stream src to w. Src is read to
// its end and must hold nothing else; if it does, or is malformed, the error is
// a [*FormatError], and if it is cut short it wraps [io.ErrUnexpectedEOF].
//
// If near is not nil it is a raw deflate stream of the same plain text, and
// Decode needs the same. The error wraps [ErrUnfit] if the stream can't be
// described. After an error, w may have received anything.
func (c *Codec) Encode(w io.Writer, src, near io.Reader, o Options) error {
	if err := c.codec.encode(w, src, near, o); err != nil {
		return fmt.Errorf("making corrections: %w", err)
	}
	return nil
}

// Decode writes to w the deflate stream that Encode read.
//
// Plain is its plain text, all of it, unless the corrections were made with a
// near stream: then that is near, and plain is not used and may be nil.
// Corrections, plain and near are read to their ends. If they do not belong to
// each other the error is a [*FormatError], or wraps [io.ErrUnexpectedEOF], or
// other bytes are written; after an error, w may have received anything.
func (c *Codec) Decode(w io.Writer, corrections, plain, near io.Reader) error {
	if err := c.codec.decode(w, corrections, plain, near); err != nil {
		return fmt.Errorf("applying corrections: %w", err)
	}
	return nil
}
