package ledger

import (
	"fmt"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/durable"
)

// An Inside is the open ledger of one site: which bundles came and how far
// each got, what the site holds and in which repositories, and its releases.
type Inside struct {
	f *file
}

// A Self is the site whose ledger it is.
type Self struct {
	Site string        `json:"site"`
	Key  bundle.Digest `json:"key"` // of the site's receipt key, "" if it has none
}

// A Head says what was imported last, and so what may come next. Its zero
// value means that nothing was imported yet.
type Head struct {
	Epoch     int64         `json:"epoch"`
	Seq       int64         `json:"seq"`
	Statement bundle.Digest `json:"statement"`
	Floor     time.Time     `json:"floor"` // no clock may show less
}

// CreateInside makes an empty inside ledger at path, or returns [ErrExists].
func CreateInside(path string, self Self) error { return createInside(durable.OS, path, self) }

func createInside(fsys durable.FS, path string, self Self) error {
	return create(fsys, path, func(t *tx) error {
		if !bundle.ValidSiteName(self.Site) {
			return fmt.Errorf("site name %.80q: want 1 to 63 of a-z, 0-9 and '-'", self.Site)
		}
		for _, name := range [][]byte{
			keyBundles, keyHoldings, keyRepositories, keyRepositoryIDs,
			keyManifests, keyReleases, keyCurrent, keyAudit,
		} {
			if _, err := t.makeBucket(t, name); err != nil {
				return err
			}
		}
		meta, err := t.makeBucket(t, keyMeta)
		if err != nil {
			return err
		}
		if err := t.putJSON(meta, keySite, self); err != nil {
			return err
		}
		if err := t.putJSON(meta, keyHead, Head{}); err != nil {
			return err
		}
		return t.put(meta, keyFormat, []byte(insideFormat))
	})
}

// OpenInside opens the ledger at path for reading and writing. The caller
// closes it. If there is none the error is [fs.ErrNotExist].
func OpenInside(path string) (*Inside, error) {
	f, err := open(path, insideFormat, false)
	if err != nil {
		return nil, err
	}
	return &Inside{f}, nil
}

// OpenInsideReadOnly is as OpenInside, but several processes can do so at the
// same time, and what would write fails.
func OpenInsideReadOnly(path string) (*Inside, error) {
	f, err := open(path, insideFormat, true)
	if err != nil {
		return nil, err
	}
	return &Inside{f}, nil
}

// Close closes the ledger.
func (i *Inside) Close() error { return i.f.close() }

// Self returns the site whose ledger it is.
func (i *Inside) Self() (Self, error) {
	var s Self
	err := i.f.view(func(t *tx) error { return t.meta(keySite, &s) })
	if err != nil {
		return Self{}, fmt.Errorf("reading the site: %w", err)
	}
	return s, nil
}

// Head returns what was imported last.
func (i *Inside) Head() (Head, error) {
	var h Head
	err := i.f.view(func(t *tx) error { return t.meta(keyHead, &h) })
	if err != nil {
		return Head{}, fmt.Errorf("reading the head: %w", err)
	}
	return h, nil
}

// RaiseFloor records that it was once at least at, so that a clock set back is
// noticed. An earlier time changes nothing.
func (i *Inside) RaiseFloor(at time.Time) error {
	err := i.f.update(func(t *tx) error {
		var h Head
		if err := t.meta(keyHead, &h); err != nil {
			return err
		}
		if !at.After(h.Floor) {
			return nil
		}
		h.Floor = at.UTC()
		return t.setHead(h)
	})
	if err != nil {
		return fmt.Errorf("raising the floor: %w", err)
	}
	return nil
}

// meta decodes a record of the bucket meta, which must be there.
func (t *tx) meta(key []byte, v any) error {
	b, err := t.bucket(keyMeta)
	if err != nil {
		return err
	}
	if b.Get(key) == nil {
		return fmt.Errorf("%w: no record %q", ErrDamaged, key)
	}
	return getJSON(b, key, v)
}

func (t *tx) setHead(h Head) error {
	b, err := t.bucket(keyMeta)
	if err != nil {
		return err
	}
	return t.putJSON(b, keyHead, h)
}

// PutManifests keeps manifests for later. Manifests that are there already are
// left alone.
func (i *Inside) PutManifests(manifests []Manifest) error { return putManifests(i.f, manifests) }

// Manifest returns a manifest that was kept, or [ErrNotFound].
func (i *Inside) Manifest(d bundle.Digest) (Manifest, error) { return getManifest(i.f, d) }
