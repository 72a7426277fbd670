// Package diff makes the patch of one file against one base, and applies it.
//
// A patch is operations, which copy pieces of the base and put new bytes
// between them, and corrections of single copied bytes. Before it is corrected,
// what was copied from machine code and tables is changed by guesses: addresses
// are what differs most between two builds of a program, and where they point to
// is known on both sides. A guess that is wrong costs a correction.
//
// The package works on bytes in memory, opens nothing and starts no goroutine.
// Damage to a patch is either found, as a [*FormatError], or makes other bytes:
// the caller knows the digest of what it wants.
//
// # Streams
//
// The parts of a patch are in streams by kind, so that a caller can code the
// same stream of many files together. A number is an unsigned varint in as few
// bytes as it takes, a signed number is one of (n<<1)^(n>>63).
//
//	Control     one byte: 0 nothing is guessed, 1 both files are ELF,
//	            2 both are class dumps of a Java machine; for 1, headers
//	Lengths     for each operation a number: bytes to copy, below 1<<29
//	Inserts     for each operation a number: new bytes that follow
//	Seeks       for each operation a signed number: where it copies from,
//	            counted from where the one before it ended in the base
//	Sparse      corrections of operations of data
//	SparseCode  corrections of operations of code
//	Extra       the new bytes that follow operations of data
//	ExtraCode   the new bytes that follow operations of code
//
// Operations go on until the target has its size, which the caller knows. Each
// makes at least one byte, and all but the first copy 16 or more. An operation
// is one of code if the place that it copies from is in an executable segment of
// an ELF base. A correction is a number, how many bytes of operations of its
// class are right before it, and the byte, not zero, to be added to the next.
// Every stream is used to its end.
//
// # Headers
//
// What is guessed leans on the headers of base and target: those of little
// endian 64-bit ELF, identified by their first six bytes. The target's are made
// right first, in this order, where Control holds for each range how many bytes
// of it are wrong, and then as many corrections, which count within the range:
// the ELF header (64 bytes); the program headers, the first 16; the
// section headers, the first 256; the names of sections, if they have at most
// 8192 bytes. A range that is not in the file, that begins before byte 64 or
// whose entries have another size than 56 and 64 bytes is empty. Nothing is
// guessed that touches these ranges.
//
// An address belongs to the first loaded segment (type 1) that has it. Segments
// count if they lie in the file, below address 1<<40 and have no less memory
// than bytes. A dump has one: all from byte 0x1000 on, at address 0x800000000.
//
// # Where bytes went
//
// For each 16 bytes of the base, the longest operation that copies any of them
// (of equal ones the last) says where these went. Cells that none copies go with
// the nearest cell that has one, less than 256 cells away, the later if two are
// as near. An address of the base goes to the address of the place that its byte
// went to. That is the mapped address.
//
// Guesses are made in the order of the target. Where one was made for an address
// the truth is known before the next, and it is remembered if it moved by less
// than 1<<27: in a table of the address itself, and if it has no byte in the base,
// also in a table of its neighbourhoods of 1<<5, 1<<8, 1<<11, 1<<14 and 1<<18
// bytes. Both tables have the least power of two of slots, 256 to 1<<20, that is
// not below a 32nd of the base. Key k, which is the address or, for
// neighbourhoods of 1<<n bytes, (address>>n)<<5|n, stands in slot
// (k*0x9E3779B97F4A7C15 mod 1<<64)>>40 modulo the slots, where a later key
// takes the place of an earlier one. All is zero at the beginning. An address
// moved to what the first table says, else to its mapped address if its byte has
// a place, else as the smallest neighbourhood that is known.
//
// # Guesses
//
// The base is divided at the ends of its segments. What an operation copies is
// looked at piece by piece, if a piece has 8 bytes or more.
//
// In executable segments of x86-64 (machine 62), each place i from the second
// byte of the piece on is tried for a 4-byte displacement: after E8 or E9; after
// 0F 80 to 0F 8F; after a byte b with b&C7 = 05 that is not the first of the
// piece. It counts if the address it says is one of code, or for the last
// kind any address of a segment. If it is in the piece, it stays; otherwise
// it is guessed and learned. The search goes on behind it.
//
// In executable segments of arm64 (machine 183), words at places divisible by 4
// are looked at, if the operation moves bytes by a multiple of 4: B and BL, as
// above; ADRP with the next word, if that is ADD of 64 bits without shift, or a
// load or store with an unsigned offset, of the register that ADRP sets. The
// learned address is what the word or pair of the target says, if it is one.
//
// Elsewhere there are fields, and between them, at places divisible by 8,
// 8-byte addresses from 0x1000 to 1<<40 that a segment has; these are guessed
// and learned. Fields have 4 bytes if nothing else is said. They are found
// through the names of sections of the base (the first of a name that has
// bytes), there are at most one for 16 bytes of the base, found in the order of
// this list, and a field that begins in one before it is none. Most say a place
// as a number counted from somewhere; the guess is the number that says the
// mapped address, counted from the same, plus what guesses of this kind were
// wrong by twice in a row the last time that happened. A field that is 0 is left
// alone, unless it is one from the code or from the table of functions, as is
// one of 1<<32-1.
//
//   - .go.module: where types and the data of functions begin, as the words t,
//     e, r, d one after another with 0 < t < e, r the address of .rodata and d
//     an address in the file; the last such words count.
//   - .gopclntab with the magic 0xfffffff1 and 8-byte pointers: all of the
//     table of files (from the names of files); the two fields of each entry of
//     the table of functions (from .text, from that table); of each function
//     whose description does not begin before the end of the one before it, its
//     entry (from .text), name, tables of program counters, units (counted in 4
//     bytes), data of functions; its first line, which moves as the line before
//     it did. Data number 3 is a tree of inlined calls, 16 bytes each up to the
//     next tree, of which names and lines are fields.
//   - .typelink (from the types), and in .rodata, at places divisible by 8, what
//     looks like a type: size and pointers not negative, pointers no more
//     than size, flags below 128, alignments equal and 1, 2, 4 or 8, a kind of
//     1 to 26, a hash, a function in .rodata or none, a name in .rodata. Its
//     name and pointer type are fields, and so are its methods' names and types
//     (from the types) and functions (from .text).
//   - .eh_frame: of each description of a function the distance back to what it
//     shares, its start (from the field), its size, and what follows augmentation
//     data of 4 bytes (from the field); .eh_frame_hdr with 01 1b 03 3b: the
//     second word (from the field), and all from the fourth on (from the section).
//   - .rela.dyn, .rela.plt, at places divisible by 8: the 8-byte address of each
//     entry. It moved as its mapped address or as the one before it: which of
//     them is right when the other is wrong counts up and down from 0 to 4 and
//     -4; below 0 the latter is taken.
//   - Tables of jumps, on x86-64: from places divisible by 4, outside of code,
//     whose address LEA loads, up to the next such place, 4 to 4096 words that
//     are addresses of code when counted from the start of the table. They are
//     counted from where that start went.
//   - .symtab, .dynsym, at places divisible by 8: the name (counted from the
//     place of .strtab or .dynstr in the file, and moved as the bytes there),
//     and the 8-byte size, if it is a function.
//
// A size is guessed as the distance from where the first byte went to where the
// last one did, and one. Where this text and the code differ, the vectors in
// testdata say what is right.
package diff

// The streams of a patch, by kind. Each holds numbers or bytes of one nature,
// so that the same stream of many patches, one after another, compresses well.
const (
	Control    = iota // what is said once per file
	Lengths           // per operation: how many bytes it copies
	Inserts           // per operation: how many new bytes follow
	Seeks             // per operation: where in the base it copies from
	Sparse            // corrections of copied bytes
	SparseCode        // the same in machine code
	Extra             // new bytes
	ExtraCode         // the same after machine code

	NumStreams = iota // how many kinds there are
)

const (
	// MaxSize is the longest base and the longest target there can be, in
	// bytes. Longer files are cut by the caller.
	MaxSize = 1 << 28

	// minCopy is the fewest bytes that an operation copies, but for the
	// first one. It bounds how many operations an applier keeps.
	minCopy = 16
)

// Streams is a patch: the bytes of each kind.
type Streams [NumStreams][]byte

// Options says how to make a patch. The zero value is a good choice.
type Options struct {
	Stride int  // bytes between the places of the base that are indexed; 0 is 8, or less for a small base
	Plain  bool // predict no addresses
}

// stride returns the distance between indexed places of a base of n bytes.
func (o Options) stride(n int) int {
	switch {
	case o.Stride > 0:
		return o.Stride
	case n <= 1<<20:
		return 2
	case n <= 16<<20:
		return 4
	}
	return 8
}
