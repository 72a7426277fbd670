package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
)

// A BundleState says how far the import of a bundle came.
type BundleState string

// The states of a bundle, in the order of work, and then those beside it.
const (
	BundleSeen      BundleState = "seen"      // its statement is signed by whom the root trusts
	BundleVerified  BundleState = "verified"  // it fits the site, and its index is good
	BundleStaged    BundleState = "staged"    // every chunk is in staging
	BundleBlobs     BundleState = "blobs"     // its blobs are in the registry
	BundleManifests BundleState = "manifests" // its manifests are, and were read back
	BundleTagged    BundleState = "tagged"    // the tags of its releases have moved
	BundleRolled    BundleState = "rolled"    // its releases run
	BundleImported  BundleState = "imported"

	BundleParked  BundleState = "parked"  // good, but something must come first
	BundleRefused BundleState = "refused" // it does not fit, and nothing was done
	BundleFailed  BundleState = "failed"  // the import stopped half way
)

// transitions says which states may follow which. Staying in a state is
// always legal, and so is starting over from any state but imported. Only
// Import leads to imported.
var transitions = map[BundleState][]BundleState{
	BundleSeen:      {BundleVerified, BundleParked, BundleRefused, BundleFailed},
	BundleVerified:  {BundleStaged, BundleParked, BundleRefused, BundleFailed},
	BundleStaged:    {BundleBlobs, BundleParked, BundleFailed},
	BundleBlobs:     {BundleManifests, BundleFailed},
	BundleManifests: {BundleTagged, BundleFailed},
	BundleTagged:    {BundleRolled, BundleFailed},
	BundleRolled:    {BundleFailed},
	BundleParked:    {BundleVerified, BundleStaged, BundleRefused, BundleFailed},
	BundleRefused:   {},
	BundleFailed:    {BundleVerified, BundleStaged, BundleParked, BundleRefused},
	BundleImported:  {},
}

// importable are the states from which Import leads to imported: a release
// need not be rolled out.
var importable = []BundleState{BundleTagged, BundleRolled}

// mayBecome reports whether a bundle in state s may go to state next.
func (s BundleState) mayBecome(next BundleState) bool {
	return next == BundleSeen && s != BundleImported || slices.Contains(transitions[s], next)
}

// A Bundle is a bundle that came to the site.
type Bundle struct {
	Epoch     int64                `json:"epoch"`
	Seq       int64                `json:"seq"`
	Statement bundle.Digest        `json:"statement"`
	Issued    time.Time            `json:"issued"`
	Releases  []bundle.ReleaseInfo `json:"releases"`
	Requires  []int64              `json:"requires"`
	Entries   int64                `json:"entries"`
	Bytes     int64                `json:"bytes"` // payload

	State       BundleState `json:"state"`
	Reason      string      `json:"reason"`       // why it is parked, refused or failed
	VolumeCount int64       `json:"volume_count"` // of the whole bundle
	Volumes     []string    `json:"volumes"`      // names of those that are in staging, sorted
	Seen        time.Time   `json:"seen"`         // when it came first
	Changed     time.Time   `json:"changed"`      // when State was set last
}

// SeeBundle records a bundle whose statement is trusted, as seen at the time
// b.Seen, and returns its row. If the same statement was seen before, its row
// is returned as it is, and the import goes on from there. If another
// statement of the same epoch and seq was, and that was more than seen or
// refused, the error is [ErrConflict]: two histories exist.
func (i *Inside) SeeBundle(b Bundle) (Bundle, error) {
	err := i.f.update(func(t *tx) error {
		if err := b.checkNew(); err != nil {
			return err
		}
		var old Bundle
		switch err := t.getBundle(b.Epoch, b.Seq, &old); {
		case err == nil && old.Statement == b.Statement:
			b = old
			return nil
		case err == nil && old.State != BundleSeen && old.State != BundleRefused:
			return fmt.Errorf("%w: statement %s is %s under the same seq", ErrConflict, old.Statement, old.State)
		case err != nil && err != ErrNotFound: //nolint:errorlint // as getJSON returns it
			return err
		}
		b.State, b.Reason, b.Volumes = BundleSeen, "", nil
		b.Issued, b.Seen, b.Changed = b.Issued.UTC(), b.Seen.UTC(), b.Seen.UTC()
		return t.putBundle(b)
	})
	if err != nil {
		return Bundle{}, fmt.Errorf("recording bundle %d.%d: %w", b.Epoch, b.Seq, err)
	}
	return b, nil
}

// checkNew says what is wrong with a bundle to be recorded.
func (b *Bundle) checkNew() error {
	if b.Epoch < 1 || b.Seq < 1 {
		return fmt.Errorf("epoch %d and seq %d do not count from 1", b.Epoch, b.Seq)
	}
	_, err := bundle.ParseDigest(string(b.Statement))
	return err
}

// SetState records that a bundle has got to a state at the given time; reason
// says why if it is parked, refused or failed, and may be "". To set the same
// state and reason again changes nothing. A step that is not legal gives
// [ErrConflict], as does BundleImported, to which only [Inside.Import] leads.
func (i *Inside) SetState(epoch, seq int64, state BundleState, reason string, at time.Time) error {
	err := i.changeBundle(epoch, seq, func(b *Bundle) (bool, error) {
		if b.State == state && b.Reason == reason {
			return false, nil
		}
		if b.State != state && !b.State.mayBecome(state) || state == BundleImported {
			return false, fmt.Errorf("%w: it is %s", ErrConflict, b.State)
		}
		b.State, b.Reason, b.Changed = state, reason, at.UTC()
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("bundle %d.%d becoming %s: %w", epoch, seq, state, err)
	}
	return nil
}

// StageVolume records that a volume of a bundle is in staging, whole and good.
func (i *Inside) StageVolume(epoch, seq int64, name string) error {
	err := i.changeBundle(epoch, seq, func(b *Bundle) (bool, error) {
		at, found := slices.BinarySearch(b.Volumes, name)
		if !found {
			b.Volumes = slices.Insert(b.Volumes, at, name)
		}
		return !found, nil
	})
	if err != nil {
		return fmt.Errorf("staging volume %q: %w", name, err)
	}
	return nil
}

// ForgetVolumes records that no volume of a bundle is in staging any more.
func (i *Inside) ForgetVolumes(epoch, seq int64) error {
	err := i.changeBundle(epoch, seq, func(b *Bundle) (bool, error) {
		had := len(b.Volumes) > 0
		b.Volumes = nil
		return had, nil
	})
	if err != nil {
		return fmt.Errorf("forgetting staged volumes: %w", err)
	}
	return nil
}

// changeBundle lets change have its way with a bundle, and writes it if change
// says so.
func (i *Inside) changeBundle(epoch, seq int64, change func(*Bundle) (bool, error)) error {
	return i.f.update(func(t *tx) error {
		var b Bundle
		if err := t.getBundle(epoch, seq, &b); err != nil {
			return err
		}
		changed, err := change(&b)
		if err != nil || !changed {
			return err
		}
		return t.putBundle(b)
	})
}

// Imported is what [Inside.Import] records of a bundle.
type Imported struct {
	Epoch     int64
	Seq       int64
	Statement bundle.Digest
	At        time.Time
	Releases  []Release // those that are now current; Epoch, Seq and Time are filled in
}

// Import makes a bundle imported, moves the head to it, raises the floor to the
// time of its issue, and makes its releases current: all or nothing. The
// bundle must be tagged or rolled out, and come after the head; its releases
// must be among those that its statement names. Importing again changes
// nothing. Once Import has returned nil, a receipt may be written.
func (i *Inside) Import(m Imported) error {
	err := i.f.update(func(t *tx) error {
		var b Bundle
		if err := t.getBundle(m.Epoch, m.Seq, &b); err != nil {
			return err
		}
		if b.Statement != m.Statement {
			return fmt.Errorf("%w: its statement is %s", ErrConflict, b.Statement)
		}
		if b.State == BundleImported {
			return nil
		}
		if !slices.Contains(importable, b.State) {
			return fmt.Errorf("%w: it is %s", ErrConflict, b.State)
		}
		if err := t.moveHead(b); err != nil {
			return err
		}
		if err := t.install(b, m); err != nil {
			return err
		}
		b.State, b.Reason, b.Changed = BundleImported, "", m.At.UTC()
		return t.putBundle(b)
	})
	if err != nil {
		return fmt.Errorf("importing bundle %d.%d: %w", m.Epoch, m.Seq, err)
	}
	return nil
}

// moveHead makes b the head.
func (t *tx) moveHead(b Bundle) error {
	var h Head
	if err := t.meta(keyHead, &h); err != nil {
		return err
	}
	if cmp.Or(cmp.Compare(b.Epoch, h.Epoch), cmp.Compare(b.Seq, h.Seq)) <= 0 {
		return fmt.Errorf("%w: bundle %d.%d was imported before", ErrConflict, h.Epoch, h.Seq)
	}
	h.Epoch, h.Seq, h.Statement = b.Epoch, b.Seq, b.Statement
	if b.Issued.After(h.Floor) {
		h.Floor = b.Issued
	}
	return t.setHead(h)
}

// Bundle returns the row of a bundle, or [ErrNotFound].
func (i *Inside) Bundle(epoch, seq int64) (Bundle, error) {
	var b Bundle
	err := i.f.view(func(t *tx) error { return t.getBundle(epoch, seq, &b) })
	if err != nil {
		return Bundle{}, fmt.Errorf("bundle %d.%d: %w", epoch, seq, err)
	}
	return b, nil
}

// Bundles returns all bundles, in the order of epoch and seq.
func (i *Inside) Bundles() ([]Bundle, error) {
	var all []Bundle
	err := i.f.view(func(t *tx) error {
		rows, err := t.bucket(keyBundles)
		if err != nil {
			return err
		}
		return rows.ForEach(func(_, v []byte) error {
			var b Bundle
			if err := parseJSON(v, &b); err != nil {
				return err
			}
			all = append(all, b)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading bundles: %w", err)
	}
	return all, nil
}

// Accepted returns the digest of the statement that was imported as epoch and
// seq; ok is false if none was.
func (i *Inside) Accepted(epoch, seq int64) (d bundle.Digest, ok bool, err error) {
	var b Bundle
	err = i.f.view(func(t *tx) error { return t.getBundle(epoch, seq, &b) })
	switch {
	case err == ErrNotFound: //nolint:errorlint // as getJSON returns it
		return "", false, nil
	case err != nil:
		return "", false, fmt.Errorf("bundle %d.%d: %w", epoch, seq, err)
	case b.State != BundleImported:
		return "", false, nil
	}
	return b.Statement, true, nil
}

// getBundle decodes the row of a bundle, or returns ErrNotFound.
func (t *tx) getBundle(epoch, seq int64, b *Bundle) error {
	rows, err := t.bucket(keyBundles)
	if err != nil {
		return err
	}
	if epoch < 1 || seq < 1 {
		return ErrNotFound
	}
	return getJSON(rows, shipmentKey(epoch, seq), b)
}

func (t *tx) putBundle(b Bundle) error {
	rows, err := t.bucket(keyBundles)
	if err != nil {
		return err
	}
	b.Releases, b.Requires, b.Volumes = nonNil(b.Releases), nonNil(b.Requires), nonNil(b.Volumes)
	return t.putJSON(rows, shipmentKey(b.Epoch, b.Seq), b)
}
