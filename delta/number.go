package delta

import (
	"encoding/binary"
	"fmt"
)

// appendNumber appends n, which is not negative, in the fewest bytes.
func appendNumber[N int | int32 | int64](b []byte, n N) []byte {
	return binary.AppendUvarint(b, uint64(n))
}

// appendSigned appends n, small numbers of either sign in few bytes.
func appendSigned(b []byte, n int64) []byte {
	return binary.AppendUvarint(b, uint64(n)<<1^uint64(n>>63)) //nolint:gosec // moves the sign to the lowest bit
}

// A parser takes numbers and bytes off the front of b. After the first error
// it returns zeros.
type parser struct {
	part string // what b is, for errors
	b    []byte
	err  error
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = &FormatError{p.part, fmt.Sprintf(format, args...)}
	}
	p.b = nil
}

// number reads a number of at most limit, in the fewest bytes.
func (p *parser) number(limit int64) int64 {
	if len(p.b) > 0 && p.b[0] < 0x80 && int64(p.b[0]) <= limit {
		v := int64(p.b[0])
		p.b = p.b[1:]
		return v
	}
	u, n := binary.Uvarint(p.b)
	v := int64(u) //nolint:gosec // what does not fit becomes negative
	switch {
	case n == 0:
		p.fail("cut short")
	case n < 0 || v < 0 || v > limit:
		p.fail("number above %d", limit)
	case n > 1 && p.b[n-1] == 0:
		p.fail("number with needless bytes")
	default:
		p.b = p.b[n:]
		return v
	}
	return 0
}

// index reads a number below n.
func (p *parser) index(n int) int {
	if n == 0 {
		p.fail("number of nothing")
		return 0
	}
	return int(p.number(int64(n) - 1))
}

// bytes reads n bytes. They alias b.
func (p *parser) bytes(n int64) []byte {
	if n > int64(len(p.b)) {
		p.fail("cut short")
		return nil
	}
	b := p.b[:n:n]
	p.b = p.b[n:]
	return b
}

// end fails if anything is left.
func (p *parser) end() error {
	if p.err == nil && len(p.b) > 0 {
		p.fail("%d bytes after the end", len(p.b))
	}
	return p.err
}
