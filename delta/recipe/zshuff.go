package recipe

import "encoding/binary"

const (
	huffMaxBits   = 11
	huffWeightLog = 6
)

// A huffKind says what became of literals.
type huffKind int

const (
	huffRaw   huffKind = iota // they do not become shorter
	huffRLE                   // they are all the same
	huffNew                   // with a new code
	huffAgain                 // with the code of the block before
)

// A huffCode is a code of Huffman: the bits of each symbol, above their number.
type huffCode struct {
	codes [256]uint32
	n     int // symbols, up to the last that occurs; 0 if there is no code
}

// zsHuffman compresses literals.
type zsHuffman struct {
	code   *huffCode // made for the literals at hand
	before *huffCode // that the reader of the frame knows
	lasts  bool      // before may be used again
	max    int       // longest code
	counts [256]uint32
	more   [3][256]uint32
	nodes  huffTree
	table  zsTable // of weights
}

func (h *zsHuffman) reset() {
	if h.code == nil {
		h.code, h.before = new(huffCode), new(huffCode)
	}
	h.lasts = false
}

// compress appends src in a single stream or in four to buf from pos on, with a
// description of the code before it if it is new, and returns where that ends.
// buf has room for twice of src and 1 KiB more.
func (h *zsHuffman) compress(buf []byte, pos int, src []byte, four bool) (end int, kind huffKind) {
	if !h.lasts {
		h.before.n = 0
	}
	n, most := h.count(src)
	want := len(src) - len(src)>>4
	switch {
	case most == len(src):
		return pos, huffRLE
	case most == 1 || most < len(src)>>7:
		return pos, huffRaw
	}
	h.build(n, len(src))
	start, kind, code := pos, huffNew, h.code
	if h.covers(n) && h.size(h.before, n) <= h.size(h.code, n) {
		kind, code = huffAgain, h.before
	}
	if kind == huffNew {
		var ok bool
		if pos, ok = h.describe(buf, pos); !ok {
			return start, huffRaw
		}
	}
	if four {
		pos = code.write4(buf, pos, src)
	} else {
		pos = code.write(buf, pos, src)
	}
	if pos-start >= want {
		return start, huffRaw
	}
	if kind == huffNew {
		h.code, h.before = h.before, h.code
	}
	return pos, kind
}

// count returns the number of symbols, up to the last, and how often the most
// frequent occurs.
func (h *zsHuffman) count(src []byte) (n, most int) {
	clear(h.counts[:])
	h.more = [3][256]uint32{}
	a, b, c, d := &h.counts, &h.more[0], &h.more[1], &h.more[2]
	for ; len(src) >= 8; src = src[8:] {
		v := binary.LittleEndian.Uint64(src)
		a[uint8(v)]++     //nolint:gosec // one byte of eight
		b[uint8(v>>8)]++  //nolint:gosec // one byte of eight
		c[uint8(v>>16)]++ //nolint:gosec // one byte of eight
		d[uint8(v>>24)]++ //nolint:gosec // one byte of eight
		a[uint8(v>>32)]++ //nolint:gosec // one byte of eight
		b[uint8(v>>40)]++ //nolint:gosec // one byte of eight
		c[uint8(v>>48)]++ //nolint:gosec // one byte of eight
		d[v>>56]++
	}
	for _, v := range src {
		a[v]++
	}
	for i := range a {
		a[i] += b[i] + c[i] + d[i]
		if a[i] > 0 {
			n = i + 1
			most = max(most, int(a[i]))
		}
	}
	return n, most
}

// covers reports whether the code before has all of the n symbols that occur.
func (h *zsHuffman) covers(n int) bool {
	if h.before.n < n {
		return false
	}
	for i, c := range h.counts[:n] {
		if c > 0 && h.before.codes[i] == 0 {
			return false
		}
	}
	return true
}

// size returns how many bytes c takes for what is counted.
func (h *zsHuffman) size(c *huffCode, n int) uint32 {
	sum := uint32(7)
	for i, v := range h.counts[:n] {
		sum += v * (c.codes[i] & 15)
	}
	return sum >> 3
}

// build makes the code for total literals of n symbols.
func (h *zsHuffman) build(n, total int) {
	least := min(high(low32(total))+1, high(low32(n-1))+2)
	limit := max(min(huffMaxBits, high(low32(total-1))-1), least, fseMinLog)
	limit = min(limit, huffMaxBits)
	used, longest := h.nodes.lengths(h.counts[:n], limit)

	var rank, next [16]uint32
	c := h.code
	c.n = n
	clear(c.codes[:])
	h.max = longest
	for _, e := range used {
		rank[e.bits&15]++
		c.codes[e.symbol] = uint32(e.bits)
	}
	at := uint32(0)
	for b := h.max; b > 0; b-- {
		next[b] = at
		at = (at + rank[b]) >> 1
	}
	for i := range c.codes[:n] {
		b := c.codes[i] & 15
		if b > 0 {
			c.codes[i] |= next[b] << 4
			next[b]++
		}
	}
}

// describe writes the lengths of the code, but for the last symbol's.
func (h *zsHuffman) describe(buf []byte, pos int) (end int, ok bool) {
	var weights [256]uint8
	n := h.code.n - 1
	for i := range n {
		if b := h.code.codes[i] & 15; b > 0 {
			weights[i] = low8(h.max + 1 - int(b))
		}
	}
	if end, ok := h.table.pack(buf, pos+1, weights[:n], huffWeightLog); ok && end-pos-1 < h.code.n>>1 {
		buf[pos] = low8(end - pos - 1)
		return end, true
	}
	if n > 128 {
		return pos, false
	}
	buf[pos] = low8(128 | (n - 1))
	pos++
	for i := 0; i < n; i += 2 {
		buf[pos] = weights[i]<<4 | weights[i+1]
		pos++
	}
	return pos, true
}

// write4 writes src in four streams, behind the sizes of the first three.
func (c *huffCode) write4(buf []byte, pos int, src []byte) int {
	part := (len(src) + 3) / 4
	sizes := pos
	pos += 6
	for i := range 4 {
		start := pos
		n := min(part, len(src))
		pos = c.write(buf, pos, src[:n])
		src = src[n:]
		if i < 3 {
			binary.LittleEndian.PutUint16(buf[sizes+2*i:], low16(pos-start))
		}
	}
	return pos
}

// write writes src from its end to its beginning.
func (c *huffCode) write(buf []byte, pos int, src []byte) int {
	w := zsBits{pos: pos}
	codes := &c.codes
	n := len(src) &^ 3
	for i := len(src) - 1; i >= n; i-- {
		e := codes[src[i]]
		w = w.add(uint64(e>>4), uint(e&15))
	}
	for src = src[:n]; len(src) >= 4; src = src[:len(src)-4] {
		p := (*[4]byte)(src[len(src)-4:])
		w = w.flush(buf)
		e3, e2, e1, e0 := codes[p[3]], codes[p[2]], codes[p[1]], codes[p[0]]
		n3, n1 := e3&15, e1&15
		low, nlow := uint64(e3>>4)|uint64(e2>>4)<<n3, n3+e2&15
		top, ntop := uint64(e1>>4)|uint64(e0>>4)<<n1, n1+e0&15
		w = w.add(low|top<<(nlow&63), uint(nlow+ntop))
	}
	return w.close(buf)
}
