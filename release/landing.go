package release

import (
	"cmp"
	"fmt"
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxPathLen     = 1000 // bytes; below what file systems take, with room for a folder before it
	maxPathPartLen = 255  // bytes
)

// checkLanding refuses a path at which a file could not stand inside: it must
// be relative and clean, with "/", and name no folder above. Whatever would
// mean something else on another system, or not be seen in a list, is refused.
func checkLanding(path string) error {
	if !fs.ValidPath(path) || path == "." {
		return fmt.Errorf("path %.300q: want a relative path without \"..\", \".\" and empty parts", path)
	}
	if !printable(path, maxPathLen) || strings.ContainsAny(path, `\:`) {
		return fmt.Errorf("path %.300q: want at most %d printable characters, without %q and %q", path, maxPathLen, `\`, ":")
	}
	for part := range strings.SplitSeq(path, "/") {
		if len(part) > maxPathPartLen {
			return fmt.Errorf("path %.300q: a part is longer than %d bytes", path, maxPathPartLen)
		}
	}
	return nil
}

// checkNoFileIsFolder refuses a file whose path is a folder of another one.
// The paths of files are sorted.
func checkNoFileIsFolder(files []File) error {
	paths := make(map[string]bool, len(files))
	for _, f := range files {
		paths[f.Path] = true
	}
	for _, f := range files {
		for dir := f.Path; strings.Contains(dir, "/"); {
			dir = dir[:strings.LastIndexByte(dir, '/')]
			if paths[dir] {
				return fmt.Errorf("%q is a file, and the folder of %q", dir, f.Path)
			}
		}
	}
	return nil
}

// printable reports whether s has at most limit bytes, all of them of
// characters that can be seen.
func printable(s string, limit int) bool {
	return len(s) <= limit && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsPrint(r) || r == utf8.RuneError
	})
}

func compareAttachments(a, b Attachment) int {
	return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Digest, b.Digest), cmp.Compare(a.Tag, b.Tag))
}

func compareCharts(a, b Chart) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Repository, b.Repository))
}
