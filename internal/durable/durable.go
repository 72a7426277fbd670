// Package durable writes files that survive a crash.
//
// A file that this package creates or replaces is, after a crash or a power
// cut at any instant, the old one, the new one, or absent: never half. When a
// function returns nil, the new state is on the medium. When it returns an
// error, the old state stands or the new one does, and calling it again with
// the same arguments is safe.
//
// # Order of writes
//
// Data goes to a temporary file in the directory of its destination; that
// file is synced; it gets its final name in one step; the directory is
// synced. A failed sync is never retried, because the kernel may have dropped
// the pages and would report success the second time; it is an error, and the
// temporary file is given up.
//
// A crash can leave temporary files behind. They are named as [IsTemp] tells,
// nobody reads them, and [RemoveTemps] removes them.
//
// # What it does not do
//
// It does not lock: two processes that replace one file both succeed, and the
// later one wins. It does not make a series of calls atomic.
//
// # Tests
//
// All writing goes through an [FS]. [Faulty] fails a chosen call; [CrashFS] is
// a file system in memory in which what was not synced is gone after a crash.
package durable

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrDiffers says that a file is already there, with other bytes.
var ErrDiffers = errors.New("file exists with other content")

const (
	tempPrefix = "."
	tempSuffix = ".ferry-tmp"
)

// MkdirAll creates the directory name and the parents that are missing, and
// syncs each directory in which one was created. A directory that is there
// already is fine; its entry is synced as well, as an earlier run may have
// been killed before it did so.
func MkdirAll(fsys FS, name string, perm fs.FileMode) error {
	name = filepath.Clean(name)
	parent := filepath.Dir(name)
	info, err := fsys.Stat(name)
	switch {
	case err == nil && !info.IsDir():
		return fmt.Errorf("creating directory %q: %w", name, fs.ErrExist)
	case err == nil:
		if err := fsys.SyncDir(parent); err != nil && !errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("creating directory %q: %w", name, err)
		}
		return nil // whoever may not read the parent did not create it either
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("creating directory %q: %w", name, err)
	}
	if parent != name {
		if err := MkdirAll(fsys, parent, perm); err != nil {
			return err
		}
	}
	if err := fsys.Mkdir(name, perm); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("creating directory %q: %w", name, err)
	}
	if err := fsys.SyncDir(parent); err != nil {
		return fmt.Errorf("creating directory %q: %w", name, err)
	}
	return nil
}

// CreateExclusive creates the file name with the content data. If there is
// anything of that name it returns an error that is [fs.ErrExist] and leaves
// it alone; of two processes that create the same file one succeeds. (On a
// file system without hard links, such as FAT, the later one may replace the
// file of the other.)
func CreateExclusive(fsys FS, name string, perm fs.FileMode, data []byte) error {
	if _, err := fsys.Stat(name); err == nil {
		return fmt.Errorf("creating %q: %w", name, fs.ErrExist)
	}
	temp, err := writeTemp(fsys, name, perm, writeBytes(data))
	if err != nil {
		return fmt.Errorf("creating %q: %w", name, err)
	}
	if err := linkOrRename(fsys, temp, name); err != nil {
		_ = fsys.Remove(temp)
		return fmt.Errorf("creating %q: %w", name, err)
	}
	if err := fsys.SyncDir(filepath.Dir(name)); err != nil {
		return fmt.Errorf("creating %q: %w", name, err)
	}
	return nil
}

// CreateIdempotent creates the file name with the content data, or returns
// nil if it is there with the same content. A file with other content gives
// an error that is [ErrDiffers] and is left alone.
func CreateIdempotent(fsys FS, name string, perm fs.FileMode, data []byte) error {
	err := CreateExclusive(fsys, name, perm, data)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	same, err := hasContent(fsys, name, data)
	if err != nil {
		return fmt.Errorf("comparing %q: %w", name, err)
	}
	if !same {
		return fmt.Errorf("creating %q: %w", name, ErrDiffers)
	}
	// The run that created it may have been killed before it synced.
	if err := fsys.SyncDir(filepath.Dir(name)); err != nil {
		return fmt.Errorf("creating %q: %w", name, err)
	}
	return nil
}

// Replace writes the file name anew with what write gives, or creates it.
// Readers see the old file or the new one. If write fails, its error is
// returned and the old file stays.
func Replace(fsys FS, name string, perm fs.FileMode, write func(io.Writer) error) error {
	temp, err := writeTemp(fsys, name, perm, write)
	if err != nil {
		return fmt.Errorf("replacing %q: %w", name, err)
	}
	if err := fsys.Rename(temp, name); err != nil {
		_ = fsys.Remove(temp)
		return fmt.Errorf("replacing %q: %w", name, err)
	}
	if err := fsys.SyncDir(filepath.Dir(name)); err != nil {
		return fmt.Errorf("replacing %q: %w", name, err)
	}
	return nil
}

// Publish gives the file oldname, which its writer has synced and closed, the
// name newname in the same directory, replacing what was there, and syncs the
// directory. It is the last step for a file that is too large for [Replace].
func Publish(fsys FS, oldname, newname string) error {
	if err := fsys.Rename(oldname, newname); err != nil {
		return fmt.Errorf("renaming to %q: %w", newname, err)
	}
	if err := fsys.SyncDir(filepath.Dir(newname)); err != nil {
		return fmt.Errorf("renaming to %q: %w", newname, err)
	}
	return nil
}

// PublishExclusive is as [Publish], but an existing newname gives an error
// that is [fs.ErrExist], and stays. The reservation of [CreateExclusive] about
// file systems without hard links holds here too. After a crash oldname may
// be left as a second name of the same file: whoever writes it anew must
// remove it first, not truncate it.
func PublishExclusive(fsys FS, oldname, newname string) error {
	if err := linkOrRename(fsys, oldname, newname); err != nil {
		return fmt.Errorf("renaming to %q: %w", newname, err)
	}
	if err := fsys.SyncDir(filepath.Dir(newname)); err != nil {
		return fmt.Errorf("renaming to %q: %w", newname, err)
	}
	return nil
}

// ReadFile returns the content of the file name.
func ReadFile(fsys FS, name string) ([]byte, error) {
	f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	return io.ReadAll(f)
}

// IsTemp reports whether name is that of a temporary file of this package.
func IsTemp(name string) bool {
	base := filepath.Base(name)
	return strings.HasPrefix(base, tempPrefix) && strings.HasSuffix(base, tempSuffix)
}

// RemoveTemps removes the temporary files that a crash left in dir. The
// caller makes sure that nobody else is writing there.
func RemoveTemps(fsys FS, dir string) error {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("removing temporary files: %w", err)
	}
	for _, e := range entries {
		if !IsTemp(e.Name()) {
			continue
		}
		if err := fsys.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing temporary files: %w", err)
		}
	}
	return nil
}

// writeTemp makes a synced temporary file beside name and returns its name.
func writeTemp(fsys FS, name string, perm fs.FileMode, write func(io.Writer) error) (string, error) {
	dir, base := filepath.Split(name)
	temp := filepath.Join(dir, tempPrefix+base+"."+rand.Text()[:10]+tempSuffix)
	f, err := fsys.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return "", err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if errClose := f.Close(); err == nil {
		err = errClose
	}
	if err != nil {
		_ = fsys.Remove(temp) // what is left is garbage by name
		return "", err
	}
	return temp, nil
}

func writeBytes(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

// linkOrRename gives temp the name name unless that is taken. A link is the
// one portable step that both creates a name and refuses to replace one.
func linkOrRename(fsys FS, temp, name string) error {
	err := fsys.Link(temp, name)
	if err == nil {
		_ = fsys.Remove(temp) // only a second name from now on
		return nil
	}
	if errors.Is(err, fs.ErrExist) || !linksUnsupported(err) {
		return err
	}
	if _, err := fsys.Stat(name); err == nil {
		return fs.ErrExist
	}
	return fsys.Rename(temp, name)
}

// hasContent reports whether the file name has the content data, without
// reading more than that.
func hasContent(fsys FS, name string, data []byte) (bool, error) {
	f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return false, err
	}
	defer f.Close() //nolint:errcheck // only read
	got, err := io.ReadAll(io.LimitReader(f, int64(len(data))+1))
	return bytes.Equal(got, data), err
}
