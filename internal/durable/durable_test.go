package durable

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var (
	oldData = bytes.Repeat([]byte("old "), 700) // several sectors
	newData = bytes.Repeat([]byte("new! "), 900)

	errInjected = errors.New("injected")
)

// An operation is one helper with what must be true of it. It works on the
// file dir/file, where dir was there before and durable.
type operation struct {
	name   string
	before []byte // content of dir/file before, nil for none
	run    func(fsys FS) error
	after  []byte // content after success
	again  error  // what a second run gives once the first has done its work
}

var operations = []operation{
	{
		name:  "CreateExclusive",
		run:   func(fsys FS) error { return CreateExclusive(fsys, "dir/file", 0o600, newData) },
		after: newData,
		again: fs.ErrExist,
	},
	{
		name:   "CreateExclusive there",
		before: oldData,
		run: func(fsys FS) error {
			err := CreateExclusive(fsys, "dir/file", 0o600, newData)
			if !errors.Is(err, fs.ErrExist) {
				return errors.Join(errors.New("no ErrExist"), err)
			}
			return nil
		},
		after: oldData,
	},
	{
		name:  "CreateIdempotent",
		run:   func(fsys FS) error { return CreateIdempotent(fsys, "dir/file", 0o600, newData) },
		after: newData,
	},
	{
		name:   "CreateIdempotent there",
		before: newData,
		run:    func(fsys FS) error { return CreateIdempotent(fsys, "dir/file", 0o600, newData) },
		after:  newData,
	},
	{
		name:  "Replace nothing",
		run:   func(fsys FS) error { return Replace(fsys, "dir/file", 0o600, writeBytes(newData)) },
		after: newData,
	},
	{
		name:   "Replace",
		before: oldData,
		run:    func(fsys FS) error { return Replace(fsys, "dir/file", 0o600, writeBytes(newData)) },
		after:  newData,
	},
	{
		name:   "Publish",
		before: oldData,
		run:    func(fsys FS) error { return writeAndPublish(fsys, Publish) },
		after:  newData,
	},
	{
		name:  "PublishExclusive",
		run:   func(fsys FS) error { return writeAndPublish(fsys, PublishExclusive) },
		after: newData,
		again: fs.ErrExist,
	},
	{
		name: "MkdirAll",
		run: func(fsys FS) error {
			if err := MkdirAll(fsys, "dir/a/b/c", 0o700); err != nil {
				return err
			}
			return CreateIdempotent(fsys, "dir/a/b/c/file", 0o600, newData)
		},
	},
}

// writeAndPublish writes dir/file under another name first, as one does with
// files that are large.
func writeAndPublish(fsys FS, publish func(FS, string, string) error) error {
	if err := fsys.Remove("dir/file.partial"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := fsys.OpenFile("dir/file.partial", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteAt(newData, 0); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return publish(fsys, "dir/file.partial", "dir/file")
}

// prepare returns a file system in which op can run.
func prepare(t *testing.T, op operation) *CrashFS {
	t.Helper()
	c := NewCrash()
	if err := MkdirAll(c, "dir", 0o700); err != nil {
		t.Fatal(err)
	}
	if op.before != nil {
		if err := Replace(c, "dir/file", 0o600, writeBytes(op.before)); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// cuts returns what a power cut now may leave: a killed process (all kept),
// the strictest reading of POSIX, and some torn states.
func cuts(c *CrashFS) []*CrashFS {
	states := []*CrashFS{c, c.Crash()}
	for seed := range uint64(20) {
		states = append(states, c.CrashTorn(rand.New(rand.NewPCG(seed, 0))))
	}
	return states
}

func read(t *testing.T, fsys FS, name string) []byte {
	t.Helper()
	b, err := ReadFile(fsys, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return b
}

// Whatever call fails, and whenever the power goes, the file is the old one,
// the new one, or absent as before; and running again finishes the work.
func TestOldNewOrAbsent(t *testing.T) {
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			for n := 1; ; n++ {
				c := prepare(t, op)
				f := NewFaulty(c, n, errInjected)
				err := op.run(f)
				if err != nil && !errors.Is(err, errInjected) {
					t.Fatalf("call %d of %q: %v", n, f.Calls(), err)
				}
				failed := "nothing"
				if n <= len(f.Calls()) {
					failed = f.Calls()[n-1]
				}
				for _, after := range cuts(c) {
					got := read(t, after, "dir/file")
					if !bytes.Equal(got, op.before) && !bytes.Equal(got, op.after) {
						t.Fatalf("%s failed: file has %d bytes, neither old nor new", failed, len(got))
					}
					if err == nil && !bytes.Equal(got, op.after) {
						t.Fatalf("reported success, but file has %d bytes that are not the new ones", len(got))
					}
					checkAgain(t, op, after, failed)
				}
				if err == nil && n > len(f.Calls()) {
					return // every call has been failed once
				}
			}
		})
	}
}

// checkAgain runs op on what a crash left, cuts the power, and looks.
func checkAgain(t *testing.T, op operation, c *CrashFS, failed string) {
	t.Helper()
	done := op.after != nil && bytes.Equal(read(t, c, "dir/file"), op.after)
	switch err := op.run(c); {
	case done && op.again != nil:
		if !errors.Is(err, op.again) {
			t.Fatalf("%s failed: second run: %v, want %v", failed, err, op.again)
		}
		return // refused, so nothing was promised
	case err != nil:
		t.Fatalf("%s failed: second run: %v", failed, err)
	}
	if got := read(t, c.Crash(), "dir/file"); !bytes.Equal(got, op.after) {
		t.Fatalf("%s failed: after second run and power cut: file has %d bytes", failed, len(got))
	}
	if strings.HasPrefix(op.name, "Mkdir") && read(t, c.Crash(), "dir/a/b/c/file") == nil {
		t.Fatalf("%s failed: after second run and power cut: directory is gone", failed)
	}
	if err := RemoveTemps(c, "dir"); err != nil {
		t.Fatal(err)
	}
	entries, err := c.ReadDir("dir")
	if err != nil || len(entries) != 1 {
		t.Fatalf("%s failed: after RemoveTemps: %v, %v", failed, entries, err)
	}
}

// lazy leaves out some of the syncs.
type lazy struct {
	FS
	skip string // "sync" or "syncdir"
}

func (l lazy) SyncDir(name string) error {
	if l.skip == "syncdir" {
		return nil
	}
	return l.FS.SyncDir(name)
}

func (l lazy) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := l.FS.OpenFile(name, flag, perm)
	if err != nil || l.skip != "sync" {
		return f, err
	}
	return lazyFile{f}, nil
}

type lazyFile struct{ File }

func (lazyFile) Sync() error { return nil }

// The crash model must notice when a sync is missing; otherwise
// TestOldNewOrAbsent proves nothing.
func TestMissingSyncIsNoticed(t *testing.T) {
	for _, op := range operations {
		if bytes.Equal(op.before, op.after) {
			continue
		}
		for _, skip := range []string{"sync", "syncdir"} {
			c := prepare(t, op)
			if err := op.run(lazy{c, skip}); err != nil {
				t.Fatal(err)
			}
			bad := slices.ContainsFunc(cuts(c), func(after *CrashFS) bool {
				return !bytes.Equal(read(t, after, "dir/file"), op.after)
			})
			if !bad {
				t.Errorf("%s without %s: no power cut shows it", op.name, skip)
			}
		}
	}
	c := prepare(t, operation{})
	if err := MkdirAll(lazy{c, "syncdir"}, "dir/a", 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Crash().Stat("dir/a"); err == nil {
		t.Error("MkdirAll without syncdir: the power cut does not show it")
	}
}

func TestCreateIdempotentDiffers(t *testing.T) {
	tests := []struct{ name, there string }{
		{"other", "abd"},
		{"shorter", "ab"},
		{"longer", "abcd"},
		{"empty", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "file")
			if err := CreateExclusive(OS, name, 0o600, []byte(tt.there)); err != nil {
				t.Fatal(err)
			}
			if err := CreateIdempotent(OS, name, 0o600, []byte("abc")); !errors.Is(err, ErrDiffers) {
				t.Errorf("CreateIdempotent = %v, want ErrDiffers", err)
			}
			if got := read(t, OS, name); string(got) != tt.there {
				t.Errorf("file is %q, want %q", got, tt.there)
			}
		})
	}
}

// noLinks is a file system such as FAT.
type noLinks struct{ FS }

func (noLinks) Link(string, string) error { return errors.ErrUnsupported }

func TestCreateExclusiveWithoutLinks(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "file")
	if err := CreateExclusive(noLinks{OS}, name, 0o600, newData); err != nil {
		t.Fatal(err)
	}
	if err := CreateExclusive(noLinks{OS}, name, 0o600, oldData); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second CreateExclusive = %v, want fs.ErrExist", err)
	}
	if got := read(t, OS, name); !bytes.Equal(got, newData) {
		t.Errorf("file has %d bytes, want the first content", len(got))
	}
	checkNames(t, dir, "file")
}

func checkNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("directory has %q, want %q", got, want)
	}
}

// A writer that fails leaves the old file, and no temporary file.
func TestReplaceWriterFails(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "file")
	if err := Replace(OS, name, 0o640, writeBytes(oldData)); err != nil {
		t.Fatal(err)
	}
	err := Replace(OS, name, 0o640, func(w io.Writer) error {
		if _, err := w.Write(newData); err != nil {
			t.Error(err)
		}
		return errInjected
	})
	if !errors.Is(err, errInjected) {
		t.Errorf("Replace = %v, want the error of the writer", err)
	}
	if got := read(t, OS, name); !bytes.Equal(got, oldData) {
		t.Errorf("file has %d bytes, want the old content", len(got))
	}
	info, err := OS.Stat(name)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("Stat = %v, %v, want mode 0640", info, err)
	}
	checkNames(t, dir, "file")
}

func TestMkdirAllOverFile(t *testing.T) {
	dir := t.TempDir()
	if err := CreateExclusive(OS, filepath.Join(dir, "file"), 0o600, nil); err != nil {
		t.Fatal(err)
	}
	if err := MkdirAll(OS, filepath.Join(dir, "file"), 0o700); !errors.Is(err, fs.ErrExist) {
		t.Errorf("MkdirAll = %v, want fs.ErrExist", err)
	}
	if err := MkdirAll(OS, filepath.Join(dir, "file/below"), 0o700); err == nil {
		t.Error("MkdirAll below a file succeeded")
	}
	if err := MkdirAll(OS, filepath.Join(dir, "a/b"), 0o700); err != nil {
		t.Error(err)
	}
	checkNames(t, filepath.Join(dir, "a"), "b")
}

func TestRemoveTempsKeepsOthers(t *testing.T) {
	dir := t.TempDir()
	keep := []string{".file", "file", "file.ferry-tmp"}
	for _, name := range append(keep, ".file.ABCDEFGHIJ.ferry-tmp") {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := RemoveTemps(OS, dir); err != nil {
		t.Fatal(err)
	}
	checkNames(t, dir, keep...)
}

func TestFreeSpace(t *testing.T) {
	if n, err := FreeSpace(t.TempDir()); err != nil || n <= 0 {
		t.Errorf("FreeSpace = %d, %v, want some bytes", n, err)
	}
	if _, err := FreeSpace(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("FreeSpace of nothing: %v, want fs.ErrNotExist", err)
	}
}
