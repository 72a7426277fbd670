package main

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// An inode names a file on this machine, whatever its paths are.
type inode struct{ dev, ino uint64 }

// A tarWriter writes the files of a folder as containerd does: sorted,
// owners as numbers, times in whole seconds, a file of several names once and
// then as links.
type tarWriter struct {
	root string
	out  *tar.Writer
	seen map[inode]string // first path of each file that has several
}

// writeTar writes the files below root, without root itself.
func writeTar(w io.Writer, root string) error {
	t := &tarWriter{root, tar.NewWriter(w), map[inode]string{}}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error { //nolint:gosec // the folder that the user named
		if err != nil || path == root {
			return err
		}
		return t.add(path, d)
	})
	if err != nil {
		return err
	}
	return t.out.Close()
}

// add writes one file. A socket is left out: there is no word for it in tar.
func (t *tarWriter) add(path string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil || info.Mode()&fs.ModeSocket != 0 {
		return err
	}
	hdr, err := t.header(path, info)
	if err != nil {
		return err
	}
	if err := t.out.WriteHeader(hdr); err != nil {
		return err
	}
	if hdr.Typeflag != tar.TypeReg || hdr.Size == 0 {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(t.out, f)
	return err
}

func (t *tarWriter) header(path string, info fs.FileInfo) (*tar.Header, error) {
	var target string
	if info.Mode()&fs.ModeSymlink != 0 {
		var err error
		if target, err = os.Readlink(path); err != nil {
			return nil, err
		}
	}
	hdr, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return nil, err
	}
	name, err := filepath.Rel(t.root, path)
	if err != nil {
		return nil, err
	}
	hdr.Name = name
	if info.IsDir() {
		hdr.Name += "/"
	}
	hdr.Format = tar.FormatPAX
	hdr.ModTime = hdr.ModTime.Truncate(time.Second)
	hdr.AccessTime, hdr.ChangeTime = time.Time{}, time.Time{}
	hdr.Uname, hdr.Gname = "", ""
	t.link(hdr, info)
	return hdr, nil
}

// link turns the header of a file that was written under another name into
// that of a link to it.
func (t *tarWriter) link(hdr *tar.Header, info fs.FileInfo) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || hdr.Typeflag != tar.TypeReg || stat.Nlink < 2 {
		return
	}
	id := inode{stat.Dev, stat.Ino}
	first, ok := t.seen[id]
	if !ok {
		t.seen[id] = hdr.Name
		return
	}
	hdr.Typeflag, hdr.Linkname, hdr.Size = tar.TypeLink, first, 0
}

// A retar is a tar that is taken apart and written again, in the pieces in
// which archive/tar writes.
type retar struct{ io.Reader }

// WriteTo writes the archive.
func (r retar) WriteTo(w io.Writer) (int64, error) {
	in, out := tar.NewReader(r.Reader), tar.NewWriter(w)
	var n int64
	for {
		hdr, err := in.Next()
		if errors.Is(err, io.EOF) {
			return n, out.Close()
		}
		if err != nil {
			return n, err
		}
		if err := out.WriteHeader(hdr); err != nil {
			return n, err
		}
		copied, err := io.Copy(out, in) //nolint:gosec // the caller's own archive
		n += copied
		if err != nil {
			return n, err
		}
	}
}
