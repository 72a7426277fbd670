package diff

import (
	"encoding/binary"
	"slices"
)

// Kinds of 4-byte fields that say a place, by what they count from.
const (
	fromText       = iota // Go's functions: from the start of the code
	fromNames             // from the names of functions
	fromUnits             // from the tables of files, in units of 4 bytes
	fromFiles             // from the names of files
	fromPC                // from the tables of program counters
	fromFuncs             // from the table of functions
	fromGofunc            // from the data of functions
	fromTypes             // from the types
	fromLine              // a line of source; it moves as the one before it did
	fromHere              // from the field itself
	fromSection           // from the start of the table of unwinding
	fromBack              // from the field itself, backwards
	fromTable             // from the start of the table of jumps that the field is in
	sizeOfCode            // the size of the code that the field before it says
	fromReloc             // an 8-byte address that a relocation is for
	fromSymbols           // from the names of symbols
	fromDynSymbols        // from those of the symbols for the loader
	sizeOfSymbol          // the 8-byte size of the code of a symbol
	fieldKinds
)

// fieldShare is how many bytes of a file there are for each field. It bounds
// what a file that is made to have many of them costs.
const fieldShare = 16

// field is a 4-byte number at off of a file that says a place.
type field struct {
	off  int32
	back uint16 // how many fields before it its table begins
	kind uint8
}

// width returns how many bytes x has.
func (x field) width() int {
	if x.kind == fromReloc || x.kind == sizeOfSymbol {
		return 8
	}
	return 4
}

// read returns the number that x is in b.
func (x field) read(b []byte) int64 {
	switch x.kind {
	case fromReloc, sizeOfSymbol:
		return signed64(b[x.off:])
	case fromHere, fromSection, fromTable:
		return signed32(b[x.off:])
	}
	return int64(binary.LittleEndian.Uint32(b[x.off:]))
}

// fields are the fields of an image, in order.
type fields struct {
	list    []field
	bases   [fieldKinds]int64
	limit   int     // how many there may be
	spare   []field // room to sort them
	ends    []int   // of runs that are in order
	tables  []int32 // where tables of jumps may be
	inlined []int64 // where trees of inlined calls are, from fromGofunc
}

// find finds the fields of the file b, which m is the image of.
func (f *fields) find(m *image, b []byte) {
	f.list, f.bases, f.limit = f.list[:0], [fieldKinds]int64{}, len(b)/fieldShare
	f.module(m, b)
	f.pcln(m, b)
	f.types(m, b)
	f.frames(m, b)
	f.relocations(m, b)
	f.jumps(m, b)
	f.symbols(m, b, ".symtab", ".strtab", fromSymbols)
	f.symbols(m, b, ".dynsym", ".dynstr", fromDynSymbols)
	f.sort()
	f.separate()
}

// before reports whether x comes before y.
func (x field) before(y field) bool {
	return x.off < y.off || x.off == y.off && x.kind < y.kind
}

// sort puts the fields in order. They were found in a few long runs that are in
// order, so runs are merged, two neighbours at a time.
func (f *fields) sort() {
	ends := f.ends[:0]
	for i := 1; i <= len(f.list); i++ {
		if i == len(f.list) || f.list[i].before(f.list[i-1]) {
			ends = append(ends, i)
		}
	}
	for len(ends) > 1 {
		f.spare = slices.Grow(f.spare[:0], len(f.list))
		merged, start := ends[:0], 0
		for i := 0; i < len(ends); i += 2 {
			middle, end := ends[i], ends[min(i+1, len(ends)-1)]
			f.spare = mergeFields(f.spare, f.list[start:middle], f.list[middle:end])
			merged, start = append(merged, end), end
		}
		ends = merged
		f.list, f.spare = f.spare, f.list
	}
	f.ends = ends
}

// mergeFields appends two runs in order.
func mergeFields(to, a, b []field) []field {
	for len(a) > 0 && len(b) > 0 {
		if b[0].before(a[0]) {
			to, b = append(to, b[0]), b[1:]
		} else {
			to, a = append(to, a[0]), a[1:]
		}
	}
	return append(append(to, a...), b...)
}

// separate removes fields that begin in the one before them.
func (f *fields) separate() {
	kept, end := f.list[:0], 0
	for _, x := range f.list {
		if int(x.off) >= end {
			kept, end = append(kept, x), int(x.off)+x.width()
		}
	}
	f.list = kept
}

// add adds the field at off, unless there are too many.
func (f *fields) add(off int, kind uint8) {
	if !f.full() {
		f.list = append(f.list, field{off: i32(off), kind: kind})
	}
}

// full reports whether no field can be added.
func (f *fields) full() bool { return len(f.list) >= f.limit }

// target returns the address that field x says, which stands at address here.
func (f *fields) target(x field, v, here int64) int64 {
	switch x.kind {
	case fromUnits:
		v *= 4
	case fromHere:
		return here + v
	case fromBack:
		return here - v
	case fromReloc:
		return v
	}
	return f.bases[x.kind] + v
}

// value is the inverse of target.
func (f *fields) value(x field, a, here int64) int64 {
	switch x.kind {
	case fromUnits:
		return (a - f.bases[x.kind]) / 4
	case fromHere:
		return a - here
	case fromBack:
		return here - a
	case fromReloc:
		return a
	}
	return a - f.bases[x.kind]
}

// section returns the section of that name with its bytes, or nil.
func (m *image) section(name string, b []byte) (*section, []byte) {
	for i := range m.secs {
		s := &m.secs[i]
		if s.name == name && s.kind != secNoBits && s.off >= 0 && s.n > 0 && s.n <= int64(len(b)) && s.off <= int64(len(b))-s.n {
			return s, b[s.off : s.off+s.n]
		}
	}
	return nil, nil
}

const secNoBits = 8 // a section without bytes in the file
