package inside

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/durable"
	"github.com/airgap-ferry/ferry/release"
)

const (
	// releaseMark is the file that says of which release, by the digest of
	// its manifest, a directory holds the files.
	releaseMark = ".ferry-release"

	tempDirSuffix = ".ferry-tmp"
)

// fileSets of a release and the directories they are written to.
const (
	dirFiles     = "files"
	dirManifests = "manifests"
)

// writeFiles writes the plain files and the manifests of a release to
// <root>/<name>/<version>/{files,manifests}. The directory gets its name when
// all of it is on the disk; if it is there with the same content, nothing is
// done. open returns the content of a file.
//
// It returns the directory, or "" if the release has no files.
func writeFiles(fsys durable.FS, root string, r *release.Resolved, digest bundle.Digest, open func(bundle.Digest) (io.ReadCloser, error)) (string, error) {
	if len(r.Files)+len(r.Manifests) == 0 {
		return "", nil
	}
	parent := filepath.Join(root, r.Name)
	dir := filepath.Join(parent, r.Version)
	mark, err := durable.ReadFile(fsys, filepath.Join(dir, releaseMark))
	if err == nil && strings.TrimSpace(string(mark)) == string(digest) {
		// The run that gave it its name may have been killed right after.
		return dir, errors.Join(fsys.SyncDir(parent), removeAside(fsys, dir))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("writing files of release %q: %w", r.Name, err)
	}
	temp := filepath.Join(parent, "."+r.Version+tempDirSuffix)
	if err := errors.Join(fsys.RemoveAll(temp), durable.MkdirAll(fsys, temp, 0o755)); err != nil {
		return "", fmt.Errorf("writing files of release %q: %w", r.Name, err)
	}
	for set, files := range map[string][]release.File{dirFiles: r.Files, dirManifests: r.Manifests} {
		for _, f := range files {
			if err := writeFile(fsys, filepath.Join(temp, set), f, open); err != nil {
				return "", fmt.Errorf("writing files of release %q: %w", r.Name, err)
			}
		}
	}
	if err := writeMark(fsys, temp, digest); err != nil {
		return "", err
	}
	return dir, replaceDir(fsys, temp, dir)
}

// writeMark writes the mark of a release into dir.
func writeMark(fsys durable.FS, dir string, digest bundle.Digest) error {
	return durable.Replace(fsys, filepath.Join(dir, releaseMark), 0o644, func(w io.Writer) error {
		_, err := io.WriteString(w, string(digest)+"\n")
		return err
	})
}

// writeFile writes one file below dir.
func writeFile(fsys durable.FS, dir string, f release.File, open func(bundle.Digest) (io.ReadCloser, error)) error {
	if !filepath.IsLocal(f.Path) {
		return fmt.Errorf("file %.200q: the path leaves the directory", f.Path)
	}
	name := filepath.Join(dir, filepath.FromSlash(f.Path))
	if err := durable.MkdirAll(fsys, filepath.Dir(name), 0o755); err != nil {
		return err
	}
	in, err := open(f.Digest)
	if err != nil {
		return fmt.Errorf("file %.200q: %w", f.Path, err)
	}
	defer in.Close()
	perm := fs.FileMode(0o644)
	if f.Mode == "0755" {
		perm = 0o755
	}
	return durable.Replace(fsys, name, perm, func(w io.Writer) error {
		hash := newHash()
		n, err := io.Copy(io.MultiWriter(w, hash), in)
		if err != nil {
			return fmt.Errorf("file %.200q: %w", f.Path, err)
		}
		if got := hash.digest(); got != f.Digest || n != f.Size {
			return fmt.Errorf("file %.200q: has become %s, want %s", f.Path, got, f.Digest)
		}
		return nil
	})
}

// replaceDir gives the directory temp the name dir. What had that name is
// moved aside first and removed at last, so at no instant is half of one there.
func replaceDir(fsys durable.FS, temp, dir string) error {
	if err := removeAside(fsys, dir); err != nil {
		return err
	}
	if err := fsys.Rename(dir, aside(dir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := durable.Publish(fsys, temp, dir); err != nil {
		return err
	}
	return removeAside(fsys, dir)
}

// aside is where what had the name dir goes.
func aside(dir string) string {
	return filepath.Join(filepath.Dir(dir), "."+filepath.Base(dir)+".old"+tempDirSuffix)
}

func removeAside(fsys durable.FS, dir string) error { return fsys.RemoveAll(aside(dir)) }
