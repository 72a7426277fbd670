package recipe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
)

const (
	headSize = 2 << 20  // plain text that is kept at hand for all candidates
	tryPiece = 32 << 10 // of it that a candidate gets before it is looked at again
)

// Options say how Find goes about its work. The zero Options are the default.
type Options struct {
	// Frame is what the blob is made of; 0 is [Gzip] or [Zstd], as the blob
	// begins.
	Frame Frame

	// Plain, if not nil, receives the plain text while it is read. After an
	// error of Find it holds part of it.
	Plain io.Writer

	// Likely is tried before anything else, if it is valid: what made the
	// blob before.
	Likely Params

	// Corrected also finds recipes with corrections, where no encoder makes
	// the very bytes. They come to half of the blob at most, and take longer.
	Corrected bool

	// Unproven leaves the proof to the caller: each member is compared over
	// its first 2 MiB only.
	Unproven bool
}

// Find returns the recipe of the size bytes of src. See [Codec.Find].
func Find(src io.ReaderAt, size int64, o Options) (*Recipe, error) {
	return new(Codec).Find(src, size, o)
}

// Find returns the recipe of the size bytes of src, and has compared every
// byte unless told otherwise. The text is inflated once, and a second time for
// a member whose first candidate fails late.
//
// It returns [ErrNotCompressed] if src does not begin as it should,
// [ErrUnknownEncoder] if no encoder made it, a [*FormatError] if it is damaged,
// and an error that wraps [io.ErrUnexpectedEOF] if it ends early.
func (c *Codec) Find(src io.ReaderAt, size int64, o Options) (*Recipe, error) {
	switch c.frame(src, size, o) {
	case Zstd:
		return findZstd(src, size, o)
	case Stored:
		return findStored(src, size, o)
	case Gzip:
		o.Frame = Gzip
	case Zlib, Raw:
	}
	if c.inflate == nil {
		c.inflate = new(inflater)
		c.head = make([]byte, 0, headSize+inflateOut+maxMatch)
	}
	f := finder{Codec: c, src: src, size: size, o: o, likely: o.Likely}
	r, err := f.find()
	if err != nil {
		return nil, fmt.Errorf("finding the recipe: at byte %d: %w", f.off, err)
	}
	return r, nil
}

// frame returns o.Frame, or if that is 0 what src begins like.
func (*Codec) frame(src io.ReaderAt, size int64, o Options) Frame {
	if o.Frame != 0 {
		return o.Frame
	}
	var b [4]byte
	if n, err := src.ReadAt(b[:min(4, size)], 0); n == len(b) && (err == nil || errors.Is(err, io.EOF)) && isZstd(b[:]) {
		return Zstd
	}
	return Gzip
}

// findStored is Find for blobs that are plain text.
func findStored(src io.ReaderAt, size int64, o Options) (*Recipe, error) {
	if o.Plain != nil {
		n, err := io.Copy(o.Plain, io.NewSectionReader(src, 0, size))
		if err == nil && n < size {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, fmt.Errorf("writing plain text: %w", err)
		}
	}
	return &Recipe{Groups: []Group{{Frame: Stored, Plain: []int64{size}}}}, nil
}

// A finder is one call of Find.
type finder struct {
	*Codec
	src    io.ReaderAt
	size   int64
	o      Options
	off    int64 // of the member under way
	likely Params
	r      Recipe
	plain  int64 // bytes of the member under way that Plain has received
}

func (f *finder) find() (*Recipe, error) {
	for n := 0; f.off < f.size; n++ {
		more, err := f.begins()
		if err != nil {
			return nil, err
		}
		if !more && n == 0 {
			return nil, ErrNotCompressed
		}
		if !more {
			return &f.r, f.tail()
		}
		if n == maxMember {
			return nil, fmt.Errorf("%w: more than %d members", ErrUnknownEncoder, maxMember)
		}
		if err := f.member(); err != nil {
			return nil, err
		}
	}
	if len(f.r.Groups) == 0 {
		return nil, ErrNotCompressed
	}
	if err := f.r.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknownEncoder, err)
	}
	return &f.r, nil
}

// begins reports whether a member begins at off. There is one at most of
// frames that do not say where they begin.
func (f *finder) begins() (bool, error) {
	if f.o.Frame == Raw {
		return len(f.r.Groups) == 0, nil
	}
	b := make([]byte, min(3, f.size-f.off))
	if n, err := f.src.ReadAt(b, f.off); n < len(b) {
		return false, fmt.Errorf("reading compressed bytes: %w", err)
	}
	if f.o.Frame == Zlib {
		return len(f.r.Groups) == 0 && zlibHeader(b) > 0, nil
	}
	return isGzip(b), nil
}

// tail keeps what follows the last member.
func (f *finder) tail() error {
	n := f.size - f.off
	if n > maxTail {
		return fmt.Errorf("%w: %d bytes after the last member", ErrUnknownEncoder, n)
	}
	f.r.Tail = make([]byte, n)
	if k, err := f.src.ReadAt(f.r.Tail, f.off); int64(k) < n {
		return fmt.Errorf("reading compressed bytes: %w", err)
	}
	if err := f.r.check(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnknownEncoder, err)
	}
	return nil
}

// member finds the encoder of the member at off and moves off beyond it.
func (f *finder) member() error {
	header, err := readHeader(f.src, f.off, f.size, f.o.Frame)
	if err != nil {
		return err
	}
	start := f.off + int64(len(header))
	f.plain = 0
	l, err := f.lookAt(start)
	if err != nil {
		return err
	}
	tried := l.candidates()
	if f.likely.check() == nil {
		tried = slices.Insert(tried, 0, f.likely)
	}
	for _, p := range tried {
		size, sum, err := f.try(p, start, l.ended)
		if errors.Is(err, ErrMismatch) {
			continue
		}
		if err != nil {
			return err
		}
		f.likely = p
		f.add(Group{Frame: f.o.Frame, Header: header, Params: p}, size)
		return f.endMemberAt(f.inflate.offset(), sum)
	}
	if f.o.Corrected {
		return f.fix(start, header, l)
	}
	return ErrUnknownEncoder
}

// lookAt inflates the first bytes of the stream at start into head.
func (f *finder) lookAt(start int64) (look, error) {
	in := f.inflate
	in.reset(f.src, start, f.size)
	f.head = f.head[:0]
	for len(f.head) < headSize {
		p, err := in.next()
		if errors.Is(err, io.EOF) {
			return look{slices.Clone(in.shape), true}, nil
		}
		if err != nil {
			return look{}, err
		}
		f.head = append(f.head, p...)
	}
	return look{slices.Clone(in.shape), false}, nil
}

// try compresses the member at start with p and compares. It returns the size
// of the plain text and the trailer; inflate then stands at the end.
func (f *finder) try(p Params, start int64, ended bool) (int64, trailer, error) {
	t := newTrailer(f.o.Frame)
	out := &comparer{src: f.src, off: start, end: f.size}
	e, err := f.tryHead(p, out, ended)
	if err != nil {
		return 0, t, err
	}
	in := f.inflate
	if !ended && in.total != int64(len(f.head)) {
		// Another candidate has read on.
		if _, err := f.lookAt(start); err != nil {
			return 0, t, err
		}
	}
	t.write(f.head)
	if err := f.deliver(f.head, 0); err != nil {
		return 0, t, err
	}
	for at := int64(len(f.head)); !ended; {
		b, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, t, err
		}
		t.write(b)
		if err := f.deliver(b, at); err != nil {
			return 0, t, err
		}
		at += int64(len(b))
		if !f.o.Unproven {
			err = e.write(b)
		}
		if err != nil {
			return 0, t, err
		}
	}
	if f.o.Unproven && !ended {
		return in.total, t, nil
	}
	if err := e.close(); err != nil {
		return 0, t, err
	}
	if out.off != in.offset() {
		return 0, t, ErrMismatch
	}
	return in.total, t, nil
}

// tryHead compresses head with p and compares with out what there is by then.
// It returns the encoder to go on with.
func (f *finder) tryHead(p Params, out *comparer, ended bool) (encoder, error) {
	start := out.off
	e := f.serial(p)
	e.reset(out, p)
	for b := range slices.Chunk(f.head, tryPiece) {
		if err := errors.Join(e.write(b), e.spill()); err != nil {
			return nil, err
		}
	}
	if f.Parallel == nil || p.Block == 0 || ended {
		return e, nil
	}
	// What has come so far is little: again, then on in parallel.
	out.off = start
	e = f.encoder(p)
	e.reset(out, p)
	return e, e.write(f.head)
}

// deliver hands b, which begins at the byte at of the member's plain text, to
// Plain, unless an earlier candidate has done so.
func (f *finder) deliver(b []byte, at int64) error {
	if f.o.Plain == nil || at < f.plain {
		return nil
	}
	f.plain = at + int64(len(b))
	if _, err := f.o.Plain.Write(b); err != nil {
		return fmt.Errorf("writing plain text: %w", err)
	}
	return nil
}

// add notes a member with size bytes of plain text.
func (f *finder) add(g Group, size int64) {
	n := len(f.r.Groups)
	if n == 0 || !g.sameAs(&f.r.Groups[n-1]) {
		f.r.Groups = append(f.r.Groups, g)
		n++
	}
	last := &f.r.Groups[n-1]
	last.Plain = append(last.Plain, size)
}

// endMemberAt checks the trailer at this byte and moves off beyond it.
func (f *finder) endMemberAt(at int64, t trailer) error {
	want := t.bytes()
	got := make([]byte, min(int64(len(want)), f.size-at))
	if n, err := f.src.ReadAt(got, at); n < len(got) {
		return fmt.Errorf("reading compressed bytes: %w", err)
	}
	if len(got) < len(want) {
		return fmt.Errorf("reading the trailer: %w", io.ErrUnexpectedEOF)
	}
	if !bytes.Equal(got, want) {
		return &FormatError{"trailer", "checksum and size are of other text"}
	}
	f.off = at + int64(len(want))
	return nil
}
