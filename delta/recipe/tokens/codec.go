package tokens

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
)

const (
	formGeneral = 1
	formNear    = 2

	// samplePlain is how much text the params of the general model are
	// estimated from.
	samplePlain = 256 << 10
)

// A codec holds the models of a stream.
type codec struct {
	coder   coder
	src     parser
	out     emitter
	near    near
	general general
	header  headerModel
	blocks  blockModel
	useNear bool
	plain   text // of the general model, when decoding

	open    bool // a block goes on
	kind    uint8
	final   bool
	counted int // tokens of the last block, of its first segment

	seg   segment
	queue []*segment // read and not coded, general model
	spare []*segment
}

// A blockModel codes what surrounds the tokens of a block.
type blockModel struct {
	kind    [4 * 4 * 2][4]prob
	final   [4 * 3]prob
	more    prob
	padded  [2]prob
	pad     [128]prob
	odd     prob
	known   [3][2]prob
	count   number
	stored  [2]prob
	size    number
	lastLen int
}

func (k *codec) reset() {
	k.blocks = blockModel{}
	k.header.lit, k.header.dist, k.header.code = lengthsModel{}, lengthsModel{}, lengthsModel{}
	k.header.spell = spellModel{}
	k.open, k.kind, k.final, k.counted = false, 0, false, 0
}

func (k *codec) encode(w io.Writer, src, near io.Reader, o Options) error {
	k.src.reset(src, "deflate stream")
	k.spare = append(k.spare, k.queue...)
	k.queue = k.queue[:0]
	k.useNear = near != nil
	if k.useNear {
		return k.encodeNear(w, near)
	}
	return k.encodeGeneral(w, o)
}

func (k *codec) encodeNear(w io.Writer, near io.Reader) error {
	if _, err := w.Write([]byte{formNear}); err != nil {
		return err
	}
	k.reset()
	k.near.reset(near)
	k.coder.startEncoding(w)
	t, nt := &k.src.text, &k.near.parser.text
	for at := 0; !k.src.done; at -= t.drop(at) {
		if err := k.read(&k.seg); err != nil {
			return err
		}
		start := k.near.at
		if err := k.segment(&k.seg); err != nil {
			return err
		}
		n := k.seg.plain
		if k.near.at > nt.n || !bytes.Equal(nt.b[start:k.near.at], t.b[at:at+n]) {
			return fmt.Errorf("%w: near stream of another plain text", ErrUnfit)
		}
		at += n
		k.near.drop()
	}
	if more, err := k.nearGoesOn(); err != nil || more {
		if more {
			err = fmt.Errorf("%w: near stream of more plain text", ErrUnfit)
		}
		return err
	}
	return k.coder.finish()
}

// nearGoesOn reads the near stream to its end, and reports whether there is
// text after the last token.
func (k *codec) nearGoesOn() (bool, error) {
	if err := k.near.advance(); err != nil {
		return false, err
	}
	return k.near.at < k.near.parser.text.n, nil
}

// read reads a segment of src that a Decode can be allowed to write.
func (k *codec) read(s *segment) error {
	if err := k.src.next(s); err != nil {
		return err
	}
	if n := k.src.used(); n > MaxSize(k.src.text.total()) {
		return fmt.Errorf("%w: more than %d bytes for %d bytes of plain text", ErrUnfit, n-1, k.src.text.total())
	}
	return nil
}

func (k *codec) encodeGeneral(w io.Writer, o Options) error {
	k.general.at = 0
	if err := k.enqueue(samplePlain); err != nil {
		return err
	}
	p := estimate(o.maxDepth(), k.trial)
	if _, err := w.Write(append([]byte{formGeneral}, p.bytes()...)); err != nil {
		return err
	}
	k.reset()
	k.general.reset(&k.src.text, p)
	k.coder.startEncoding(w)
	for len(k.queue) > 0 {
		s := k.queue[0]
		if err := k.enqueue(s.plain + lookAhead); err != nil {
			return err
		}
		if err := k.segment(s); err != nil {
			return err
		}
		k.queue = append(k.queue[:0], k.queue[1:]...)
		k.spare = append(k.spare, s)
		k.general.drop()
		if len(k.queue) == 0 {
			if err := k.enqueue(1); err != nil {
				return err
			}
		}
	}
	return k.coder.finish()
}

// enqueue reads segments until n bytes of text are known that were not coded.
func (k *codec) enqueue(n int) error {
	for !k.src.done && (len(k.queue) == 0 || k.src.text.n-k.general.at < n) {
		s := new(segment)
		if i := len(k.spare) - 1; i >= 0 {
			s, k.spare = k.spare[i], k.spare[:i]
		}
		if err := k.read(s); err != nil {
			return err
		}
		k.queue = append(k.queue, s)
	}
	return nil
}

// trial returns how long the corrections of a sample of what is queued are
// with p.
func (k *codec) trial(p params) int64 {
	var n counter
	g, t := &k.general, &k.src.text
	g.reset(t, p)
	k.coder.startEncoding(&n)
	end := min(t.n, samplePlain)
	if !t.end {
		end = min(t.n-lookAhead, samplePlain)
	}
	for _, s := range k.queue {
		if g.at >= end {
			break
		}
		g.pass(min(s.stored, end-g.at))
		if g.tokens(&k.coder, s, fitting(s.tokens, end-g.at)) != nil {
			break
		}
	}
	if k.coder.finish() != nil {
		return math.MaxInt32
	}
	return int64(n)
}

// fitting returns how many of list stand for less than n bytes.
func fitting(list []token, n int) int {
	for i, t := range list {
		if n -= t.size(); n < 0 {
			return i
		}
	}
	return len(list)
}

// A counter counts what is written to it.
type counter int64

func (n *counter) Write(p []byte) (int, error) {
	*n += counter(len(p))
	return len(p), nil
}

func (k *codec) decode(w io.Writer, corrections, plain, near io.Reader) error {
	var head [1 + paramsSize]byte
	if err := readHead(corrections, head[:1]); err != nil {
		return err
	}
	k.reset()
	switch {
	case head[0] == formGeneral && plain != nil:
		if err := readHead(corrections, head[1:]); err != nil {
			return err
		}
		p, ok := parseParams(head[1:])
		if !ok {
			return &FormatError{"corrections", "bad parameters"}
		}
		k.useNear = false
		k.plain.reset(plain)
		k.general.reset(&k.plain, p)
	case head[0] == formNear && near != nil:
		k.useNear = true
		k.near.reset(near)
	case head[0] == formGeneral || head[0] == formNear:
		return &FormatError{"corrections", "not made for what they are to be applied to"}
	default:
		return &FormatError{"corrections", fmt.Sprintf("unknown form %d", head[0])}
	}
	k.coder.startDecoding(corrections)
	k.out.reset(w)
	return k.rebuild()
}

func readHead(r io.Reader, b []byte) error {
	_, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("reading corrections: %w", err)
	}
	return nil
}

// rebuild decodes and writes segments until the last.
func (k *codec) rebuild() error {
	for !k.final || k.open {
		if err := k.segment(&k.seg); err != nil {
			return err
		}
		var text []byte
		if k.useNear {
			text = k.near.parser.text.b[k.near.at-k.seg.stored : k.near.at]
		} else {
			text = k.plain.b[k.general.at-k.seg.stored : k.general.at]
		}
		k.out.limit = MaxSize(k.known())
		k.out.segment(&k.seg, text)
		if k.out.err != nil {
			return k.out.err
		}
		if k.out.size() > k.out.limit {
			return &FormatError{"corrections", "too many blocks"}
		}
		if k.useNear {
			k.near.drop()
		} else {
			k.general.drop()
		}
	}
	more, err := k.plainGoesOn()
	if err != nil {
		return err
	}
	if more {
		return &FormatError{"corrections", "less text than the plain text"}
	}
	return k.coder.finish()
}

// known returns how many bytes of plain text have been coded.
func (k *codec) known() int64 {
	if k.useNear {
		return k.near.parser.text.base + int64(k.near.at)
	}
	return k.plain.base + int64(k.general.at)
}

func (k *codec) plainGoesOn() (bool, error) {
	if k.useNear {
		return k.nearGoesOn()
	}
	err := k.plain.ahead(k.general.at, 1)
	return k.plain.n > k.general.at, err
}

// segment codes s: its block's kind if it begins one, how many tokens it has,
// these, and then the codes of the block.
func (k *codec) segment(s *segment) error {
	c := &k.coder
	var theirs *segment
	fresh := false
	if k.useNear {
		var err error
		if theirs, fresh, err = k.near.block(); err != nil {
			return err
		}
	}
	if c.decoding {
		*s = segment{tokens: s.tokens[:0], header: s.header, first: !k.open}
	}
	if s.first {
		k.blockKind(s, theirs, fresh)
	}
	s.kind, s.final = k.kind, k.final
	if s.kind == blockStored {
		return k.storedBlock(s, theirs, fresh)
	}
	n := k.count(s, theirs)
	s.more = c.flag(&k.blocks.more, s.more)
	s.odd = c.flag(&k.blocks.odd, s.odd)
	k.open = s.more
	if c.err != nil {
		return c.err
	}
	var nearHeader *header
	if fresh && theirs != nil && theirs.kind == blockDynamic {
		h := theirs.header
		h.ops = nil
		nearHeader = &h
	}
	var err error
	if k.useNear {
		err = k.near.tokens(c, s, n)
	} else {
		err = k.general.tokens(c, s, n)
	}
	if err != nil {
		return err
	}
	if s.first && s.kind == blockDynamic {
		k.header.header(c, &s.header, s.tokens, nearHeader)
	}
	if s.final && !s.more {
		k.pad(s, 1)
	}
	return c.err
}

// blockKind codes what a block begins with.
func (k *codec) blockKind(s, theirs *segment, fresh bool) {
	c, m := &k.coder, &k.blocks
	nearKind, isFresh, nearFinal := 3, 0, 2
	if theirs != nil {
		nearKind = int(theirs.kind)
		nearFinal = 0
		if theirs.final {
			nearFinal = 1
		}
	}
	if fresh {
		isFresh = 1
	}
	k.kind = uint8(c.tree(m.kind[(int(k.kind)*4+nearKind)*2+isFresh][:], 2, uint32(s.kind))) //nolint:gosec // two bits
	if k.kind > blockDynamic {
		c.fail("block of unknown kind")
		k.kind = blockStored
	}
	k.final = c.flag(&m.final[int(k.kind)*3+nearFinal], s.final)
}

// storedBlock codes the size and padding of a stored block.
func (k *codec) storedBlock(s, theirs *segment, fresh bool) error {
	c, m := &k.coder, &k.blocks
	expected := m.lastLen
	if fresh && theirs != nil && theirs.kind == blockStored {
		expected = theirs.stored
	}
	if c.flag(&m.stored[0], s.stored == expected) {
		s.stored = expected
	} else {
		s.stored = int(m.size.code(c, uint32(s.stored))) //nolint:gosec // below 65536
	}
	if s.stored > maxStored {
		c.fail("stored block of %d bytes", s.stored)
	}
	m.lastLen = s.stored
	k.pad(s, 0)
	k.open = false
	if c.err != nil {
		return c.err
	}
	if k.useNear {
		ok, err := k.near.pass(s.stored)
		if err == nil && !ok {
			err = k.near.mismatch(c)
		}
		return err
	}
	t := k.general.chain.t
	if c.decoding {
		k.general.drop()
		if err := t.ahead(k.general.at, s.stored+lookAhead); err != nil {
			return err
		}
		if t.n-k.general.at < s.stored {
			c.fail("more text than the plain text")
			return c.err
		}
	}
	k.general.pass(s.stored)
	return nil
}

// count codes how many tokens s has: as many as the near stream's block, as the
// last block, or some other number.
func (k *codec) count(s, theirs *segment) int {
	c, m := &k.coder, &k.blocks
	n := len(s.tokens)
	if theirs != nil {
		if left := k.near.left(); c.flag(&m.known[0][0], n == left) {
			k.counted = left
			return left
		}
	}
	if c.flag(&m.known[1][0], n == k.counted) {
		return k.counted
	}
	n = int(m.count.code(c, uint32(n))) //nolint:gosec // at most segmentTokens
	if n > segmentTokens+64 {
		c.fail("segment of %d tokens", n)
		n = 0
	}
	k.counted = n
	return n
}

// pad codes the bits before the next whole byte, usually zeros.
func (k *codec) pad(s *segment, i int) {
	m := &k.blocks
	if k.coder.flag(&m.padded[i], s.pad != 0) {
		s.pad = uint8(k.coder.tree(m.pad[:], 7, uint32(s.pad))) //nolint:gosec // seven bits
	}
}
