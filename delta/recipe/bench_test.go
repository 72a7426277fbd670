package recipe

import (
	"bytes"
	"compress/flate"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// benchText is a file named by FERRY_BENCH_TEXT, or else the go command and
// sources of the toolchain.
func benchText(b *testing.B) []byte {
	b.Helper()
	if name := os.Getenv("FERRY_BENCH_TEXT"); name != "" {
		text, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		return text
	}
	var all bytes.Buffer
	root, err := exec.CommandContext(b.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		b.Fatal(err)
	}
	dir := strings.TrimSpace(string(root))
	names, err := filepath.Glob(filepath.Join(dir, "src/*/*.go"))
	if err != nil || len(names) == 0 {
		b.Fatalf("no sources of Go: %v", err)
	}
	for _, name := range append(names, filepath.Join(dir, "bin/go")) {
		text, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		all.Write(text)
	}
	return all.Bytes()[:min(all.Len(), 24<<20)]
}

// reportCPU reports the speed by the time of the processor, which a busy
// machine does not change much.
func reportCPU(b *testing.B, size int) func() {
	b.Helper()
	cpu := func() float64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
	}
	start := cpu()
	return func() { b.ReportMetric(float64(b.N)*float64(size)/1e6/(cpu()-start), "MB/cpu-s") }
}

func benchEncoder(b *testing.B, p Params) {
	b.Helper()
	text := benchText(b)
	e := p.Encoder.info().open(p)
	defer reportCPU(b, len(text))()
	for b.Loop() {
		e.reset(io.Discard, p)
		if err := e.write(text); err != nil {
			b.Fatal(err)
		}
		if err := e.close(); err != nil {
			b.Fatal(err)
		}
	}
}

func benchStandard(b *testing.B, level int) {
	b.Helper()
	text := benchText(b)
	w, err := flate.NewWriter(io.Discard, level)
	if err != nil {
		b.Fatal(err)
	}
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
}

func BenchmarkStandardGo1(b *testing.B) { benchStandard(b, 1) }
func BenchmarkStandardGo6(b *testing.B) { benchStandard(b, 6) }
func BenchmarkStandardGo9(b *testing.B) { benchStandard(b, 9) }
func BenchmarkGo1(b *testing.B)         { benchEncoder(b, Params{Encoder: Go126, Level: 1}) }
func BenchmarkGo6(b *testing.B)         { benchEncoder(b, Params{Encoder: Go126, Level: 6}) }
func BenchmarkGo9(b *testing.B)         { benchEncoder(b, Params{Encoder: Go126, Level: 9}) }

func BenchmarkZlib1(b *testing.B) { benchEncoder(b, Params{Encoder: ZlibLevel, Level: 1}) }
func BenchmarkZlib3(b *testing.B) { benchEncoder(b, Params{Encoder: ZlibLevel, Level: 3}) }
func BenchmarkZlib9(b *testing.B) { benchEncoder(b, Params{Encoder: ZlibLevel, Level: 9}) }
func BenchmarkGNU9(b *testing.B)  { benchEncoder(b, Params{Encoder: GNU, Level: 9}) }
func BenchmarkZlib6(b *testing.B) { benchEncoder(b, Params{Encoder: ZlibLevel, Level: 6}) }
func BenchmarkGNU6(b *testing.B)  { benchEncoder(b, Params{Encoder: GNU, Level: 6}) }
func BenchmarkPigz6(b *testing.B) {
	benchEncoder(b, Params{Encoder: Pigz, Level: 6, Block: pigzBlock})
}

func BenchmarkPgzip(b *testing.B) {
	benchEncoder(b, Params{Encoder: KPH, Level: 5, Block: pgzipBlock})
}

func benchBlob(b *testing.B) (blob, text []byte) {
	b.Helper()
	text = benchText(b)
	var buf bytes.Buffer
	p := Params{Encoder: KPH, Level: 5, Block: pgzipBlock}
	r := &Recipe{Groups: []Group{{Raw, nil, p, nil, []int64{int64(len(text))}}}}
	if err := Replay(r, bytes.NewReader(text), &buf); err != nil {
		b.Fatal(err)
	}
	return buf.Bytes(), text
}

func BenchmarkInflate(b *testing.B) {
	blob, text := benchBlob(b)
	in := new(inflater)
	defer reportCPU(b, len(text))()
	for b.Loop() {
		in.reset(bytes.NewReader(blob), 0, int64(len(blob)))
		for {
			if _, err := in.next(); err != nil {
				break
			}
		}
	}
}

func BenchmarkStandardInflate(b *testing.B) {
	blob, text := benchBlob(b)
	defer reportCPU(b, len(text))()
	for b.Loop() {
		if _, err := io.Copy(io.Discard, flate.NewReader(bytes.NewReader(blob))); err != nil {
			b.Fatal(err)
		}
	}
}
