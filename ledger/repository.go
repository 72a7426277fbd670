package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/airgap-ferry/ferry/bundle"
)

// idLen is the length of the number of a repository in a holding.
const idLen = 4

// insideTx are the buckets of the holdings of a site, within a transaction.
type insideTx struct {
	t        *tx
	holdings *bbolt.Bucket
	ids      *bbolt.Bucket // name to number
	names    *bbolt.Bucket // number to name
}

func (t *tx) inside() (*insideTx, error) {
	in := &insideTx{t: t}
	for _, b := range []struct {
		name []byte
		to   **bbolt.Bucket
	}{{keyHoldings, &in.holdings}, {keyRepositories, &in.ids}, {keyRepositoryIDs, &in.names}} {
		var err error
		if *b.to, err = t.bucket(b.name); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// AddHoldings records that a repository of the inside registry has blobs, each
// of which was read back or answered for with the right size.
func (i *Inside) AddHoldings(repository string, blobs []Blob) error {
	err := i.f.update(func(t *tx) error {
		in, err := t.inside()
		if err != nil {
			return err
		}
		sorted, err := sortBlobs(blobs)
		if err != nil || len(sorted) == 0 {
			return err
		}
		id, err := in.intern(repository)
		if err != nil {
			return err
		}
		dense(in.holdings)
		for _, b := range sorted {
			if err := in.add(id, b); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("adding holdings of repository %q: %w", repository, err)
	}
	return nil
}

// DropHolding records that a repository has lost a blob. If no repository has
// it any more, the site does not hold it.
func (i *Inside) DropHolding(repository string, d bundle.Digest) error {
	err := i.f.update(func(t *tx) error {
		in, err := t.inside()
		if err != nil {
			return err
		}
		size, ids, err := in.holding(d)
		if err != nil {
			return err
		}
		id := in.ids.Get([]byte(repository))
		if id == nil {
			return nil
		}
		at, found := slices.BinarySearch(ids, binary.BigEndian.Uint32(id))
		if !found {
			return nil
		}
		return in.save(Blob{d, size}, slices.Delete(ids, at, at+1))
	})
	if err != nil {
		return fmt.Errorf("dropping a holding of repository %q: %w", repository, err)
	}
	return nil
}

// Holds says for each of the digests whether the site has it.
func (i *Inside) Holds(digests []bundle.Digest) ([]bool, error) {
	held := make([]bool, len(digests))
	err := i.f.view(func(t *tx) error {
		in, err := t.inside()
		if err != nil {
			return err
		}
		for n, d := range digests {
			_, ids, err := in.holding(d)
			if err != nil {
				return err
			}
			held[n] = len(ids) > 0
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking up holdings: %w", err)
	}
	return held, nil
}

// Repositories returns the repositories that have a blob, by name, and its
// size. There are none if the site does not hold it.
func (i *Inside) Repositories(d bundle.Digest) (names []string, size int64, err error) {
	err = i.f.view(func(t *tx) error {
		in, err := t.inside()
		if err != nil {
			return err
		}
		var ids []uint32
		if size, ids, err = in.holding(d); err != nil {
			return err
		}
		names, err = in.repositories(ids)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("looking up a holding: %w", err)
	}
	return names, size, nil
}

// Holdings calls each for every holding in the order of digests, with the
// repositories that have it, until it returns an error, which is returned as
// it is. each must not use the ledger.
func (i *Inside) Holdings(each func(b Blob, repositories []string) error) error {
	var stop error
	err := i.f.view(func(t *tx) error {
		in, err := t.inside()
		if err != nil {
			return err
		}
		return eachBlob(in.holdings, func(b Blob, rest []byte) error {
			ids, err := parseIDs(rest)
			if err != nil {
				return fmt.Errorf("%s: %w", b.Digest, err)
			}
			names, err := in.repositories(ids)
			if err != nil {
				return fmt.Errorf("%s: %w", b.Digest, err)
			}
			stop = each(b, names)
			return stop
		})
	})
	if err != nil && stop == nil {
		return fmt.Errorf("reading holdings: %w", err)
	}
	return err
}

// Totals returns how many blobs the site holds, and their bytes.
func (i *Inside) Totals() (blobs, bytes int64, err error) {
	err = i.f.view(func(t *tx) error {
		b, err := t.bucket(keyHoldings)
		if err != nil {
			return err
		}
		return eachBlob(b, func(b Blob, _ []byte) error {
			blobs, bytes = blobs+1, bytes+b.Size
			return nil
		})
	})
	if err != nil {
		return 0, 0, fmt.Errorf("reading holdings: %w", err)
	}
	return blobs, bytes, nil
}

// intern returns the number of a repository, giving it the next if it is new.
func (in *insideTx) intern(name string) (uint32, error) {
	if name == "" || len(name) > math.MaxUint8 {
		return 0, errors.New("the name of a repository has 1 to 255 characters")
	}
	if v := in.ids.Get([]byte(name)); v != nil {
		return parseID(v)
	}
	id := uint32(1)
	if last, _ := in.names.Cursor().Last(); last != nil {
		n, err := parseID(last)
		if err != nil {
			return 0, err
		}
		if n == math.MaxUint32 {
			return 0, errors.New("too many repositories")
		}
		id = n + 1
	}
	k := binary.BigEndian.AppendUint32(nil, id)
	if err := in.t.put(in.ids, []byte(name), k); err != nil {
		return 0, err
	}
	return id, in.t.put(in.names, k, []byte(name))
}

// repositories returns the names of ids, sorted.
func (in *insideTx) repositories(ids []uint32) ([]string, error) {
	var names []string
	for _, id := range ids {
		name := in.names.Get(binary.BigEndian.AppendUint32(nil, id))
		if name == nil {
			return nil, fmt.Errorf("%w: repository %d is not known", ErrDamaged, id)
		}
		names = append(names, string(name))
	}
	slices.Sort(names)
	return names, nil
}

// add records that repository id has b, unless that is on record.
func (in *insideTx) add(id uint32, b Blob) error {
	size, ids, err := in.holding(b.Digest)
	if err != nil {
		return err
	}
	if len(ids) > 0 && size != b.Size {
		return sizeConflict(b.Digest, b.Size, size)
	}
	at, found := slices.BinarySearch(ids, id)
	if found {
		return nil
	}
	return in.save(b, slices.Insert(ids, at, id))
}

// holding returns the size of a blob and the numbers of the repositories that
// have it, none if the site does not hold it.
func (in *insideTx) holding(d bundle.Digest) (size int64, ids []uint32, err error) {
	k, err := digestKey(d)
	if err != nil {
		return 0, nil, err
	}
	v := in.holdings.Get(k)
	if v == nil {
		return 0, nil, nil
	}
	size, rest, err := parseSize(v)
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", d, err)
	}
	if ids, err = parseIDs(rest); err != nil {
		return 0, nil, fmt.Errorf("%s: %w", d, err)
	}
	return size, ids, nil
}

// save writes a holding, or removes it if no repository has it.
func (in *insideTx) save(b Blob, ids []uint32) error {
	k, err := digestKey(b.Digest)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return in.t.del(in.holdings, k)
	}
	return in.t.put(in.holdings, k, appendIDs(appendNumber(nil, b.Size), ids))
}

func appendIDs(b []byte, ids []uint32) []byte {
	for _, id := range ids {
		b = binary.BigEndian.AppendUint32(b, id)
	}
	return b
}

// parseIDs is the inverse of appendIDs for a list that is not empty and
// ascends.
func parseIDs(v []byte) ([]uint32, error) {
	if len(v) == 0 {
		return nil, fmt.Errorf("%w: no repository has the holding", ErrDamaged)
	}
	ids := make([]uint32, 0, len(v)/idLen+1)
	for part := range slices.Chunk(v, idLen) {
		id, err := parseID(part)
		if err != nil {
			return nil, err
		}
		if n := len(ids); n > 0 && ids[n-1] >= id {
			return nil, fmt.Errorf("%w: repositories of a holding are not ascending", ErrDamaged)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func parseID(v []byte) (uint32, error) {
	if len(v) != idLen || binary.BigEndian.Uint32(v) == 0 {
		return 0, fmt.Errorf("%w: %x is not the number of a repository", ErrDamaged, v)
	}
	return binary.BigEndian.Uint32(v), nil
}
