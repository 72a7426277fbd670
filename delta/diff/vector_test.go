package diff

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write vectors that are missing")

// TestVectorsNeverChange applies patches that were made once. What a patch
// makes is a format: none of these files is ever written again.
func TestVectorsNeverChange(t *testing.T) {
	vectors := map[string][2][]byte{
		"plain":  {noise(1, 3000), join(noise(1, 3000)[500:], noise(2, 60), noise(1, 700), []byte("end"))},
		"x86-64": {elfProgram(1, machineX86), elfProgram(2, machineX86)},
		"arm64":  {elfProgram(3, machineARM64), elfProgram(4, machineARM64)},
		"dump":   {javaDump(0), javaDump(24)},

		// What is guessed wrong, and what is learned from that.
		"x86-64-damaged": {withLoads(elfProgram(1, machineX86), 1), damaged(withLoads(elfProgram(5, machineX86), 2), 2)},
		"arm64-damaged":  {withStores(elfProgram(1, machineARM64), 3), damaged(withStores(elfProgram(5, machineARM64), 4), 4)},
	}
	for name, files := range vectors {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", "vectors", name)
			if _, err := os.Stat(path + ".patch"); *update && os.IsNotExist(err) {
				writeVector(t, path, files[0], files[1])
			}
			base, want := readFile(t, path+".base"), string(bytes.TrimSpace(readFile(t, path+".sha256")))
			size, s := parseVector(t, readFile(t, path+".patch"))
			got, err := new(Applier).Apply(nil, base, &s, size)
			if err != nil {
				t.Fatal(err)
			}
			if sum := sha256.Sum256(got); hex.EncodeToString(sum[:]) != want {
				t.Errorf("the target has SHA-256 %x, want %s", sum, want)
			}
		})
	}
}

// withLoads returns the program b with loads of what is not in the file, one
// after another in place of some code.
func withLoads(b []byte, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 9))
	for i := range 200 {
		at := programText + 12000 + 6*i
		copy(b[at:], []byte{0x8b, byte(5 + 8*(i%8))})
		binary.LittleEndian.PutUint32(b[at+2:], uint32(len(b)+16*r.IntN(200)+int(seed)*64-at))
	}
	return b
}

// withStores returns the program b with stores of all widths.
func withStores(b []byte, seed uint64) []byte {
	for i := range 100 {
		at := programText + 12000 + 8*i
		store := []uint32{0x39000061, 0x79000061, 0xb9000061, 0xf9000061, 0x3d800061}[i%5]
		scale, _ := pairScale(0x90000003, store)
		w, next := withPair(0x90000003, store, scale, int64(at+programVA), int64(programVA+len(b)+64*i*i%4000+int(seed)*32))
		binary.LittleEndian.PutUint32(b[at:], w)
		binary.LittleEndian.PutUint32(b[at+4:], next)
	}
	return b
}

// damaged returns the program b with other bytes here and there, some addresses
// moved, and some pieces of its code gone.
func damaged(b []byte, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 9))
	table := int(binary.LittleEndian.Uint64(b[40:]))
	for range 400 {
		b[programText+r.IntN(table-programText)] = byte(r.Uint32())
	}
	for range 800 {
		at := (programText + r.IntN(table-programText-8)) &^ 3
		binary.LittleEndian.PutUint32(b[at:], binary.LittleEndian.Uint32(b[at:])+32*uint32(r.IntN(9)))
	}
	for range 3 {
		copy(b[programText+r.IntN(10000):], noise(r.Uint64(), r.IntN(2000)))
	}
	return b
}

func writeVector(t *testing.T, path string, base, target []byte) {
	t.Helper()
	s := roundTrip(t, base, target, Options{})
	b := binary.AppendUvarint(nil, uint64(len(target)))
	for _, stream := range s {
		b = append(binary.AppendUvarint(b, uint64(len(stream))), stream...)
	}
	sum := sha256.Sum256(target)
	for name, content := range map[string][]byte{".base": base, ".patch": b, ".sha256": []byte(hex.EncodeToString(sum[:]) + "\n")} {
		if err := os.WriteFile(path+name, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func parseVector(t *testing.T, b []byte) (size int, s Streams) {
	t.Helper()
	next := func() int {
		v, n := binary.Uvarint(b)
		if n <= 0 || v > MaxSize {
			t.Fatal("the vector is damaged")
		}
		b = b[n:]
		return int(v)
	}
	size = next()
	for k := range s {
		n := next()
		s[k], b = b[:n:n], b[n:]
	}
	return size, s
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
