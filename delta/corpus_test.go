package delta

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/airgap-ferry/ferry/delta/entropy"
	"github.com/airgap-ferry/ferry/delta/recipe"
)

// inParallel is a Parallel with two workers.
func inParallel(n int, work func(i int) error) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	var first error
	var once sync.Once
	for range 2 {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := work(i); err != nil {
					once.Do(func() { first = err })
					next.Store(int64(n))
				}
			}
		})
	}
	wg.Wait()
	return first
}

// stored is the recipe of a blob without compression.
func stored(size int64) *recipe.Recipe {
	return &recipe.Recipe{Groups: []recipe.Group{{Frame: recipe.Stored, Plain: []int64{size}}}}
}

// walkFile returns the table of a file, and the file.
func walkFile(tb testing.TB, name string) (*os.File, *Table) {
	tb.Helper()
	f, err := os.Open(name)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	table, err := Walk(f)
	if err != nil {
		tb.Fatal(err)
	}
	return f, table
}

// patchPair makes and applies the patch of one file against another.
func patchPair(tb testing.TB, old, now string, o Options) (int64, *Head, Cost) {
	tb.Helper()
	o.Parallel = inParallel
	b := NewBuilder(o)
	var base *os.File
	if old != "" {
		var table *Table
		base, table = walkFile(tb, old)
		if err := b.AddBase(Base{
			Digest: table.Digest, Size: table.Plain, Table: table,
			Open: func() (io.ReaderAt, error) { return base, nil },
		}); err != nil {
			tb.Fatal(err)
		}
	}
	f, table := walkFile(tb, now)
	cost, err := b.AddTarget(Target{
		Digest: table.Digest, Size: table.Plain, Recipe: stored(table.Plain), Table: table, Plain: f,
	})
	if err != nil {
		tb.Fatal(err)
	}
	patch, err := os.Create(filepath.Join(tb.TempDir(), "patch"))
	if err != nil {
		tb.Fatal(err)
	}
	defer patch.Close()
	head, err := b.Finish(patch)
	if err != nil {
		tb.Fatal(err)
	}
	info, err := patch.Stat()
	if err != nil {
		tb.Fatal(err)
	}
	applyTo(tb, patch, info.Size(), func(int) (io.ReaderAt, error) { return base, nil }, func(int) (Temp, error) {
		return os.Create(filepath.Join(tb.TempDir(), "plain"))
	})
	return info.Size(), head, cost
}

func applyTo(tb testing.TB, patch io.ReaderAt, size int64, base func(int) (io.ReaderAt, error), temp func(int) (Temp, error)) {
	tb.Helper()
	p, err := Open(patch, size, Limits{})
	if err != nil {
		tb.Fatal(err)
	}
	done := 0
	err = p.Apply(ApplyOptions{
		Parallel: inParallel, Base: base, Temp: temp,
		Done: func(i int, _ io.ReaderAt) error {
			done++
			_, err := p.Recipe(i)
			return err
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	if done != len(p.Head().Targets) {
		tb.Errorf("Apply rebuilt %d targets of %d", done, len(p.Head().Targets))
	}
}

// TestCorpus patches pairs of real layers, where there are some:
// FERRY_CORPUS is a folder with old.tar and new.tar in each of its folders.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("FERRY_CORPUS")
	if dir == "" {
		t.Skip("FERRY_CORPUS is not set")
	}
	news, err := filepath.Glob(filepath.Join(dir, "*", "new.tar"))
	if err != nil || len(news) == 0 {
		t.Fatalf("no pairs in %s: %v", dir, err)
	}
	effort := map[string]entropy.Effort{"fast": entropy.Fast, "most": entropy.Most}[os.Getenv("FERRY_EFFORT")]
	for _, now := range news {
		old := filepath.Join(filepath.Dir(now), "old.tar")
		if os.Getenv("FERRY_BASE") == "none" {
			old = ""
		}
		t.Run(filepath.Base(filepath.Dir(now)), func(t *testing.T) {
			size, head, cost := patchPair(t, old, now, Options{Effort: effort})
			t.Logf("%d bytes, estimated %d, %d frames", size, cost.Bytes, len(head.frames))
			logStreams(t, head)
			for _, f := range cost.Largest {
				t.Logf("  %9d of %9d new=%v %s", f.Coded, f.Size, f.New, strings.TrimSpace(f.Path))
			}
		})
	}
}

func logStreams(t *testing.T, h *Head) {
	t.Helper()
	var plain, coded [numStreams]int
	for _, f := range h.frames {
		plain[f.stream] += f.plain
		coded[f.stream] += f.size
	}
	for s := range plain {
		if plain[s] > 0 {
			t.Logf("  %-28s %10d -> %9d", streamName(s), plain[s], coded[s])
		}
	}
}
