package release

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/airgap-ferry/ferry/bundle"
)

// An opener opens content once more from its start.
type opener = func() (io.ReadCloser, error)

func openBytes(b []byte) opener {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
}

// A foundFile is a file of the release before it is hashed.
type foundFile struct {
	line int    // of release.yaml
	path string // where it is
	to   string // where it lands
	info fs.FileInfo
}

// open opens f again, and refuses if it is not as it was.
func (f *foundFile) open() (io.ReadCloser, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil, fmt.Errorf("reading from %q: %w", f.path, reasonOf(err))
	}
	info, err := file.Stat()
	if err == nil && (info.Size() != f.info.Size() || !info.ModTime().Equal(f.info.ModTime())) {
		err = errors.New("changed since the release was resolved")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading from %q: %w", f.path, reasonOf(err)), file.Close())
	}
	return file, nil
}

// mode returns which of the two modes f will have.
func (f *foundFile) mode() string {
	if f.info.Mode().Perm()&0o100 != 0 {
		return ModeExecutable
	}
	return ModePlain
}

// A fileSet holds files by where they land.
type fileSet struct {
	files map[string]File
	found map[string]foundFile
}

// add puts a file to where it lands. Two files there must be equal.
func (s *fileSet) add(f foundFile, d bundle.Digest) error {
	file := File{Path: f.to, Mode: f.mode(), Size: f.info.Size(), Digest: d}
	if have, ok := s.files[f.to]; ok && have != file {
		return fmt.Errorf("%q and %q would both land at %q", s.found[f.to].path, f.path, f.to)
	}
	if s.files == nil {
		s.files, s.found = make(map[string]File), make(map[string]foundFile)
	}
	s.files[f.to], s.found[f.to] = file, f
	return nil
}

func (s *fileSet) sorted() []File {
	list := make([]File, 0, len(s.files))
	for _, f := range s.files {
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	return list
}

// resolveFiles finds and hashes files.
func (v *resolver) resolveFiles(ctx context.Context, wanted []WantedFile) fileSet {
	var found []foundFile
	for _, w := range wanted {
		list, err := v.findFiles(w)
		if err != nil {
			v.problems.Add(w.Line, v.errorOf(w.Line, "file", w.Path, err))
		}
		found = append(found, list...)
	}
	return v.gather(found, func(f *foundFile) (bundle.Digest, error) { return hashFile(ctx, f) })
}

// gather makes a set of files, with the digest that read returns. read is
// called concurrently.
func (v *resolver) gather(found []foundFile, read func(f *foundFile) (bundle.Digest, error)) (set fileSet) {
	if len(found) > MaxFiles {
		v.problems.Addf(found[MaxFiles].line, "%d files, at most %d are allowed: put them into an archive", len(found), MaxFiles)
		return set
	}
	digests := make([]bundle.Digest, len(found))
	g := new(errgroup.Group)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range found {
		g.Go(func() error {
			var err error
			if digests[i], err = read(&found[i]); err != nil {
				v.problems.Add(found[i].line, err)
			}
			return nil
		})
	}
	_ = g.Wait() // what went wrong is in v.problems
	for i, f := range found {
		if digests[i] == "" {
			continue
		}
		if err := set.add(f, digests[i]); err != nil {
			v.problems.Add(f.line, err)
		}
		v.addLocal(digests[i], f.info.Size(), f.open)
	}
	if err := checkNoFileIsFolder(set.sorted()); err != nil {
		v.problems.Add(0, err)
	}
	return set
}

// hashFile reads f once.
func hashFile(ctx context.Context, f *foundFile) (bundle.Digest, error) {
	r, err := f.open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	h := sha256.New()
	n, err := io.Copy(h, untilDone(ctx, r))
	if err != nil {
		return "", fmt.Errorf("reading from %q: %w", f.path, reasonOf(err))
	}
	if n != f.info.Size() {
		return "", fmt.Errorf("reading from %q: %d bytes, had %d a moment ago", f.path, n, f.info.Size())
	}
	return bundle.DigestFromSum([sha256.Size]byte(h.Sum(nil))), nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// untilDone returns a reader of r that ends when ctx does.
func untilDone(ctx context.Context, r io.Reader) io.Reader {
	return readerFunc(func(b []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return r.Read(b)
	})
}

// findFiles returns the file that w names, or the files below the folder.
func (v *resolver) findFiles(w WantedFile) ([]foundFile, error) {
	where, to := v.path(w.Path), w.To
	if to == "" {
		to = path.Clean(filepath.ToSlash(w.Path))
	}
	info, err := os.Stat(where)
	if err != nil {
		return nil, reasonOf(err)
	}
	switch {
	case info.IsDir():
		return findBelow(w.Line, where, to, func(string) bool { return true })
	case !info.Mode().IsRegular():
		return nil, errors.New("is neither a file nor a folder")
	}
	return []foundFile{{w.Line, where, to, info}}, checkLanding(to)
}

// findBelow returns the files below a folder that keep wants.
func findBelow(line int, dir, to string, keep func(name string) bool) ([]foundFile, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, reasonOf(err)
	}
	defer root.Close() //nolint:errcheck // only read from
	var found []foundFile
	err = walkFolder(root, func(name string, info fs.FileInfo) error {
		if info.IsDir() || !keep(name) {
			return nil
		}
		f := foundFile{line, filepath.Join(dir, filepath.FromSlash(name)), path.Join(to, name), info}
		found = append(found, f)
		if len(found) > MaxFiles {
			return fmt.Errorf("has more than %d files: put them into an archive", MaxFiles)
		}
		return checkLanding(f.to)
	})
	if err == nil && len(found) == 0 {
		err = errors.New("has no files")
	}
	return found, err
}
