package durable

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// An FS is the file system as ferry writes to it. Names are those of package
// os. Tests make it fail.
type FS interface {
	// OpenFile is os.OpenFile.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	// Rename replaces newname in one step. It is durable after SyncDir.
	Rename(oldname, newname string) error
	// Link gives a file a second name, unless that is taken.
	Link(oldname, newname string) error
	// Remove removes a file or an empty directory.
	Remove(name string) error
	// RemoveAll removes name and all below it; it is fine if nothing is there.
	RemoveAll(name string) error
	// Mkdir creates one directory. It is durable after SyncDir of its parent.
	Mkdir(name string, perm fs.FileMode) error
	// Stat follows symbolic links.
	Stat(name string) (fs.FileInfo, error)
	// ReadDir returns the entries of a directory sorted by name.
	ReadDir(name string) ([]fs.DirEntry, error)
	// SyncDir makes the names in the directory name durable.
	SyncDir(name string) error
}

// A File is an open file of an [FS].
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.WriterAt
	io.Seeker
	io.Closer
	Sync() error
	Truncate(size int64) error
	Name() string
	Stat() (fs.FileInfo, error)
}

// OS is the file system of the operating system.
var OS FS = osFS{}

type osFS struct{}

func (osFS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err // not f, which would be a File that is not nil
	}
	return f, nil
}

func (osFS) Rename(oldname, newname string) error {
	return os.Rename(oldname, newname)
}

func (osFS) Link(oldname, newname string) error {
	return os.Link(oldname, newname)
}

func (osFS) Mkdir(name string, perm fs.FileMode) error {
	return os.Mkdir(name, perm)
}

func (osFS) Remove(name string) error                   { return os.Remove(name) }
func (osFS) RemoveAll(name string) error                { return os.RemoveAll(name) }
func (osFS) Stat(name string) (fs.FileInfo, error)      { return os.Stat(name) }
func (osFS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }
func (osFS) SyncDir(name string) error                  { return syncDir(name) }

// linksUnsupported reports whether err says that the file system has no hard
// links at all.
func linksUnsupported(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EPERM)
}
