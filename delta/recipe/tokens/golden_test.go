package tokens

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the corrections that are missing from testdata")

// goldenFiles returns the names of the frozen streams.
func goldenFiles(tb testing.TB) []string {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "*.deflate"))
	if err != nil || len(paths) < 6 {
		tb.Fatalf("%d streams in testdata, %v", len(paths), err)
	}
	for i, p := range paths {
		paths[i] = filepath.Base(p)
	}
	return paths
}

// The frozen streams were made of one text by: 7-Zip 26.02 -mx=7,
// libdeflate 1.14, Node.js 20.20.2, pigz 2.6 -R, zopfli 1.0.3. The .fix
// beside each are its corrections by the general model. They hold the form of
// corrections: once written, they are decoded for ever.
func TestGolden(t *testing.T) {
	most := map[string]float64{ // percent, all of it overhead of a short stream included
		"7z-7.deflate": 25, "zopfli.deflate": 25, "libdeflate-12.deflate": 25,
		"libdeflate-6.deflate": 8, "node-6.deflate": 3, "pigz-rsyncable.deflate": 3,
	}
	var c Codec
	for _, name := range goldenFiles(t) {
		t.Run(name, func(t *testing.T) {
			src, err := os.ReadFile(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			fix := roundTrip(t, &c, src, nil)
			if got := 100 * float64(len(fix)) / float64(len(src)); got > most[name] {
				t.Errorf("%d bytes of corrections for %d, %.2f %%, want at most %g %%", len(fix), len(src), got, most[name])
			}
			roundTrip(t, &c, src, deflated(t, inflated(t, src), 6, 0))
			path := filepath.Join("testdata", strings.TrimSuffix(name, ".deflate")+".fix")
			frozen, err := os.ReadFile(path)
			if os.IsNotExist(err) && *update {
				if err := os.WriteFile(path, fix, 0o644); err != nil {
					t.Fatal(err)
				}
				frozen = fix
			} else if err != nil {
				t.Fatal(err)
			}
			var back bytes.Buffer
			if err := Decode(&back, bytes.NewReader(frozen), bytes.NewReader(inflated(t, src)), nil); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(back.Bytes(), src) {
				t.Error("frozen corrections give another stream")
			}
		})
	}
}
