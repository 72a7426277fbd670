package durable

import (
	"fmt"
	"io/fs"
	"os"
	"sync"
)

// A Faulty is an [FS] that fails one mutating call, for tests. Mutating are
// creating and truncating a file, writing to it, syncing it, closing it after
// writing, and every change to a directory. A write that fails has written
// half of its bytes, as on a full disk. It is safe for concurrent use.
type Faulty struct {
	// Forever makes all mutating calls after the failed one fail as well, as
	// when a medium is pulled out. It is set before the first call.
	Forever bool

	fsys FS
	n    int
	err  error

	mu    sync.Mutex // guards what follows
	calls []string
}

// NewFaulty returns fsys with the n-th mutating call, counted from 1, failing
// with err. With n = 0 no call fails, and they are only counted.
func NewFaulty(fsys FS, n int, err error) *Faulty {
	return &Faulty{fsys: fsys, n: n, err: err}
}

// Calls returns the mutating calls so far, such as `sync "a/b"`.
func (f *Faulty) Calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.calls...)
}

// call counts a mutating call and returns the error it has to fail with.
func (f *Faulty) call(op, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprintf("%s %q", op, name))
	if n := len(f.calls); f.n > 0 && (n == f.n || f.Forever && n > f.n) {
		return &fs.PathError{Op: op, Path: name, Err: f.err}
	}
	return nil
}

// OpenFile implements [FS].
func (f *Faulty) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	if flag&(os.O_CREATE|os.O_TRUNC) != 0 {
		if err := f.call("open", name); err != nil {
			return nil, err
		}
	}
	file, err := f.fsys.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &faultyFile{File: file, fsys: f, writable: flag&(os.O_WRONLY|os.O_RDWR) != 0}, nil
}

// Rename implements [FS].
func (f *Faulty) Rename(oldname, newname string) error {
	if err := f.call("rename", newname); err != nil {
		return err
	}
	return f.fsys.Rename(oldname, newname)
}

// Link implements [FS].
func (f *Faulty) Link(oldname, newname string) error {
	if err := f.call("link", newname); err != nil {
		return err
	}
	return f.fsys.Link(oldname, newname)
}

// Remove implements [FS].
func (f *Faulty) Remove(name string) error {
	if err := f.call("remove", name); err != nil {
		return err
	}
	return f.fsys.Remove(name)
}

// RemoveAll implements [FS].
func (f *Faulty) RemoveAll(name string) error {
	if err := f.call("remove", name); err != nil {
		return err
	}
	return f.fsys.RemoveAll(name)
}

// Mkdir implements [FS].
func (f *Faulty) Mkdir(name string, perm fs.FileMode) error {
	if err := f.call("mkdir", name); err != nil {
		return err
	}
	return f.fsys.Mkdir(name, perm)
}

// SyncDir implements [FS].
func (f *Faulty) SyncDir(name string) error {
	if err := f.call("syncdir", name); err != nil {
		return err
	}
	return f.fsys.SyncDir(name)
}

// Stat implements [FS].
func (f *Faulty) Stat(name string) (fs.FileInfo, error) { return f.fsys.Stat(name) }

// ReadDir implements [FS].
func (f *Faulty) ReadDir(name string) ([]fs.DirEntry, error) { return f.fsys.ReadDir(name) }

type faultyFile struct {
	File
	fsys     *Faulty
	writable bool
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if err := f.fsys.call("write", f.Name()); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

func (f *faultyFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.fsys.call("write", f.Name()); err != nil {
		n, _ := f.File.WriteAt(p[:len(p)/2], off)
		return n, err
	}
	return f.File.WriteAt(p, off)
}

func (f *faultyFile) Truncate(size int64) error {
	if err := f.fsys.call("truncate", f.Name()); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *faultyFile) Sync() error {
	if err := f.fsys.call("sync", f.Name()); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultyFile) Close() error {
	var err error
	if f.writable {
		err = f.fsys.call("close", f.Name())
	}
	if errClose := f.File.Close(); err == nil {
		err = errClose
	}
	return err
}
