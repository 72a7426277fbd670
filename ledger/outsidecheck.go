package ledger

import (
	"bytes"
	"fmt"

	"github.com/airgap-ferry/ferry/bundle"
)

// Check verifies the invariants of the package documentation and returns all
// violations joined, or nil.
func (o *Outside) Check() error {
	return check(o.f, func(t *tx, c *checker) {
		sites, err := t.bucket(keySites)
		if err != nil {
			c.violations = append(c.violations, err)
			return
		}
		err = sites.ForEachBucket(func(name []byte) error {
			c.checkSite(t, string(name))
			return nil
		})
		c.fail("sites", err)
		c.checkLayers(t)
	})
}

// A siteCheck is the check of one site.
type siteCheck struct {
	*checker
	st        *siteTx
	shipments map[Carrier]Shipment
	carried   map[Carrier]int64 // holdings that name the shipment
	released  map[Carrier][]bundle.ReleaseInfo
}

func (c *checker) checkSite(t *tx, name string) {
	st, err := t.site(name)
	if err != nil {
		c.failf("site %q: %w", name, err)
		return
	}
	own := &siteCheck{
		checker: &checker{}, st: st, shipments: map[Carrier]Shipment{},
		carried: map[Carrier]int64{}, released: map[Carrier][]bundle.ReleaseInfo{},
	}
	own.checkRecord(name)
	own.checkShipments()
	own.checkHoldings()
	own.checkReleases()
	own.checkShipped()
	for _, v := range own.violations {
		c.failf("site %q: %w", name, v)
	}
}

// checkRecord checks the record of the site itself.
func (c *siteCheck) checkRecord(name string) {
	s := c.st.Site
	if s.Name != name || !bundle.ValidSiteName(name) {
		c.failf("its record is of site %.80q", s.Name)
	}
	if s.Epoch < 1 || s.NextSeq < 1 || s.Acked < 0 || s.Acked >= s.NextSeq {
		c.failf("epoch %d, next seq %d and acknowledged seq %d can't be", s.Epoch, s.NextSeq, s.Acked)
	}
	c.digest("key", s.Key, true)
	c.digest("head", s.Head, true)
}

// checkShipments checks the shipments among themselves.
func (c *siteCheck) checkShipments() {
	last := Shipment{}
	cur := c.st.shipments.Cursor()
	for k, v := cur.First(); k != nil; k, v = cur.Next() {
		epoch, seq, err := parsePair(k)
		if err != nil {
			c.fail("shipments", err)
			continue
		}
		s, err := parseShipment(v)
		if err != nil {
			c.failf("shipment %d.%d: %w", epoch, seq, err)
		}
		if s.Epoch != epoch || s.Seq != seq || s.Site != c.st.Name {
			c.failf("shipment %d.%d: its record is of %q %d.%d", epoch, seq, s.Site, s.Epoch, s.Seq)
		}
		s.Epoch, s.Seq = epoch, seq // so that one fault is not reported many times
		if epoch != last.Epoch {
			c.checkLast(last)
			last = Shipment{}
		}
		if want := last.Seq + 1; seq != want {
			c.failf("shipment %d.%d found where %d.%d belongs", epoch, seq, epoch, want)
		}
		if s.Prev != last.Statement {
			c.failf("shipment %d.%d: prev is %q, the statement before is %q", epoch, seq, s.Prev, last.Statement)
		}
		c.checkState(s)
		c.shipments[Carrier{epoch, seq}] = s
		last = s
	}
	c.checkLast(last)
	if last.Epoch != c.st.Epoch && (c.st.NextSeq != 1 || c.st.Head != "" || last.Epoch > c.st.Epoch) {
		c.failf("the last shipment is %d.%d, but the site is in epoch %d and comes to seq %d",
			last.Epoch, last.Seq, c.st.Epoch, c.st.NextSeq)
	}
}

// parseShipment decodes a shipment and checks what can be checked of it alone.
func parseShipment(v []byte) (s Shipment, err error) {
	if err := parseJSON(v, &s); err != nil {
		return s, err
	}
	switch s.State {
	case ShipmentPlanned:
		if s.Statement != "" {
			return s, fmt.Errorf("it is planned, and has a statement")
		}
	case ShipmentSealed, ShipmentShipped, ShipmentAcknowledged, ShipmentLost:
		if _, err := bundle.ParseDigest(string(s.Statement)); err != nil {
			return s, fmt.Errorf("it is %s, and has no statement: %w", s.State, err)
		}
	default:
		return s, fmt.Errorf("%w: state %.40q", ErrDamaged, string(s.State))
	}
	return s, nil
}

// checkLast checks what is special about the last shipment of an epoch.
func (c *siteCheck) checkLast(s Shipment) {
	if s.Epoch != c.st.Epoch {
		return
	}
	if s.Seq != c.st.NextSeq-1 {
		c.failf("the last shipment is %d.%d, but the next seq is %d", s.Epoch, s.Seq, c.st.NextSeq)
	}
	head := s.Statement
	if s.State == ShipmentPlanned {
		head = s.Prev
	}
	if c.st.Head != head {
		c.failf("head is %q, the last statement is %q", c.st.Head, head)
	}
}

// checkState checks the state of a shipment against where it stands.
func (c *siteCheck) checkState(s Shipment) {
	current := s.Epoch == c.st.Epoch
	if s.State.unfinished() && (!current || s.Seq != c.st.NextSeq-1) {
		c.failf("shipment %d.%d is %s, but not the last", s.Epoch, s.Seq, s.State)
		return
	}
	settled := s.State == ShipmentAcknowledged || s.State == ShipmentLost
	if spoken := !current || s.Seq <= c.st.Acked; spoken && !settled {
		c.failf("shipment %d.%d is %s, but a receipt speaks of it", s.Epoch, s.Seq, s.State)
	} else if !spoken && s.State == ShipmentAcknowledged {
		c.failf("shipment %d.%d is acknowledged, but no receipt speaks of it", s.Epoch, s.Seq)
	}
}

// checkHoldings checks that holdings come from shipments.
func (c *siteCheck) checkHoldings() {
	c.fail("holdings", c.st.holdings.ForEach(func(k, v []byte) error {
		d, err := parseDigestKey(k)
		if err != nil {
			c.fail("holdings", err)
			return nil
		}
		h, err := parseHolding(d, v)
		if err != nil {
			c.fail("holdings", err)
			return nil
		}
		for _, by := range h.Carriers {
			c.carried[by]++
			if s := c.shipments[by]; s.State != ShipmentShipped && s.State != ShipmentAcknowledged {
				c.failf("%s is held by shipment %d.%d, which is %q", d, by.Epoch, by.Seq, s.State)
			}
		}
		return nil
	}))
}

// checkReleases checks that releases come from shipments.
func (c *siteCheck) checkReleases() {
	c.fail("releases", c.st.releases.ForEach(func(k, v []byte) error {
		var r Release
		if err := parseJSON(v, &r); err != nil {
			c.failf("release %.80q: %w", k, err)
			return nil
		}
		if !bytes.Equal(k, r.key()) {
			c.failf("release %.80q is kept as %.80q", r.key(), k)
		}
		c.digest(fmt.Sprintf("release %q", r.Name), r.Resolved, false)
		by := Carrier{r.Epoch, r.Seq}
		c.released[by] = append(c.released[by], r.Info())
		if s, ok := c.shipments[by]; !ok || s.State.unfinished() {
			c.failf("release %q is of shipment %d.%d, which is %q", r.Name, r.Epoch, r.Seq, s.State)
		}
		return nil
	}))
}

// checkShipped checks that what was shipped is on record.
func (c *siteCheck) checkShipped() {
	for by, s := range c.shipments {
		if got := c.carried[by]; got != s.Entries {
			c.failf("shipment %d.%d brought %d entries, %d holdings name it", by.Epoch, by.Seq, s.Entries, got)
		}
		if !s.State.unfinished() && !sameReleases(c.released[by], s.Releases) {
			c.failf("shipment %d.%d: its releases are not those on record", by.Epoch, by.Seq)
		}
	}
}
