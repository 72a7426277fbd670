package recipe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// findZstd is Find for blobs that begin as zstd does.
func findZstd(src io.ReaderAt, size int64, o Options) (*Recipe, error) {
	f := zsSearch{src: src, size: size, o: o}
	defer f.close()
	if err := f.find(); err != nil {
		return nil, fmt.Errorf("finding the recipe: at byte %d: %w", f.off, err)
	}
	return &f.r, nil
}

// A zsSearch is one call of findZstd.
type zsSearch struct {
	src    io.ReaderAt
	size   int64
	o      Options
	off    int64 // of the member under way
	r      Recipe
	likely []*zsCandidate // that have made the member before
	all    []*zsCandidate
	levels [zsDefault + 1]*zsLevel
	window zsWindow
	reader *zstd.Decoder
	buf    []byte
}

// A zsLevel is what the candidates of a level share.
type zsLevel struct {
	finder zsFinder
	parse  zsParse
	taken  int64 // the block that parse holds
}

// A zsCandidate is an encoder that may have made a frame.
type zsCandidate struct {
	Params
	coder zsCoder
}

func (f *zsSearch) find() error {
	f.candidates()
	for f.off < f.size {
		h, raw, err := f.header()
		if err != nil {
			return err
		}
		if raw == nil {
			break
		}
		if err := f.member(h, raw); err != nil {
			return err
		}
	}
	if len(f.r.Groups) == 0 {
		return ErrNotCompressed
	}
	n := f.size - f.off
	if n > maxTail {
		return fmt.Errorf("%w: %d bytes after the last member", ErrUnknownEncoder, n)
	}
	if n > 0 {
		f.r.Tail = make([]byte, n)
		if err := f.readAt(f.r.Tail, f.off); err != nil {
			return err
		}
	}
	if err := f.r.check(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnknownEncoder, err)
	}
	return nil
}

// candidates makes the candidates, likeliest first.
func (f *zsSearch) candidates() {
	out := make([]byte, zsRoom)
	for _, level := range []int{zsDefault, zsFastest} {
		f.levels[level] = &zsLevel{finder: newZsFinder(level)}
		for _, e := range zstdEncoders {
			f.all = append(f.all, &zsCandidate{Params{Encoder: e.id, Level: level}, zsCoder{buf: out}})
		}
	}
	slices.SortStableFunc(f.all, func(a, b *zsCandidate) int { return f.distance(a) - f.distance(b) })
	f.likely = f.all
}

// distance returns 0 for what is likely, else 1.
func (f *zsSearch) distance(c *zsCandidate) int {
	if c.Encoder == f.o.Likely.Encoder && c.Level == f.o.Likely.Level {
		return 0
	}
	return 1
}

func (f *zsSearch) close() {
	if f.reader != nil {
		f.reader.Close()
	}
}

func (f *zsSearch) readAt(b []byte, off int64) error {
	if n, err := f.src.ReadAt(b, off); n < len(b) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("reading compressed bytes: %w", err)
	}
	return nil
}

// header returns the header of the member at off, or nil if there is none.
func (f *zsSearch) header() (h zsHeader, raw []byte, err error) {
	const most = 4 + 1 + 1 + 8
	n := int64(0)
	for {
		var b [8]byte
		left := f.size - f.off - n
		if err := f.readAt(b[:min(left, 8)], f.off+n); err != nil {
			return h, nil, err
		}
		if left >= 8 && isSkippable(binary.LittleEndian.Uint32(b[:])) {
			n += int64(binary.LittleEndian.Uint32(b[4:])) + 8
			if n > f.size-f.off {
				return h, nil, fmt.Errorf("reading a skippable frame: %w", io.ErrUnexpectedEOF)
			}
			continue
		}
		if left < 4 || binary.LittleEndian.Uint32(b[:]) != zsMagic {
			return h, nil, nil
		}
		break
	}
	if n > maxHeader-most {
		return h, nil, fmt.Errorf("%w: %d bytes before a frame", ErrUnknownEncoder, n)
	}
	raw = make([]byte, min(n+most, f.size-f.off))
	if err := f.readAt(raw, f.off); err != nil {
		return h, nil, err
	}
	h, ok := parseZsHeader(raw)
	if !ok || h.window == 0 && h.content > zsMaxReach {
		return h, nil, fmt.Errorf("%w: a header of another kind", ErrUnknownEncoder)
	}
	return h, raw[:h.size:h.size], nil
}

// member finds the encoder of the frame at off, behind h, and moves off beyond
// it.
func (f *zsSearch) member(h zsHeader, raw []byte) error {
	m := zsMember{zsSearch: f, header: h, first: f.off + int64(h.size)}
	if err := m.walk(); err != nil {
		return err
	}
	err := m.try(f.likely)
	if errors.Is(err, ErrUnknownEncoder) && len(f.likely) < len(f.all) {
		err = m.try(f.all)
	}
	if err != nil {
		return err
	}
	f.likely = m.live
	p := m.live[0].Params
	block := zsBlockSize(m.runs, p.Level)
	p.Block = int(block)
	header := cutsOf(m.runs, block).appendTo(raw)
	if len(header) > maxHeader {
		return fmt.Errorf("%w: blocks of too many sizes", ErrUnknownEncoder)
	}
	f.add(Group{Frame: Zstd, Header: header, Params: p, Plain: []int64{m.plain}})
	f.off = m.end
	return nil
}

// add notes a member.
func (f *zsSearch) add(g Group) {
	if n := len(f.r.Groups); n > 0 && g.sameAs(&f.r.Groups[n-1]) {
		f.r.Groups[n-1].Plain = append(f.r.Groups[n-1].Plain, g.Plain...)
		return
	}
	f.r.Groups = append(f.r.Groups, g)
}
