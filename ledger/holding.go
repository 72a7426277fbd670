package ledger

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/airgap-ferry/ferry/bundle"
)

// A Holding is content that a site has.
type Holding struct {
	Blob
	Carriers []Carrier // shipments that carried it and are not lost, ascending
}

// A Carrier is a shipment that carried a blob.
type Carrier struct{ Epoch, Seq int64 }

// compare orders carriers as they were shipped.
func (c Carrier) compare(d Carrier) int {
	return bytes.Compare(shipmentKey(c.Epoch, c.Seq), shipmentKey(d.Epoch, d.Seq))
}

// A Basis says what counts as held when a shipment is planned.
type Basis string

const (
	// BasisShipped counts what was shipped, as it is likely to arrive. It is
	// what the empty Basis means.
	BasisShipped Basis = "shipped"
	// BasisAcknowledged counts only what the site has acknowledged.
	BasisAcknowledged Basis = "acknowledged"
	// BasisNone counts nothing.
	BasisNone Basis = "none"
)

// counts reports whether a holding with these carriers counts on basis b.
func (b Basis) counts(st *siteTx, carriers []Carrier) (bool, error) {
	switch b {
	case BasisShipped, "":
		return true, nil
	case BasisAcknowledged:
		return slices.ContainsFunc(carriers, st.acknowledged), nil
	case BasisNone:
		return false, nil
	}
	return false, fmt.Errorf("basis %.40q: want shipped, acknowledged or none", string(b))
}

// acknowledged reports whether a carrier, so a shipment that is not lost, was
// acknowledged.
func (st *siteTx) acknowledged(c Carrier) bool { return c.Epoch < st.Epoch || c.Seq <= st.Acked }

// Holds says for each of the digests whether the site has it, on the given
// basis.
func (o *Outside) Holds(site string, basis Basis, digests []bundle.Digest) ([]bool, error) {
	held := make([]bool, len(digests))
	err := o.f.view(func(t *tx) error {
		st, err := t.site(site)
		if err != nil {
			return err
		}
		for i, d := range digests {
			h, ok, err := st.holding(d)
			if err != nil {
				return err
			}
			counts, err := basis.counts(st, h.Carriers)
			if err != nil {
				return err
			}
			held[i] = ok && counts
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking up holdings of site %q: %w", site, err)
	}
	return held, nil
}

// Requires returns the unacknowledged shipments, ascending, that must arrive
// for the site to have all the digests, as far as they are holdings. Of a blob
// that several shipments carried one is named: one that is named anyway, else
// the last.
func (o *Outside) Requires(site string, digests []bundle.Digest) ([]int64, error) {
	needed := map[int64]bool{}
	err := o.f.view(func(t *tx) error {
		st, err := t.site(site)
		if err != nil {
			return err
		}
		var several [][]Carrier
		for _, d := range digests {
			h, _, err := st.holding(d)
			if err != nil {
				return err
			}
			switch {
			case len(h.Carriers) == 0 || slices.ContainsFunc(h.Carriers, st.acknowledged):
			case len(h.Carriers) == 1:
				needed[h.Carriers[0].Seq] = true
			default:
				several = append(several, h.Carriers)
			}
		}
		for _, carriers := range several {
			if !slices.ContainsFunc(carriers, func(c Carrier) bool { return needed[c.Seq] }) {
				needed[carriers[len(carriers)-1].Seq] = true
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking up holdings of site %q: %w", site, err)
	}
	return slices.Sorted(maps.Keys(needed)), nil
}

// Holding returns a holding of a site; ok is false if it has no such blob.
func (o *Outside) Holding(site string, d bundle.Digest) (h Holding, ok bool, err error) {
	err = o.f.view(func(t *tx) error {
		st, err := t.site(site)
		if err != nil {
			return err
		}
		h, ok, err = st.holding(d)
		return err
	})
	if err != nil {
		return Holding{}, false, fmt.Errorf("looking up a holding of site %q: %w", site, err)
	}
	return h, ok, nil
}

// Holdings calls each for every holding of a site in the order of digests,
// until it returns an error, which is returned as it is. each must not use the
// ledger.
func (o *Outside) Holdings(site string, each func(Holding) error) error {
	var stop error
	err := o.f.view(func(t *tx) error {
		st, err := t.site(site)
		if err != nil {
			return err
		}
		return st.eachHolding(func(h Holding) error {
			stop = each(h)
			return stop
		})
	})
	if err != nil && stop == nil {
		return fmt.Errorf("reading holdings of site %q: %w", site, err)
	}
	return err
}

func (st *siteTx) eachHolding(each func(Holding) error) error {
	return eachBlob(st.holdings, func(b Blob, v []byte) error {
		carriers, err := parseCarriers(v)
		if err != nil {
			return fmt.Errorf("%s: %w", b.Digest, err)
		}
		return each(Holding{b, carriers})
	})
}

// eachBlob calls each for every entry of a bucket of holdings, with what
// stands after the size.
func eachBlob(b *bbolt.Bucket, each func(b Blob, rest []byte) error) error {
	return b.ForEach(func(k, v []byte) error {
		d, err := parseDigestKey(k)
		if err != nil {
			return err
		}
		size, rest, err := parseSize(v)
		if err != nil {
			return fmt.Errorf("%s: %w", d, err)
		}
		return each(Blob{d, size}, rest)
	})
}

func (st *siteTx) holding(d bundle.Digest) (Holding, bool, error) {
	k, err := digestKey(d)
	if err != nil {
		return Holding{}, false, err
	}
	v := st.holdings.Get(k)
	if v == nil {
		return Holding{}, false, nil
	}
	h, err := parseHolding(d, v)
	return h, err == nil, err
}

// addHoldings makes blobs, which are sorted, holdings that c carried.
func (st *siteTx) addHoldings(c Carrier, blobs []Blob) error {
	dense(st.holdings)
	for _, b := range blobs {
		h, ok, err := st.holding(b.Digest)
		if err != nil {
			return err
		}
		if ok && h.Size != b.Size {
			return sizeConflict(b.Digest, b.Size, h.Size)
		}
		h.Blob, h.Carriers = b, append(h.Carriers, c)
		if err := st.saveHolding(h); err != nil {
			return err
		}
	}
	return nil
}

// dropCarrier removes c from all holdings, and those that nothing else
// carried.
func (st *siteTx) dropCarrier(c Carrier) error {
	var changed []Holding
	err := st.eachHolding(func(h Holding) error {
		if i := slices.Index(h.Carriers, c); i >= 0 {
			h.Carriers = slices.Delete(h.Carriers, i, i+1)
			changed = append(changed, h)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, h := range changed {
		if err := st.saveHolding(h); err != nil {
			return err
		}
	}
	return nil
}

// saveHolding writes h, or removes it if nothing carries it any more.
func (st *siteTx) saveHolding(h Holding) error {
	k, err := digestKey(h.Digest)
	if err != nil {
		return err
	}
	if len(h.Carriers) == 0 {
		return st.t.del(st.holdings, k)
	}
	return st.t.put(st.holdings, k, h.encode())
}

// encode returns the value of h: the size, then the epoch and seq of each
// carrier.
func (h Holding) encode() []byte {
	b := appendNumber(make([]byte, 0, numberLen+pairLen*len(h.Carriers)), h.Size)
	for _, c := range h.Carriers {
		b = appendNumber(appendNumber(b, c.Epoch), c.Seq)
	}
	return b
}

// parseHolding is the inverse of encode.
func parseHolding(d bundle.Digest, v []byte) (Holding, error) {
	size, rest, err := parseSize(v)
	if err != nil {
		return Holding{}, fmt.Errorf("%s: %w", d, err)
	}
	carriers, err := parseCarriers(rest)
	if err != nil {
		return Holding{}, fmt.Errorf("%s: %w", d, err)
	}
	return Holding{Blob{d, size}, carriers}, nil
}

func parseSize(v []byte) (int64, []byte, error) {
	if len(v) < numberLen || number(v) < 0 {
		return 0, nil, fmt.Errorf("%w: holding %.80x has no size", ErrDamaged, v)
	}
	return number(v), v[numberLen:], nil
}

func parseCarriers(v []byte) ([]Carrier, error) {
	if len(v) == 0 || len(v)%pairLen != 0 {
		return nil, fmt.Errorf("%w: %.80x is not a list of carriers", ErrDamaged, v)
	}
	carriers := make([]Carrier, 0, len(v)/pairLen+1)
	for pair := range slices.Chunk(v, pairLen) {
		epoch, seq, err := parsePair(pair)
		if err != nil {
			return nil, err
		}
		c := Carrier{epoch, seq}
		if n := len(carriers); n > 0 && carriers[n-1].compare(c) >= 0 {
			return nil, fmt.Errorf("%w: carriers are not ascending", ErrDamaged)
		}
		carriers = append(carriers, c)
	}
	return carriers, nil
}
