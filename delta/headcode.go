package delta

import (
	"bytes"
)

// A headCoder codes the header parts of one target after another, each by its
// differences from another header part: that of the same file in a base, or
// the one before it in the target.
//
// A block that is equal to the other's is the number 0 in the stream heads. An
// odd number says which fields differ; their new text goes to the stream
// texts. Any other number is for blocks without fields: how many bytes at the
// beginning are equal, plus one, doubled; then come how many bytes differ, and
// these in texts.
type headCoder struct {
	last  []byte // the header part before
	mtime [12]byte
}

// The fields of a header block, in the order of their bits: those that differ
// most often first. The bit before them all says that the time of modification
// is that of the block before.
var headFields = [...][2]int{
	{136, 148}, // mtime
	{124, 136}, // size
	{0, 100},   // name
	{100, 108}, // mode
	{157, 257}, // linkname
	{345, 500}, // prefix
	{156, 157}, // typeflag
	{148, 156}, // checksum, unless it is right
	{108, 116}, // uid
	{116, 124}, // gid
	{265, 297}, // uname
	{297, 329}, // gname
	{257, 265}, // magic and version
	{329, 337}, // devmajor
	{337, 345}, // devminor
	{500, 512},
}

const (
	mtimeField = 0
	sumField   = 7
	likeLast   = 1 << 0 // mtime is that of the header before
	fieldBit   = 1 << 1 // of the first field
	rawField   = 1      // in texts: the whole field follows
)

var zeroBlock [blockSize]byte

// other returns the block of the header part p that stands i blocks before its
// last, or zeros.
func other(p []byte, i int) []byte {
	if end := len(p) - i*blockSize; end >= blockSize {
		return p[end-blockSize : end]
	}
	return zeroBlock[:]
}

// encode appends the header part t, coded by its differences from p.
func (h *headCoder) encode(heads, texts, p, t []byte) (newHeads, newTexts []byte) {
	odd := len(t) % blockSize
	texts = append(texts, t[:odd]...)
	n := len(t) / blockSize
	for i := range n {
		b := t[odd+i*blockSize:][:blockSize]
		heads, texts = h.encodeBlock(heads, texts, other(p, n-1-i), b)
	}
	h.keep(t)
	return heads, texts
}

// keep keeps a header part for the next, if there is one.
func (h *headCoder) keep(part []byte) {
	if len(part) > 0 {
		h.last = append(h.last[:0], part...)
	}
}

func (h *headCoder) encodeBlock(heads, texts, p, t []byte) (newHeads, newTexts []byte) {
	if bytes.Equal(p, t) {
		h.note(t)
		return append(heads, 0), texts
	}
	if !looksLikeHeader(t) {
		from, to := 0, blockSize
		for p[from] == t[from] {
			from++
		}
		for p[to-1] == t[to-1] {
			to--
		}
		heads = appendNumber(heads, int64(from+1)<<1)
		heads = appendNumber(heads, to-from)
		return heads, append(texts, t[from:to]...)
	}
	mask := int64(0)
	g := [blockSize]byte(p)
	if f := headFields[mtimeField]; !bytes.Equal(p[f[0]:f[1]], t[f[0]:f[1]]) && bytes.Equal(h.mtime[:], t[f[0]:f[1]]) {
		mask |= likeLast
		copy(g[f[0]:f[1]], h.mtime[:])
	}
	for i, f := range headFields {
		if i != sumField && !bytes.Equal(g[f[0]:f[1]], t[f[0]:f[1]]) {
			mask |= fieldBit << i
			copy(g[f[0]:f[1]], t[f[0]:f[1]])
		}
	}
	setSum(&g)
	if !bytes.Equal(g[:], t) {
		mask |= fieldBit << sumField
	}
	heads = appendNumber(heads, mask<<1|1)
	for i, f := range headFields {
		if mask&(fieldBit<<i) != 0 {
			texts = appendField(texts, t[f[0]:f[1]])
		}
	}
	h.note(t)
	return heads, texts
}

// looksLikeHeader reports whether b is better described by fields.
func looksLikeHeader(b []byte) bool { return sumRight(b) }

// note keeps what the next block may repeat.
func (h *headCoder) note(b []byte) { copy(h.mtime[:], b[136:148]) }

// skip keeps what the next header part may repeat, of one that was copied.
func (h *headCoder) skip(part []byte) {
	h.keep(part)
	if len(part) >= blockSize {
		h.note(other(part, 0))
	}
}

// appendField appends the text of a field, up to its last byte that is not
// zero, and a zero.
func appendField(texts, f []byte) []byte {
	short := bytes.TrimRight(f, "\x00")
	if bytes.IndexByte(short, 0) >= 0 || len(short) > 0 && short[0] == rawField {
		return append(append(texts, rawField), f...)
	}
	return append(append(texts, short...), 0)
}

// setSum writes the checksum of b, in the style that its last two bytes show.
func setSum(b *[blockSize]byte) {
	sum, _ := blockSum(b[:])
	f := b[fieldSum[0]:fieldSum[1]]
	for i := 5; i >= 0; i-- {
		f[i] = byte('0' + sum&7)
		sum >>= 3
	}
	if f[6] == 0 && f[7] == 0 {
		f[7] = ' '
	}
}

// decode appends to dst a header part of n bytes, coded by its differences
// from p.
func (h *headCoder) decode(dst []byte, heads, texts *streamReader, p []byte, n int) ([]byte, error) {
	start := len(dst)
	var err error
	if dst, err = texts.appendBytes(dst, int64(n%blockSize)); err != nil {
		return nil, err
	}
	for i := n/blockSize - 1; i >= 0; i-- {
		b := [blockSize]byte(other(p, i))
		if err := h.decodeBlock(&b, heads, texts); err != nil {
			return nil, err
		}
		dst = append(dst, b[:]...)
	}
	h.keep(dst[start:])
	return dst, nil
}

func (h *headCoder) decodeBlock(b *[blockSize]byte, heads, texts *streamReader) error {
	v, err := heads.number(fieldBit << (len(headFields) + 1))
	if err != nil {
		return err
	}
	switch {
	case v == 0:
		h.note(b[:])
		return nil
	case v&1 == 0:
		from := v>>1 - 1
		if from >= blockSize {
			return &FormatError{"operations", "header block of more than 512 bytes"}
		}
		n, err := heads.number(blockSize - from)
		if err != nil {
			return err
		}
		return texts.read(b[from : from+n])
	}
	mask := v >> 1
	if mask&likeLast != 0 {
		copy(b[136:148], h.mtime[:])
	}
	for i, f := range headFields {
		if mask&(fieldBit<<i) == 0 {
			continue
		}
		if err := readField(b[f[0]:f[1]], texts); err != nil {
			return err
		}
	}
	if mask&(fieldBit<<sumField) == 0 {
		setSum(b)
	}
	h.note(b[:])
	return nil
}

// readField reads what appendField wrote.
func readField(f []byte, texts *streamReader) error {
	c, err := texts.byte()
	if err != nil {
		return err
	}
	if c == rawField {
		return texts.read(f)
	}
	clear(f)
	for i := 0; c != 0; i++ {
		if i == len(f) {
			return &FormatError{"operations", "text longer than its field"}
		}
		f[i] = c
		if c, err = texts.byte(); err != nil {
			return err
		}
	}
	return nil
}
