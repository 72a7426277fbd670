package diff

import (
	"os"
	"testing"
)

// programs returns two programs to measure with: those that OLD and NEW name,
// or else the one that runs, and itself with pieces moved.
func programs(b *testing.B) (base, target []byte) {
	b.Helper()
	read := func(name string) []byte {
		content, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		return content
	}
	if os.Getenv("OLD") != "" {
		return read(os.Getenv("OLD")), read(os.Getenv("NEW"))
	}
	name, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	base = read(name)
	third := len(base) / 3 &^ 15
	return base, join(base[:third], noise(4, 160), base[third:2*third], base[2*third+48:])
}

func BenchmarkDiff(b *testing.B) {
	base, target := programs(b)
	var d Differ
	size := 0
	b.SetBytes(int64(len(target)))
	for b.Loop() {
		var s Streams
		d.Diff(&s, base, target, Options{})
		size = s.size()
	}
	b.ReportMetric(float64(size), "bytes")
}

func BenchmarkDiffEqual(b *testing.B) {
	base, _ := programs(b)
	target := append([]byte(nil), base...)
	for i := 1 << 12; i < len(target); i += 1 << 16 {
		target[i]++
	}
	var d Differ
	b.SetBytes(int64(len(target)))
	for b.Loop() {
		var s Streams
		d.Diff(&s, base, target, Options{Plain: true})
	}
}

func BenchmarkApply(b *testing.B) {
	base, target := programs(b)
	var s Streams
	new(Differ).Diff(&s, base, target, Options{})
	var a Applier
	out := make([]byte, 0, len(target))
	b.SetBytes(int64(len(target)))
	for b.Loop() {
		c := s
		if _, err := a.Apply(out, base, &c, len(target)); err != nil {
			b.Fatal(err)
		}
	}
}
