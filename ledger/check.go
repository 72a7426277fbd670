package ledger

import (
	"bytes"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/airgap-ferry/ferry/bundle"
)

// A checker collects violations.
type checker struct {
	violations []error
}

// failf notes a violation. The format may wrap errors.
func (c *checker) failf(format string, args ...any) {
	c.violations = append(c.violations, fmt.Errorf(format, args...))
}

// fail notes err as a violation of what, unless it is nil.
func (c *checker) fail(what string, err error) {
	if err != nil {
		c.failf("%s: %w", what, err)
	}
}

// check runs the checks of one side, and those that both share, and returns
// all violations joined. A ledger whose pages can't even be walked gives only
// [ErrDamaged].
func check(f *file, side func(t *tx, c *checker)) error {
	c := &checker{}
	err := f.view(func(t *tx) error {
		// First touch every page here, where a fault is caught; the
		// database's own check runs where it would not be.
		if err := walk(t); err != nil {
			return err
		}
		for err := range t.Check() {
			c.failf("%w: %w", ErrDamaged, err)
		}
		c.checkManifests(t)
		side(t, c)
		return nil
	})
	if err := errors.Join(append(c.violations, err)...); err != nil {
		return fmt.Errorf("checking ledger %q: %w", f.path, err)
	}
	return nil
}

// walk reads everything.
func walk(t *tx) error {
	var in func(b *bbolt.Bucket) error
	in = func(b *bbolt.Bucket) error {
		return b.ForEach(func(k, v []byte) error {
			if v == nil {
				if child := b.Bucket(k); child != nil {
					return in(child)
				}
				return fmt.Errorf("%w: %.80q is neither bucket nor value", ErrDamaged, k)
			}
			bytes.Count(v, k) // touches all of it
			return nil
		})
	}
	return t.ForEach(func(_ []byte, b *bbolt.Bucket) error { return in(b) })
}

// checkManifests checks every manifest that is kept.
func (c *checker) checkManifests(t *tx) {
	dec, err := newManifestDecoder()
	if err != nil {
		c.fail("manifests", err)
		return
	}
	defer dec.Close()
	c.each(t, keyManifests, func(k, v []byte) {
		d, err := parseDigestKey(k)
		if err == nil {
			_, err = parseManifest(d, v, dec)
		}
		c.fail(fmt.Sprintf("manifest %.32x", k), err)
	})
}

// each calls fn for every record of a top-level bucket, and notes if the
// bucket is missing.
func (c *checker) each(t *tx, name []byte, fn func(k, v []byte)) {
	b, err := t.bucket(name)
	if err != nil {
		c.violations = append(c.violations, err)
		return
	}
	c.fail(string(name), b.ForEach(func(k, v []byte) error {
		fn(k, v)
		return nil
	}))
}

// digest notes a violation if d is neither a digest nor, where that is
// allowed, "".
func (c *checker) digest(what string, d bundle.Digest, empty bool) {
	if d == "" && empty {
		return
	}
	_, err := bundle.ParseDigest(string(d))
	c.fail(what, err)
}
