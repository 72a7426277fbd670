package entropy

import (
	"errors"
	"fmt"
	"slices"
)

var errDistance = errors.New("distance before the beginning")

// An lzDecoder keeps the model of the LZ coder.
type lzDecoder struct {
	model lzModel
	lit   literalContext
	flag  flagContext
	rc    rangeDecoder
}

// decode appends size bytes.
func (d *lzDecoder) decode(dst, src []byte, size int) ([]byte, error) {
	d.model.init(size)
	d.rc.init(src)
	n := len(dst)
	out := slices.Grow(dst, size)
	out, err := d.run(out[:n:n+size], n)
	if err == nil {
		err = d.rc.close()
	}
	if err != nil {
		return dst, fmt.Errorf("decoding lz frame: %w", err)
	}
	return out, nil
}

// run fills out from start to its capacity.
func (d *lzDecoder) run(out []byte, start int) ([]byte, error) {
	m := &d.model
	for len(out) < cap(out) {
		if d.rc.overrun() {
			break
		}
		text := out[start:]
		d.flag.begin(&m.flag, text, m.state)
		y := d.rc.decode(d.flag.pr)
		d.flag.update(y)
		if y == 0 {
			d.lit.begin(&m.lit, text, m.predicted(text), m.state)
			out = append(out, d.lit.decode(&d.rc))
			m.apply(token{})
			continue
		}
		t := d.match(len(text))
		if t.dist == 0 || int64(t.dist) > int64(len(text)) {
			return nil, errDistance
		}
		if int64(t.length) > int64(cap(out)-len(out)) {
			return nil, errTrailing
		}
		out = appendMatch(out, int(t.dist), int(t.length))
	}
	return out, nil
}

// appendMatch repeats length bytes that stand dist before the end.
func appendMatch(out []byte, dist, length int) []byte {
	for length > 0 {
		from := len(out) - dist
		n := min(length, dist)
		out = append(out, out[from:from+n]...)
		length -= n
		dist += n
	}
	return out
}

// match decodes what follows the flag of a match at pos.
func (d *lzDecoder) match(pos int) token {
	m := &d.model
	p := pos & (lzPositions - 1)
	if d.rc.bit(&m.rep[m.state]) == 0 {
		t := token{rep: 4, length: d.length(0, p)}
		t.length = max(t.length, lzMinMatch)
		t.dist = d.distance(lengthClass(t.length))
		m.apply(t)
		return t
	}
	var t token
	switch {
	case d.rc.bit(&m.rep0[m.state]) == 0:
		t.rep = 0
	case d.rc.bit(&m.rep1[m.state]) == 0:
		t.rep = 1
	case d.rc.bit(&m.rep2[m.state]) == 0:
		t.rep = 2
	default:
		t.rep = 3
	}
	t.dist = m.reps[t.rep]
	t.length = d.length(1, p)
	m.apply(t)
	return t
}

func (d *lzDecoder) length(kind, p int) uint32 {
	sym := d.rc.tree(d.model.length[kind][p][:], 6)
	base, extra := lengthBase(sym)
	for i := range d.model.more[kind][sym&(lzLengths-1)] {
		if extra == 0 {
			break
		}
		extra--
		base |= uint32(d.rc.bit(&d.model.more[kind][sym&(lzLengths-1)][i])) << extra //nolint:gosec // a bit
	}
	if extra > 0 {
		base |= d.rc.direct(extra)
	}
	return base + 1
}

func (d *lzDecoder) distance(class uint32) uint32 {
	m := &d.model
	slot := d.rc.tree(m.slots[class][:], 6)
	if slot < lzFooterMin {
		return slot + 1
	}
	extra := uint(slot>>1 - 1)
	base := (2 | slot&1) << extra
	if slot < lzDirectMin {
		return base + d.rc.reverse(m.footer[slot][:], extra) + 1
	}
	base += d.rc.direct(extra-lzAlignBits) << lzAlignBits
	return base + d.rc.reverse(m.align[:], lzAlignBits) + 1
}
