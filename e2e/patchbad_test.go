package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/airgap-ferry/ferry/internal/testtool"
	"github.com/airgap-ferry/ferry/report"
)

// oddities are layers that are not what one expects. Each is made in two
// versions, the second of which is shipped to who holds the first.
var oddities = []struct {
	name string
	blob func(t *testing.T, version int) []byte
}{
	{"text as tar.gz", func(_ *testing.T, version int) []byte { return prose(fmt.Sprint("text", version), 50_000) }},
	{"noise as tar.gz", func(_ *testing.T, version int) []byte { return noise(fmt.Sprint("noise", version), 300_000) }},
	{"gzip of noise", func(t *testing.T, version int) []byte {
		t.Helper()
		return gzipped(t, noise(fmt.Sprint("gz", version), 300_000))
	}},
	{"gzip of text", func(t *testing.T, version int) []byte {
		t.Helper()
		return gzipped(t, prose(fmt.Sprint("text", version), 50_000))
	}},
	{"no bytes at all", func(*testing.T, int) []byte { return nil }},
	{"gzip of nothing", func(t *testing.T, _ int) []byte {
		t.Helper()
		return gzipped(t, nil)
	}},
	{"empty archive", func(t *testing.T, version int) []byte {
		t.Helper()
		return gzipped(t, make([]byte, 1024*version))
	}},
	{"cut gzip", func(t *testing.T, version int) []byte {
		t.Helper()
		b := gzipped(t, tree(t, "cut", version))
		return b[:len(b)/2]
	}},
	{"gzip without its last byte", func(t *testing.T, version int) []byte {
		t.Helper()
		b := gzipped(t, tree(t, "last", version))
		return b[:len(b)-1]
	}},
	{"damaged gzip", func(t *testing.T, version int) []byte {
		t.Helper()
		b := gzipped(t, tree(t, "damaged", version))
		b[len(b)/2] ^= 0x10
		return b
	}},
	{"wrong checksum", func(t *testing.T, version int) []byte {
		t.Helper()
		b := gzipped(t, tree(t, "checksum", version))
		b[len(b)-7] ^= 1
		return b
	}},
	{"bytes after the last member", func(t *testing.T, version int) []byte {
		t.Helper()
		return append(gzipped(t, tree(t, "tail", version)), prose("tail", 3_000)...)
	}},
	{"zeros after the last member", func(t *testing.T, version int) []byte {
		t.Helper()
		return append(gzipped(t, tree(t, "zeros", version)), make([]byte, 200_000)...)
	}},
	{"two members", func(t *testing.T, version int) []byte {
		t.Helper()
		plain := tree(t, "two", version)
		return append(gzipped(t, plain[:100_000]), gzipped(t, plain[100_000:])...)
	}},
	{"gzip in gzip", func(t *testing.T, version int) []byte {
		t.Helper()
		b := tree(t, "deep", version)
		for range 12 {
			b = gzipped(t, b)
		}
		return b
	}},
	{"damaged archive", func(t *testing.T, version int) []byte {
		t.Helper()
		b := tree(t, "header", version)
		copy(b[len(b)/512/2*512:], noise("header", 2_000))
		return gzipped(t, b)
	}},
	{"sizes that lie", func(t *testing.T, version int) []byte {
		t.Helper()
		b := tree(t, "lie", version)
		copy(b[124:136], "77777777777\x00")
		return gzipped(t, b)
	}},
	{"cut archive", func(t *testing.T, version int) []byte {
		t.Helper()
		return gzipped(t, tree(t, "short", version)[:333_333])
	}},
	{"PAX headers", paxArchive},
	{"holes", sparseArchive},
	{"an encoder that nobody knows", func(t *testing.T, version int) []byte {
		t.Helper()
		return pipe(t, tree(t, "unknown", version), "zstd", "-19", "-c")
	}},
}

// gzipped compresses as Docker does.
func gzipped(t *testing.T, plain []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := z.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// pipe returns what a program makes of its standard input.
func pipe(t *testing.T, in []byte, program string, args ...string) []byte {
	t.Helper()
	cmd := command(t, t.TempDir(), nil, testtool.Find(t, program), args...)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", program, err)
	}
	return out
}

// paxArchive has long names, extended attributes and times in fractions.
func paxArchive(t *testing.T, version int) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i := range 30 {
		content := prose(fmt.Sprint("pax", i), 5_000+version)
		err := w.WriteHeader(&tar.Header{
			Name: strings.Repeat("long/", 60) + fmt.Sprint(i), Mode: 0o644, Size: int64(len(content)),
			Format: tar.FormatPAX, ModTime: epoch(version).Add(123_456_789),
			PAXRecords: map[string]string{"SCHILY.xattr.user.version": fmt.Sprint(version)},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return gzipped(t, buf.Bytes())
}

// sparseArchive is what GNU tar makes of files with holes, in both of its
// forms.
func sparseArchive(t *testing.T, version int) []byte {
	t.Helper()
	dir := t.TempDir()
	name := filepath.Join(dir, "holes")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	for i := range int64(8) {
		if _, err := f.WriteAt(prose(fmt.Sprint("hole", i, i == 3 && version > 1), 6_000), i<<20); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, epoch(version), epoch(version)); err != nil {
		t.Fatal(err)
	}
	program := testtool.Find(t, "tar")
	old := mustExecute(t, dir, nil, program, "--sparse", "--format=gnu", "-cf", "-", "holes")
	pax := mustExecute(t, dir, nil, program, "--sparse", "--format=pax", "--pax-option=exthdr.name=%d/x/%f,delete=atime,delete=ctime", "-cf", "-", "holes")
	return gzipped(t, []byte(strings.TrimRight(old, "\x00")+strings.Repeat("\x00", 512-len(strings.TrimRight(old, "\x00"))%512)+pax))
}

// TestOddLayersArrive ships layers that are not what one expects: nothing
// fails, and all arrive as they are.
func TestOddLayersArrive(t *testing.T) {
	slow(t)
	w := newWorld(t, 1, "")
	for version := 1; version <= 2; version++ {
		var images []string
		for i, odd := range oddities {
			layer := bytesLayer(t, types.OCILayer, odd.blob(t, version))
			images = append(images, w.pushLayers(fmt.Sprintf("odd/o%d", i), fmt.Sprint(version), layer))
		}
		w.releaseOf(fmt.Sprintf("%d.0", version), images...)
		packed, imported := w.ship()
		compareBlobs(t, w, imported)
		for _, b := range packed.Patches {
			var i int
			repository, _, _ := cutTag(b.Owner)
			if _, err := fmt.Sscanf(repository, w.source+"/odd/o%d", &i); err != nil {
				continue
			}
			t.Logf("version %d: %-28s %s %s %d of %d bytes %s", version, oddities[i].name, b.Rung, b.Encoder, b.Bytes, b.Size, b.Why)
			if b.Rung == report.RungWhole && (b.Why == "" || b.Bytes != b.Size) {
				t.Errorf("%s goes whole as %d of %d bytes, because of %q", oddities[i].name, b.Bytes, b.Size, b.Why)
			}
		}
	}
}

// A giant is a layer that is made while it is read.
type giant struct {
	name  string
	write func(w io.Writer, version int) error
}

const (
	giantZeros = 128 << 20 // bytes
	giantFiles = 100_000
)

var giants = []giant{
	{"zeros", func(w io.Writer, version int) error {
		z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
		if err != nil {
			return err
		}
		a := tar.NewWriter(z)
		if err := a.WriteHeader(&tar.Header{Name: "zeros", Size: giantZeros, Mode: 0o644, ModTime: epoch(version)}); err != nil {
			return err
		}
		piece := make([]byte, 1<<20)
		for range giantZeros / len(piece) {
			if _, err := a.Write(piece); err != nil {
				return err
			}
		}
		if err := a.Close(); err != nil {
			return err
		}
		return z.Close()
	}},
	{"files", func(w io.Writer, version int) error {
		z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
		if err != nil {
			return err
		}
		a := tar.NewWriter(z)
		for i := range giantFiles {
			text := fmt.Sprintf("file %d\n", i)
			if i == giantFiles/2 {
				text = fmt.Sprintf("file %d of version %d\n", i, version)
			}
			h := &tar.Header{Name: fmt.Sprintf("d%02d/f%d", i%100, i), Size: int64(len(text)), Mode: 0o644, ModTime: epoch(version)}
			if err := a.WriteHeader(h); err != nil {
				return err
			}
			if _, err := io.WriteString(a, text); err != nil {
				return err
			}
		}
		if err := a.Close(); err != nil {
			return err
		}
		return z.Close()
	}},
}

// TestGiantLayersArrive ships layers of 128 MiB of zeros and of 100,000 files.
func TestGiantLayersArrive(t *testing.T) {
	once(t)
	for _, g := range giants {
		t.Run(g.name, func(t *testing.T) {
			w := newWorld(t, 1, "")
			for version := 1; version <= 2; version++ {
				name := filepath.Join(t.TempDir(), "layer")
				f, err := os.Create(name)
				if err != nil {
					t.Fatal(err)
				}
				if err := g.write(f, version); err != nil {
					t.Fatal(err)
				}
				if err := f.Close(); err != nil {
					t.Fatal(err)
				}
				var layer v1.Layer = newBlobLayer(t, types.OCILayer, func() (io.ReadCloser, error) { return os.Open(name) })
				w.releaseOf(fmt.Sprintf("%d.0", version), w.pushLayers("giant/"+g.name, fmt.Sprint(version), layer))
				packed, imported := w.ship()
				compareBlobs(t, w, imported)
				t.Logf("version %d: %d bytes travel for %d", version, packed.Payload, packed.NewBytes)
				if version == 2 && packed.Payload > packed.NewBytes/5 {
					t.Errorf("%d bytes travel for %d, want a fifth or less", packed.Payload, packed.NewBytes)
				}
			}
		})
	}
}
