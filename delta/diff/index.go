package diff

import (
	"encoding/binary"
	"math/bits"
)

const (
	anchor = 16 // bytes that a place of the index is found by
	ways   = 4  // places that a bucket holds
)

// index finds places of a base by the anchor bytes that stand there. A slot is
// the number of the place, counted in strides from 1, above tagBits bits of
// its hash.
type index struct {
	base    []byte
	stride  int
	shift   uint // hash to bucket
	tagBits uint
	slots   []uint32
}

// slotCount returns the slots of an index over n bytes.
func slotCount(n, stride int) int {
	places := n/stride + 1
	return max(16, 1<<bits.Len(uint(places)))
}

func hashAnchor(b []byte) uint64 {
	_ = b[anchor-1]
	x := binary.LittleEndian.Uint64(b) * 0x9E3779B97F4A7C15
	y := binary.LittleEndian.Uint64(b[8:]) * 0xC2B2AE3D27D4EB4F
	return (x ^ bits.RotateLeft64(y, 31)) * 0x9FB21C651E98DF25
}

// build makes x the index of base, which has at most MaxSize bytes.
func (x *index) build(base []byte, stride int) {
	n := slotCount(len(base), stride)
	if cap(x.slots) < n {
		x.slots = make([]uint32, n)
	}
	x.slots = x.slots[:n]
	clear(x.slots)
	x.base, x.stride = base, stride
	x.shift = uint(65 - bits.Len(uint(n/ways)))
	x.tagBits = uint(max(0, 32-bits.Len(uint(len(base)/stride+1))))
	for p := 0; p+anchor <= len(base); p += stride {
		if binary.LittleEndian.Uint64(base[p:])|binary.LittleEndian.Uint64(base[p+8:]) == 0 {
			continue // zeros are everywhere
		}
		x.insert(hashAnchor(base[p:]), uint32(p/stride+1)) //nolint:gosec // at most MaxSize
	}
}

func (x *index) tag(h uint64) uint32 {
	return uint32(h) & (1<<x.tagBits - 1) //nolint:gosec // low bits are meant
}

func (x *index) insert(h uint64, place uint32) {
	b := x.slots[h>>x.shift*ways:]
	_ = b[ways-1]
	b[3], b[2], b[1] = b[2], b[1], b[0]
	b[0] = place<<x.tagBits | x.tag(h)
}

// find returns the place of the base that agrees longest with target from at
// on, and for how many bytes: at least anchor, or 0. Of places that agree
// equally long, the one nearest to want is taken.
func (x *index) find(target []byte, at, want int) (pos, n int) {
	if at+anchor > len(target) {
		return 0, 0
	}
	h := hashAnchor(target[at:])
	tag, mask := x.tag(h), uint32(1)<<x.tagBits-1
	b := x.slots[h>>x.shift*ways:]
	_ = b[ways-1]
	for _, slot := range b[:ways] {
		if slot == 0 {
			break
		}
		if slot&mask != tag {
			continue
		}
		p := (int(slot>>x.tagBits) - 1) * x.stride
		l := common(x.base[p:], target[at:])
		if l > n || l == n && distance(p, want) < distance(pos, want) {
			pos, n = p, l
		}
	}
	if n < anchor {
		return 0, 0
	}
	return pos, n
}

func distance(a, b int) int {
	return max(a-b, b-a)
}
