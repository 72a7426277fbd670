package diff

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"flag"
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
