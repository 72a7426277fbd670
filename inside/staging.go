package inside

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/durable"
	"github.com/airgap-ferry/ferry/internal/term"
)

// syncers is how many files are synced at once: the file system puts syncs
// that come together into one commit of its journal.
const syncers = 16

// A staging is the place where the verified bytes of one bundle wait until
// all of them are here. Import acts on it alone, never on the medium.
//
// It is a directory named by the digest of the statement, with the index and
// a file for each manifest and blob, named by its digest: no name in it comes
// from the bundle. What leaves it is compared with its digest once more.
type staging struct {
	fs   durable.FS
	dir  string
	plan *bundle.Plan
}

const stagedIndex = "index"

// openStaging opens the staging of a statement, creating it if need be.
func openStaging(fsys durable.FS, root string, statement bundle.Digest) (*staging, error) {
	s := &staging{fs: fsys, dir: stagingOf(root, statement)}
	if err := durable.MkdirAll(fsys, s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("staging: %w", err)
	}
	return s, durable.RemoveTemps(fsys, s.dir)
}

// stagingOf returns the directory of the staging of a statement.
func stagingOf(root string, statement bundle.Digest) string {
	return filepath.Join(root, statement.Hex())
}

// removeStaging removes everything that is staged of a statement, if there is
// anything.
func removeStaging(fsys durable.FS, root string, statement bundle.Digest) error {
	dir := stagingOf(root, statement)
	if _, err := fsys.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := fsys.RemoveAll(dir); err != nil {
		return fmt.Errorf("removing staging: %w", err)
	}
	return fsys.SyncDir(root)
}

// loadIndex returns the index that an earlier volume has brought, or nil.
func (s *staging) loadIndex() ([]byte, error) {
	b, err := durable.ReadFile(s.fs, filepath.Join(s.dir, stagedIndex))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

func (s *staging) saveIndex(text []byte) error {
	return durable.Replace(s.fs, filepath.Join(s.dir, stagedIndex), 0o600, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

func (s *staging) path(d bundle.Digest) string { return filepath.Join(s.dir, d.Hex()) }

func (s *staging) entry(n int) bundle.Entry { return s.plan.Index().Entries[n] }

// survey compares the sizes of what is staged with what the volumes in staged
// brought. It returns the entries of those volumes that are not what they
// were, and how many bytes are still to be written.
func (s *staging) survey(staged map[int]bool) (lost []int, need int64, err error) {
	for n, e := range s.plan.Index().Entries {
		size, here := int64(0), false
		switch info, err := s.fs.Stat(s.path(e.Digest)); {
		case err == nil:
			size, here = info.Size(), true
		case !errors.Is(err, fs.ErrNotExist):
			return nil, 0, fmt.Errorf("reading staging: %w", err)
		}
		end, came := reach(s.plan.Parts(n), staged)
		if came && (!here || size < end || size > e.Size) {
			lost = append(lost, n)
			need += e.Size - min(size, e.Size)
			continue
		}
		need += unwritten(s.plan.Parts(n), staged, size)
	}
	return lost, need, nil
}

// reach returns the end of the last of parts that stands in one of volumes,
// and whether any does.
func reach(parts []bundle.Part, volumes map[int]bool) (end int64, any bool) {
	for _, p := range parts {
		if volumes[p.Volume] {
			end, any = p.Offset+p.Size, true
		}
	}
	return end, any
}

// unwritten returns the bytes of parts that are not in volumes, less those
// that an interrupted import left in a file of this size. Before a part that
// is there, a file may have a hole, and its size says nothing.
func unwritten(parts []bundle.Part, volumes map[int]bool, size int64) int64 {
	end, _ := reach(parts, volumes)
	var n int64
	for _, p := range parts {
		if volumes[p.Volume] {
			continue
		}
		n += p.Size
		if p.Offset >= end {
			n -= min(p.Size, max(0, size-p.Offset))
		}
	}
	return n
}

// A SpaceError reports that staging has not enough space. It is ENOSPC.
type SpaceError struct {
	Dir        string
	Need, Free int64 // bytes
}

func (e *SpaceError) Error() string {
	return fmt.Sprintf("staging in %q needs %s, %s are free", e.Dir, term.Bytes(e.Need), term.Bytes(e.Free))
}

// Is makes a SpaceError what the file system would have said later.
func (e *SpaceError) Is(target error) bool { return target == error(syscall.ENOSPC) }

// sync syncs the files of entries, and their names.
func (s *staging) sync(entries map[int]bool) error {
	var g errgroup.Group
	g.SetLimit(syncers)
	for entry := range entries {
		g.Go(func() error {
			f, err := s.fs.OpenFile(s.path(s.entry(entry).Digest), os.O_RDWR, 0)
			if err != nil {
				return err
			}
			return errors.Join(f.Sync(), f.Close())
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("syncing staging: %w", err)
	}
	return s.fs.SyncDir(s.dir)
}
