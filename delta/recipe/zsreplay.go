package recipe

import (
	"encoding/binary"
	"errors"
	"io"
	"slices"
)

// firstZstd is the first id of the encoders that make zstd.
const firstZstd ID = 10

// The encoders of zstd. Both are klauspost/compress/zstd, which chooses the
// tables of a block in another way since 1.20.3.
const (
	KPZA ID = 10
	KPZB ID = 11
)

// zstdEncoders are the encoders of frame [Zstd]. Their ids begin at firstZstd.
var zstdEncoders = []encoderInfo{
	{id: KPZA, name: "kpzA", levels: []int{zsDefault, zsFastest}, blockMin: minBlock, blockMax: zsMaxBlock},
	{id: KPZB, name: "kpzB", levels: []int{zsDefault, zsFastest}, blockMin: minBlock, blockMax: zsMaxBlock},
}

// A zsCodec writes frames, and keeps what it needs for that from one to the
// next. The zero zsCodec is ready.
type zsCodec struct {
	window  zsWindow
	finders [zsDefault + 1]zsFinder // by level
	parse   zsParse
	coder   zsCoder
	sum     zsChecksum
}

// finder returns the finder for a level.
func (z *zsCodec) finder(level int) zsFinder {
	if z.finders[level] == nil {
		z.finders[level] = newZsFinder(level)
	}
	return z.finders[level]
}

// replayZstd compresses the members of g, which check has accepted, from the
// next bytes of plain. It reads no more than them.
func replayZstd(g *Group, plain io.Reader, w io.Writer) error {
	return new(zsCodec).replay(g, plain, w)
}

func (z *zsCodec) replay(g *Group, plain io.Reader, w io.Writer) error {
	h, ok := parseZsHeader(g.Header)
	if !ok {
		return badRecipe("header is not one of %s", g.Frame)
	}
	block := int64(g.Block)
	cuts, err := parseZsCuts(g.Header[h.size:], block, slices.Min(g.Plain), slices.Max(g.Plain))
	if err != nil {
		return err
	}
	for _, n := range g.Plain {
		if _, err := w.Write(g.Header[:h.size]); err != nil {
			return err
		}
		z.begin(h.reach(g.Level), g.Params)
		first := true
		err := cuts.blocks(block, n, func(size int, last bool) error {
			b, err := z.read(plain, size)
			if err != nil {
				return err
			}
			out := z.write(g.Level, b, first && last && size > 0, last)
			first = false
			_, err = w.Write(out)
			return err
		})
		if err == nil && h.checksum {
			_, err = w.Write(z.trailer())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// begin begins a frame.
func (z *zsCodec) begin(reach int, p Params) {
	z.window.reset(reach)
	z.finder(p.Level).reset(reach)
	z.coder.reset(p.Encoder == KPZB)
	z.sum.reset()
}

// read reads the plain text of a block.
func (z *zsCodec) read(plain io.Reader, size int) ([]byte, error) {
	b := z.window.room(size)
	if _, err := io.ReadFull(plain, b); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return b, nil
}

// write returns the block of b, which is at the end of the window.
func (z *zsCodec) write(level int, b []byte, alone, last bool) []byte {
	z.sum.write(b)
	if off, needed := z.window.rebase(); needed {
		for _, f := range z.finders {
			if f != nil {
				f.rebase(off)
			}
		}
	}
	z.parse.take(z.finders[level], &z.window, len(b), alone)
	return z.coder.block(&z.parse, last)
}

// trailer returns the checksum of the frame.
func (z *zsCodec) trailer() []byte {
	return binary.LittleEndian.AppendUint32(nil, position(z.sum.sum()))
}

// checkZstd says what keeps the header and the sizes of g from being ones of
// frame [Zstd]. What Params.check refuses is refused already.
func checkZstd(g *Group) error {
	h, ok := parseZsHeader(g.Header)
	if !ok || len(g.Header) > maxHeader {
		return badRecipe("header is not one of %s", g.Frame)
	}
	_, err := parseZsCuts(g.Header[h.size:], int64(g.Block), slices.Min(g.Plain), slices.Max(g.Plain))
	return err
}
