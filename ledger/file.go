package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/airgap-ferry/ferry/internal/durable"
)

const (
	// lockTimeout is how long to wait for another process to let go.
	lockTimeout = time.Second

	// initSuffix marks a ledger that is being created.
	initSuffix = ".init"

	// bulkFill packs pages when sorted entries go into an empty bucket.
	bulkFill = 0.9
)

// A file is an open database.
type file struct {
	db   *bbolt.DB
	path string

	// fault, if not nil, is asked before every write in a transaction and
	// before the commit, and can fail it. Tests use it to stop a transaction
	// at each of its steps.
	fault func(step string) error

	broken error // a commit failed, or damage was met: nothing more is written
	stuck  bool  // damage was met where the database holds its own locks
}

// A tx is a transaction of a file. Its buckets are valid until it ends.
type tx struct {
	*bbolt.Tx
	f     *file
	wrote bool
}

// create makes a ledger at path with the given content. It appears whole or
// not at all.
func create(fsys durable.FS, path string, fill func(*tx) error) error {
	if _, err := fsys.Stat(path); err == nil {
		return fmt.Errorf("creating ledger %q: %w", path, ErrExists)
	}
	temp := path + initSuffix
	if err := fsys.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("creating ledger %q: %w", path, err)
	}
	f, err := openFile(temp, os.O_CREATE, false)
	if err != nil {
		return fmt.Errorf("creating ledger %q: %w", path, err)
	}
	err = errors.Join(f.update(fill), f.close())
	if err == nil {
		err = durable.PublishExclusive(fsys, temp, path)
	}
	if errors.Is(err, fs.ErrExist) {
		err = ErrExists
	}
	if err != nil {
		return fmt.Errorf("creating ledger %q: %w", path, err)
	}
	return nil
}

// open opens the ledger at path, which must be of the given format.
func open(path, format string, readOnly bool) (*file, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() == 0 {
		err = fmt.Errorf("%w: the file is empty", ErrDamaged)
	}
	if err != nil {
		return nil, fmt.Errorf("opening ledger %q: %w", path, err)
	}
	f, err := openFile(path, 0, readOnly)
	if err != nil {
		return nil, fmt.Errorf("opening ledger %q: %w", path, err)
	}
	if err := f.view(func(t *tx) error { return t.checkFormat(format) }); err != nil {
		return nil, errors.Join(fmt.Errorf("opening ledger %q: %w", path, err), f.close())
	}
	return f, nil
}

// openFile opens the database at path; create is os.O_CREATE or 0. bbolt panics
// over some damage, and then keeps its lock until the process ends.
func openFile(path string, create int, readOnly bool) (f *file, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			f, err = nil, fmt.Errorf("%w: %v", ErrDamaged, r)
		}
	}()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout: lockTimeout, ReadOnly: readOnly,
		OpenFile: func(name string, flag int, perm fs.FileMode) (*os.File, error) {
			return os.OpenFile(name, flag&^os.O_CREATE|create, perm)
		},
	})
	switch {
	case err == nil:
		return &file{db: db, path: path}, nil
	case errors.Is(err, berrors.ErrTimeout):
		return nil, ErrLocked
	case fromSystem(err):
		return nil, err
	}
	return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
}

// fromSystem reports whether err is of the operating system. What else opening
// a database gives is its judgement of the bytes in the file.
func fromSystem(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno)
}

func (f *file) close() error {
	if f.stuck {
		return nil // db would wait for its own lock for ever
	}
	return f.db.Close()
}

// view runs fn in a read transaction.
func (f *file) view(fn func(*tx) error) error { return f.run(false, fn) }

// update runs fn in a write transaction. All that fn writes is durable when
// update returns nil, and none of it is there when it returns an error. If fn
// writes nothing, neither does update.
//
// After a commit that failed nobody knows what is on the medium, so from then
// on every update fails; opening the ledger again finds out.
func (f *file) update(fn func(*tx) error) error { return f.run(true, fn) }

func (f *file) run(writable bool, fn func(*tx) error) (err error) {
	if writable && f.broken != nil {
		return f.broken
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	f.stuck = true
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrDamaged, r)
			f.broken = err
			return
		}
		f.stuck = false
	}()
	btx, err := f.db.Begin(writable)
	if err != nil {
		return err
	}
	defer btx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	t := &tx{Tx: btx, f: f}
	if err := fn(t); err != nil || !t.wrote {
		return err
	}
	if err := t.step("commit"); err != nil {
		f.broken = err
		return err
	}
	if err := btx.Commit(); err != nil {
		f.broken = fmt.Errorf("committing failed before: %w", err)
		return err
	}
	return nil
}

func (t *tx) step(name string) error {
	if t.f.fault == nil {
		return nil
	}
	return t.f.fault(name)
}

// put and del are the only places that write, so that fault sees every write.
func (t *tx) put(b *bbolt.Bucket, k, v []byte) error {
	if err := t.step("put"); err != nil {
		return err
	}
	t.wrote = true
	return b.Put(k, v)
}

func (t *tx) del(b *bbolt.Bucket, k []byte) error {
	if err := t.step("delete"); err != nil {
		return err
	}
	t.wrote = true
	return b.Delete(k)
}

// bucketMaker is a transaction or a bucket.
type bucketMaker interface {
	CreateBucket(name []byte) (*bbolt.Bucket, error)
}

func (t *tx) makeBucket(in bucketMaker, name []byte) (*bbolt.Bucket, error) {
	if err := t.step("bucket"); err != nil {
		return nil, err
	}
	t.wrote = true
	return in.CreateBucket(name)
}

// bucket returns the top-level bucket name. Every bucket that a format has is
// made when the ledger is created, so a missing one is damage.
func (t *tx) bucket(name []byte) (*bbolt.Bucket, error) {
	return sub(t.Tx, name)
}

// sub returns the bucket name in b, which must be there.
func sub(b interface{ Bucket([]byte) *bbolt.Bucket }, name []byte) (*bbolt.Bucket, error) {
	if in := b.Bucket(name); in != nil {
		return in, nil
	}
	return nil, fmt.Errorf("%w: no bucket %q", ErrDamaged, name)
}

// dense makes b fill its pages, if it is empty and so is about to be filled
// in order.
func dense(b *bbolt.Bucket) {
	if k, _ := b.Cursor().First(); k == nil {
		b.FillPercent = bulkFill
	}
}

// checkFormat compares the format that the ledger says it has.
func (t *tx) checkFormat(want string) error {
	b := t.Bucket(keyMeta)
	if b == nil {
		return fmt.Errorf("%w: not a ledger of ferry", ErrDamaged)
	}
	if got := string(b.Get(keyFormat)); got != want {
		return fmt.Errorf("%w: format is %.80q, want %q", ErrFormat, got, want)
	}
	return nil
}
