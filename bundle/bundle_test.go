package bundle

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	const chunk = MinChunkSize
	tests := []struct {
		name    string
		volume  int64
		volumes int
		sizes   []int
	}{
		{"one volume", 0, 1, []int{0, 1, 511, 512, 513, chunk, chunk + 1, 5 * chunk}},
		{"no blobs", 0, 1, nil},
		{"three volumes", MinVolumeSize + 2*chunk, 3, []int{1, 511, chunk, 4*chunk + 7}},
		{"index alone in the last", MinVolumeSize + chunk, 3, []int{chunk, 2*chunk - 600, 400}},
		{"all fits in the first", MinVolumeSize + 16*chunk, 1, []int{chunk}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := makeSample(t, tt.volume, chunk, tt.sizes...)
			if len(s.volumes) != tt.volumes {
				t.Errorf("%d volumes, want %d", len(s.volumes), tt.volumes)
			}
			for _, order := range [][][]byte{s.volumes, reversed(s.volumes)} {
				got := make(map[Digest][]byte)
				if err := accept(&s.key.PublicKey, order, got); err != nil {
					t.Fatal(err)
				}
			}
			got := make(map[Digest][]byte)
			if err := accept(&s.key.PublicKey, s.volumes, got); err != nil {
				t.Fatal(err)
			}
			for d, want := range s.content {
				if !bytes.Equal(got[d], want) {
					t.Errorf("%s: %d bytes came out, %d went in", d, len(got[d]), len(want))
				}
			}
		})
	}
}

func reversed(in [][]byte) [][]byte {
	out := slices.Clone(in)
	slices.Reverse(out)
	return out
}

// Any tar reader must be able to look inside.
func TestVolumesAreTar(t *testing.T) {
	s := makeSample(t, MinVolumeSize+2*MinChunkSize, MinChunkSize, 1, 511, MinChunkSize, 4*MinChunkSize+7)
	members := make(map[string][]byte)
	for n, v := range s.volumes {
		r := tar.NewReader(bytes.NewReader(v))
		for {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("volume %d: %v", n+1, err)
			}
			if h.Mode != 0o444 || h.Typeflag != tar.TypeReg || h.ModTime.Unix() != 0 {
				t.Errorf("volume %d: %s: mode %o, type %c, time %v", n+1, h.Name, h.Mode, h.Typeflag, h.ModTime)
			}
			b, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			members[h.Name] = b
		}
	}
	for d, want := range s.content {
		got, whole := members["blobs/sha256/"+d.Hex()]
		for n := 1; !whole && n < 10; n++ {
			got = append(got, members["blobs/sha256/"+d.Hex()+".000"+string(rune('0'+n))]...)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: parts put together have %d bytes, want %d", d, len(got), len(want))
		}
	}
	if string(members["oci-layout"]) != ociLayout || !bytes.Contains(members["index.json"], []byte("docker.io/library/nginx:1.27")) {
		t.Errorf("oci-layout %q, index.json %q", members["oci-layout"], members["index.json"])
	}
}

// flipSample is as small as three volumes get.
func flipSample(tb testing.TB) *sample {
	tb.Helper()
	s := makeSample(tb, MinVolumeSize+MinChunkSize, MinChunkSize, 700, 2*MinChunkSize+300, 900)
	if len(s.volumes) != 3 {
		tb.Fatalf("%d volumes, want 3", len(s.volumes))
	}
	return s
}

// A volume has no byte that can be changed unnoticed: every single bit.
func TestEveryBitCounts(t *testing.T) {
	if testing.Short() {
		t.Skip("verifies some hundred thousand bundles")
	}
	s := flipSample(t)
	eachDamage(t, s, func(v []byte) int { return 8 * len(v) }, func(v []byte, i int) []byte {
		v[i/8] ^= 1 << (i % 8)
		return v
	})
}

func TestEveryTruncation(t *testing.T) {
	eachDamage(t, flipSample(t), func(v []byte) int { return len(v) }, func(v []byte, i int) []byte { return v[:i] })
}

func TestEverySwapOfBlocks(t *testing.T) {
	eachDamage(t, flipSample(t), func(v []byte) int { n := len(v) / 512; return n * n }, func(v []byte, i int) []byte {
		n := len(v) / 512
		a, b := v[i/n*512:][:512], v[i%n*512:][:512]
		if bytes.Equal(a, b) {
			return nil
		}
		c := slices.Clone(a)
		copy(a, b)
		copy(b, c)
		return v
	})
}

func TestEveryBlockTwiceOrGone(t *testing.T) {
	eachDamage(t, flipSample(t), func(v []byte) int { return 2 * len(v) / 512 }, func(v []byte, i int) []byte {
		at := i / 2 * 512
		if i%2 == 0 {
			return slices.Delete(v, at, at+512)
		}
		return slices.Insert(v, at, v[at:at+512]...)
	})
}

// The index stands in the first and in the last volume, and nowhere else.
func TestIndexWhereItBelongs(t *testing.T) {
	s := flipSample(t)
	head := memberSize(int64(len(s.statement))) + signatureMember
	member := appendMember(nil, nameIndex, s.index)
	for n, harm := range map[int]func(v []byte) []byte{
		1: func(v []byte) []byte { return slices.Insert(v, int(head), member...) },
		2: func(v []byte) []byte { return slices.Delete(v, int(head), int(head)+len(member)) },
	} {
		volumes := slices.Clone(s.volumes)
		volumes[n] = harm(slices.Clone(volumes[n]))
		for _, order := range [][][]byte{volumes, reversed(volumes)} {
			if err := accept(&s.key.PublicKey, order, make(map[Digest][]byte)); err == nil {
				t.Errorf("volume %d with the index moved: accepted", n+1)
			}
		}
	}
	twice := slices.Clone(s.volumes)
	twice[0] = slices.Insert(slices.Clone(twice[0]), int(head), member...)
	if err := accept(&s.key.PublicKey, twice, make(map[Digest][]byte)); err == nil {
		t.Error("volume 1 with the index twice: accepted")
	}
}

func TestTails(t *testing.T) {
	s := flipSample(t)
	tails := [][]byte{{0}, make([]byte, 512), []byte("PK\x03\x04\x14\x00"), []byte("\x7fELF\x02\x01\x01"), s.volumes[0]}
	eachDamage(t, s, func([]byte) int { return len(tails) }, func(v []byte, i int) []byte { return append(v, tails[i]...) })
}

func TestVolumesFromElsewhere(t *testing.T) {
	s := flipSample(t)
	other := makeSample(t, MinVolumeSize+MinChunkSize, MinChunkSize, 701, 2*MinChunkSize+300, 900)
	for name, volumes := range map[string][][]byte{
		"one missing": s.volumes[:2],
		"one twice":   {s.volumes[0], s.volumes[1], s.volumes[1]},
		"one foreign": {s.volumes[0], other.volumes[1], s.volumes[2]},
		"none":        nil,
	} {
		if err := accept(&s.key.PublicKey, volumes, make(map[Digest][]byte)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// saysWhere matches errors that name the part of the bundle.
var saysWhere = regexp.MustCompile("volume|index|statement|signature")

// eachDamage applies damage 0 to count-1 to a copy of each volume in turn, on
// all cores, and wants every one refused with an error that says where.
// Damage that returns nil is none.
func eachDamage(t *testing.T, s *sample, count func([]byte) int, damage func(v []byte, i int) []byte) {
	t.Helper()
	if err := accept(&s.key.PublicKey, s.volumes, make(map[Digest][]byte)); err != nil {
		t.Fatalf("before any damage: %v", err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	total := 0
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			tried := 0
			for n, v := range s.volumes {
				for i := w; i < count(v); i += workers {
					volumes := slices.Clone(s.volumes)
					if volumes[n] = damage(slices.Clone(v), i); volumes[n] == nil {
						continue
					}
					tried++
					// The damaged volume first: what follows costs nothing.
					volumes[0], volumes[n] = volumes[n], volumes[0]
					if err := accept(&s.key.PublicKey, volumes, make(map[Digest][]byte)); err == nil {
						t.Errorf("volume %d, damage %d: accepted", n+1, i)
					} else if !saysWhere.MatchString(err.Error()) {
						t.Errorf("volume %d, damage %d: the error does not say where: %v", n+1, i, err)
					}
				}
			}
			mu.Lock()
			total += tried
			mu.Unlock()
		})
	}
	wg.Wait()
	if total == 0 {
		t.Error("no damage was tried")
	}
	t.Logf("%d tried, 0 accepted", total)
}

// A short file is a volume that was cut only if it begins like one.
func TestShortFiles(t *testing.T) {
	s := makeSample(t, 0, MinChunkSize, 1)
	for n := range 600 {
		if err := NewVolumeReader(bytes.NewReader(s.volumes[0][:n])).ReadHead(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut after %d bytes: %v, want an unexpected end", n, err)
		}
	}
	for _, in := range []string{"x", "ferry.statemenT", "ferry.statement\x00x", "read me first\n"} {
		if err := NewVolumeReader(strings.NewReader(in)).ReadHead(); !errors.As(err, new(*FormatError)) {
			t.Errorf("%q: %v, want a FormatError", in, err)
		}
	}
}
