package ledger

import (
	"fmt"
	"slices"
)

// InstalledRelease is a release that was imported.
type InstalledRelease struct {
	Release
	Current bool // of all with its name, this one is in use
}

// Releases returns all releases that were imported, by name and in the order
// in which they came.
func (i *Inside) Releases() ([]InstalledRelease, error) {
	var all []InstalledRelease
	err := i.f.view(func(t *tx) error {
		releases, err := t.bucket(keyReleases)
		if err != nil {
			return err
		}
		current, err := t.bucket(keyCurrent)
		if err != nil {
			return err
		}
		return eachRelease(releases, func(r Release) error {
			now := string(current.Get([]byte(r.Name))) == string(shipmentKey(r.Epoch, r.Seq))
			all = append(all, InstalledRelease{r, now})
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading releases: %w", err)
	}
	return all, nil
}

// CurrentRelease returns the release of that name that is in use, or
// [ErrNotFound].
func (i *Inside) CurrentRelease(name string) (Release, error) {
	var r Release
	err := i.f.view(func(t *tx) error {
		current, err := t.bucket(keyCurrent)
		if err != nil {
			return err
		}
		v := current.Get([]byte(name))
		if v == nil {
			return ErrNotFound
		}
		releases, err := t.bucket(keyReleases)
		if err != nil {
			return err
		}
		epoch, seq, err := parsePair(v)
		if err != nil {
			return err
		}
		return getJSON(releases, Release{Name: name, Epoch: epoch, Seq: seq}.key(), &r)
	})
	if err != nil {
		return Release{}, fmt.Errorf("release %q: %w", name, err)
	}
	return r, nil
}

// SetCurrentRelease records that an imported release, by the bundle that
// brought it, is in use again in place of the one that is. If there is no such
// release the error is [ErrNotFound].
func (i *Inside) SetCurrentRelease(name string, epoch, seq int64) error {
	err := i.f.update(func(t *tx) error {
		if epoch < 1 || seq < 1 {
			return ErrNotFound
		}
		releases, err := t.bucket(keyReleases)
		if err != nil {
			return err
		}
		if releases.Get(Release{Name: name, Epoch: epoch, Seq: seq}.key()) == nil {
			return ErrNotFound
		}
		current, err := t.bucket(keyCurrent)
		if err != nil {
			return err
		}
		v := shipmentKey(epoch, seq)
		if string(current.Get([]byte(name))) == string(v) {
			return nil
		}
		return t.put(current, []byte(name), v)
	})
	if err != nil {
		return fmt.Errorf("release %q of bundle %d.%d: %w", name, epoch, seq, err)
	}
	return nil
}

// install makes the releases of m current.
func (t *tx) install(b Bundle, m Imported) error {
	releases, err := t.bucket(keyReleases)
	if err != nil {
		return err
	}
	current, err := t.bucket(keyCurrent)
	if err != nil {
		return err
	}
	for _, r := range m.Releases {
		if !slices.Contains(b.Releases, r.Info()) {
			return fmt.Errorf("%w: its statement does not name release %.80q %.80q %s", ErrConflict, r.Name, r.Version, r.Manifest)
		}
		r.Epoch, r.Seq, r.Time = b.Epoch, b.Seq, m.At.UTC()
		if err := t.putRelease(releases, r); err != nil {
			return err
		}
		if err := t.put(current, []byte(r.Name), shipmentKey(b.Epoch, b.Seq)); err != nil {
			return err
		}
	}
	return nil
}
