package recipe

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	corrections "github.com/airgap-ferry/ferry/delta/recipe/tokens"
)

const (
	// sampleText is about how much text is tried to choose between encoders
	// to predict a stream with.
	sampleText = 512 << 10

	// fixShare is which part of a stream corrections may come to: a half.
	fixShare = 2
)

// relatives are encoders whose output is compared with a stream of unknown
// origin. The general model knows zlib's family well.
var relatives = []Params{
	{Encoder: Go126, Level: 6},
	{Encoder: Go126, Level: 9},
	{Encoder: Go126, Level: 1},
	{Encoder: Pigz, Level: 6, Block: pigzBlock},
	{Encoder: KPH, Level: 5, Block: pgzipBlock},
}

// A writeCloser is an encoder as package io knows writers.
type writeCloser struct{ encoder }

func (e writeCloser) Write(p []byte) (int, error) { return len(p), e.write(p) }
func (e writeCloser) Close() error                { return e.close() }

// near returns the deflate stream that the encoder of p makes of plain, or nil
// for [Tokens].
func (c *Codec) near(p Params, plain io.Reader) io.Reader {
	if p.Encoder == Tokens {
		return nil
	}
	return corrections.Pull(plain, func(w io.Writer) (io.WriteCloser, error) {
		e := c.serial(p)
		e.reset(w, p)
		return writeCloser{e}, nil
	})
}

// replayFixed makes the deflate stream of g's one member from its plain text
// and its corrections.
func (c *Codec) replayFixed(g *Group, plain io.Reader, w io.Writer) error {
	if near := c.near(g.Params, plain); near != nil {
		return c.tokens.Decode(w, bytes.NewReader(g.Fix), nil, near)
	}
	return c.tokens.Decode(w, bytes.NewReader(g.Fix), plain, nil)
}

// fix finds corrections of the member at start, which no encoder makes. If
// there are none of bearable size, it returns [ErrUnknownEncoder].
func (f *finder) fix(start int64, header []byte, l look) error {
	p, err := f.nearest(start, l)
	if err != nil {
		return err
	}
	// The text is read once to know where the stream ends.
	t := newTrailer(f.o.Frame)
	size, err := f.readMember(start, &t)
	if err != nil {
		return err
	}
	end := f.inflate.offset()
	fix := limited{most: int(min((end-start)/fixShare, MaxSize/2))}
	near := f.near(p, &inflated{src: f.src, at: start, end: end})
	err = f.tokens.Encode(&fix, io.NewSectionReader(f.src, start, end-start), near, corrections.Options{})
	if errors.Is(err, errLimit) || errors.Is(err, corrections.ErrUnfit) {
		return ErrUnknownEncoder
	}
	if err != nil {
		return err
	}
	g := Group{Frame: f.o.Frame, Header: header, Params: p, Fix: fix.b}
	if !f.o.Unproven {
		out := &comparer{src: f.src, off: start, end: end}
		err := f.replayFixed(&g, &inflated{src: f.src, at: start, end: end}, out)
		if err == nil && out.off != end {
			err = ErrMismatch
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnknownEncoder, err)
		}
	}
	f.add(g, size)
	return f.endMemberAt(end, t)
}

// readMember reads the plain text of the member at start and returns its size.
func (f *finder) readMember(start int64, t *trailer) (int64, error) {
	in := f.inflate
	in.reset(f.src, start, f.size)
	for at := int64(0); ; {
		b, err := in.next()
		if errors.Is(err, io.EOF) {
			return at, nil
		}
		if err != nil {
			return 0, err
		}
		t.write(b)
		if err := f.deliver(b, at); err != nil {
			return 0, err
		}
		at += int64(len(b))
	}
}

// nearest returns the encoder that predicts the first blocks of the stream at
// start best, [Tokens] if none does better than the general model.
func (f *finder) nearest(start int64, l look) (Params, error) {
	best := Params{Encoder: Tokens}
	stream, n, err := f.sample(start, l)
	if err != nil || stream == nil {
		return best, err
	}
	least := limited{most: len(stream)}
	if err := f.tokens.Encode(&least, bytes.NewReader(stream), nil, corrections.Options{}); err != nil {
		least.b = make([]byte, len(stream))
	}
	for _, p := range relatives {
		if at := l.marker(); p.Block == pgzipBlock && at >= pgzipMin && at%minBlock == 0 && at <= pgzipMax {
			p.Block = int(at)
		}
		fix := limited{most: len(least.b) * 3 / 4}
		if f.tokens.Encode(&fix, bytes.NewReader(stream), f.near(p, bytes.NewReader(f.head[:n])), corrections.Options{}) == nil {
			best, least = p, fix
		}
	}
	return best, nil
}

// sample returns the first blocks of the stream at start as a stream by
// themselves, and how much plain text they hold, or nil if the first is too
// large.
func (f *finder) sample(start int64, l look) (stream []byte, plain int, err error) {
	var bits int64
	for _, b := range l.blocks {
		if b.last || plain > 0 && plain+int(b.plain) > sampleText || plain+int(b.plain) > len(f.head) {
			break
		}
		plain += int(b.plain)
		bits = b.end
	}
	if bits == 0 {
		return nil, 0, nil
	}
	stream = make([]byte, (bits+10+7)/8)
	if n, err := f.src.ReadAt(stream[:(bits+7)/8], start); int64(n) < (bits+7)/8 {
		return nil, 0, fmt.Errorf("reading compressed bytes: %w", err)
	}
	// An empty last block of fixed codes ends it: three bits, and seven zeros.
	at, used := bits>>3, bits&7
	end := header(blockFixed, true) << used
	stream[at] = stream[at]&(1<<used-1) | low8(end)
	stream[at+1] |= low8(end >> 8)
	return stream, plain, nil
}

var errLimit = errors.New("more than the limit")

// A limited keeps what is written to it, up to a limit.
type limited struct {
	b    []byte
	most int
}

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.most-len(l.b) {
		return 0, errLimit
	}
	l.b = append(l.b, p...)
	return len(p), nil
}

// An inflated is the plain text of the deflate stream of src from at to end.
type inflated struct {
	src     io.ReaderAt
	at, end int64
	in      *inflater
	left    []byte
}

func (r *inflated) Read(p []byte) (int, error) {
	if r.in == nil {
		r.in = new(inflater)
		r.in.reset(r.src, r.at, r.end)
	}
	for len(r.left) == 0 {
		var err error
		if r.left, err = r.in.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}
