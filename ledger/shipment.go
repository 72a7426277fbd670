package ledger

import (
	"errors"
	"fmt"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
)

// A ShipmentState says how far a shipment came.
type ShipmentState string

// The states of a shipment. A shipped one is assumed to arrive; nobody knows
// until it is acknowledged or lost.
const (
	ShipmentPlanned      ShipmentState = "planned"
	ShipmentSealed       ShipmentState = "sealed"
	ShipmentShipped      ShipmentState = "shipped"
	ShipmentAcknowledged ShipmentState = "acknowledged"
	ShipmentLost         ShipmentState = "lost"
)

// unfinished reports whether pack has not done its work.
func (s ShipmentState) unfinished() bool { return s == ShipmentPlanned || s == ShipmentSealed }

// A Shipment is a bundle on its way to a site.
type Shipment struct {
	Site  string        `json:"site"`
	Epoch int64         `json:"epoch"`
	Seq   int64         `json:"seq"`
	State ShipmentState `json:"state"`

	// Of the plan.
	Plan            bundle.Digest        `json:"plan"` // of all that was planned, as the planner defines it
	Prev            bundle.Digest        `json:"prev"` // statement of the shipment before, "" for seq 1
	Issued          time.Time            `json:"issued"`
	Expires         time.Time            `json:"expires"`
	Bytes           int64                `json:"bytes"` // payload
	Releases        []bundle.ReleaseInfo `json:"releases"`
	Requires        []int64              `json:"requires"` // unacknowledged shipments it leans on, ascending
	InventoryBefore bundle.Digest        `json:"inventory_before"`
	InventoryAfter  bundle.Digest        `json:"inventory_after"`

	// Known when it is sealed.
	Statement bundle.Digest `json:"statement"`
	Index     bundle.Digest `json:"index"`
	Volumes   []string      `json:"volumes"` // names of files, in order

	Entries int64 `json:"entries"` // holdings that name this shipment as a carrier; 0 if not shipped, or lost
}

// Sealed is what is known of a shipment when all its bytes are.
type Sealed struct {
	Statement bundle.Digest
	Index     bundle.Digest
	Volumes   []string // names of files, in order
}

// Plan records that a bundle for site is about to be packed, and returns the
// shipment with Epoch, Seq and Prev, which the caller leaves empty.
//
// If the last shipment is planned or sealed and has the same Plan, that one is
// returned as it is, with its times: the caller resumes it. If it is planned
// with another Plan, the new one takes its seq. If it is sealed with another
// Plan, the error is [ErrConflict], and it must be finished first.
func (o *Outside) Plan(site string, s Shipment) (Shipment, error) {
	err := o.f.update(func(t *tx) error {
		st, err := t.site(site)
		if err != nil {
			return err
		}
		if _, err := bundle.ParseDigest(string(s.Plan)); err != nil {
			return fmt.Errorf("plan: %w", err)
		}
		last, ok, err := st.unfinished()
		switch {
		case err != nil:
			return err
		case ok && last.Plan == s.Plan:
			s = last
			return nil
		case ok && last.State == ShipmentSealed:
			return fmt.Errorf("%w: shipment %d is sealed and must be finished first", ErrConflict, last.Seq)
		}
		s, err = st.plan(s)
		return err
	})
	if err != nil {
		return Shipment{}, fmt.Errorf("planning a shipment for site %q: %w", site, err)
	}
	return s, nil
}

// plan writes s as the planned shipment, in place of the one that there may be.
func (st *siteTx) plan(s Shipment) (Shipment, error) {
	last, replace, err := st.unfinished()
	if err != nil {
		return Shipment{}, err
	}
	s.Site, s.Epoch, s.Seq, s.Prev, s.State = st.Name, st.Epoch, st.NextSeq, st.Head, ShipmentPlanned
	s.Issued, s.Expires = s.Issued.UTC(), s.Expires.UTC()
	s.Statement, s.Index, s.Volumes, s.Entries = "", "", nil, 0
	if replace {
		s.Seq = last.Seq
	} else {
		st.NextSeq++
		if err := st.save(); err != nil {
			return Shipment{}, err
		}
	}
	for i, n := range s.Requires {
		if i > 0 && n <= s.Requires[i-1] {
			return Shipment{}, errors.New("required shipments are not ascending")
		}
		r, err := st.shipment(n)
		if err != nil {
			return Shipment{}, fmt.Errorf("required shipment %d: %w", n, err)
		}
		if r.State != ShipmentShipped {
			return Shipment{}, fmt.Errorf("%w: required shipment %d is %s, not shipped", ErrConflict, n, r.State)
		}
	}
	return s, st.saveShipment(s)
}

// Seal binds the seq of a planned shipment to a statement, for good. It must
// return before the first volume gets its name. Sealing with the same
// statement again changes nothing; with another it gives [ErrConflict].
func (o *Outside) Seal(site string, seq int64, sealed Sealed) error {
	err := o.f.update(func(t *tx) error {
		st, s, err := t.siteShipment(site, seq)
		if err != nil {
			return err
		}
		for _, d := range []bundle.Digest{sealed.Statement, sealed.Index} {
			if _, err := bundle.ParseDigest(string(d)); err != nil {
				return err
			}
		}
		if s.State != ShipmentPlanned {
			if s.Statement == sealed.Statement {
				return nil
			}
			return fmt.Errorf("%w: it is %s with statement %s", ErrConflict, s.State, s.Statement)
		}
		s.State, s.Statement, s.Index, s.Volumes = ShipmentSealed, sealed.Statement, sealed.Index, sealed.Volumes
		st.Head = sealed.Statement
		if err := st.save(); err != nil {
			return err
		}
		return st.saveShipment(s)
	})
	if err != nil {
		return fmt.Errorf("sealing shipment %d for site %q: %w", seq, site, err)
	}
	return nil
}

// Ship records that the volumes of a sealed shipment have their names: from
// now on its blobs, which are all entries of its index, are holdings of the
// site, and its releases are the site's. releases must name the releases of
// the shipment; Epoch and Seq in them are filled in. Shipping again changes
// nothing.
func (o *Outside) Ship(site string, seq int64, blobs []Blob, releases []Release) error {
	err := o.f.update(func(t *tx) error {
		st, s, err := t.siteShipment(site, seq)
		switch {
		case err != nil:
			return err
		case s.State == ShipmentPlanned:
			return fmt.Errorf("%w: it is not sealed", ErrConflict)
		case s.State != ShipmentSealed:
			return nil
		}
		sorted, err := sortBlobs(blobs)
		if err != nil {
			return err
		}
		if err := st.addHoldings(Carrier{s.Epoch, s.Seq}, sorted); err != nil {
			return err
		}
		if err := st.addReleases(s, releases); err != nil {
			return err
		}
		s.State, s.Entries = ShipmentShipped, int64(len(sorted))
		return st.saveShipment(s)
	})
	if err != nil {
		return fmt.Errorf("shipping shipment %d for site %q: %w", seq, site, err)
	}
	return nil
}

// Acknowledge records the word of a site that it has imported everything up to
// seq, where head is the digest of the last statement that it names. All
// shipments up to seq that are not lost become acknowledged. A head other than
// the statement of seq gives [ErrConflict]. Acknowledging again, or less than
// before, changes nothing.
func (o *Outside) Acknowledge(site string, seq int64, head bundle.Digest) error {
	err := o.f.update(func(t *tx) error {
		st, s, err := t.siteShipment(site, seq)
		switch {
		case err != nil:
			return err
		case s.State.unfinished():
			return fmt.Errorf("%w: it is only %s", ErrConflict, s.State)
		case s.Statement != head:
			return fmt.Errorf("%w: its statement is %s, the receipt names %s", ErrConflict, s.Statement, head)
		case seq <= st.Acked:
			return nil
		}
		for n := st.Acked + 1; n <= seq; n++ {
			s, err := st.shipment(n)
			if err != nil {
				return err
			}
			if s.State != ShipmentShipped {
				continue
			}
			s.State = ShipmentAcknowledged
			if err := st.saveShipment(s); err != nil {
				return err
			}
		}
		st.Acked = seq
		return st.save()
	})
	if err != nil {
		return fmt.Errorf("acknowledging shipment %d for site %q: %w", seq, site, err)
	}
	return nil
}

// Lose records that a shipment never arrived. What only it carried is no
// longer held, and a shipment that is planned is to be planned anew. A
// shipment that was acknowledged gives [ErrConflict], as does a sealed one
// that is not finished, as its statement says what the site holds. Losing a
// lost one changes nothing.
func (o *Outside) Lose(site string, seq int64) error {
	err := o.f.update(func(t *tx) error {
		st, s, err := t.siteShipment(site, seq)
		switch {
		case err != nil:
			return err
		case s.State == ShipmentLost:
			return nil
		case s.State != ShipmentShipped:
			return fmt.Errorf("%w: it is %s", ErrConflict, s.State)
		}
		last, ok, err := st.unfinished()
		if err != nil {
			return err
		}
		if ok && last.State == ShipmentSealed {
			return fmt.Errorf("%w: shipment %d is sealed and must be finished first", ErrConflict, last.Seq)
		}
		if ok && last.Plan != "" {
			last.Plan, last.Requires = "", nil
			if err := st.saveShipment(last); err != nil {
				return err
			}
		}
		if err := st.dropCarrier(Carrier{s.Epoch, s.Seq}); err != nil {
			return err
		}
		s.State, s.Entries = ShipmentLost, 0
		return st.saveShipment(s)
	})
	if err != nil {
		return fmt.Errorf("losing shipment %d for site %q: %w", seq, site, err)
	}
	return nil
}

// Shipment returns a shipment of the current epoch, or [ErrNotFound].
func (o *Outside) Shipment(site string, seq int64) (Shipment, error) {
	var s Shipment
	err := o.f.view(func(t *tx) (err error) {
		_, s, err = t.siteShipment(site, seq)
		return err
	})
	if err != nil {
		return Shipment{}, fmt.Errorf("shipment %d for site %q: %w", seq, site, err)
	}
	return s, nil
}

// Shipments returns all shipments to a site, in order.
func (o *Outside) Shipments(site string) ([]Shipment, error) {
	return o.shipments(site, func(*siteTx) []byte { return shipmentKey(1, 1) })
}

// Unacknowledged returns the shipments to a site, in order, that no receipt
// speaks of, lost ones included.
func (o *Outside) Unacknowledged(site string) ([]Shipment, error) {
	return o.shipments(site, func(st *siteTx) []byte { return shipmentKey(st.Epoch, st.Acked+1) })
}

// shipments returns the shipments to a site from a key on.
func (o *Outside) shipments(site string, from func(*siteTx) []byte) ([]Shipment, error) {
	var all []Shipment
	err := o.f.view(func(t *tx) error {
		st, err := t.site(site)
		if err != nil {
			return err
		}
		c := st.shipments.Cursor()
		for k, v := c.Seek(from(st)); k != nil; k, v = c.Next() {
			var s Shipment
			if err := parseJSON(v, &s); err != nil {
				return err
			}
			all = append(all, s)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading shipments for site %q: %w", site, err)
	}
	return all, nil
}

// Unfinished returns the shipment to a site that is planned or sealed, if
// there is one. There is never more than one.
func (o *Outside) Unfinished(site string) (s Shipment, ok bool, err error) {
	err = o.f.view(func(t *tx) error {
		st, err := t.site(site)
		if err != nil {
			return err
		}
		s, ok, err = st.unfinished()
		return err
	})
	if err != nil {
		return Shipment{}, false, fmt.Errorf("reading shipments for site %q: %w", site, err)
	}
	return s, ok, nil
}

// unfinished returns the last shipment if it is planned or sealed.
func (st *siteTx) unfinished() (Shipment, bool, error) {
	if st.NextSeq == 1 {
		return Shipment{}, false, nil
	}
	s, err := st.shipment(st.NextSeq - 1)
	if err != nil {
		return Shipment{}, false, err
	}
	if !s.State.unfinished() {
		return Shipment{}, false, nil
	}
	return s, true, nil
}

// siteShipment returns a site and one of its shipments.
func (t *tx) siteShipment(site string, seq int64) (*siteTx, Shipment, error) {
	st, err := t.site(site)
	if err != nil {
		return nil, Shipment{}, err
	}
	s, err := st.shipment(seq)
	return st, s, err
}

// shipment returns a shipment of the current epoch, or ErrNotFound.
func (st *siteTx) shipment(seq int64) (s Shipment, err error) {
	if seq < 1 {
		return Shipment{}, ErrNotFound
	}
	err = getJSON(st.shipments, shipmentKey(st.Epoch, seq), &s)
	return s, err
}

func (st *siteTx) saveShipment(s Shipment) error {
	s.Releases, s.Requires, s.Volumes = nonNil(s.Releases), nonNil(s.Requires), nonNil(s.Volumes)
	return st.t.putJSON(st.shipments, shipmentKey(s.Epoch, s.Seq), s)
}

// nonNil makes JSON write [] for a list that is empty.
func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
