package inside

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/durable"
)

// A stagingError reports an entry in staging that is not what was verified
// any more: the disk has lost it, or somebody changed it. It wraps a
// [*bundle.DamageError]. Reading its volumes again repairs it.
type stagingError struct {
	entry  int
	damage *bundle.DamageError
}

func (e *stagingError) Error() string { return e.damage.Error() }

func (e *stagingError) Unwrap() error { return e.damage }

func (s *staging) damaged(entry int, offset int64, format string, args ...any) error {
	return &stagingError{entry, &bundle.DamageError{
		Place: fmt.Sprintf("staging, %s", s.entry(entry).Digest), Offset: offset,
		Msg: fmt.Sprintf(format, args...) + "; the volumes that brought it are needed again",
	}}
}

// openFile opens the file of an entry to read it. That it is gone is damage.
func (s *staging) openFile(entry int) (durable.File, error) {
	f, err := s.fs.OpenFile(s.path(s.entry(entry).Digest), os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, s.damaged(entry, 0, "is gone")
	}
	if err != nil {
		return nil, fmt.Errorf("reading staging: %w", err)
	}
	return f, nil
}

// open opens the staged bytes of an entry from offset on. Read from the
// start, they are compared with the digest before the last of them is given
// away.
func (s *staging) open(entry int, offset int64) (io.ReadCloser, error) {
	f, err := s.openFile(entry)
	if err != nil {
		return nil, err
	}
	if offset == 0 {
		return &stagedReader{File: f, s: s, entry: entry, hash: newHash()}, nil
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, errors.Join(fmt.Errorf("reading staging: %w", err), f.Close())
	}
	return f, nil
}

// A stagedReader reads an entry and fails instead of giving the last bytes of
// what has not its digest.
type stagedReader struct {
	durable.File
	s     *staging
	entry int
	hash  digestHash
	at    int64
	err   error // of the last Read; it stays
}

// Read implements [io.Reader].
func (r *stagedReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.File.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = fmt.Errorf("reading staging: %w", err)
		return 0, r.err
	}
	_, _ = r.hash.Write(p[:n]) // never fails
	r.at += int64(n)
	e := r.s.entry(r.entry)
	if r.at < e.Size && err == nil {
		return n, nil
	}
	if got := r.hash.digest(); r.at != e.Size || got != e.Digest {
		r.err = r.s.damaged(r.entry, 0, "has become %s", got)
		return 0, r.err
	}
	r.err = err
	return n, err
}

// read returns the staged bytes of a small entry, such as a manifest.
func (s *staging) read(entry int) ([]byte, error) {
	r, err := s.open(entry, 0)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// check compares those entries with their digests that came in parts from
// several volumes: no pass over one volume could.
func (s *staging) check() error {
	for n := range s.plan.Index().Entries {
		parts := s.plan.Parts(n)
		if parts[0].Volume == parts[len(parts)-1].Volume {
			continue
		}
		if err := s.checkEntry(n); err != nil {
			return err
		}
	}
	return nil
}

// checkEntry reads a staged entry. Chunks that are not what was verified are
// the disk's fault; if all are, but have another digest together, the index
// is wrong.
func (s *staging) checkEntry(entry int) error {
	f, err := s.openFile(entry)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	e, hash := s.entry(entry), newHash()
	buf := make([]byte, min(e.Size, s.plan.Layout.ChunkSize))
	chunks := e.Chunks
	if chunks == nil {
		chunks = []bundle.Digest{e.Digest} // it is one
	}
	for i, want := range chunks {
		offset := int64(i) * s.plan.Layout.ChunkSize
		chunk := buf[:min(int64(len(buf)), e.Size-offset)]
		if _, err := io.ReadFull(f, chunk); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading staging: %w", err)
		}
		if got := bundle.DigestOf(chunk); got != want {
			return s.damaged(entry, offset, "chunk %d has become %s", i+1, got)
		}
		_, _ = hash.Write(chunk) // never fails
	}
	if got := hash.digest(); got != e.Digest {
		return &bundle.FormatError{Part: "index", Msg: fmt.Sprintf("the chunks of %s put together have digest %s", e.Digest, got)}
	}
	return nil
}
