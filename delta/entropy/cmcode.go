package entropy

import (
	"fmt"
	"slices"
)

// encode appends the coded form of src.
func (m *cm) encode(dst, src []byte, p profile) []byte {
	m.init(p, len(src))
	var e rangeEncoder
	e.init(dst)
	for _, b := range src {
		for i := 7; i >= 0; i-- {
			y := int(b >> i & 1)
			e.encode(y, m.pr)
			m.update(y)
		}
	}
	return e.finish()
}

// decode appends size bytes.
func (m *cm) decode(dst, src []byte, p profile, size int) ([]byte, error) {
	m.init(p, size)
	var d rangeDecoder
	d.init(src)
	for len(m.buf) < size && !d.overrun() {
		for range 8 {
			m.update(d.decode(m.pr))
		}
	}
	if err := d.close(); err != nil {
		return dst, fmt.Errorf("decoding cm frame: %w", err)
	}
	return append(slices.Grow(dst, size), m.buf...), nil
}
