package ledger

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/airgap-ferry/ferry/bundle"
)

// An Inventory computes the Merkle root over what a site holds, by which
// either side can tell whether it agrees with the other. The tree is that of
// RFC 6962; its records are lines "sha256:<hex> <size>\n" in the order of
// digests. It keeps one hash per level, however many records there are. The
// zero value is empty and ready to use.
type Inventory struct {
	roots []tlog.Hash // of complete trees of 2^i records, for the bits i of n from the highest
	n     int64
	last  bundle.Digest
	line  []byte
}

// Add adds a blob. Digests must come ascending, each once.
func (i *Inventory) Add(b Blob) error {
	if b.Digest <= i.last {
		return fmt.Errorf("%s after %s: inventory is not ascending", b.Digest, i.last)
	}
	i.last = b.Digest
	i.line = append(append(i.line[:0], b.Digest...), ' ')
	i.line = append(strconv.AppendInt(i.line, b.Size, 10), '\n')
	root := tlog.RecordHash(i.line)
	for n := i.n; n&1 == 1; n >>= 1 {
		last := len(i.roots) - 1
		root = tlog.NodeHash(i.roots[last], root)
		i.roots = i.roots[:last]
	}
	i.roots = append(i.roots, root)
	i.n++
	return nil
}

// Len returns how many blobs were added.
func (i *Inventory) Len() int64 { return i.n }

// Root returns the root over what was added. That of nothing is the SHA-256
// of nothing.
func (i *Inventory) Root() bundle.Digest {
	last := len(i.roots) - 1
	if last < 0 {
		return bundle.DigestFromSum(sha256.Sum256(nil))
	}
	root := i.roots[last]
	for _, left := range slices.Backward(i.roots[:last]) {
		root = tlog.NodeHash(left, root)
	}
	return bundle.DigestFromSum(root)
}

// Inventory returns the root over the holdings of a site on the given basis.
func (o *Outside) Inventory(site string, basis Basis) (bundle.Digest, error) {
	return o.InventoryWith(site, basis, nil)
}

// InventoryWith returns the root that Inventory would return if the site also
// had the blobs added. It changes nothing.
func (o *Outside) InventoryWith(site string, basis Basis, added []Blob) (bundle.Digest, error) {
	var root bundle.Digest
	err := o.f.view(func(t *tx) error {
		st, err := t.site(site)
		if err != nil {
			return err
		}
		m, err := newMerger(added)
		if err != nil {
			return err
		}
		err = st.eachHolding(func(h Holding) error {
			counts, err := basis.counts(st, h.Carriers)
			if err != nil || !counts {
				return err
			}
			return m.add(h.Blob)
		})
		if err != nil {
			return err
		}
		root, err = m.root()
		return err
	})
	if err != nil {
		return "", fmt.Errorf("taking the inventory of site %q: %w", site, err)
	}
	return root, nil
}

// Inventory returns the root over the holdings of this site.
func (i *Inside) Inventory() (bundle.Digest, error) { return i.InventoryWith(nil) }

// InventoryWith returns the root that Inventory would return if the site also
// had the blobs added. It changes nothing.
func (i *Inside) InventoryWith(added []Blob) (bundle.Digest, error) {
	var root bundle.Digest
	err := i.f.view(func(t *tx) error {
		b, err := t.bucket(keyHoldings)
		if err != nil {
			return err
		}
		m, err := newMerger(added)
		if err != nil {
			return err
		}
		if err := eachBlob(b, func(b Blob, _ []byte) error { return m.add(b) }); err != nil {
			return err
		}
		root, err = m.root()
		return err
	})
	if err != nil {
		return "", fmt.Errorf("taking the inventory: %w", err)
	}
	return root, nil
}

// A merger adds blobs to an inventory in their place among those that stream
// past.
type merger struct {
	inventory Inventory
	rest      []Blob // sorted, not yet added
}

func newMerger(added []Blob) (*merger, error) {
	sorted, err := sortBlobs(added)
	return &merger{rest: sorted}, err
}

func (m *merger) add(b Blob) error {
	for len(m.rest) > 0 && m.rest[0].Digest < b.Digest {
		if err := m.next(); err != nil {
			return err
		}
	}
	if len(m.rest) > 0 && m.rest[0].Digest == b.Digest {
		if m.rest[0].Size != b.Size {
			return sizeConflict(b.Digest, m.rest[0].Size, b.Size)
		}
		m.rest = m.rest[1:]
	}
	return m.inventory.Add(b)
}

func (m *merger) next() error {
	b := m.rest[0]
	m.rest = m.rest[1:]
	return m.inventory.Add(b)
}

func (m *merger) root() (bundle.Digest, error) {
	for len(m.rest) > 0 {
		if err := m.next(); err != nil {
			return "", err
		}
	}
	return m.inventory.Root(), nil
}
