package entropy

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// A sample is a frame as patches hold them, made from a fixed seed.
type sample struct {
	name string
	kind Kind
	data []byte
}

// samples returns frames of about n bytes. Golden vectors hold their coded
// forms, so that they may be added to, and never changed.
func samples(n int) []sample {
	return []sample{
		{"zeros", Headers, make([]byte, n)},
		{"ones", Text, slices.Repeat([]byte{0xff}, n)},
		{"noise", Text, noise(1, n)},
		{"prose", Text, prose(2, n)},
		{"machine", Code, machine(3, n)},
		{"numbers", Ops, numbers(4, n)},
		{"headers", Headers, headers(5, n)},
		{"sparse", Sparse, sparse(6, n)},
	}
}

func source(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

func noise(seed uint64, n int) []byte {
	r, b := source(seed), make([]byte, 0, n+8)
	for len(b) < n {
		b = binary.LittleEndian.AppendUint64(b, r.Uint64())
	}
	return b[:n]
}

func prose(seed uint64, n int) []byte {
	words := strings.Fields("layer base target patch recipe blob digest the of a holds and rebuilds site bundle ledger frame (size) := 0x2a; offset,")
	r, b := source(seed), make([]byte, 0, n+16)
	for len(b) < n {
		b = append(b, words[r.IntN(r.IntN(len(words))+1)]...)
		b = append(b, " \n"[r.IntN(16)/15])
	}
	return b[:n]
}

// machine has calls to few functions from many places.
func machine(seed uint64, n int) []byte {
	parts := []string{"\x48\x89\xe5", "\x48\x8b\x45\xf8", "\x85\xc0\x74\x10", "\x55", "\xc3\x0f\x1f\x00"}
	r, b := source(seed), make([]byte, 0, n+16)
	for len(b) < n {
		b = append(b, parts[r.IntN(len(parts))]...)
		if r.IntN(3) == 0 {
			b = append(b, byte(0xe8+r.IntN(2)))
			b = binary.LittleEndian.AppendUint32(b, uint32(r.IntN(20)*4096-len(b)))
		}
	}
	return b[:n]
}

func numbers(seed uint64, n int) []byte {
	r, b := source(seed), make([]byte, 0, n+16)
	for len(b) < n {
		b = binary.AppendUvarint(b, r.Uint64N(1<<r.UintN(16)))
	}
	return b[:n]
}

func headers(seed uint64, n int) []byte {
	r, b := source(seed), make([]byte, 0, n+512)
	for len(b) < n {
		block := make([]byte, 512)
		copy(block[136:], fmt.Sprintf("%011o", r.IntN(64)))
		block[150] = byte(r.IntN(256))
		b = append(b, block...)
	}
	return b[:n]
}

func sparse(seed uint64, n int) []byte {
	r, b := source(seed), make([]byte, 0, n+16)
	for len(b) < n {
		v := byte(r.IntN(4) * 16)
		for k := range r.IntN(4) {
			b = binary.AppendUvarint(b, uint64(3*k+r.IntN(2)))
			b = append(b, v+byte(k)+1)
		}
		b = binary.AppendUvarint(b, r.Uint64N(4000))
		b = append(b, v+1)
	}
	return b[:n]
}
