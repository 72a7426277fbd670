package release

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
)

// maxFolderDepth bounds how deep folders are read.
const maxFolderDepth = 64

// walkFolder calls visit for each folder and each file below root, in the
// order of their names. Symbolic links are followed as long as they stay
// inside root. If visit returns [fs.SkipDir], the folder, or the file, is left
// out; any other error ends the walk. Whatever is neither folder nor file is
// an error.
func walkFolder(root *os.Root, visit func(name string, info fs.FileInfo) error) error {
	top, err := root.Stat(".")
	if err != nil {
		return reasonOf(err)
	}
	return walkBelow(root, ".", []fs.FileInfo{top}, visit)
}

func walkBelow(root *os.Root, dir string, above []fs.FileInfo, visit func(string, fs.FileInfo) error) error {
	if len(above) > maxFolderDepth {
		return fmt.Errorf("%.300q lies more than %d folders deep", dir, maxFolderDepth)
	}
	entries, err := fs.ReadDir(root.FS(), dir)
	if err != nil {
		return fmt.Errorf("%.300q: %w", dir, reasonOf(err))
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		info, err := root.Stat(name)
		if err != nil {
			return fmt.Errorf("%.300q: %w", name, linkReason(e, err))
		}
		if !info.IsDir() && !info.Mode().IsRegular() {
			return fmt.Errorf("%.300q is neither a file nor a folder", name)
		}
		if err := visit(name, info); errors.Is(err, fs.SkipDir) {
			continue
		} else if err != nil {
			return err
		}
		if !info.IsDir() {
			continue
		}
		for _, a := range above {
			if os.SameFile(a, info) {
				return fmt.Errorf("%.300q is a link to a folder above it", name)
			}
		}
		if err := walkBelow(root, name, append(above[:len(above):len(above)], info), visit); err != nil {
			return err
		}
	}
	return nil
}

// linkReason says why the link e can't be followed.
func linkReason(e fs.DirEntry, err error) error {
	if e.Type()&fs.ModeSymlink == 0 {
		return reasonOf(err)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("is a link to something that is not there")
	}
	return fmt.Errorf("is a link that can't be followed: %w", reasonOf(err))
}

// reasonOf drops operation and path from err, for those who name the object
// themselves.
func reasonOf(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
