package diff

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
)

// roundTrip fails the test unless the patch of target against base makes
// target again. It returns the patch.
func roundTrip(t *testing.T, base, target []byte, o Options) Streams {
	t.Helper()
	var d Differ
	var s Streams
	d.Diff(&s, base, target, o)
	applied := s
	var a Applier
	got, err := a.Apply([]byte("before"), base, &applied, len(target))
	if err != nil {
		t.Fatalf("Apply of a patch of %d bytes against %d: %v", len(target), len(base), err)
	}
	if !bytes.Equal(got[6:], target) || string(got[:6]) != "before" {
		t.Fatalf("Apply of a patch of %d bytes against %d gives other bytes", len(target), len(base))
	}
	return s
}

func (s *Streams) size() (n int) {
	for _, b := range s {
		n += len(b)
	}
	return n
}

// noise returns n bytes that follow from seed.
func noise(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestPatchMakesTarget(t *testing.T) {
	a, b, c := noise(1, 5000), noise(2, 3000), noise(3, 40)
	tests := []struct {
		name         string
		base, target []byte
		most         int // bytes of the patch
	}{
		{"both empty", nil, nil, 1},
		{"empty target", a, nil, 1},
		{"empty base", nil, b, len(b) + 10},
		{"equal", a, a, 10},
		{"short", []byte("x"), []byte("y"), 10},
		{"unlike", a, b, len(b) + 20},
		{"inserted", join(a, b), join(a, c, b), len(c) + 20},
		{"removed", join(a, c, b), join(a, b), 20},
		{"swapped", join(a, b), join(b, a), 20},
		{"twice", a, join(a, a), 20},
		{"byte changed", a, join(a[:2000], []byte{a[2000] + 1}, a[2001:]), 20},
		{"grown at the front", b, join(c, b), len(c) + 20},
		{"grown at the end", b, join(b, c), len(c) + 20},
		{"zeros", make([]byte, 5000), make([]byte, 7000), 2100},
		{"zeros around", join(make([]byte, 5000), b), join(make([]byte, 100), b, make([]byte, 5000)), 5200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, stride := range []int{0, 1, 3, 64} {
				s := roundTrip(t, tt.base, tt.target, Options{Stride: stride})
				if n := s.size(); n > tt.most && stride < 16 {
					t.Errorf("stride %d: patch has %d bytes, want at most %d", stride, n, tt.most)
				}
			}
		})
	}
}

func TestRandomEditsRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 300 {
		base := noise(r.Uint64(), r.IntN(4000))
		var target []byte
		for range r.IntN(20) {
			if len(base) > 0 && r.IntN(4) > 0 {
				i := r.IntN(len(base))
				target = append(target, base[i:i+r.IntN(len(base)-i+1)]...)
			} else {
				target = append(target, noise(r.Uint64(), r.IntN(200))...)
			}
			for range r.IntN(4) {
				if len(target) > 0 {
					target[r.IntN(len(target))]++
				}
			}
		}
		roundTrip(t, base, target, Options{Stride: r.IntN(10)})
	}
}

func TestDifferKeepsNothing(t *testing.T) {
	var d Differ
	big, small := elfFile(3), noise(9, 300)
	var first, again Streams
	d.Diff(&first, small, small[:200], Options{})
	d.Diff(new(Streams), big, elfFile(4), Options{})
	d.Diff(&again, small, small[:200], Options{})
	for k := range first {
		if !bytes.Equal(first[k], again[k]) {
			t.Errorf("stream %d of the same patch is %x after another file, want %x", k, again[k], first[k])
		}
	}
}

func TestPatchesFollowEachOther(t *testing.T) {
	var d Differ
	var all, second Streams
	d.Diff(&all, noise(1, 500), noise(1, 600), Options{})
	n := [NumStreams]int{}
	for k := range all {
		n[k] = len(all[k])
	}
	d.Diff(&all, noise(2, 500), noise(2, 700), Options{})
	d.Diff(&second, noise(2, 500), noise(2, 700), Options{})
	for k := range all {
		if !bytes.Equal(all[k][n[k]:], second[k]) {
			t.Errorf("stream %d of the second patch depends on the first", k)
		}
	}
}

func TestCutPatchRefused(t *testing.T) {
	for _, f := range [][2][]byte{{noise(1, 900), join(noise(1, 400), noise(2, 50), noise(1, 900)[450:])}, {elfFile(1), elfFile(2)}} {
		s := roundTrip(t, f[0], f[1], Options{})
		for k := range s {
			for n := range s[k] {
				cut := s
				cut[k] = s[k][:n]
				var a Applier
				got, err := a.Apply(nil, f[0], &cut, len(f[1]))
				var bad *FormatError
				if err != nil && !errors.As(err, &bad) {
					t.Fatalf("stream %d cut to %d: %v, want a FormatError", k, n, err)
				}
				if err == nil && bytes.Equal(got, f[1]) {
					t.Fatalf("stream %d cut to %d of %d bytes still makes the target", k, n, len(s[k]))
				}
			}
			long := s
			long[k] = append(append([]byte(nil), s[k]...), 1)
			if _, err := new(Applier).Apply(nil, f[0], &long, len(f[1])); err == nil {
				t.Errorf("a byte after stream %d is accepted", k)
			}
		}
	}
}

func TestMalformedRefused(t *testing.T) {
	base := noise(1, 100)
	tests := []struct {
		name string
		s    Streams
		size int
	}{
		{"nothing", Streams{}, 0},
		{"no operation", Streams{Control: {0}}, 1},
		{"unknown kind", Streams{Control: {9}}, 0},
		{"addresses without a program", Streams{Control: {1}}, 0},
		{"before the base", Streams{Control: {0}, Lengths: {20}, Inserts: {0}, Seeks: {1}}, 20},
		{"behind the base", Streams{Control: {0}, Lengths: {20}, Inserts: {0}, Seeks: {164, 1}}, 20},
		{"more than the target", Streams{Control: {0}, Lengths: {21}, Inserts: {0}, Seeks: {0}}, 20},
		{"new bytes beyond it", Streams{Control: {0}, Lengths: {10}, Inserts: {11}, Seeks: {0}, Extra: make([]byte, 11)}, 20},
		{"operation without bytes", Streams{Control: {0}, Lengths: {0, 20}, Inserts: {0, 0}, Seeks: {0, 0}}, 20},
		{"second operation short", Streams{Control: {0}, Lengths: {16, 4}, Inserts: {0, 0}, Seeks: {0, 0}}, 20},
		{"number too long", Streams{Control: {0}, Lengths: {0x94, 0}, Inserts: {0}, Seeks: {0}}, 20},
		{"new bytes missing", Streams{Control: {0}, Lengths: {0}, Inserts: {20}, Seeks: {0}}, 20},
		{"correction of nothing", Streams{Control: {0}, Lengths: {20}, Inserts: {0}, Seeks: {0}, Sparse: {20, 1}}, 20},
		{"correction by zero", Streams{Control: {0}, Lengths: {20}, Inserts: {0}, Seeks: {0}, Sparse: {1, 0}}, 20},
		{"negative size", Streams{Control: {0}}, -1},
		{"huge", Streams{Control: {0}}, MaxSize + 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var bad *FormatError
			if _, err := new(Applier).Apply(nil, base, &tt.s, tt.size); !errors.As(err, &bad) {
				t.Errorf("Apply = %v, want a FormatError", err)
			}
		})
	}
}
