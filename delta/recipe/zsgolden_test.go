package recipe

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

const zsGolden = "testdata/zs/golden.txt"

// vast repeats itself at distances around the windows of the original, and is
// longer than what an encoder keeps at hand.
var vast = sync.OnceValue(func() sample {
	r := rand.New(rand.NewPCG(8, 7))
	b := makeMixed(8, 3<<20)
	for len(b) < 21<<20 {
		d := []int{zsMaxReach / 2, zsMaxReach, zsMaxReach, 1 << 20}[r.IntN(4)] - 40000 + r.IntN(80000)
		at := max(len(b)-d, r.IntN(1000))
		k := min(100+r.IntN(60000), len(b)-at)
		b = append(b, b[at:at+k]...)
		for range r.IntN(40) {
			b[len(b)-1-r.IntN(k)] = byte(r.Uint32())
		}
		if r.IntN(3) == 0 {
			b = append(b, makeBinary(r.Uint64(), r.IntN(3000))...)
		}
	}
	return sample{"vast", b}
})

// TestWriteZsSamples writes the samples for tools/golden/_kpz to the folder
// that FERRY_WRITE_SAMPLES names.
func TestWriteZsSamples(t *testing.T) {
	dir := os.Getenv("FERRY_WRITE_SAMPLES")
	if dir == "" {
		t.Skip("FERRY_WRITE_SAMPLES is not set")
	}
	for _, s := range append(samples(), vast()) {
		if err := os.WriteFile(filepath.Join(dir, s.file()), s.plain, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// A zsVector is a line of the golden vectors.
type zsVector struct {
	group  Group
	sample string
	at     int
	digest string
}

func parseZsVector(line string) (v zsVector, err error) {
	var name, how, header string
	var n int64
	g := &v.group
	if _, err := fmt.Sscan(line, &name, &g.Level, &how, &v.sample, &v.at, &n, &header, &v.digest); err != nil {
		return v, err
	}
	for _, e := range zstdEncoders {
		if e.name == name {
			g.Encoder = e.id
		}
	}
	g.Frame, g.Plain = Zstd, []int64{n}
	g.Block = zsMaxBlock / 2 * g.Level
	if g.Header, err = hex.DecodeString(header); err != nil {
		return v, err
	}
	block := int64(g.Block)
	if how == "sniff" {
		g.Header = zsCuts{{0, 8}}.appendTo(g.Header)
	}
	if how == "all" && n%block == 0 {
		g.Header = zsCuts{{n/block - 1, block}}.appendTo(g.Header)
	}
	return v, nil
}

// The golden vectors are what the originals made; see TestGolden.
func TestZsGolden(t *testing.T) {
	byName := make(map[string]sample)
	for _, s := range samples() {
		byName[s.file()] = s
	}
	if !testing.Short() {
		byName["vast"] = vast()
	}
	f, err := os.Open(zsGolden)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var z zsCodec
	seen := make(map[Params]int)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		v, err := parseZsVector(lines.Text())
		if err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		s, ok := byName[v.sample]
		if !ok && v.sample == "vast" && testing.Short() {
			continue
		}
		if !ok {
			t.Fatalf("%s names sample %q, which is not there", zsGolden, v.sample)
		}
		if err := v.group.check(); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		seen[v.group.Params]++
		if testing.Short() && seen[v.group.Params]%5 != 0 {
			continue
		}
		h := sha256.New()
		if err := z.replay(&v.group, bytes.NewReader(s.plain[v.at:]), h); err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(h.Sum(nil)); got != v.digest {
			t.Errorf("%q: SHA-256 is %s", lines.Text(), got)
		}
	}
	for _, e := range zstdEncoders {
		for _, level := range e.levels {
			p := Params{Encoder: e.id, Level: level, Block: zsMaxBlock / 2 * level}
			if want := 100; seen[p] < want {
				t.Errorf("%d golden vectors of %s, want at least %d", seen[p], p, want)
			}
		}
	}
}
