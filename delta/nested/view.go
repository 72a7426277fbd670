package nested

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"github.com/klauspost/compress/flate"

	"github.com/airgap-ferry/ferry/delta/recipe"
)

// View appends the view of file to dst. It fails if streams are not a list of
// file's, or if the view would be longer than limit.
func View(dst, file []byte, streams []Stream, limit int64) ([]byte, error) {
	sizes, err := cutSizes(streams)
	if err != nil {
		return nil, err
	}
	total := int64(len(file)) - sizes[0]
	for _, n := range sizes[1:] {
		total += n
	}
	if sizes[0] > int64(len(file)) || total > limit {
		return nil, bad("view of %d bytes", total)
	}
	var z inflater
	texts := make(map[int][]byte) // that streams stand in
	k := in(streams, 0)
	texts[0] = file
	if dst, err = cut(dst, file, streams[:k]); err != nil {
		return nil, err
	}
	rest := streams[k:]
	for i := range streams {
		k := in(rest, i+1)
		if k == 0 {
			// The text is whole in the view.
			if dst, err = z.text(dst, &streams[i], texts); err != nil {
				return nil, err
			}
			continue
		}
		text, err := z.text(nil, &streams[i], texts)
		if err != nil {
			return nil, err
		}
		texts[i+1] = text
		if dst, err = cut(dst, text, rest[:k]); err != nil {
			return nil, err
		}
		rest = rest[k:]
	}
	return dst, nil
}

// cut appends text without streams.
func cut(dst, text []byte, streams []Stream) ([]byte, error) {
	at := int64(0)
	for i := range streams {
		s := &streams[i]
		if s.Offset < at || s.Size > int64(len(text))-s.Offset {
			return nil, bad("stream beyond the end")
		}
		dst = append(dst, text[at:s.Offset]...)
		at = s.Offset + s.Size
	}
	return append(dst, text[at:]...), nil
}

// An inflater inflates streams that stand in memory.
type inflater struct {
	src bytes.Reader
	r   io.Reader
}

// start begins with b.
func (z *inflater) start(b []byte) {
	z.src.Reset(b)
	if z.r == nil {
		z.r = flate.NewReader(&z.src)
		return
	}
	if r, ok := z.r.(flate.Resetter); !ok || r.Reset(&z.src, nil) != nil {
		z.r = flate.NewReader(&z.src)
	}
}

// text appends the plain text of s, which stands in one of texts.
func (z *inflater) text(dst []byte, s *Stream, texts map[int][]byte) ([]byte, error) {
	if s.plain != nil {
		return append(dst, s.plain...), nil
	}
	in := texts[s.Text]
	if s.Size > int64(len(in))-s.Offset {
		return nil, bad("stream beyond the end")
	}
	z.start(in[s.Offset:][:s.Size])
	start := len(dst)
	dst = slices.Grow(dst, int(min(s.Plain, 1024*s.Size)))
	dst, err := z.all(dst, s.Plain)
	if err != nil {
		return nil, bad("stream is damaged: %s", err)
	}
	if int64(len(dst)-start) != s.Plain || z.src.Len() > 0 {
		return nil, bad("stream of other sizes")
	}
	return dst, nil
}

var errLong = errors.New("plain text is longer than expected")

// all appends the plain text to its end, but not more than limit bytes.
func (z *inflater) all(dst []byte, limit int64) ([]byte, error) {
	start := len(dst)
	for {
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, 4096)
		}
		room := dst[len(dst):min(int64(cap(dst)), int64(start)+limit+1)]
		n, err := z.r.Read(room)
		dst = dst[:len(dst)+n]
		if int64(len(dst)-start) > limit {
			return dst, errLong
		}
		if errors.Is(err, io.EOF) {
			return dst, nil
		}
		if err != nil {
			return dst, err
		}
	}
}

// A Closer makes files of views, and keeps what it needs for that. The zero
// Closer is ready. It is not for concurrent use.
type Closer struct {
	codec recipe.Codec
	plain bytes.Reader
	out   boundedWriter
}

// Rebuild appends to dst the file of which view is the view.
func Rebuild(dst, view []byte, streams []Stream) ([]byte, error) {
	return new(Closer).Rebuild(dst, view, streams)
}

// Rebuild is [Rebuild] with the memory of c.
func (c *Closer) Rebuild(dst, view []byte, streams []Stream) ([]byte, error) {
	sizes, err := cutSizes(streams)
	if err != nil {
		return nil, err
	}
	made := make([][]byte, len(streams)+1) // streams, by the number of their text
	rest := streams
	for n := len(streams); n > 0; n-- {
		if sizes[n] > int64(len(view)) {
			return nil, bad("view is cut short")
		}
		text := view[int64(len(view))-sizes[n]:]
		view = view[:int64(len(view))-sizes[n]]
		k := len(rest)
		for k > 0 && rest[k-1].Text == n {
			k--
		}
		if k < len(rest) {
			if text, err = join(nil, text, rest[k:], made[k+1:]); err != nil {
				return nil, err
			}
		}
		rest = rest[:k]
		if made[n], err = c.deflate(&streams[n-1], text); err != nil {
			return nil, err
		}
	}
	for i := range rest {
		if rest[i].Text != 0 {
			return nil, bad("list is not in order")
		}
	}
	return join(slices.Grow(dst, len(view)+int(sizes[0])), view, rest, made[1:])
}

// join appends the text without streams, and the streams in their places.
func join(dst, text []byte, streams []Stream, made [][]byte) ([]byte, error) {
	at := int64(0)
	for i := range streams {
		s := &streams[i]
		n := s.Offset - at
		if n < 0 || n > int64(len(text)) {
			return nil, bad("stream beyond the end")
		}
		dst = append(append(dst, text[:n]...), made[i]...)
		text, at = text[n:], s.Offset+s.Size
	}
	return append(dst, text...), nil
}

// deflate makes the stream s of its plain text.
func (c *Closer) deflate(s *Stream, plain []byte) ([]byte, error) {
	r := recipe.Recipe{Groups: []recipe.Group{{
		Frame: recipe.Raw, Params: s.Recipe, Fix: s.Fix, Plain: []int64{int64(len(plain))},
	}}}
	c.plain.Reset(plain)
	c.out.b = make([]byte, 0, min(s.Size, int64(len(plain))+1024))
	c.out.limit = s.Size
	if err := c.codec.Replay(&r, &c.plain, &c.out); err != nil {
		return nil, bad("deflating: %s", err)
	}
	if int64(len(c.out.b)) != s.Size {
		return nil, bad("stream of %d bytes, %d are expected", len(c.out.b), s.Size)
	}
	return c.out.b, nil
}

// A boundedWriter keeps what is written to it, up to a limit.
type boundedWriter struct {
	b     []byte
	limit int64
}

func (w *boundedWriter) Write(p []byte) (int, error) {
	if int64(len(w.b)+len(p)) > w.limit {
		return 0, errLong
	}
	w.b = append(w.b, p...)
	return len(p), nil
}
