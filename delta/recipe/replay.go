package recipe

import (
	"errors"
	"fmt"
	"io"

	corrections "github.com/airgap-ferry/ferry/delta/recipe/tokens"
)

// A Codec finds and replays recipes, and keeps what it needs for that from one
// call to the next: a few megabytes. The zero Codec is ready. It is not for
// concurrent use.
type Codec struct {
	// Parallel, if not nil, calls work(0) to work(n-1), several at a time if it
	// likes, and returns when all have returned: the first error, or nil. What
	// consists of blocks or members that do not depend on each other is then
	// compressed that way. It must not change while the Codec is in use.
	Parallel func(n int, work func(i int) error) error

	encoders map[encoderKey]encoder
	parallel *parallel
	pool     pool
	inflate  *inflater
	tokens   corrections.Codec
	buf      []byte
	head     []byte
}

// encoderKey is what an encoder cannot change between streams.
type encoderKey struct {
	id   ID
	fast bool
}

func keyOf(p Params) encoderKey { return encoderKey{p.Encoder, p.Level == 1} }

// pieceSize is how much plain text is moved at a time.
const pieceSize = 64 << 10

// encoder returns the encoder for p, which must be valid.
func (c *Codec) encoder(p Params) encoder {
	if c.Parallel == nil || p.Block == 0 {
		return c.serial(p)
	}
	if c.parallel == nil {
		c.parallel = &parallel{c: c}
	}
	return c.parallel
}

// serial is encoder, but the encoder does not use Parallel.
func (c *Codec) serial(p Params) encoder {
	k := keyOf(p)
	e, ok := c.encoders[k]
	if !ok {
		if c.encoders == nil {
			c.encoders = make(map[encoderKey]encoder)
		}
		e = p.Encoder.info().open(p)
		c.encoders[k] = e
	}
	return e
}

// Replay compresses plain as r says and writes the result to w. See
// [Codec.Replay].
func Replay(r *Recipe, plain io.Reader, w io.Writer) error {
	return new(Codec).Replay(r, plain, w)
}

// Replay compresses plain as r says and writes the result to w. Whether these
// are the wanted bytes is for the caller to find out, by their digest.
//
// plain must hold as many bytes as r says and no more: if it ends early the
// error wraps [io.ErrUnexpectedEOF]. A recipe that [Parse] would not accept
// gives a [*FormatError]. After an error, w may have received anything.
func (c *Codec) Replay(r *Recipe, plain io.Reader, w io.Writer) error {
	if err := r.check(); err != nil {
		return fmt.Errorf("replaying a recipe: %w", err)
	}
	for i := range r.Groups {
		g := &r.Groups[i]
		if g.Frame == Zstd || g.Frame == Stored {
			if err := replayOther(g, plain, w); err != nil {
				return fmt.Errorf("compressing with %s: %w", g.Params, err)
			}
			continue
		}
		if c.Parallel != nil && g.small() {
			if err := c.replaySmall(g, plain, w); err != nil {
				return fmt.Errorf("compressing with %s: %w", g.Params, err)
			}
			continue
		}
		for _, n := range g.Plain {
			if err := c.replayMember(g, n, plain, w); err != nil {
				return fmt.Errorf("compressing with %s: %w", g.Params, err)
			}
		}
	}
	if _, err := w.Write(r.Tail); err != nil {
		return fmt.Errorf("compressing: %w", err)
	}
	switch n, err := io.ReadFull(plain, make([]byte, 1)); {
	case n > 0:
		return fmt.Errorf("compressing: more plain text than the %d bytes of the recipe", r.PlainSize())
	case errors.Is(err, io.EOF):
		return nil
	default:
		return fmt.Errorf("compressing: %w", err)
	}
}

// replayOther replays a group that holds no deflate streams.
func replayOther(g *Group, plain io.Reader, w io.Writer) error {
	if g.Frame == Zstd {
		return replayZstd(g, plain, w)
	}
	_, err := io.CopyN(w, plain, g.Plain[0])
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (c *Codec) replayMember(g *Group, size int64, plain io.Reader, w io.Writer) error {
	if _, err := w.Write(g.Header); err != nil {
		return err
	}
	if c.buf == nil {
		c.buf = make([]byte, pieceSize)
	}
	t := newTrailer(g.Frame)
	if len(g.Fix) > 0 {
		text := &exactly{r: io.TeeReader(plain, &t), left: size}
		if err := c.replayFixed(g, text, w); err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, text); err != nil {
			return err
		}
		_, err := w.Write(t.bytes())
		return err
	}
	e := c.encoder(g.Params)
	e.reset(w, g.Params)
	for size > 0 {
		piece := c.buf[:min(size, pieceSize)]
		if err := readFull(plain, piece); err != nil {
			return err
		}
		t.write(piece)
		if err := e.write(piece); err != nil {
			return err
		}
		size -= int64(len(piece))
	}
	if err := e.close(); err != nil {
		return err
	}
	_, err := w.Write(t.bytes())
	return err
}

// readFull is io.ReadFull for input that must be there.
func readFull(r io.Reader, b []byte) error {
	_, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// An exactly reads left bytes of r, and fails if there are fewer.
type exactly struct {
	r    io.Reader
	left int64
}

func (e *exactly) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n, err := e.r.Read(p[:min(int64(len(p)), e.left)])
	e.left -= int64(n)
	if errors.Is(err, io.EOF) && e.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Prove replays r over plain and compares the result with original. If they
// differ, or are not of the same length, the error wraps [ErrMismatch].
func Prove(r *Recipe, plain io.Reader, original io.ReaderAt, size int64) error {
	return new(Codec).Prove(r, plain, original, size)
}

// Prove is [Prove] with the memory of c.
func (c *Codec) Prove(r *Recipe, plain io.Reader, original io.ReaderAt, size int64) error {
	w := &comparer{src: original, end: size}
	err := c.Replay(r, plain, w)
	if err == nil && w.off != size {
		err = ErrMismatch
	}
	if err != nil {
		return fmt.Errorf("proving a recipe at byte %d: %w", w.off, err)
	}
	return nil
}

// A comparer fails with ErrMismatch when what is written to it is not what src
// holds from off to end.
type comparer struct {
	src io.ReaderAt
	off int64
	end int64
	buf []byte
}

func (c *comparer) Write(p []byte) (int, error) {
	if int64(len(p)) > c.end-c.off {
		return 0, ErrMismatch
	}
	if len(c.buf) < len(p) {
		c.buf = make([]byte, max(len(p), bitBuffer))
	}
	b := c.buf[:len(p)]
	if n, err := c.src.ReadAt(b, c.off); n < len(b) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, fmt.Errorf("reading compressed bytes: %w", err)
	}
	if string(b) != string(p) {
		return 0, ErrMismatch
	}
	c.off += int64(len(p))
	return len(p), nil
}
