package recipe

// An integer is what the functions below take bits of.
type integer interface {
	~int | ~int32 | ~uint | ~uint16 | ~uint32 | ~uint64
}

// low8, low16 and low32 return the low bits of v. Encoders pack bits, and
// number positions modulo the size of their tables: what is cut off is not
// there, or not meant.

func low8[T integer](v T) uint8   { return uint8(v) }
func low16[T integer](v T) uint16 { return uint16(v) }
func low32[T integer](v T) uint32 { return uint32(v) }

// word returns v, which is not negative, as bits to pack.
func word(v int) uint64 { return uint64(v) } //nolint:gosec // not negative

// asInt returns v, a few bits, as a number.
func asInt[T integer](v T) int { return int(v) }
