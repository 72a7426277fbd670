package recipe

import (
	"math"
	"slices"
)

const (
	zsMinMatch  = 3
	zsMaxBlock  = 128 << 10
	zsSequences = zsMaxBlock / 4 // matches are of 4 bytes or more
)

// A zsSequence is literals and a match after them.
type zsSequence struct {
	lits   uint32
	length uint32 // less zsMinMatch
	offset uint32 // 1 for the one before, else the distance plus 3
	codes  [zsKinds]uint8
}

// The kinds of numbers in a sequence, in the order in which their tables come.
const (
	zsLits = iota
	zsOffset
	zsLength
	zsKinds
)

// A zsMode says how the table of a kind is given.
type zsMode = uint8

const (
	zsPredefined zsMode = 0
	zsSingle     zsMode = 1
	zsOwn        zsMode = 2
	zsRepeat     zsMode = 3
)

var (
	zsLitsExtra   = [36]uint8{16: 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	zsLengthExtra = [53]uint8{32: 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	zsLitsCodes   = [64]uint8(codesOf(zsLitsExtra[:], 64))
	zsLengthCodes = [128]uint8(codesOf(zsLengthExtra[:], 128))

	zsPredefinedTables = [zsKinds]zsTable{
		zsLits: predefinedTable(zsLits, 6, []int16{
			4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2,
			2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1,
		}),
		zsOffset: predefinedTable(zsOffset, 5, []int16{
			1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1,
			1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1,
		}),
		zsLength: predefinedTable(zsLength, 6, []int16{
			1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1,
			1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
			1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
		}),
	}
)

// codesOf returns the code of each number below n: code i stands for as many
// numbers as its extra bits tell apart.
func codesOf(extra []uint8, n int) []uint8 {
	var codes []uint8
	for i, bits := range extra {
		for range 1 << bits {
			if len(codes) == n {
				return codes
			}
			codes = append(codes, low8(i))
		}
	}
	return codes
}

func predefinedTable(kind, log int, norm []int16) zsTable {
	t := zsTable{log: log, n: len(norm)}
	copy(t.norm[:], norm)
	t.build()
	t.setExtra(kind)
	return t
}

// setExtra sets how many bits follow each symbol.
func (t *zsTable) setExtra(kind int) {
	switch kind {
	case zsLits:
		for i, n := range zsLitsExtra {
			t.steps[i].extra = n
		}
	case zsLength:
		for i, n := range zsLengthExtra {
			t.steps[i].extra = n
		}
	default:
		for i := range t.steps {
			t.steps[i].extra = low8(i)
		}
	}
}

func litsCode(n uint32) uint8 {
	if n < 64 {
		return zsLitsCodes[n]
	}
	return low8(high(n) + 19)
}

func lengthCode(n uint32) uint8 {
	if n < 128 {
		return zsLengthCodes[n]
	}
	return low8(high(n) + 36)
}

// zsTables are the tables of one kind.
type zsTables struct {
	own    *zsTable // made for the sequences at hand
	before *zsTable // that the reader of the frame knows; without symbols if none
	counts [fseSymbols]uint32
}

// zsSequencer writes sequences.
type zsSequencer struct {
	kinds [zsKinds]zsTables
	modes uint8 // of what was written last
	exact bool  // choose as generation B does
}

func (q *zsSequencer) reset() {
	for kind := range q.kinds {
		k := &q.kinds[kind]
		if k.own == nil {
			k.own, k.before = new(zsTable), new(zsTable)
			k.own.setExtra(kind)
			k.before.setExtra(kind)
		}
		k.before.n = 0
	}
}

// write writes seqs, of which there are some, to buf from pos on, and returns
// where that ends. With keep the tables become those before.
func (q *zsSequencer) write(buf []byte, pos int, seqs []zsSequence) (end int, ok bool) {
	switch n := len(seqs); {
	case n < 128:
		buf[pos] = low8(n)
		pos++
	case n < 0x7f00:
		buf[pos], buf[pos+1] = low8(128+n>>8), low8(n)
		pos += 2
	default:
		n -= 0x7f00
		buf[pos], buf[pos+1], buf[pos+2] = 255, low8(n), low8(n>>8)
		pos += 3
	}
	q.count(seqs)
	modes := pos
	pos++
	var tables [zsKinds]*zsTable
	q.modes = 0
	for kind := range q.kinds {
		k := &q.kinds[kind]
		if !k.make(len(seqs)) {
			return pos, false
		}
		m := k.choose(&zsPredefinedTables[kind], q.exact, buf[pos:])
		q.modes |= m << (6 - 2*kind)
		switch m {
		case zsPredefined:
			tables[kind] = &zsPredefinedTables[kind]
		case zsRepeat:
			tables[kind] = k.before
		case zsSingle:
			tables[kind] = k.own
			buf[pos] = low8(k.own.n - 1)
			pos++
		default:
			tables[kind] = k.own
			pos = k.own.appendHeader(buf, pos)
		}
	}
	buf[modes] = q.modes
	return writeSequences(&tables, buf, pos, seqs), true
}

// keep makes the tables that write has used those that the reader knows.
func (q *zsSequencer) keep() {
	for kind := range q.kinds {
		k := &q.kinds[kind]
		switch q.modes >> (6 - 2*kind) & 3 {
		case zsPredefined:
			k.before.n = 0
		case zsSingle, zsOwn:
			k.own, k.before = k.before, k.own
		}
	}
}

func (q *zsSequencer) count(seqs []zsSequence) {
	lits, offset, length := &q.kinds[zsLits].counts, &q.kinds[zsOffset].counts, &q.kinds[zsLength].counts
	clear(lits[:])
	clear(offset[:])
	clear(length[:])
	for i := range seqs {
		s := &seqs[i]
		lits[s.codes[zsLits]&(fseSymbols-1)]++
		offset[s.codes[zsOffset]&(fseSymbols-1)]++
		length[s.codes[zsLength]&(fseSymbols-1)]++
	}
}

// make makes own for total sequences.
func (k *zsTables) make(total int) bool {
	t := k.own
	t.n = fseSymbols
	for t.n > 1 && k.counts[t.n-1] == 0 {
		t.n--
	}
	most := int(slices.Max(k.counts[:t.n]))
	if t.rle = most == total; t.rle {
		t.single(low8(t.n - 1))
		return true
	}
	least := min(high(low32(total))+1, high(low32(t.n-1))+2)
	t.log = min(max(min(fseMaxLog, shortLog(total)), least, fseMinLog), fseMaxLog)
	return t.normalize(k.counts[:t.n], total) && t.build()
}

// choose returns how the table of a kind is given with the fewest bits. It may
// write to spare.
func (k *zsTables) choose(predefined *zsTable, exact bool, spare []byte) zsMode {
	t := k.own
	if t.rle {
		return zsSingle
	}
	counts := k.counts[:t.n]
	data := t.cost(counts)
	own := data + t.headerBound()
	own += (own + 256) >> 4
	forBefore := own
	fixed, before := predefined.cost(counts), k.before.cost(counts)
	if exact {
		// Each stream ends with the state of its table.
		if before != math.MaxUint32 {
			forBefore = data + low32(t.appendHeader(spare, 0))*8
			before += low32(k.before.log)
		}
		own += low32(t.log)
		forBefore += low32(t.log)
		if fixed != math.MaxUint32 {
			fixed += low32(predefined.log)
		}
	}
	switch {
	case fixed <= before && fixed <= own:
		return zsPredefined
	case before <= forBefore:
		return zsRepeat
	}
	return zsOwn
}

// writeSequences writes the bits of seqs, from the last to the first.
func writeSequences(tables *[zsKinds]*zsTable, buf []byte, pos int, seqs []zsSequence) int {
	lits, offset, length := tables[zsLits], tables[zsOffset], tables[zsLength]
	w := zsBits{pos: pos}
	s := &seqs[len(seqs)-1]
	l, o, m := lits.of(s, zsLits), offset.of(s, zsOffset), length.of(s, zsLength)
	ls, os, ms := lits.first(l), offset.first(o), length.first(m)
	w = w.add(uint64(s.lits&(1<<l.extra-1)), uint(l.extra)).add(uint64(s.length&(1<<m.extra-1)), uint(m.extra)).flush(buf)
	w = w.add(uint64(s.offset&(1<<o.extra-1)), uint(o.extra)).flush(buf)
	for i := len(seqs) - 2; i >= 0; i-- {
		s := &seqs[i]
		l, o, m := lits.of(s, zsLits), offset.of(s, zsOffset), length.of(s, zsLength)
		w, os = offset.step(w, os, o)
		w, ms = length.step(w, ms, m)
		w, ls = lits.step(w, ls, l)
		ln, mn, on := uint(l.extra&31), uint(m.extra&31), uint(o.extra&31)
		rest := uint64(s.lits&(1<<ln-1)) | uint64(s.length&(1<<mn-1))<<ln
		far := uint64(s.offset & (1<<on - 1))
		if w.n+ln+mn+on <= 63 {
			w = w.add(rest|far<<((ln+mn)&63), ln+mn+on).flush(buf)
			continue
		}
		w = w.flush(buf).add(rest, ln+mn)
		w = w.flush(buf).add(far, on)
		w = w.flush(buf)
	}
	w = w.add(uint64(ms&(1<<length.log-1)), uint(length.log))
	w = w.add(uint64(os&(1<<offset.log-1)), uint(offset.log))
	w = w.add(uint64(ls&(1<<lits.log-1)), uint(lits.log))
	return w.close(buf)
}

// of returns the step of the kind's number in s.
func (t *zsTable) of(s *zsSequence, kind int) zsStep { return t.steps[s.codes[kind]&(fseSymbols-1)] }
