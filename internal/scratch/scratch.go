// Package scratch keeps temporary files: content that is too large for memory
// and that nobody misses after a crash.
//
// A [Dir] belongs to one process. What an earlier one left in it is removed
// when it is opened, and what is in it when it is removed goes with it. Nothing
// is synced.
package scratch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/airgap-ferry/ferry/internal/durable"
)

// A Dir is a directory of temporary files. Its methods may be called
// concurrently.
type Dir struct {
	fsys durable.FS
	path string

	mu   sync.Mutex
	last int64          // number of the last file
	open map[*File]bool // those that are not closed
}

// Open makes the directory path, or empties it if it is there.
func Open(fsys durable.FS, path string) (*Dir, error) {
	d := &Dir{fsys: fsys, path: path, open: make(map[*File]bool)}
	if err := d.Remove(); err != nil {
		return nil, err
	}
	if err := durable.MkdirAll(fsys, path, 0o700); err != nil {
		return nil, fmt.Errorf("temporary files: %w", err)
	}
	return d, nil
}

// Path returns where the directory is.
func (d *Dir) Path() string { return d.path }

// Remove removes the directory with all that is in it, and closes files that
// are open. Nobody must use them any more.
func (d *Dir) Remove() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for f := range d.open {
		if err := f.File.Close(); err != nil {
			return fmt.Errorf("temporary files: %w", err)
		}
	}
	clear(d.open)
	if _, err := d.fsys.Stat(d.path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := d.fsys.RemoveAll(d.path); err != nil {
		return fmt.Errorf("temporary files: %w", err)
	}
	return nil
}

// Create makes an empty file, to be written and read in any order. It is gone
// when it is closed.
func (d *Dir) Create() (*File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last++
	name := filepath.Join(d.path, strconv.FormatInt(d.last, 10))
	f, err := d.fsys.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("temporary files: %w", err)
	}
	file := &File{File: f, d: d}
	d.open[file] = true
	return file, nil
}

// A File is a temporary file.
type File struct {
	durable.File
	d *Dir
}

// Close closes the file and removes it. Closing it again does nothing.
func (f *File) Close() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if !f.d.open[f] {
		return nil
	}
	delete(f.d.open, f)
	name := f.Name()
	return errors.Join(f.File.Close(), f.d.fsys.Remove(name))
}
