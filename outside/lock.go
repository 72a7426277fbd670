package outside

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/airgap-ferry/ferry/internal/durable"
	"github.com/airgap-ferry/ferry/release"
)

// lockFile returns the name of the lock file of a release file: release.yaml
// has release.lock.json.
func lockFile(releaseFile string) string {
	return strings.TrimSuffix(releaseFile, filepath.Ext(releaseFile)) + ".lock.json"
}

// checkLock compares the lock file with what was resolved. All differences are
// named.
func (p *Plan) checkLock() error {
	name := lockFile(p.o.ReleaseFile)
	text, err := durable.ReadFile(p.a.o.FS, name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: there is no %q", ErrLock, name)
	}
	if err != nil {
		return fmt.Errorf("reading lock file: %w", err)
	}
	if bytes.Equal(text, p.resolution.Text) {
		return nil
	}
	locked, err := release.ParseResolved(text)
	if err != nil {
		return fmt.Errorf("reading lock file %q: %w", name, err)
	}
	errs := []error{fmt.Errorf("%w: %q differs", ErrLock, name)}
	for _, d := range differences(locked, p.resolution.Resolved) {
		errs = append(errs, fmt.Errorf("%q: %s", name, d))
	}
	return errors.Join(errs...)
}

// differences says in what a release differs from the one that is locked.
func differences(locked, now *release.Resolved) []string {
	var diffs []string
	if locked.Name != now.Name || locked.Version != now.Version {
		diffs = append(diffs, fmt.Sprintf("it is of release %q version %q, not of %q version %q",
			locked.Name, locked.Version, now.Name, now.Version))
	}
	before, after := pinned(locked), pinned(now)
	all := maps.Clone(before)
	maps.Copy(all, after)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		switch was, is := before[name], after[name]; {
		case was == is:
		case was == "":
			diffs = append(diffs, name+" is not in it")
		case is == "":
			diffs = append(diffs, name+" is not in the release any more")
		default:
			diffs = append(diffs, fmt.Sprintf("%s is locked to %s, now it is %s", name, was, is))
		}
	}
	if len(diffs) == 0 {
		diffs = append(diffs, "platforms, attachments or modes differ")
	}
	return diffs
}

// pinned returns what the parts of a release are, by what people call them.
func pinned(r *release.Resolved) map[string]string {
	all := make(map[string]string)
	for _, n := range namedIn(r) {
		all[fmt.Sprintf("%s %q", n.kind, n.ref)] = string(n.digest)
	}
	for _, f := range r.Files {
		all[fmt.Sprintf("file %q", f.Path)] = string(f.Digest)
	}
	for _, f := range r.Manifests {
		all[fmt.Sprintf("manifest %q", f.Path)] = string(f.Digest)
	}
	return all
}

// writeLock writes the lock file, unless it is there as it is to be.
func (p *Plan) writeLock() error {
	name := lockFile(p.o.ReleaseFile)
	if text, err := durable.ReadFile(p.a.o.FS, name); err == nil && bytes.Equal(text, p.resolution.Text) {
		return nil
	}
	err := durable.Replace(p.a.o.FS, name, 0o644, func(w io.Writer) error {
		_, err := w.Write(p.resolution.Text)
		return err
	})
	if err != nil {
		return fmt.Errorf("writing lock file: %w", err)
	}
	return nil
}
