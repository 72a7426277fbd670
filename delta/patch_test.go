package delta

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/delta/entropy"
)

// fast keeps tests short that are not about coding.
var fast = Options{Effort: entropy.Fast}

// mustWalk returns the table of a plain text.
func mustWalk(tb testing.TB, plain []byte) *Table {
	tb.Helper()
	table, err := Walk(bytes.NewReader(plain))
	if err != nil {
		tb.Fatal(err)
	}
	return table
}

func baseOf(tb testing.TB, plain []byte) Base {
	tb.Helper()
	return Base{
		Digest: bundle.DigestOf(plain), Size: int64(len(plain)), Table: mustWalk(tb, plain),
		Open: func() (io.ReaderAt, error) { return bytes.NewReader(plain), nil },
	}
}

func targetOf(tb testing.TB, plain []byte) Target {
	tb.Helper()
	return Target{
		Digest: bundle.DigestOf(plain), Size: int64(len(plain)), Table: mustWalk(tb, plain),
		Recipe: stored(int64(len(plain))), Plain: bytes.NewReader(plain),
	}
}

// build makes a patch of targets against bases.
func build(tb testing.TB, o Options, bases, targets [][]byte) []byte {
	tb.Helper()
	b := NewBuilder(o)
	for _, plain := range bases {
		if err := b.AddBase(baseOf(tb, plain)); err != nil {
			tb.Fatal(err)
		}
	}
	for _, plain := range targets {
		if _, err := b.AddTarget(targetOf(tb, plain)); err != nil {
			tb.Fatal(err)
		}
	}
	return finish(tb, b)
}

func finish(tb testing.TB, b *Builder) []byte {
	tb.Helper()
	var patch bytes.Buffer
	if _, err := b.Finish(&patch); err != nil {
		tb.Fatal(err)
	}
	return patch.Bytes()
}

// apply applies a patch to bases, of which it may need some, and returns the
// plain texts that it makes.
func apply(patch []byte, o ApplyOptions, bases [][]byte) ([][]byte, error) {
	p, err := Open(bytes.NewReader(patch), int64(len(patch)), Limits{Plain: 64 << 20, Entries: 1 << 16})
	if err != nil {
		return nil, err
	}
	held := make(map[bundle.Digest][]byte)
	for _, b := range bases {
		held[bundle.DigestOf(b)] = b
	}
	var temps []*memoryTemp
	var made [][]byte
	o.Base = func(i int) (io.ReaderAt, error) {
		b, ok := held[p.Head().Bases[i].Digest]
		if !ok {
			return nil, errors.New("not held")
		}
		return bytes.NewReader(b), nil
	}
	o.Temp = func(int) (Temp, error) {
		temps = append(temps, new(memoryTemp))
		return temps[len(temps)-1], nil
	}
	o.Done = func(i int, plain io.ReaderAt) error {
		b := make([]byte, p.Head().Targets[i].Plain)
		if _, err := plain.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		made = append(made, b)
		_, err := p.Recipe(i)
		return err
	}
	err = p.Apply(o)
	return made, err
}

// checkPatch applies a patch and compares.
func checkPatch(tb testing.TB, patch []byte, bases, targets [][]byte) {
	tb.Helper()
	made, err := apply(patch, ApplyOptions{}, bases)
	if err != nil {
		tb.Fatal(err)
	}
	if len(made) != len(targets) {
		tb.Fatalf("%d targets are made, want %d", len(made), len(targets))
	}
	for i := range made {
		if !bytes.Equal(made[i], targets[i]) {
			tb.Errorf("target %d is made with other bytes", i)
		}
	}
}

func TestPatchRoundTrip(t *testing.T) {
	old, now := samplePair(t)
	other := makeTar(t, sampleFile{name: "etc/edited", content: edit(9, makeText(1, 30000))}, sampleFile{name: "x", content: makeText(10, 300)})
	again := makeTar(t, slices.Repeat([]sampleFile{{name: "a", content: makeText(1, 700)}}, 50)...)
	tests := []struct {
		name           string
		bases, targets [][]byte
		most           int // bytes of the patch
	}{
		{"nothing", nil, nil, 30},
		{"empty target", nil, [][]byte{nil}, 150},
		{"one version to the next", [][]byte{old}, [][]byte{now}, 17000},
		{"the same", [][]byte{old}, [][]byte{old}, 200},
		{"no base", nil, [][]byte{now}, 60000},
		{"twice without base", nil, [][]byte{now, now}, 60300},
		{"earlier target", nil, [][]byte{old, now}, 60000},
		{"several of all", [][]byte{old, other}, [][]byte{now, other, other, old}, 18000},
		{"no tar", [][]byte{makeText(1, 90000)}, [][]byte{edit(1, makeText(1, 90000))}, 3000},
		{"cut short", [][]byte{old}, [][]byte{now[:len(now)/2], now[:len(now)/3+100]}, 17000},
		{"trailing bytes", [][]byte{old}, [][]byte{slices.Concat(now, zeros(100000), []byte("end"))}, 17000},
		{"one file many times", nil, [][]byte{again}, 900},
		{"sparse zeros", nil, [][]byte{zeros(3 << 20)}, 900},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			patch := build(t, fast, tt.bases, tt.targets)
			if len(patch) > tt.most {
				t.Errorf("patch of %d bytes, want at most %d", len(patch), tt.most)
			}
			checkPatch(t, patch, tt.bases, tt.targets)
			parallel := build(t, Options{Effort: entropy.Fast, Parallel: inParallel}, tt.bases, tt.targets)
			if !bytes.Equal(parallel, patch) {
				t.Error("two workers make another patch")
			}
		})
	}
}

// TestLittleMemory makes and applies with so little memory that every round
// holds one file.
func TestLittleMemory(t *testing.T) {
	old, now := samplePair(t)
	patch := build(t, Options{Memory: 1 << 10, Effort: entropy.Fast}, [][]byte{old}, [][]byte{now, now})
	checkPatch(t, patch, [][]byte{old}, [][]byte{now, now})
}

func TestEfforts(t *testing.T) {
	old, now := samplePair(t)
	for _, e := range []entropy.Effort{entropy.Fast, entropy.Normal, entropy.Most} {
		patch := build(t, Options{Effort: e}, [][]byte{old}, [][]byte{now})
		checkPatch(t, patch, [][]byte{old}, [][]byte{now})
	}
}

func TestDiscard(t *testing.T) {
	old, now := samplePair(t)
	other := makeTar(t, sampleFile{name: "a", content: makeText(20, 9000)})
	want := build(t, fast, [][]byte{old, other}, [][]byte{now, old})

	b := NewBuilder(fast)
	for _, plain := range [][]byte{old, other} {
		if err := b.AddBase(baseOf(t, plain)); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		plain []byte
		keep  bool
	}{{edit(11, other), false}, {now, true}, {edit(12, now), false}, {other, false}, {old, true}, {now, false}} {
		if _, err := b.AddTarget(targetOf(t, step.plain)); err != nil {
			t.Fatal(err)
		}
		if !step.keep {
			b.Discard()
			b.Discard() // does nothing
		}
	}
	if b.Targets() != 2 {
		t.Errorf("Targets() = %d, want 2", b.Targets())
	}
	if got := finish(t, b); !bytes.Equal(got, want) {
		t.Error("discarded targets leave traces")
	}
}

func TestBaseThatCannotBeOpened(t *testing.T) {
	old, now := samplePair(t)
	b := NewBuilder(fast)
	base := baseOf(t, old)
	opened := 0
	base.Open = func() (io.ReaderAt, error) {
		opened++
		return nil, errors.New("gone")
	}
	if err := b.AddBase(base); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		cost, err := b.AddTarget(targetOf(t, now))
		if err != nil {
			t.Fatal(err)
		}
		if len(cost.Bases) != 0 {
			t.Errorf("Cost.Bases = %v, want none", cost.Bases)
		}
	}
	checkPatch(t, finish(t, b), nil, [][]byte{now, now})
	if opened != 1 {
		t.Errorf("the base was opened %d times, want once", opened)
	}
}

func TestUselessBaseIsNotOpened(t *testing.T) {
	b := NewBuilder(fast)
	base := baseOf(t, makeTar(t, sampleFile{name: "a", content: makeText(1, 500)}, sampleFile{name: "b", content: makeText(2, 20000)}))
	base.Open = func() (io.ReaderAt, error) {
		t.Error("the base is opened")
		return nil, errors.New("gone")
	}
	if err := b.AddBase(base); err != nil {
		t.Fatal(err)
	}
	if _, err := b.AddTarget(targetOf(t, makeTar(t, sampleFile{name: "a", content: makeText(1, 600)}))); err != nil {
		t.Fatal(err)
	}
}

func TestCost(t *testing.T) {
	old, now := samplePair(t)
	b := NewBuilder(fast)
	if err := b.AddBase(baseOf(t, old)); err != nil {
		t.Fatal(err)
	}
	cost, err := b.AddTarget(targetOf(t, now))
	if err != nil {
		t.Fatal(err)
	}
	patch := finish(t, b)
	if n := int64(len(patch)); cost.Bytes < n/2 || cost.Bytes > 2*n {
		t.Errorf("Cost.Bytes = %d, want about %d", cost.Bytes, n)
	}
	if len(cost.Bases) != 1 || cost.Bases[0] != bundle.DigestOf(old) {
		t.Errorf("Cost.Bases = %v, want the base", cost.Bases)
	}
	var paths []string
	for _, f := range cost.Largest {
		paths = append(paths, f.Path)
	}
	if len(paths) < 5 || len(paths) > largestFiles || paths[0] != "share/new.gz" || paths[1] != "lib/new" || !cost.Largest[0].New {
		t.Errorf("Cost.Largest are %q, want a few, the new files first", paths)
	}
	var coded int64
	for _, s := range cost.Streams {
		coded += s.Coded
	}
	if coded > cost.Bytes {
		t.Errorf("Cost.Streams come to %d bytes of %d", coded, cost.Bytes)
	}
}

func TestApplyErrors(t *testing.T) {
	old, now := samplePair(t)
	patch := build(t, fast, [][]byte{old}, [][]byte{now})
	if _, err := apply(patch, ApplyOptions{}, nil); !isError[*BaseError](err) {
		t.Errorf("Apply without the base = %v, want a BaseError", err)
	}
	broken := errors.New("broken")
	err := applyPatch(t, patch, ApplyOptions{
		Base: func(int) (io.ReaderAt, error) { return bytes.NewReader(old), nil },
		Temp: func(int) (Temp, error) { return new(memoryTemp), nil },
		Done: func(int, io.ReaderAt) error { return broken },
	})
	if !errors.Is(err, broken) {
		t.Errorf("Apply = %v, want what Done returned", err)
	}
	changed := slices.Clone(old)
	changed[len(changed)/2] ^= 1
	err = applyPatch(t, patch, ApplyOptions{
		Base: func(int) (io.ReaderAt, error) { return bytes.NewReader(changed), nil },
		Temp: func(int) (Temp, error) { return new(memoryTemp), nil },
		Done: func(int, io.ReaderAt) error { return nil },
	})
	if !isError[*MismatchError](err) && !isError[*FormatError](err) {
		t.Errorf("Apply to a changed base = %v, want a MismatchError", err)
	}
}

func isError[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func applyPatch(tb testing.TB, patch []byte, o ApplyOptions) error {
	tb.Helper()
	p, err := Open(bytes.NewReader(patch), int64(len(patch)), Limits{})
	if err != nil {
		tb.Fatal(err)
	}
	return p.Apply(o)
}

func TestRelease(t *testing.T) {
	old, now := samplePair(t)
	patch := build(t, fast, [][]byte{old}, [][]byte{now, edit(1, now), makeText(1, 100)})
	var events []string
	note := func(what string) func(int) error {
		return func(i int) error {
			events = append(events, fmt.Sprintf("%s %d", what, i))
			return nil
		}
	}
	err := applyPatch(t, patch, ApplyOptions{
		Base:        func(i int) (io.ReaderAt, error) { return bytes.NewReader(old), note("base")(i) },
		Temp:        func(i int) (Temp, error) { return new(memoryTemp), note("temp")(i) },
		Done:        func(i int, _ io.ReaderAt) error { return note("done")(i) },
		ReleaseBase: note("free base"), ReleaseTarget: note("free target"),
	})
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(events, ", ")
	want := "base 0, temp 0, done 0, free base 0, temp 1, done 1, free target 0, temp 2, done 2, free target 1, free target 2"
	if got != want {
		t.Errorf("Apply called\n%s, want\n%s", got, want)
	}
}

func TestLimits(t *testing.T) {
	_, now := samplePair(t)
	patch := build(t, fast, nil, [][]byte{now})
	for _, l := range []Limits{{Plain: int64(len(now)) - 1}, {Entries: 10}} {
		if _, err := Open(bytes.NewReader(patch), int64(len(patch)), l); !isError[*FormatError](err) {
			t.Errorf("Open with %+v = %v, want a FormatError", l, err)
		}
	}
}

// TestDamagedPatch changes every byte of a patch, and cuts it everywhere.
func TestDamagedPatch(t *testing.T) {
	old := makeTar(t, sampleFile{name: "a", content: makeText(1, 70000)}, sampleFile{name: "b", content: makeText(2, 3000)},
		sampleFile{name: "c.gz", content: gzipped(t, makeText(3, 3000))})
	now := makeTar(t, sampleFile{name: "a", content: edit(1, makeText(1, 70000))}, sampleFile{name: "b", content: makeText(2, 3000)},
		sampleFile{name: "c.gz", content: gzipped(t, edit(1, makeText(3, 3000)))}, sampleFile{name: "d", content: makeText(4, 100)})
	patch := build(t, fast, [][]byte{old}, [][]byte{now})
	step := 1
	if testing.Short() {
		step = 29
	}
	for at := 0; at < len(patch); at += step {
		for _, bit := range []byte{0x01, 0x80} {
			bad := slices.Clone(patch)
			bad[at] ^= bit
			made, err := apply(bad, ApplyOptions{}, [][]byte{old})
			checkRefused(t, made, now, err)
		}
		if _, err := apply(patch[:at], ApplyOptions{}, [][]byte{old}); err == nil {
			t.Errorf("the first %d of %d bytes are accepted", at, len(patch))
		}
	}
}

// checkRefused checks that an error is one of those that Apply promises, or
// that only what is not part of a plain text is different.
func checkRefused(tb testing.TB, made [][]byte, want []byte, err error) {
	tb.Helper()
	if err == nil {
		if len(made) != 1 || !bytes.Equal(made[0], want) {
			tb.Error("other bytes are made without an error")
		}
		return
	}
	if !isError[*FormatError](err) && !isError[*MismatchError](err) && !isError[*BaseError](err) && !isError[*MemoryError](err) &&
		!strings.Contains(err.Error(), "recipe") {
		tb.Errorf("Apply = %v, want a FormatError or a MismatchError", err)
	}
}

func FuzzApply(f *testing.F) {
	old := makeTar(f, sampleFile{name: "a", content: makeText(1, 70000)}, sampleFile{name: "b", content: makeText(2, 600)})
	for _, now := range [][]byte{old, edit(1, old), makeText(1, 100)} {
		f.Add(build(f, Options{Effort: entropy.Fast}, [][]byte{old}, [][]byte{now}))
	}
	f.Fuzz(func(t *testing.T, patch []byte) {
		p, err := Open(bytes.NewReader(patch), int64(len(patch)), Limits{Plain: 16 << 20, Entries: 1 << 12})
		if err != nil {
			return
		}
		if again := p.Head().append(nil); !bytes.HasPrefix(patch, again) {
			t.Error("an accepted head is not what append writes")
		}
		_ = p.Apply(ApplyOptions{ // may fail in any way but one: by a panic
			Memory: 64 << 20,
			Base:   func(int) (io.ReaderAt, error) { return bytes.NewReader(old), nil },
			Temp:   func(int) (Temp, error) { return new(memoryTemp), nil },
			Done:   func(int, io.ReaderAt) error { return nil },
		})
	})
}

func FuzzRoundTrip(f *testing.F) {
	old, now := samplePair(f)
	f.Add(old[:6000], now[:9000])
	f.Add([]byte{}, []byte("x"))
	f.Fuzz(func(t *testing.T, old, now []byte) {
		o := Options{Effort: entropy.Fast}
		checkPatch(t, build(t, o, [][]byte{old}, [][]byte{now}), [][]byte{old}, [][]byte{now})
		checkPatch(t, build(t, o, nil, [][]byte{old, now}), nil, [][]byte{old, now})
	})
}

var update = flag.Bool("update", false, "write frozen patches that are missing")

// TestFrozenPatches applies patches that earlier versions made.
func TestFrozenPatches(t *testing.T) {
	const dir = "testdata/patches"
	if *update {
		freeze(t, dir)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.patch"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no frozen patches: %v", err)
	}
	old := readGzip(t, filepath.Join(dir, "base.tar.gz"))
	for _, name := range names {
		patch, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		made, err := apply(patch, ApplyOptions{}, [][]byte{old})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		h := sha256.New()
		for _, b := range made {
			h.Write(b)
		}
		want, err := os.ReadFile(strings.TrimSuffix(name, ".patch") + ".sha256")
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(h.Sum(nil)); got != strings.TrimSpace(string(want)) {
			t.Errorf("%s makes %s, want %s", name, got, want)
		}
	}
}

func readGzip(tb testing.TB, name string) []byte {
	tb.Helper()
	f, err := os.Open(name)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// freeze writes the patches that are not there yet.
func freeze(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name string, b []byte) {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if errors.Is(err, os.ErrExist) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	old, now := samplePair(t)
	write("base.tar.gz", gzipped(t, old))
	for _, tt := range []struct {
		name    string
		effort  entropy.Effort
		targets [][]byte
	}{
		{"fast", entropy.Fast, [][]byte{now}},
		{"normal", entropy.Normal, [][]byte{now}},
		{"most", entropy.Most, [][]byte{now}},
		{"several", entropy.Normal, [][]byte{now[:len(now)/2], now, makeText(1, 5000), old}},
	} {
		patch := build(t, Options{Effort: tt.effort}, [][]byte{old}, tt.targets)
		sum := sha256.Sum256(bytes.Join(tt.targets, nil))
		write(tt.name+".patch", patch)
		write(tt.name+".sha256", []byte(hex.EncodeToString(sum[:])+"\n"))
	}
}
