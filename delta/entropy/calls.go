package entropy

// The call filter of x86 writes the operands of calls and jumps (E8, E9), which
// are relative to where they stand, as positions in the frame, so that calls of
// the same function look alike. It changes operands within ±16 MiB only: those
// whose highest byte is 00 or FF, which it keeps in its place. The lower
// three bytes then stand with the highest first. The encoder goes from the end to
// the beginning and the decoder the other way, so that both see the same bytes
// after each E8 or E9, even within operands.

// callsToAbsolute filters b in place.
func callsToAbsolute(b []byte) {
	for i := len(b) - 5; i >= 0; i-- {
		if isCall(b[i:]) {
			v := uint32(b[i+1]) | uint32(b[i+2])<<8 | uint32(b[i+3])<<16 | uint32(b[i+4])<<24
			v = near(v + uint32(i)) //nolint:gosec // within a frame
			b[i+1], b[i+2], b[i+3], b[i+4] = byte(v>>16), byte(v>>8), byte(v), byte(v>>24)
		}
	}
}

// callsToRelative is the inverse of callsToAbsolute.
func callsToRelative(b []byte) {
	for i := 0; i+5 <= len(b); i++ {
		if isCall(b[i:]) {
			v := uint32(b[i+3]) | uint32(b[i+2])<<8 | uint32(b[i+1])<<16 | uint32(b[i+4])<<24
			v = near(v - uint32(i)) //nolint:gosec // within a frame
			b[i+1], b[i+2], b[i+3], b[i+4] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
		}
	}
}

// isCall says whether a call or a jump to less than 16 MiB away begins b, which
// holds at least five bytes.
func isCall(b []byte) bool {
	return b[0]&0xfe == 0xe8 && (b[4] == 0 || b[4] == 0xff)
}

// near takes v modulo 2^25 as a signed number.
func near(v uint32) uint32 {
	v &= 1<<25 - 1
	if v >= 1<<24 {
		v -= 1 << 25
	}
	return v
}

// callsRepeat says whether fewer different operands remain once calls are
// absolute: the filter is worth it for whole executables, and not for
// pieces of them.
func callsRepeat(b []byte) bool {
	var seen [2][1 << 12]uint32
	var repeats [2]int
	calls := 0
	for i := 0; i+5 <= len(b); i++ {
		if !isCall(b[i:]) {
			continue
		}
		calls++
		v := near(uint32(b[i+1]) | uint32(b[i+2])<<8 | uint32(b[i+3])<<16 | uint32(b[i+4])<<24)
		for k, w := range [2]uint32{v, near(v + uint32(i))} {
			e := &seen[k][w*0x9e3779b1>>20]
			if *e == w {
				repeats[k]++
			}
			*e = w
		}
		i += 4
	}
	return repeats[1] > repeats[0]+calls/16
}
