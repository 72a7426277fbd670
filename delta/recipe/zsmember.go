package recipe

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// A zsMember is a frame under way in a zsSearch.
type zsMember struct {
	*zsSearch
	header zsHeader
	first  int64 // block, where it is
	end    int64 // of the frame
	blocks int64 // in the frame

	live      []*zsCandidate
	runs      []zsRun
	at        int64 // of the block under way
	block     int64 // its number
	plain     int64 // bytes of the blocks before it
	delivered int64 // bytes that Plain has received
	read      int64 // where the decoder reads
	err       error // that is not the decoder's
}

// A zsBlock is what the header of a block says.
type zsBlock struct {
	kind uint32
	size int64 // bytes; of the plain text if kind is zsRLE
	last bool
}

// stored returns how many bytes of the blob the block takes.
func (b zsBlock) stored() int64 {
	if b.kind == zsRLE {
		return zsBlockHeader + 1
	}
	return zsBlockHeader + b.size
}

// walk finds the end of the frame.
func (m *zsMember) walk() error {
	at := m.first
	for {
		b, err := m.blockAt(at)
		if err != nil {
			return err
		}
		at += b.stored()
		m.blocks++
		if b.last {
			break
		}
	}
	if m.header.checksum {
		at += 4
	}
	if at > m.size {
		return fmt.Errorf("reading a frame: %w", io.ErrUnexpectedEOF)
	}
	m.end = at
	return nil
}

// blockAt returns the block at a byte of the blob.
func (m *zsMember) blockAt(at int64) (zsBlock, error) {
	var b [zsBlockHeader]byte
	if err := m.readAt(b[:], at); err != nil {
		return zsBlock{}, err
	}
	v := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
	block := zsBlock{v >> 1 & 3, int64(v >> 3), v&1 != 0}
	if block.kind > zsCompressed || block.size > zsMaxBlock {
		return block, &FormatError{"block", fmt.Sprintf("header %06x at byte %d", v, at)}
	}
	return block, nil
}

// try reads the plain text and compares what the candidates make of it, until
// none is left. The others are live afterwards.
func (m *zsMember) try(candidates []*zsCandidate) error {
	m.live = slices.Clone(candidates)
	m.runs, m.at, m.block, m.plain, m.err = nil, m.first, 0, 0, nil
	for level, l := range m.levels {
		if l != nil {
			l.taken = -1
			l.finder.reset(m.header.reach(level))
		}
	}
	m.window.reset(zsMaxReach)
	for _, c := range m.live {
		c.coder.reset(c.Encoder == KPZB)
	}
	if err := m.decode(); err != nil {
		return err
	}
	if err := m.skipEmpty(); err != nil {
		return err
	}
	if m.block < m.blocks {
		return &FormatError{"block", fmt.Sprintf("without plain text at byte %d", m.at)}
	}
	return nil
}

// decode gives the blocks that are not empty to Write, one by one.
func (m *zsMember) decode() error {
	var err error
	if m.reader == nil {
		// With a concurrency of 1 it starts no goroutines, and has no block
		// more in hand than it writes.
		m.reader, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(zsMaxReach))
	}
	if err == nil {
		err = m.reader.Reset(m)
	}
	m.read = m.off // of the member
	if err == nil {
		_, err = m.reader.WriteTo(m)
	}
	if m.err != nil {
		return m.err
	}
	if err != nil {
		return &FormatError{"block", fmt.Sprintf("at byte %d: %v", m.at, err)}
	}
	return nil
}

// Read is for the decoder. It ends with the frame.
func (m *zsMember) Read(p []byte) (int, error) {
	p = p[:min(int64(len(p)), m.end-m.read)]
	if len(p) == 0 {
		return 0, io.EOF
	}
	if err := m.readAt(p, m.read); err != nil {
		m.err = err
		return 0, err
	}
	m.read += int64(len(p))
	return len(p), nil
}

// Write takes the plain text of a block.
func (m *zsMember) Write(p []byte) (int, error) {
	if err := m.take(p); err != nil {
		m.err = err
		return 0, err
	}
	return len(p), nil
}

func (m *zsMember) take(p []byte) error {
	if err := m.skipEmpty(); err != nil {
		return err
	}
	b, err := m.blockAt(m.at)
	if err != nil {
		return err
	}
	if m.block == m.blocks || b.kind != zsCompressed && b.size != int64(len(p)) || len(p) > zsMaxBlock {
		return &FormatError{"block", fmt.Sprintf("of other size at byte %d", m.at)}
	}
	return m.next(b, p)
}

// skipEmpty takes the blocks from at on that are empty.
func (m *zsMember) skipEmpty() error {
	for m.block < m.blocks {
		b, err := m.blockAt(m.at)
		if err != nil || b.kind == zsCompressed || b.size > 0 {
			return err
		}
		if err := m.next(b, nil); err != nil {
			return err
		}
	}
	return nil
}

// next goes on from block b, whose plain text is p.
func (m *zsMember) next(b zsBlock, p []byte) error {
	if !m.o.Unproven || m.plain < headSize {
		if err := m.compare(b, p); err != nil {
			return err
		}
	}
	size := int64(len(p))
	if n := len(m.runs); n > 0 && m.runs[n-1].size == size {
		m.runs[n-1].n++
	} else {
		m.runs = append(m.runs, zsRun{size, 1})
	}
	if len(m.runs) > maxHeader {
		return fmt.Errorf("%w: blocks of too many sizes", ErrUnknownEncoder)
	}
	m.at += b.stored()
	m.block++
	m.plain += size
	if m.o.Plain == nil || m.plain <= m.delivered {
		return nil
	}
	m.delivered = m.plain
	if _, err := m.o.Plain.Write(p); err != nil {
		return fmt.Errorf("writing plain text: %w", err)
	}
	return nil
}

// compare drops the candidates that make another block b of p.
func (m *zsMember) compare(b zsBlock, p []byte) error {
	if int64(len(m.buf)) < b.stored() {
		m.buf = make([]byte, zsBlockHeader+zsMaxBlock)
	}
	want := m.buf[:b.stored()]
	if err := m.readAt(want, m.at); err != nil {
		return err
	}
	copy(m.window.room(len(p)), p)
	if off, needed := m.window.rebase(); needed {
		for _, l := range m.levels {
			if l != nil {
				l.finder.rebase(off)
			}
		}
	}
	m.live = slices.DeleteFunc(m.live, func(c *zsCandidate) bool {
		l := m.levels[c.Level]
		if l.taken != m.block {
			l.taken = m.block
			l.parse.take(l.finder, &m.window, len(p), m.blocks == 1 && len(p) > 0)
		}
		return !bytes.Equal(c.coder.block(&l.parse, b.last), want)
	})
	if len(m.live) == 0 {
		return ErrUnknownEncoder
	}
	return nil
}
