package recipe

import (
	"bytes"
	"fmt"
	"io"
	"testing"
)

// BenchmarkZs compares with the original; see benchText.
func BenchmarkZs(b *testing.B) {
	text := benchText(b)
	text = text[:min(len(text), 100<<20)]
	for _, level := range []int{zsDefault, zsFastest} {
		blob := zsOriginal(b, zsWriter(b, level), text)
		r, err := Find(bytes.NewReader(blob), int64(len(blob)), Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("original/%d", level), func(b *testing.B) {
			w := zsWriter(b, level)
			defer reportCPU(b, len(text))()
			for b.Loop() {
				w.Reset(io.Discard)
				if _, err := w.Write(text); err != nil {
					b.Fatal(err)
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("replay/%d", level), func(b *testing.B) {
			defer reportCPU(b, len(text))()
			for b.Loop() {
				if err := Replay(r, bytes.NewReader(text), io.Discard); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("find/%d", level), func(b *testing.B) {
			defer reportCPU(b, len(text))()
			for b.Loop() {
				if _, err := Find(bytes.NewReader(blob), int64(len(blob)), Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
