package ledger

import (
	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/durable"
)

// An Outside is the open ledger of the outside: all sites, what was shipped
// to each, and what each holds as far as anybody outside can know.
type Outside struct {
	f *file
}

// CreateOutside makes an empty outside ledger at path, or returns [ErrExists].
func CreateOutside(path string) error { return createOutside(durable.OS, path) }

func createOutside(fsys durable.FS, path string) error {
	return create(fsys, path, func(t *tx) error {
		for _, name := range [][]byte{keySites, keyManifests} {
			if _, err := t.makeBucket(t, name); err != nil {
				return err
			}
		}
		meta, err := t.makeBucket(t, keyMeta)
		if err != nil {
			return err
		}
		return t.put(meta, keyFormat, []byte(outsideFormat))
	})
}

// OpenOutside opens the ledger at path for reading and writing. The caller
// closes it. If there is none the error is [fs.ErrNotExist].
func OpenOutside(path string) (*Outside, error) {
	f, err := open(path, outsideFormat, false)
	if err != nil {
		return nil, err
	}
	return &Outside{f}, nil
}

// OpenOutsideReadOnly is as OpenOutside, but several processes can do so at
// the same time, and what would write fails.
func OpenOutsideReadOnly(path string) (*Outside, error) {
	f, err := open(path, outsideFormat, true)
	if err != nil {
		return nil, err
	}
	return &Outside{f}, nil
}

// Close closes the ledger.
func (o *Outside) Close() error { return o.f.close() }

// PutManifests keeps manifests for later, for all sites. Manifests that are
// there already are left alone.
func (o *Outside) PutManifests(manifests []Manifest) error { return putManifests(o.f, manifests) }

// Manifest returns a manifest that was kept, or [ErrNotFound].
func (o *Outside) Manifest(d bundle.Digest) (Manifest, error) { return getManifest(o.f, d) }
