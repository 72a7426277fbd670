package recipe

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"
)

// TestZsBlobs finds and replays the blobs that FERRY_ZSTD_BLOBS, a pattern,
// names, such as those of real tools.
func TestZsBlobs(t *testing.T) {
	pattern := os.Getenv("FERRY_ZSTD_BLOBS")
	if pattern == "" {
		t.Skip("FERRY_ZSTD_BLOBS is not set")
	}
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: no blobs: %v", pattern, err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			blob, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var text bytes.Buffer
			r, err := Find(bytes.NewReader(blob), int64(len(blob)), Options{Frame: Zstd, Plain: &text})
			if err != nil {
				t.Fatal(err)
			}
			h := sha256.New()
			if err := Replay(r, &text, h); err != nil {
				t.Fatal(err)
			}
			if got, want := h.Sum(nil), sha256.Sum256(blob); !bytes.Equal(got, want[:]) {
				t.Errorf("replay gives other bytes")
			}
			t.Logf("%d groups, first %s, header %x", len(r.Groups), r.Groups[0].Params, r.Groups[0].Header)
		})
	}
}
