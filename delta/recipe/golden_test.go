package recipe

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const golden = "testdata/golden.txt"

func (s sample) file() string { return strings.ReplaceAll(s.name, " ", "-") }

// TestWriteSamples writes the samples for tools/golden to the folder that
// FERRY_WRITE_SAMPLES names.
func TestWriteSamples(t *testing.T) {
	dir := os.Getenv("FERRY_WRITE_SAMPLES")
	if dir == "" {
		t.Skip("FERRY_WRITE_SAMPLES is not set")
	}
	for _, s := range samples() {
		if err := os.WriteFile(filepath.Join(dir, s.file()), s.plain, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// The golden vectors are what the originals made, and what sites hold. A
// change that fails here breaks recipes that are already on their way: give
// the changed encoder a new id instead.
func TestGolden(t *testing.T) {
	oneGoroutine(t)
	byName := make(map[string]sample)
	for _, s := range samples() {
		byName[s.file()] = s
	}
	f, err := os.Open(golden)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := new(Codec)
	seen := make(map[ID]int)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var name, file, want string
		var p Params
		if _, err := fmt.Sscan(lines.Text(), &name, &p.Level, &p.Block, &file, &want); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		for _, e := range encoders {
			if e.name == name {
				p.Encoder = e.id
			}
		}
		s, ok := byName[file]
		if !ok {
			t.Fatalf("%s names sample %q, which is not there", golden, file)
		}
		if testing.Short() && p.Level != 6 && p.Level != 5 {
			continue
		}
		if err := p.check(); err != nil {
			t.Fatal(err)
		}
		seen[p.Encoder]++
		if got := fmt.Sprintf("%x", sha256.Sum256(encode(t, c.encoder(p), p, s.plain, 32771))); got != want {
			t.Errorf("%s of %q has SHA-256 %s, want %s", p, s.name, got, want)
		}
	}
	for _, e := range encoders {
		if want := len(samples()); seen[e.id] < want {
			t.Errorf("%d golden vectors of %s, want at least %d", seen[e.id], e.name, want)
		}
	}
}
