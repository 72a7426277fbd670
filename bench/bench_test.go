package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/airgap-ferry/ferry/internal/testtool"
)

// TestQuickBench runs every measurement with next to nothing, so that the
// program does not rot.
func TestQuickBench(t *testing.T) {
	if testing.Short() {
		t.Skip("builds ferry twice")
	}
	testtool.Find(t, "skopeo")
	dir := t.TempDir()
	ferry, out := filepath.Join(dir, "ferry"), filepath.Join(dir, "benchmarks.md")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", ferry, "../cmd/ferry")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	var stdout strings.Builder
	if err := run(t.Context(), []string{"-quick", "-ferry", ferry, "-o", out, "-tmp", dir}, &stdout, io.Discard); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != stdout.String() {
		t.Error("what was printed is not what was written")
	}
	for _, want := range []string{
		"| `ferry version` |", "| github.com/sigstore/cosign/v2 |", "| `ferry pack` |", "| `ferry import` |",
		"| requests of that other than HEAD | 0 | 0 | yes |", "| `skopeo copy` and `tar` |",
		"| smaller |", "| all, in one bundle |", "| likewise with `--for bytes` |", "| the update, `--for time` at 10 Gbit/s |", "| 20 Mbit/s | as it is |",
		"| zlib, level 6 |", "| finding a recipe, beyond inflating, for any layer of the corpus |", "| 2000 small files, changed |",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("benchmarks.md has no %q:\n%s", want, text)
		}
	}
	for _, place := range []string{dir, "127.0.0.1"} {
		if strings.Contains(string(text), place) {
			t.Errorf("benchmarks.md names %q", place)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "ferry-bench*")); len(left) != 0 {
		t.Errorf("the run left %q", left)
	}
}

func TestLayerReadsAgainFromAnywhere(t *testing.T) {
	l, err := newLayer("test", 200_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, offset := range []int64{0, 1, 150_000, l.size} {
		r, err := l.open(offset)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, r)
		if err != nil || n != l.size-offset {
			t.Errorf("from %d on there are %d bytes, %v, want %d", offset, n, err, l.size-offset)
		}
		_ = r.Close() // is read to its end
	}
}

// What is left of the corpus is enough to say what is in a blob.
func TestMakeLayer(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "layer.tar")
	var made [2]*layer
	for i := range made {
		var err error
		made[i], err = makeLayer(plain+".gz", plain, gzip.BestSpeed, func(w *tar.Writer) error { return largeFile(w, 100_000, i > 0) })
		if err != nil {
			t.Fatal(err)
		}
		again, err := newStored(plain+".gz", plain)
		if err != nil {
			t.Fatal(err)
		}
		if again.digest != made[i].digest || again.diffID != made[i].diffID || again.size != made[i].size || again.plain != made[i].plain {
			t.Errorf("the files hold %+v, want %+v", again.layer, made[i])
		}
	}
	if more := made[1].plain - made[0].plain; more != 0 {
		t.Errorf("the tar has grown by %d bytes, which is more than its padding", more)
	}
	if made[0].digest == made[1].digest {
		t.Error("nothing has changed")
	}
}

// The n-th file is the same every time, and so is its content.
func TestSmallFiles(t *testing.T) {
	list := func(changed bool) map[string]string {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		if err := errors.Join(smallFiles(w, 1000, changed), w.Close()); err != nil {
			t.Fatal(err)
		}
		files := make(map[string]string)
		for r := tar.NewReader(&b); ; {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				return files
			}
			if err != nil {
				t.Fatal(err)
			}
			content, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			files[h.Name] = string(content)
		}
	}
	before, after := list(false), list(true)
	same, moved := 0, 0
	for name, content := range before {
		if after[name] == content {
			same++
		}
		if after[name+"-moved"] == content {
			moved++
		}
	}
	if len(before) != 1000 || len(after) != 1000 || same != 988 || moved != 2 {
		t.Errorf("of %d files there are %d left, %d of them as they were, %d elsewhere", len(before), len(after), same, moved)
	}
}

func TestPackageOf(t *testing.T) {
	tests := []struct{ symbol, want string }{
		{"main.main", "main"},
		{"crypto/sha256.Sum256", "crypto/sha256"},
		{"go.yaml.in/yaml/v3.(*parser).parse", "go.yaml.in/yaml/v3"},
		{"gopkg.in/yaml%2ev3.Unmarshal", "gopkg.in/yaml.v3"},
		{"slices.SortFunc[go.shape.struct { a/b.c }]", "slices"},
		{"net/http.(*Client).Do.func1", "net/http"},
	}
	for _, tt := range tests {
		if got := packageOf(tt.symbol); got != tt.want {
			t.Errorf("packageOf(%q) = %q, want %q", tt.symbol, got, tt.want)
		}
	}
}
