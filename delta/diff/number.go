package diff

import (
	"encoding/binary"
	"math/bits"
)

// The conversions of this package. A file is at most MaxSize long, so every
// place in it fits an int32; addresses are taken modulo 1<<64, and a wrong one
// only makes a wrong guess.

func i32(n int) int32 { return int32(n) } //nolint:gosec // at most MaxSize

func low32(v int64) uint32 { return uint32(v) } //nolint:gosec // modulo 1<<32 is meant

func signed32(b []byte) int64 {
	return int64(int32(binary.LittleEndian.Uint32(b))) //nolint:gosec // two's complement is meant
}

func signed64(b []byte) int64 {
	return int64(binary.LittleEndian.Uint64(b)) //nolint:gosec // two's complement is meant
}

func unsigned64(v int64) uint64 { return uint64(v) } //nolint:gosec // two's complement is meant

// appendNumber appends n, which is not negative.
func appendNumber(b []byte, n int) []byte {
	return binary.AppendUvarint(b, uint64(n)) //nolint:gosec // not negative
}

// takeNumber takes a number below MaxSize<<1 off the front of b. It reports
// false if there is none.
func takeNumber(b *[]byte) (int, bool) {
	v, n := binary.Uvarint(*b)
	if n <= 0 || v >= MaxSize<<1 || n > 1 && (*b)[n-1] == 0 {
		return 0, false
	}
	*b = (*b)[n:]
	return int(v), true
}

// takeSigned is takeNumber for a number that may be negative.
func takeSigned(b *[]byte) (int, bool) {
	u, n := binary.Uvarint(*b)
	if n <= 0 || u >= MaxSize<<2 || n > 1 && (*b)[n-1] == 0 {
		return 0, false
	}
	*b = (*b)[n:]
	v := int(u >> 1)
	if u&1 != 0 {
		v = ^v
	}
	return v, true
}

// zeroBytes counts the bytes of x that are zero.
func zeroBytes(x uint64) int {
	const low = 0x7f7f7f7f7f7f7f7f
	return bits.OnesCount64(^((x&low + low) | x | low))
}

// common returns how many bytes a and b have in common from their start.
func common(a, b []byte) int {
	n := min(len(a), len(b))
	a, b = a[:n], b[:n]
	i := 0
	for ; i+8 <= n; i += 8 {
		x := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:])
		if x != 0 {
			return i + bits.TrailingZeros64(x)>>3
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}
