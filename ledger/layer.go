package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/airgap-ferry/ferry/bundle"
)

// A Layer is what patches need to know of a blob that a site may hold. It is
// the same for all sites, and can be found out again from the blob: a ledger
// that has lost it has lost nothing.
type Layer struct {
	Digest     bundle.Digest
	Repository string // where its bytes can be had, with the host; "" if nowhere
	Table      []byte // its entries, as package delta writes them
}

// PutLayers keeps layers, in place of what was kept of them before.
func (o *Outside) PutLayers(layers []Layer) error {
	sorted := slices.Clone(layers)
	slices.SortFunc(sorted, func(a, b Layer) int { return bytes.Compare([]byte(a.Digest), []byte(b.Digest)) })
	err := o.f.update(func(t *tx) error {
		if len(sorted) == 0 {
			return nil
		}
		b, err := t.layers()
		if err != nil {
			return err
		}
		for _, l := range sorted {
			k, err := digestKey(l.Digest)
			if err != nil {
				return err
			}
			if len(l.Repository) > maxRepository {
				return fmt.Errorf("layer %s: repository %.80q is too long", l.Digest, l.Repository)
			}
			if v := l.encode(); !bytes.Equal(b.Get(k), v) {
				if err := t.put(b, k, v); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keeping layers: %w", err)
	}
	return nil
}

// maxRepository bounds the name of a repository.
const maxRepository = 1024 // bytes

// layers returns the bucket of layers. Ledgers of ferry before it knew patches
// have none: it is made then.
func (t *tx) layers() (*bbolt.Bucket, error) {
	if b := t.Bucket(keyLayers); b != nil {
		return b, nil
	}
	return t.makeBucket(t, keyLayers)
}

// Layer returns what is kept of a layer, or [ErrNotFound].
func (o *Outside) Layer(d bundle.Digest) (l Layer, err error) {
	err = o.f.view(func(t *tx) error {
		k, err := digestKey(d)
		if err != nil {
			return err
		}
		b := t.Bucket(keyLayers)
		if b == nil {
			return ErrNotFound
		}
		v := b.Get(k)
		if v == nil {
			return ErrNotFound
		}
		l, err = parseLayer(d, v)
		return err
	})
	if err != nil {
		return Layer{}, fmt.Errorf("looking up layer %s: %w", d, err)
	}
	return l, nil
}

// encode returns the value of l: the length of the repository in 2 bytes, the
// repository, the table.
func (l *Layer) encode() []byte {
	b := make([]byte, 0, 2+len(l.Repository)+len(l.Table))
	b = binary.BigEndian.AppendUint16(b, uint16(len(l.Repository))) //nolint:gosec // at most maxRepository
	return append(append(b, l.Repository...), l.Table...)
}

// parseLayer is the inverse of encode. The result does not refer to v.
func parseLayer(d bundle.Digest, v []byte) (Layer, error) {
	if len(v) < 2 || int(binary.BigEndian.Uint16(v)) > min(maxRepository, len(v)-2) {
		return Layer{}, fmt.Errorf("%w: %w", ErrDamaged, errors.New("layer is cut short"))
	}
	n := 2 + int(binary.BigEndian.Uint16(v))
	return Layer{Digest: d, Repository: string(v[2:n]), Table: slices.Clone(v[n:])}, nil
}

// checkLayers checks every layer that is kept.
func (c *checker) checkLayers(t *tx) {
	if t.Bucket(keyLayers) == nil {
		return
	}
	c.each(t, keyLayers, func(k, v []byte) {
		d, err := parseDigestKey(k)
		if err == nil {
			_, err = parseLayer(d, v)
		}
		c.fail(fmt.Sprintf("layer %.32x", k), err)
	})
}
