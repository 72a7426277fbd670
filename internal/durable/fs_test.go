package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The model must behave as the operating system does, or tests on it prove
// nothing about the real thing: the same random calls give the same results.
func TestModelAgreesWithOS(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 50 {
		model, root := NewCrash(), t.TempDir()
		for step := range 60 {
			call, run := randomCall(r)
			got, want := run(model, ""), run(OS, root)
			if got != want {
				t.Fatalf("step %d: %s: model gives %s, the system %s", step, call, got, want)
			}
		}
		if diff := cmp.Diff(tree(t, OS, root, ""), tree(t, model, "", "")); diff != "" {
			t.Fatalf("trees differ (-system +model):\n%s", diff)
		}
	}
}

// randomCall returns a call, and what runs it below root and tells the result.
func randomCall(r *rand.Rand) (string, func(fsys FS, root string) string) {
	names := []string{"a", "b", "a/a", "a/b", "a/b/c", "b/a"}
	x, y := names[r.IntN(len(names))], names[r.IntN(len(names))]
	off, size := r.Int64N(2000), r.Int64N(2000)
	switch k := r.IntN(12); k {
	case 0, 1:
		return "mkdir " + x, func(fsys FS, root string) string {
			return outcome(fsys.Mkdir(filepath.Join(root, x), 0o755))
		}
	case 2:
		return "rename " + x + " " + y, func(fsys FS, root string) string {
			if below(x, y) {
				return "not tried"
			}
			return outcome(fsys.Rename(filepath.Join(root, x), filepath.Join(root, y)))
		}
	case 3:
		return "link " + x + " " + y, func(fsys FS, root string) string {
			return outcome(fsys.Link(filepath.Join(root, x), filepath.Join(root, y)))
		}
	case 4:
		return "remove " + x, func(fsys FS, root string) string {
			return outcome(fsys.Remove(filepath.Join(root, x)))
		}
	case 5:
		return "removeall " + x, func(fsys FS, root string) string {
			return outcome(fsys.RemoveAll(filepath.Join(root, x)))
		}
	case 6:
		return "syncdir " + x, func(fsys FS, root string) string {
			if info, err := fsys.Stat(filepath.Join(root, x)); err == nil && !info.IsDir() {
				return "not tried" // it is not for files
			}
			return outcome(fsys.SyncDir(filepath.Join(root, x)))
		}
	default:
		flags := []int{os.O_RDWR | os.O_CREATE, os.O_RDWR | os.O_CREATE | os.O_EXCL, os.O_RDWR | os.O_TRUNC, os.O_RDWR, os.O_RDONLY}
		flag := flags[k-7]
		return fmt.Sprintf("file %s %#x", x, flag), func(fsys FS, root string) string {
			return useFile(fsys, filepath.Join(root, x), flag, off, size)
		}
	}
}

// below reports whether one name is, or is inside, the other: what systems
// answer to such a rename differs.
func below(x, y string) bool {
	return x == y || len(x) > len(y) && x[:len(y)+1] == y+"/" || len(y) > len(x) && y[:len(x)+1] == x+"/"
}

func useFile(fsys FS, name string, flag int, off, size int64) string {
	f, err := fsys.OpenFile(name, flag, 0o644)
	if err != nil {
		return outcome(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.IsDir() {
		return fmt.Sprint("directory ", outcome(err))
	}
	_, err1 := f.WriteAt([]byte("written at"), off)
	err2 := f.Truncate(size)
	end, err3 := f.Seek(-5, io.SeekEnd)
	_, err4 := f.Write([]byte("written here"))
	back, err5 := f.Seek(max(end, 0), io.SeekStart)
	b, err6 := io.ReadAll(f)
	p := make([]byte, 100)
	n, err7 := f.ReadAt(p, off)
	return fmt.Sprintf("%d %d %q %q %s%s%s%s%s%s%s", end, back, b, p[:n], outcome(err1), outcome(err2), outcome(err3),
		outcome(err4), outcome(err5), outcome(err6), outcome(err7))
}

// outcome says whether a call succeeded, and the one reason that callers
// distinguish on files. Which of the others a system gives varies.
func outcome(err error) string {
	switch {
	case err == nil:
		return "ok "
	case errors.Is(err, io.EOF):
		return "EOF "
	default:
		return "error "
	}
}

// tree returns all below dir, with the content of files.
func tree(t *testing.T, fsys FS, root, dir string) map[string]string {
	t.Helper()
	entries, err := fsys.ReadDir(filepath.Join(root, dir))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		info, err := fsys.Stat(filepath.Join(root, name))
		if err != nil || info.Name() != e.Name() {
			t.Fatal(info, err)
		}
		if e.IsDir() {
			all[name] = "directory"
			for k, v := range tree(t, fsys, root, name) {
				all[k] = v
			}
			continue
		}
		b, err := ReadFile(fsys, filepath.Join(root, name))
		if err != nil || info.Size() != int64(len(b)) {
			t.Fatal(info.Size(), len(b), err)
		}
		all[name] = string(b)
	}
	return all
}

func TestModelErrors(t *testing.T) {
	for name, fsys := range map[string]FS{"model": NewCrash(), "system": OS} {
		t.Run(name, func(t *testing.T) {
			dir := "."
			if fsys == OS {
				dir = t.TempDir()
			}
			file := filepath.Join(dir, "file")
			if err := CreateExclusive(fsys, file, 0o600, nil); err != nil {
				t.Fatal(err)
			}
			other := filepath.Join(dir, "other")
			_, errExcl := fsys.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			_, errOpen := fsys.OpenFile(other, os.O_RDONLY, 0)
			_, errStat := fsys.Stat(other)
			for _, tt := range []struct {
				name      string
				got, want error
			}{
				{"exclusive", errExcl, fs.ErrExist},
				{"open", errOpen, fs.ErrNotExist},
				{"stat", errStat, fs.ErrNotExist},
				{"mkdir", fsys.Mkdir(file, 0o700), fs.ErrExist},
				{"link", fsys.Link(file, file), fs.ErrExist},
				{"rename", fsys.Rename(other, file), fs.ErrNotExist},
				{"remove", fsys.Remove(other), fs.ErrNotExist},
			} {
				if !errors.Is(tt.got, tt.want) {
					t.Errorf("%s: error = %v, want %v", tt.name, tt.got, tt.want)
				}
			}
		})
	}
}

// What a crash leaves is a copy: going on in it does not change another.
func TestCrashIsACopy(t *testing.T) {
	c := NewCrash()
	if err := CreateExclusive(c, "file", 0o600, []byte("abc")); err != nil {
		t.Fatal(err)
	}
	first, second := c.Crash(), c.Crash()
	f, err := first.OpenFile("file", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("X")); err != nil {
		t.Fatal(err)
	}
	if got := read(t, second, "file"); string(got) != "abc" {
		t.Errorf("file in the other copy is %q", got)
	}
	if got := read(t, first.Crash(), "file"); string(got) != "abc" {
		t.Errorf("after a second crash file is %q, want what was synced", got)
	}
}

// Torn states must include sectors of either kind, and every prefix of the
// changes to names.
func TestCrashTornVaries(t *testing.T) {
	c := NewCrash()
	if err := CreateExclusive(c, "file", 0o600, make([]byte, 4*sectorSize)); err != nil {
		t.Fatal(err)
	}
	f, err := c.OpenFile("file", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4*sectorSize)
	for i := range b {
		b[i] = 1
	}
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		if err := c.Mkdir(name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	states, names := map[string]bool{}, map[string]bool{}
	for seed := range uint64(500) {
		after := c.CrashTorn(rand.New(rand.NewPCG(seed, 1)))
		got, state := read(t, after, "file"), ""
		for off := 0; off < len(got); off += sectorSize {
			state += fmt.Sprint(got[off])
		}
		states[state] = true
		entries, err := after.ReadDir(".")
		if err != nil {
			t.Fatal(err)
		}
		names[fmt.Sprint(entries)] = true
	}
	if len(states) != 16 || len(names) != 3 {
		t.Errorf("%d states of four sectors, want 16; %d of names, want 3: %v", len(states), len(names), names)
	}
}

func TestFaultyForever(t *testing.T) {
	f := NewFaulty(NewCrash(), 2, errInjected)
	f.Forever = true
	var failed []bool
	for _, name := range []string{"a", "b", "c"} {
		failed = append(failed, f.Mkdir(name, 0o700) != nil)
	}
	if diff := cmp.Diff([]bool{false, true, true}, failed); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{`mkdir "a"`, `mkdir "b"`, `mkdir "c"`}, f.Calls()); diff != "" {
		t.Error(diff)
	}
}

// A write that fails has written half.
func TestFaultyWriteIsTorn(t *testing.T) {
	c := NewCrash()
	f := NewFaulty(c, 2, errInjected)
	file, err := f.OpenFile("file", os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := file.Write([]byte("abcd")); n != 2 || !errors.Is(err, errInjected) {
		t.Errorf("Write = %d, %v, want 2 and the injected error", n, err)
	}
	if got := read(t, c, "file"); string(got) != "ab" {
		t.Errorf("file is %q, want %q", got, "ab")
	}
}
