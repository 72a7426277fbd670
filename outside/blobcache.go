package outside

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/durable"
)

// DefaultCacheSize is how many bytes of blobs are kept where nobody says
// otherwise.
const DefaultCacheSize = 10 << 30

// A blobCache keeps blobs that went to sites: what the next patches are made
// against. Nothing depends on it, as all of it can be read again from where it
// came, or shipped whole.
type blobCache struct {
	fsys  durable.FS
	dir   string
	limit int64 // bytes
}

func (a *Agent) newBlobCache(limit int64) (*blobCache, error) {
	if limit == 0 {
		limit = DefaultCacheSize
	}
	c := &blobCache{fsys: a.o.FS, dir: filepath.Join(a.path(cacheDir), "blobs"), limit: max(limit, 0)}
	if err := durable.MkdirAll(c.fsys, c.dir, 0o755); err != nil {
		return nil, fmt.Errorf("keeping blobs: %w", err)
	}
	return c, nil
}

func (c *blobCache) path(d bundle.Digest) string { return filepath.Join(c.dir, d.Hex()) }

// open opens a blob that is kept. Its bytes were compared with its digest just
// now. The error is [fs.ErrNotExist] if it is not here.
func (c *blobCache) open(ctx context.Context, b bundle.Blob) (durable.File, error) {
	f, err := c.fsys.OpenFile(c.path(b.Digest), os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	hash := sha256.New()
	n, err := io.Copy(hash, &contextReader{ctx, f})
	if err == nil && n == b.Size && bundle.DigestFromSum([sha256.Size]byte(hash.Sum(nil))) == b.Digest {
		return f, nil
	}
	err = errors.Join(ctx.Err(), f.Close())
	if ctx.Err() == nil { // it is damaged: it was of no use to anybody
		err = errors.Join(err, c.fsys.Remove(c.path(b.Digest)))
	}
	return nil, errors.Join(fs.ErrNotExist, err)
}

// fetch keeps a blob unless it is here, and opens it. from gives its bytes,
// passed gets how many went by. [io.ErrUnexpectedEOF], [errLonger] and a
// [*wrongDigestError] say that they were not those of the blob.
func (c *blobCache) fetch(ctx context.Context, b bundle.Blob, from func() (io.ReadCloser, error), passed func(int64)) (durable.File, error) {
	f, err := c.open(ctx, b)
	if err == nil {
		passed(b.Size)
		return f, nil
	}
	if !errors.Is(err, fs.ErrNotExist) || ctx.Err() != nil {
		return nil, fmt.Errorf("keeping blob %s: %w", b.Digest, err)
	}
	partial := c.path(b.Digest) + partialSuffix
	f, err = c.fsys.OpenFile(partial, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, fmt.Errorf("keeping blob %s: %w", b.Digest, err)
	}
	if err := copyBlob(ctx, f, b, from, passed); err != nil {
		return nil, errors.Join(err, f.Close(), c.fsys.Remove(partial))
	}
	if err := c.fsys.Rename(partial, c.path(b.Digest)); err != nil {
		return nil, errors.Join(fmt.Errorf("keeping blob %s: %w", b.Digest, err), f.Close())
	}
	return f, nil
}

// copyBuffer is what is written at a time, however little a connection brings.
const copyBuffer = 256 << 10 // bytes

// A wrongDigestError says that bytes have another digest than they should.
type wrongDigestError struct{ got bundle.Digest }

func (e *wrongDigestError) Error() string { return fmt.Sprintf("digest is %s", e.got) }

// copyBlob copies a blob from where it is, and compares it with its digest.
func copyBlob(ctx context.Context, w io.Writer, b bundle.Blob, from func() (io.ReadCloser, error), passed func(int64)) error {
	r, err := from()
	if err != nil {
		return err
	}
	defer r.Close()
	hash, out := sha256.New(), bufio.NewWriterSize(w, copyBuffer)
	n, err := io.Copy(io.MultiWriter(out, hash, countingWriter(passed)), io.LimitReader(&contextReader{ctx, r}, b.Size+1))
	if err == nil {
		err = out.Flush()
	}
	switch {
	case err != nil:
		return err
	case n < b.Size:
		return io.ErrUnexpectedEOF
	case n > b.Size:
		return errLonger
	}
	if got := bundle.DigestFromSum([sha256.Size]byte(hash.Sum(nil))); got != b.Digest {
		return &wrongDigestError{got}
	}
	return nil
}

// trim removes what was kept first until the rest is within the limit.
func (c *blobCache) trim() error {
	entries, err := c.fsys.ReadDir(c.dir)
	if err != nil {
		return fmt.Errorf("keeping blobs: %w", err)
	}
	var files []fs.FileInfo
	var total int64
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("keeping blobs: %w", err)
		}
		files = append(files, info)
		total += info.Size()
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int {
		return cmp.Or(a.ModTime().Compare(b.ModTime()), strings.Compare(a.Name(), b.Name()))
	})
	for _, info := range files {
		if total <= c.limit && !strings.HasSuffix(info.Name(), partialSuffix) {
			continue
		}
		if err := c.fsys.Remove(filepath.Join(c.dir, info.Name())); err != nil {
			return fmt.Errorf("keeping blobs: %w", err)
		}
		total -= info.Size()
	}
	return nil
}

// A contextReader ends when its context does.
type contextReader struct {
	ctx context.Context //nolint:containedctx // it lives as long as the call that made it
	r   io.Reader
}

func (r *contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// A countingWriter is told how much goes by.
type countingWriter func(int64)

func (w countingWriter) Write(p []byte) (int, error) {
	w(int64(len(p)))
	return len(p), nil
}
