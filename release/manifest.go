package release

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/strictyaml"
)

// maxManifestFile bounds a file with Kubernetes manifests, which is read into
// memory.
const maxManifestFile = 8 << 20 // bytes

// manifestExts are the names of files that are taken from a folder.
var manifestExts = []string{".yaml", ".yml", ".json"}

// resolveManifests finds files with Kubernetes manifests, and reads each.
func (v *resolver) resolveManifests(ctx context.Context, wanted []WantedManifests) fileSet {
	var found []foundFile
	for _, w := range wanted {
		list, err := v.findManifests(w)
		if err != nil {
			v.problems.Add(w.Line, v.errorOf(w.Line, "manifests", w.Path, err))
		}
		found = append(found, list...)
	}
	return v.gather(found, func(f *foundFile) (bundle.Digest, error) {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		b, err := readLimited(f.path, maxManifestFile)
		if err != nil {
			return "", fmt.Errorf("reading from %q: %w", f.path, err)
		}
		if int64(len(b)) != f.info.Size() {
			return "", fmt.Errorf("reading from %q: %d bytes, had %d a moment ago", f.path, len(b), f.info.Size())
		}
		for _, e := range checkManifests(f.path, b) {
			v.problems.Add(f.line, e)
		}
		return bundle.DigestOf(b), nil
	})
}

// findManifests returns the files that w names: one, those below a folder, or
// those that a pattern matches.
func (v *resolver) findManifests(w WantedManifests) ([]foundFile, error) {
	pattern := path.Clean(filepath.ToSlash(w.Path))
	dir, rest := splitPattern(pattern)
	if rest != "" {
		return v.findMatching(w, dir, rest)
	}
	where := v.path(pattern)
	info, err := os.Stat(where)
	if err != nil {
		return nil, reasonOf(err)
	}
	to := w.To
	switch {
	case info.IsDir():
		if to == "" {
			to = pattern
		}
		return findBelow(w.Line, where, to, func(name string) bool {
			return slices.Contains(manifestExts, path.Ext(name))
		})
	case !info.Mode().IsRegular():
		return nil, errors.New("is neither a file nor a folder")
	}
	landing := pattern
	if to != "" {
		landing = path.Join(to, path.Base(pattern))
	}
	return []foundFile{{w.Line, where, landing, info}}, checkLanding(landing)
}

// findMatching returns the files below dir that match a pattern.
func (v *resolver) findMatching(w WantedManifests, dir, pattern string) ([]foundFile, error) {
	root, err := os.OpenRoot(v.path(dir))
	if err != nil {
		return nil, fmt.Errorf("%q: %w", dir, reasonOf(err))
	}
	defer root.Close() //nolint:errcheck // only read from
	names, err := fs.Glob(root.FS(), pattern)
	if err != nil {
		return nil, err
	}
	to := w.To
	if to == "" {
		to = dir
	}
	var found []foundFile
	for _, name := range names {
		info, err := root.Stat(name)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", name, reasonOf(err))
		}
		if info.IsDir() {
			continue
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%q is neither a file nor a folder", name)
		}
		f := foundFile{w.Line, filepath.Join(v.path(dir), filepath.FromSlash(name)), path.Join(to, name), info}
		if err := checkLanding(f.to); err != nil {
			return nil, err
		}
		found = append(found, f)
	}
	if len(found) == 0 {
		return nil, errors.New("matches no file")
	}
	return found, nil
}

// splitPattern splits a path before its first part that is a pattern; rest is
// "" if none is.
func splitPattern(p string) (dir, rest string) {
	parts := strings.Split(p, "/")
	i := slices.IndexFunc(parts, func(s string) bool { return strings.ContainsAny(s, `*?[\`) })
	switch {
	case i < 0:
		return p, ""
	case i == 0:
		return ".", p
	case i == 1 && parts[0] == "":
		return "/", path.Join(parts[1:]...)
	}
	return strings.Join(parts[:i], "/"), strings.Join(parts[i:], "/")
}

// checkManifests returns what is wrong with a file of Kubernetes manifests:
// each document must be an object with apiVersion and kind, and no field may
// stand twice.
func checkManifests(name string, data []byte) []*Error {
	var errs []*Error
	add := func(line int, format string, args ...any) {
		errs = append(errs, &Error{File: name, Line: line, Msg: fmt.Sprintf(format, args...)})
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	objects := 0
	for {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			line, msg := strictyaml.ErrorOf(err)
			add(line, "%s", msg)
			return errs // the rest can't be told apart
		}
		n := doc.Content[0]
		if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
			continue // comments, or nothing
		}
		objects++
		if n.Kind != yaml.MappingNode {
			add(n.Line, "is %s, want a Kubernetes object", strictyaml.Describe(n))
			continue
		}
		for _, f := range []string{"apiVersion", "kind"} {
			if !hasText(n, f) {
				add(n.Line, "is no Kubernetes object: has no field %q", f)
			}
		}
		checkTwice(n, 0, add)
	}
	if objects == 0 && len(errs) == 0 {
		add(0, "has no Kubernetes object")
	}
	return errs
}

func hasText(n *yaml.Node, field string) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == field {
			v := n.Content[i+1]
			return v.Kind == yaml.ScalarNode && v.Tag == "!!str" && v.Value != ""
		}
	}
	return false
}

// checkTwice reports fields that a mapping below n has twice.
func checkTwice(n *yaml.Node, depth int, add func(line int, format string, args ...any)) {
	if depth > strictyaml.MaxNesting {
		add(n.Line, "lies more than %d levels deep", strictyaml.MaxNesting)
		return
	}
	seen := make(map[string]int)
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && c.Kind == yaml.ScalarNode {
			if line, ok := seen[c.Value]; ok {
				add(c.Line, "field %.80q stands twice, first in line %d", c.Value, line)
			}
			seen[c.Value] = c.Line
		}
		checkTwice(c, depth+1, add)
	}
}
