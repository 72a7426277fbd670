package recipe

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/airgap-ferry/ferry/internal/testtool"
)

// Neither a relative of a known encoder nor one that nobody knows keeps a blob
// from being rebuilt.
func TestFindCorrected(t *testing.T) {
	oneGoroutine(t)
	text := bytes.Join([][]byte{makeText(61, 600<<10), makeBinary(62, 300<<10), makeText(63, 400<<10)}, nil)
	tests := []struct {
		name  string
		near  string // "" for any
		share int    // the blob is at least so many times the corrections
		blob  func(t *testing.T) []byte
	}{
		{"Go, flushed", "go126 level 6", 50, func(t *testing.T) []byte {
			t.Helper()
			var b bytes.Buffer
			w := gzip.NewWriter(&b)
			for half := range slices.Chunk(text, len(text)/2) {
				if _, err := w.Write(half); err != nil {
					t.Fatal(err)
				}
				if err := w.Flush(); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			return b.Bytes()
		}},
		{"pigz --rsyncable", "", 50, func(t *testing.T) []byte {
			t.Helper()
			return run(t, text, testtool.Find(t, "pigz"), "-nTRc", "-p2")
		}},
		{"python, memLevel 9", "", 5, func(t *testing.T) []byte {
			t.Helper()
			const script = `import sys, zlib
c = zlib.compressobj(6, zlib.DEFLATED, 31, 9)
sys.stdout.buffer.write(c.compress(sys.stdin.buffer.read()) + c.flush())`
			return run(t, text, testtool.Find(t, "python3"), "-c", script)
		}},
		{"two encoders in one stream", "", 5, func(t *testing.T) []byte {
			t.Helper()
			const script = `import sys, zlib
c = zlib.compressobj(1, zlib.DEFLATED, 31, 8)
text = sys.stdin.buffer.read()
out = c.compress(text[:len(text)//2]) + c.flush(zlib.Z_FULL_FLUSH)
out += c.compress(text[len(text)//2:]) + c.flush()
sys.stdout.buffer.write(out)`
			return run(t, text, testtool.Find(t, "python3"), "-c", script)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			blob := tt.blob(t)
			_, err := Find(bytes.NewReader(blob), int64(len(blob)), Options{})
			if !errors.Is(err, ErrUnknownEncoder) {
				t.Fatalf("Find = %v, want ErrUnknownEncoder", err)
			}
			r := findAndReplay(t, blob, Options{Corrected: true})
			g := r.Groups[0]
			t.Logf("%s, corrections of %d bytes for %d", g, len(g.Fix), len(blob))
			if tt.near != "" && g.String() != tt.near {
				t.Errorf("predicted by %s, want %s", g, tt.near)
			}
			if len(g.Fix) == 0 || len(g.Fix)*tt.share > len(blob) {
				t.Errorf("corrections of %d bytes for a blob of %d", len(g.Fix), len(blob))
			}
		})
	}
}

// Corrections that belong to other text are refused or give other bytes: never
// more than the text accounts for.
func TestReplayWrongCorrections(t *testing.T) {
	text := makeText(64, 100<<10)
	for _, p := range []Params{{Encoder: Tokens}, {Encoder: Go126, Level: 6}} {
		for _, fix := range [][]byte{{0}, {1}, {2}, makeRandom(65, 1000), bytes.Repeat([]byte{1}, 1000), bytes.Repeat([]byte{2}, 1000)} {
			g := Group{Frame: Raw, Params: p, Fix: fix, Plain: []int64{int64(len(text))}}
			var out bytes.Buffer
			err := Replay(&Recipe{Groups: []Group{g}}, bytes.NewReader(text), &out)
			if out.Len() > 2*len(text) {
				t.Errorf("%s: %d bytes, %v", p, out.Len(), err)
			}
		}
	}
	g := Group{Frame: Raw, Params: Params{Encoder: Tokens}, Plain: []int64{5}}
	if err := Replay(&Recipe{Groups: []Group{g}}, bytes.NewReader(text[:5]), io.Discard); !errors.As(err, new(*FormatError)) {
		t.Errorf("tokens without corrections: %v, want a *FormatError", err)
	}
}
