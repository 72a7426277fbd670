// Package entropy codes the frames of a patch: one frame of bytes to coded bytes and back.
//
// A frame is coded by one of four coders. Stored and Zstd are what their names say: a Zstd frame
// announces its size or leaves it open, has no dictionary and a window of at most 64 MiB. LZ and CM
// are ferry's own and specified below. Their frames begin with a byte that holds the profile in its
// lower seven bits, 0 to 4, and the call filter's flag in the highest; the coded bits follow. What
// is decoded is filtered last. Frames of CM hold at most 8 MiB of plain text, others 64 MiB.
//
// The same frame decodes to the same bytes on every platform: all arithmetic is on integers. Shifts
// of negative numbers round down; hashes are modulo 2^32 unless said otherwise; "a, b: h" names
// what selects a context. A decoder takes memory for its tables, up to 66 MiB for CM and 10 MiB for
// LZ, beside the plain text, and time in proportion to the size of the plain text, whatever it is
// given. This package checks form only: damage may decode to wrong bytes of the right number. It
// starts no goroutines.
//
// # Range coder
//
// Low = 0, range = 2^64-1. A bit that is one with probability p/65536 divides the range: bound =
// (range>>16)*p. A one takes range = bound; a zero adds bound to low and takes it from range;
// carries go into the bytes before. While range < 2^32, the upper 32 bits of low go out, highest
// byte first, and both are shifted left by 32. At the end low becomes the number within [low,
// low+range) with the most zero bytes at its end; its eight bytes go out, less the zero bytes at
// the end of those eight. A decoder reads zeros after the end, at most eight. It refuses frames
// from which it read more, which it did not read to the end, or which end with a zero byte that
// could have been left out. "Direct" bits have probability 1/2, highest bit first.
//
// # Probabilities
//
// Squash(x) = 65536/(1+exp(-x/256)): with E(0) = 2^62 and E(k+1) = E(k)*C>>64, C =
// 0xff007fd55ffdde39, squash(-k) = max(1, (E>>14)/((2^62+E)>>30)) for k up to 2815, squash(k) =
// 65536-squash(-k), and further out as there. Stretch(q), q of 12 bits, is the least x >= -2047
// with squash(x) >= 16q+8, at most 2047.
//
// An adaptive probability has 22 bits v and a count n from 0. A bit y moves it: v += ((y ? 2^22-1 :
// 0) - v) * floor(131072/(2n+3)) >> 16; then n rises up to a limit. It starts from v = 2^21 unless
// said otherwise. A "bit" of LZ is such a one with limit 127 and a second estimate f of 16 bits,
// from 2^15, that moves by (65535-f)>>4 up or f>>4 down; it predicts (v>>6 + f) >> 1. A tree codes
// a number of n bits from the highest, each with the bit at node 1, 2+b, …; a reverse tree from the
// lowest.
//
// # CM
//
// Each byte is coded from its highest bit. Nine inputs x (stretched probabilities) are mixed with
// two sets of weights, w of 2^16, all from 65536/6: d = sum(x*w)>>16, limited to ±2815. The first
// set is chosen by the bits of the byte so far below a leading one (c0), the second by the profile.
// Then s = (d0+d1)>>1 and p = (2*squash(s) + A0 + A1) >> 2, at least 1. A bit y moves each weight
// by (x*(65536y-squash(d))*rate + 2^27) >> 28; the rate falls from 12288 by one per bit to 5632. A0
// and A1 are adaptive maps, the contexts c0, and c0 with the byte before (256 times that, modulo
// 65536): 24 values per context, from squash(176j-2024), j from 0. With v = s+2024 within [0, 4047]
// and j = v/176, the result is the mean of values j and j+1 weighted by 176-v%176 and v%176; the
// nearer one (j+1 from 88) then moves by (65535-a)>>5 or a>>5.
//
// Eight contexts hold bit histories: order 1 (the byte before), order 0 (by phase), six hashed. A
// history counts zeros and ones (n0, n1) and keeps the last bit where both are above zero. A bit y
// raises its count; the other, above 2, becomes 2, 3 (from 5), 4 (from 8), 5 (from 13), 6 (from
// 21). Pairs are allowed whose greater count is at most 30, 24, 12, 8, 6, 5 where the smaller is 0
// to 5. While the pair is not, the count of y shrinks by one if it is the greater or the other is
// at most 2, else the other does. Histories are numbered by n0+n1, n1, last bit. Each context maps
// histories to adaptive probabilities with limit 255, from v =
// 64*floor((2*n1+1)*65536/(2*(n0+n1+1))).
//
// A slot holds a check byte and the histories of 15 nodes: for each context value one for the first
// four bits, one more for the last four by the first four. A hashed context has S slots, S the
// power of two above the size of the plain text, within [2^8, 2^19]. A hash h has the check byte
// h>>24 and the place k = (h*0x9e3779b1>>4)%S. Of slots k, k^1, k^2 the first with that check byte
// is taken; else that with the least history at its first node, the first of equals, is cleared and
// taken. Hashes of the last four bits are (h + first four bits + 1)*0x2f0b4c47.
//
// Mix(a, b): v = (a*2^32+b)*0x9e3779b97f4a7c15 modulo 2^64, v ^= v>>29, then v*0xbf58476d1ce4e5b9
// modulo 2^64, >>32. With c1 the byte before, c2 that before it, …, cN..M those bytes as a number,
// c1 lowest, the hashed contexts of all profiles are mix(1|phase<<4, c2..1), mix(2|phase<<4,
// c3..1), mix(3|phase<<4, c4..1), and by profile, with L the match's bucket and the second set of
// weights at the end:
//
//	0 text     mix(mix(4, c4..1), c6..5)  mix(mix(5, word), c1)  mix(6, c3..2 <<8)
//	           L<<3 | c1>>5
//	1 code     mix(mix(4, c4..1), c6..5)  mix(5, c3..2 <<8)  mix(mix(6, c4..3 <<16), c5<<2 | pos&3)
//	           L<<3 | pos&3
//	2 numbers  mix(mix(4|phase<<4, number), before0)  mix(mix(5|phase<<4, number), before1)  mix(6|phase<<4, number)
//	           phase<<6 | c1>>2
//	3 headers  mix(4, pos&511)  mix(5, (pos&511)<<16 | above<<8 | c1)  mix(6, c3..2 <<8)
//	           L<<3 | min(c1, 7)
//	4 sparse   mix(mix(4|phase<<4, number), value0)  mix(mix(5|phase<<4, number), value1..0)  mix(mix(6|phase<<4, number), before0)
//	           phase<<6 | c1>>2
//
// Pos counts bytes; above is the byte 512 before, or 0. Word is 0 after what is neither an ASCII
// letter nor 128 or more, else (word+c+1)*0x2c9277b5. In numbers and sparse, number grows in the
// same way with each byte of a varint; a byte below 128 ends it: before1 = before0 = its hash,
// number = 0. Phase is 0, 1, 2 at its first, second, later bytes; in sparse, one value of phase 3
// follows each number; value0 is the latest. Elsewhere phase is 0.
//
// The match: the last five bytes, as a number, times 0x9e3779b97f4a7c15 modulo 2^64, >>40, modulo
// the lesser of S and 2^20, index where they last ended. Without a match, up to 32 bytes equal
// before that place are its length; each right byte adds one (to 65535), a wrong bit ends it. The
// index is updated in any case. It predicts the next byte's bit y while the bits before are right,
// with the adaptive probability (limit 1023) of 2L+y; L = length below 16, 16+(length-16)/4 below
// 32, then 20+(length-32)/32, at most 31. Without prediction its input is 0.
//
// # LZ
//
// The text is a row of tokens: literals, and matches of a length and one of the last four distances
// (repetitions; first all 1) or a new one. State, 0 to 11, follows LZMA: a literal leads from below
// 4 to 0, below 10 to s-3, else s-6; a match from below 7 to 7, else 10; a repetition to 8, else
// 11; one of length 1 to 9, else 11. The group is 0 for state 0, 1 below 7, else 2.
//
// The flag (match = 1) is mixed from three bits: by state and pos&3; by group and c1; by group and
// (c2..1 * 0x9e3779b1)>>20, both 0 for pos < 2. Weights by state, from 32768, 16384, 16384, move by
// (x*(65536y-p)*12 + 2^19) >> 20; p = squash(sum(x*w)>>16).
//
// After it, by state: a bit "repetition"; then bits "not the latest", "not the second", "not the
// third", until one is zero. Length less one below 16 is its own symbol; n bits of length make
// 16+2(n-5)+(second bit) with n-2 more bits. Symbols of six bits are coded by a tree by (new or
// repeated, pos&3); of the more bits, the upper three with bits by (new or repeated, symbol,
// index), the rest direct. A new distance has length 2 at least: less is taken as 2. Distance less
// one below 4 is its own slot, else 2(n-1)+(second bit) with n-2 more bits; slots are coded by a
// tree by min(length-2, 3). Below slot 14 the more bits are a reverse tree by slot; else direct but
// for the lowest four, one reverse tree.
//
// A literal is mixed like CM's bits from five chances: by c1; by c2; by the byte at the latest
// distance (0 before the beginning) and whether the group is 2, each with the node; and two hashed
// ones. A chance has 12 bits and a count; as a number of 16 bits it moves by ((y ? 65535 : 0) -
// it)>>4 * step(count) >> 12, its lower four bits being replaced by the count, which rises to 15.
// Steps: 43690 26214 18724 14563 11915 10082 8738 7710 6898 6241 5698 5242 4854 4519 4096 3072. It
// starts from 32768. The hashed ones have T slots, T the power of two above size/8, within [2^8,
// 2^17], at ((g + first*0x2c1b3c6d)*0x297a2d39 >> 15) % T, g = (c2..1 + 1)*0x9e3779b1 and (c3..1 +
// 1)*0x85ebca6b, first = 0 for the first four bits and those below a leading one for the last.
// Before the fourth byte, c's are the bytes so far, 0 before the beginning. Weights, by group and
// node, from 19660, move by (x*(65536y-p)*rate + 2^25) >> 26; the rate falls from 3072 by one per
// bit to 768.
//
// # Call filter
//
// In filtered text, at each position i from the beginning where E8 or E9 stands and the fourth byte
// after it is 00 or FF, those four bytes are v: the fourth the highest, then first to third. They
// become v-i modulo 2^25, as a signed number, lowest byte first.
package entropy

import (
	"fmt"
)

// A Coder says how a frame is coded. The numbers stand in patches: new ones are
// appended, and what one decodes to never changes.
type Coder uint8

// The coders.
const (
	Stored Coder = 0 // the bytes themselves
	Zstd   Coder = 1 // one Zstandard frame (RFC 8878)
	LZ     Coder = 2 // ferry's Lempel-Ziv coder
	CM     Coder = 3 // ferry's context mixing coder
)

// An Effort says how much time [Encoder.Encode] may take.
type Effort uint8

// The efforts. They bound the time of the decoder too, which for CM is that of
// the encoder.
const (
	Normal Effort = iota // CM for small frames, Zstd at its best for the rest
	Fast                 // Zstd at its fastest level
	Most                 // the smallest that any coder makes in reasonable time
)

// A Kind says what the bytes of a frame are, so that the coders choose their
// contexts. It is a hint: every kind codes every frame.
type Kind uint8

// The kinds.
const (
	Text    Kind = iota // any content: text, data, mixtures
	Code                // machine code and what stands beside it in executables
	Ops                 // operations: short varints
	Headers             // differences of tar headers: mostly zeros
	Sparse              // gaps and values of sparse differences
)

// Limits of the format, in bytes of plain text. That of CM bounds how long a
// hostile frame can keep a decoder busy.
const (
	MaxFrame   = 64 << 20 // of every coder
	MaxCMFrame = 8 << 20  // of CM
)

// Frames up to these sizes are coded by CM. It takes one to two seconds per
// megabyte to code and to decode, so that these numbers bound the time that
// a frame costs inside. They may change at any time.
const (
	normalSize  = 64 << 10   // at Normal
	mostRecords = MaxCMFrame // Ops, Headers and Sparse at Most
	mostContent = 4 << 20    // Text and Code at Most
)

// An Encoder codes frames. The zero value is ready. It keeps its memory between
// calls and may not be used by two goroutines at once.
type Encoder struct {
	zstd     zstdEncoder
	own      *ownEncoders
	filtered []byte
}

// ownEncoders are made when they are first used.
type ownEncoders struct {
	lz lzEncoder
	cm cm
}

// Encode appends to dst the smallest coding of src that the effort allows, and
// says which coder made it: Stored when nothing makes src smaller. The same
// arguments give the same bytes. It panics if src is larger than [MaxFrame].
func (e *Encoder) Encode(dst, src []byte, kind Kind, effort Effort) (Coder, []byte) {
	if len(src) > MaxFrame {
		panic("entropy: frame is larger than MaxFrame")
	}
	n := len(dst)
	c := choose(len(src), kind, effort)
	if len(src) >= leastNoise && IsNoise(src) {
		c, effort = Zstd, Fast // whatever can be found is found at this speed
	}
	out := e.encode(dst, src, c, kind, effort)
	if len(out)-n < len(src) {
		return c, out
	}
	return Stored, append(out[:n], src...)
}

// choose says which coder is worth its time.
func choose(size int, kind Kind, effort Effort) Coder {
	switch {
	case effort != Normal && effort != Most:
		return Zstd
	case effort == Normal && size <= normalSize:
		return CM
	case effort == Normal:
		return Zstd
	case size <= mostContent, kind != Text && kind != Code && size <= mostRecords:
		return CM
	}
	return LZ
}

func (e *Encoder) encode(dst, src []byte, c Coder, kind Kind, effort Effort) []byte {
	if c == Zstd {
		return e.zstd.encode(dst, src, effort)
	}
	if e.own == nil {
		e.own = new(ownEncoders)
	}
	p := profileOf(kind)
	first := byte(p)
	if p == profileCode && callsRepeat(src) {
		e.filtered = append(e.filtered[:0], src...)
		callsToAbsolute(e.filtered)
		src = e.filtered
		first |= callsFlag
	}
	dst = append(dst, first)
	if c == LZ {
		return e.own.lz.encode(dst, src)
	}
	return e.own.cm.encode(dst, src, p)
}

// callsFlag is set in the first byte of a frame of LZ or CM whose calls are
// absolute.
const callsFlag = 0x80

// A Decoder decodes frames. The zero value is ready. It keeps its memory
// between calls and may not be used by two goroutines at once.
type Decoder struct {
	zstd zstdDecoder
	own  *ownDecoders
}

// ownDecoders are made when they are first used.
type ownDecoders struct {
	lz lzDecoder
	cm cm
}

// Decode appends to dst the plain text of the frame src, which the coder c made
// and which is exactly size bytes long. Any error means that the frame is
// malformed; dst is then returned with its bytes as they were. Hostile frames
// cost no more time and memory than others of that size.
func (d *Decoder) Decode(dst, src []byte, c Coder, size int) ([]byte, error) {
	if size < 0 || size > MaxFrame {
		return dst, fmt.Errorf("decoding frame: size %d is not within %d", size, MaxFrame)
	}
	switch c {
	case Stored:
		if len(src) != size {
			return dst, fmt.Errorf("decoding stored frame: %d bytes, want %d", len(src), size)
		}
		return append(dst, src...), nil
	case Zstd:
		return d.zstd.decode(dst, src, size)
	case LZ:
		return d.decode(dst, src, c, size)
	case CM:
		if size > MaxCMFrame {
			return dst, fmt.Errorf("decoding cm frame: size %d is not within %d", size, MaxCMFrame)
		}
		return d.decode(dst, src, c, size)
	default:
		return dst, fmt.Errorf("decoding frame: coder %d is not known", c)
	}
}

// decode reverses LZ and CM.
func (d *Decoder) decode(dst, src []byte, c Coder, size int) ([]byte, error) {
	if len(src) == 0 || profile(src[0]&^callsFlag) >= numProfiles {
		return dst, fmt.Errorf("decoding frame: profile is not known")
	}
	if d.own == nil {
		d.own = new(ownDecoders)
	}
	n := len(dst)
	var err error
	if c == LZ {
		dst, err = d.own.lz.decode(dst, src[1:], size)
	} else {
		dst, err = d.own.cm.decode(dst, src[1:], profile(src[0]&^callsFlag), size)
	}
	if err == nil && src[0]&callsFlag != 0 {
		callsToRelative(dst[n:])
	}
	return dst, err
}
