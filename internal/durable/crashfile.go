package durable

import (
	"io"
	"io/fs"
	"slices"
)

// A crashFile is an open file of a [CrashFS].
type crashFile struct {
	fsys     *CrashFS
	node     *node
	name     string
	writable bool
	appends  bool
	closed   bool
	off      int64
}

func (f *crashFile) fail(op string, err error) error {
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

// check returns why op is not possible, if so.
func (f *crashFile) check(op string, write bool) error {
	switch {
	case f.closed:
		return f.fail(op, fs.ErrClosed)
	case f.node.dir:
		return f.fail(op, fs.ErrInvalid)
	case write && !f.writable:
		return f.fail(op, fs.ErrPermission)
	}
	return nil
}

func (f *crashFile) Read(p []byte) (int, error) {
	f.fsys.mu.Lock()
	defer f.fsys.mu.Unlock()
	n, err := f.readAt(p, f.off)
	f.off += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (f *crashFile) ReadAt(p []byte, off int64) (int, error) {
	f.fsys.mu.Lock()
	defer f.fsys.mu.Unlock()
	return f.readAt(p, off)
}

func (f *crashFile) readAt(p []byte, off int64) (int, error) {
	if err := f.check("read", false); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, f.fail("read", fs.ErrInvalid)
	}
	if off >= int64(len(f.node.data)) && len(p) > 0 {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[min(off, int64(len(f.node.data))):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *crashFile) Write(p []byte) (int, error) {
	f.fsys.mu.Lock()
	defer f.fsys.mu.Unlock()
	if f.appends {
		f.off = int64(len(f.node.data))
	}
	n, err := f.writeAt(p, f.off)
	f.off += int64(n)
	return n, err
}

func (f *crashFile) WriteAt(p []byte, off int64) (int, error) {
	f.fsys.mu.Lock()
	defer f.fsys.mu.Unlock()
	return f.writeAt(p, off)
}

func (f *crashFile) writeAt(p []byte, off int64) (int, error) {
	if err := f.check("write", true); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, f.fail("write", fs.ErrInvalid)
	}
	f.resize(max(off+int64(len(p)), int64(len(f.node.data))))
	return copy(f.node.data[off:], p), nil
}

func (f *crashFile) Truncate(size int64) error {
	f.fsys.mu.Lock()
	defer f.fsys.mu.Unlock()
	if err := f.check("truncate", true); err != nil {
		return err
	}
	if size < 0 {
		return f.fail("truncate", fs.ErrInvalid)
	}
	f.resize(size)
	return nil
}

// resize cuts the file, or fills it up with zeros.
func (f *crashFile) resize(size int64) {
	data := f.node.data
	if grow := size - int64(len(data)); grow > 0 {
		data = append(data, make([]byte, grow)...)
	}
	f.node.data = data[:size]
}

func (f *crashFile) Seek(offset int64, whence int) (int64, error) {
	f.fsys.mu.Lock()
	defer f.fsys.mu.Unlock()
	if err := f.check("seek", false); err != nil {
		return 0, err
	}
	switch whence {
	case io.SeekCurrent:
		offset += f.off
	case io.SeekEnd:
		offset += int64(len(f.node.data))
	}
	if offset < 0 {
		return 0, f.fail("seek", fs.ErrInvalid)
	}
	f.off = offset
	return offset, nil
}

func (f *crashFile) Sync() error {
	f.fsys.mu.Lock()
	defer f.fsys.mu.Unlock()
	if err := f.check("sync", false); err != nil {
		return err
	}
	f.node.synced = slices.Clone(f.node.data)
	return nil
}

func (f *crashFile) Close() error {
	f.fsys.mu.Lock()
	defer f.fsys.mu.Unlock()
	if f.closed {
		return f.fail("close", fs.ErrClosed)
	}
	f.closed = true
	return nil
}

func (f *crashFile) Name() string { return f.name }

func (f *crashFile) Stat() (fs.FileInfo, error) {
	f.fsys.mu.Lock()
	defer f.fsys.mu.Unlock()
	return f.node.info(f.name), nil
}
