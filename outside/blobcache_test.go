package outside

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/durable"
)

func newCache(t *testing.T, limit int64) *blobCache {
	t.Helper()
	return &blobCache{fsys: durable.OS, dir: t.TempDir(), limit: limit}
}

func blobOf(content string) bundle.Blob {
	return bundle.Blob{Digest: bundle.DigestOf([]byte(content)), Size: int64(len(content))}
}

// fetch fetches want from a source that serves content.
func fetch(t *testing.T, c *blobCache, want bundle.Blob, content string) (asked bool, err error) {
	t.Helper()
	f, err := c.fetch(t.Context(), want, func() (io.ReadCloser, error) {
		asked = true
		return io.NopCloser(bytes.NewReader([]byte(content))), nil
	}, func(int64) {})
	if err != nil {
		return asked, err
	}
	got, err := io.ReadAll(io.NewSectionReader(f, 0, want.Size))
	if err != nil || bundle.DigestOf(got) != want.Digest {
		t.Errorf("read %q, %v", got, err)
	}
	return asked, f.Close()
}

func TestBlobCacheAsksOnce(t *testing.T) {
	c := newCache(t, 1<<20)
	b := blobOf("content")
	for _, want := range []bool{true, false} {
		if asked, err := fetch(t, c, b, "content"); asked != want || err != nil {
			t.Errorf("asked the source: %t, %v, want %t", asked, err, want)
		}
	}
	// What is damaged is of no use, and fetched again.
	if err := os.WriteFile(c.path(b.Digest), []byte("CONTENT"), 0o644); err != nil {
		t.Fatal(err)
	}
	if asked, err := fetch(t, c, b, "content"); !asked || err != nil {
		t.Errorf("after damage: asked the source: %t, %v", asked, err)
	}
}

func TestBlobCacheRefusesOtherContent(t *testing.T) {
	tests := []struct {
		name, content string
		want          func(error) bool
	}{
		{"shorter", "conten", func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
		{"longer", "contents", func(err error) bool { return errors.Is(err, errLonger) }},
		{"other", "CONTENT", func(err error) bool { _, ok := errors.AsType[*wrongDigestError](err); return ok }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCache(t, 1<<20)
			if _, err := fetch(t, c, blobOf("content"), tt.content); !tt.want(err) {
				t.Errorf("error = %v", err)
			}
			if left, err := os.ReadDir(c.dir); err != nil || len(left) != 0 {
				t.Errorf("%v is left, %v", left, err)
			}
		})
	}
}

// The oldest go first, and what was being fetched when a pack was killed goes
// in any case.
func TestBlobCacheTrim(t *testing.T) {
	c := newCache(t, 15)
	for i, content := range []string{"oldest 678", "middle 678", "last 6"} {
		b := blobOf(content)
		if _, err := fetch(t, c, b, content); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(int64(1000+i), 0)
		if err := os.Chtimes(c.path(b.Digest), at, at); err != nil {
			t.Fatal(err)
		}
	}
	partial := filepath.Join(c.dir, blobOf("x").Digest.Hex()+partialSuffix)
	if err := os.WriteFile(partial, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := c.trim(); err != nil {
		t.Fatal(err)
	}
	for content, want := range map[string]bool{"oldest 678": false, "middle 678": false, "last 6": true} {
		_, err := os.Stat(c.path(blobOf(content).Digest))
		if got := err == nil; got != want {
			t.Errorf("%q is kept: %t, want %t", content, got, want)
		}
	}
	if _, err := os.Stat(partial); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a partial blob is kept: %v", err)
	}
}
