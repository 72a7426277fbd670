package main

import (
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
