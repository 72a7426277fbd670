package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write frozen files that do not exist yet")

const (
	frozenDir  = "../testdata/bundles/v1"
	frozenSums = "../testdata/bundles/SHA256SUMS"
)

// frozenFiles returns what stands in testdata/bundles/v1: good bundles, and
// broken ones named for what is broken.
func frozenFiles(t *testing.T) map[string][]byte {
	t.Helper()
	one := makeSample(t, 0, MinChunkSize, 0, 1, 513, 2*MinChunkSize+1)
	three := makeSample(t, MinVolumeSize+MinChunkSize, MinChunkSize, 700, 2*MinChunkSize+300, 900)
	files := map[string][]byte{"one.v001.tar": one.volumes[0], "patch.v001.tar": makePatched(t).volumes[0]}
	for n, v := range three.volumes {
		files[fmt.Sprintf("three.v%03d.tar", n+1)] = v
	}
	harm := func(name string, harm func(b []byte) []byte) {
		files[name] = harm(slices.Clone(one.volumes[0]))
	}
	at := func(b []byte, s string) int { return bytes.Index(b, []byte(s)) }
	harm("statement-flip.tar", func(b []byte) []byte { b[at(b, `"seq":42`)+7] = '3'; return b })
	harm("statement-newer.tar", func(b []byte) []byte { b[at(b, "ferry-statement-v1")+17] = '2'; return b })
	harm("index-flip.tar", func(b []byte) []byte { b[at(b, "ferry-index-v1")+20] ^= 1; return b })
	harm("index-cut.tar", func(b []byte) []byte { return b[:at(b, "ferry-index-v1")+100] })
	harm("payload-flip.tar", func(b []byte) []byte { b[len(b)-2000] ^= 1; return b })
	harm("payload-cut.tar", func(b []byte) []byte { return b[:len(b)-2000] })
	harm("padding.tar", func(b []byte) []byte { b[len(b)-1025] = 1; return b })
	harm("tail.tar", func(b []byte) []byte { return append(b, 0) })
	harm("empty.tar", func([]byte) []byte { return make([]byte, endSize) })
	return files
}

// Frozen files are the format: whoever has written such a bundle to a disc
// can not change it any more. Files are added, never written again.
func TestFrozenBundles(t *testing.T) {
	want := frozenFiles(t)
	if *update {
		updateFrozen(t, want)
	}
	sums, err := os.ReadFile(frozenSums)
	if err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(frozenDir, "*.tar"))
	if err != nil || len(names) != len(want) {
		t.Fatalf("%d frozen files, want %d (%v)", len(names), len(want), err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		base := filepath.Base(name)
		if !bytes.Equal(b, want[base]) {
			t.Errorf("%s is not what is written today", base)
		}
		if line := sumLine(base, b); !strings.Contains(string(sums), line) {
			t.Errorf("SHA256SUMS lacks %q", line)
		}
	}
}

func TestReadFrozenBundles(t *testing.T) {
	key, _ := sampleKey(t)
	read := func(names ...string) error {
		var volumes [][]byte
		for _, name := range names {
			b, err := os.ReadFile(filepath.Join(frozenDir, name))
			if err != nil {
				t.Fatal(err)
			}
			volumes = append(volumes, b)
		}
		return accept(&key.PublicKey, volumes, make(map[Digest][]byte))
	}
	if err := read("one.v001.tar"); err != nil {
		t.Error(err)
	}
	if err := read("three.v003.tar", "three.v001.tar", "three.v002.tar"); err != nil {
		t.Error(err)
	}
	if err := read("patch.v001.tar"); err != nil {
		t.Error(err)
	}
	damage := func(err error) bool { return errors.As(err, new(*DamageError)) }
	cut := func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }
	tests := []struct {
		file string
		want func(error) bool
	}{
		{"statement-flip.tar", func(err error) bool { return err != nil && strings.Contains(err.Error(), "signature") }},
		{"statement-newer.tar", func(err error) bool { return errors.As(err, new(*VersionError)) }},
		{"index-flip.tar", damage},
		{"index-cut.tar", cut},
		{"payload-flip.tar", damage},
		{"payload-cut.tar", cut},
		{"padding.tar", damage},
		{"tail.tar", damage},
		{"empty.tar", func(err error) bool { return errors.As(err, new(*FormatError)) }},
	}
	for _, tt := range tests {
		if err := read(tt.file); !tt.want(err) {
			t.Errorf("%s: error = %v (%T)", tt.file, err, err)
		}
	}
}

func sumLine(name string, b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]) + "  v1/" + name + "\n"
}

func updateFrozen(t *testing.T, files map[string][]byte) {
	t.Helper()
	if err := os.MkdirAll(frozenDir, 0o755); err != nil {
		t.Fatal(err)
	}
	sums, err := os.OpenFile(frozenSums, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer sums.Close()
	for name, b := range files {
		f, err := os.OpenFile(filepath.Join(frozenDir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(writeAll(f, b), f.Close(), writeAll(sums, []byte(sumLine(name, b)))); err != nil {
			t.Fatal(err)
		}
	}
}

func writeAll(w io.Writer, b []byte) error {
	_, err := w.Write(b)
	return err
}
