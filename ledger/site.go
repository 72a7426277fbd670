package ledger

import (
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/airgap-ferry/ferry/bundle"
)

// A Site is one inside, as the outside knows it.
type Site struct {
	Name    string        `json:"name"`
	Key     bundle.Digest `json:"key"`      // digest of the site's receipt key, "" if that is not known
	Epoch   int64         `json:"epoch"`    // from 1
	NextSeq int64         `json:"next_seq"` // the first that is not consumed, from 1
	Acked   int64         `json:"acked"`    // the last that a receipt speaks of, 0 for none
	Head    bundle.Digest `json:"head"`     // statement of the last sealed shipment, "" for none
	Added   time.Time     `json:"added"`
}

// AddSite adds a site, with epoch 1 and nothing shipped unless s says
// otherwise; of s, Name and Added must be set. It returns [ErrExists] if there
// is a site of that name.
func (o *Outside) AddSite(s Site) error {
	s.Epoch, s.NextSeq, s.Added = max(s.Epoch, 1), max(s.NextSeq, 1), s.Added.UTC()
	err := o.f.update(func(t *tx) error {
		if err := s.checkNew(); err != nil {
			return err
		}
		sites, err := t.bucket(keySites)
		if err != nil {
			return err
		}
		if sites.Bucket([]byte(s.Name)) != nil {
			return ErrExists
		}
		b, err := t.makeBucket(sites, []byte(s.Name))
		if err != nil {
			return err
		}
		for _, name := range [][]byte{keyShipments, keyHoldings, keyReleases} {
			if _, err := t.makeBucket(b, name); err != nil {
				return err
			}
		}
		return t.putJSON(b, keySite, s)
	})
	if err != nil {
		return fmt.Errorf("adding site %q: %w", s.Name, err)
	}
	return nil
}

// checkNew says what is wrong with a site to be added.
func (s *Site) checkNew() error {
	if !bundle.ValidSiteName(s.Name) {
		return fmt.Errorf("site name %.80q: want 1 to 63 of a-z, 0-9 and '-'", s.Name)
	}
	if s.NextSeq != 1 || s.Acked != 0 || s.Head != "" {
		return fmt.Errorf("%w: a new site has no shipments", ErrConflict)
	}
	return s.checkKey()
}

func (s *Site) checkKey() error {
	if s.Key == "" {
		return nil
	}
	_, err := bundle.ParseDigest(string(s.Key))
	return err
}

// SetSiteKey records the digest of the receipt key of a site that had none. A
// site with another key gives [ErrConflict].
func (o *Outside) SetSiteKey(site string, key bundle.Digest) error {
	err := o.f.update(func(t *tx) error {
		s, err := t.site(site)
		if err != nil {
			return err
		}
		if s.Key == key {
			return nil
		}
		if s.Key != "" {
			return fmt.Errorf("%w: the key is %s", ErrConflict, s.Key)
		}
		s.Key = key
		if err := s.checkKey(); err != nil {
			return err
		}
		return s.save()
	})
	if err != nil {
		return fmt.Errorf("setting key of site %q: %w", site, err)
	}
	return nil
}

// Site returns a site, or [ErrNotFound].
func (o *Outside) Site(name string) (Site, error) {
	var s Site
	err := o.f.view(func(t *tx) error {
		st, err := t.site(name)
		if err == nil {
			s = st.Site
		}
		return err
	})
	if err != nil {
		return Site{}, fmt.Errorf("site %q: %w", name, err)
	}
	return s, nil
}

// Sites returns all sites, by name.
func (o *Outside) Sites() ([]Site, error) {
	var all []Site
	err := o.f.view(func(t *tx) error {
		sites, err := t.bucket(keySites)
		if err != nil {
			return err
		}
		return sites.ForEachBucket(func(name []byte) error {
			s, err := t.site(string(name))
			if err != nil {
				return fmt.Errorf("site %q: %w", name, err)
			}
			all = append(all, s.Site)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading sites: %w", err)
	}
	return all, nil
}

// siteTx is a site within a transaction, with its buckets.
type siteTx struct {
	Site
	t         *tx
	own       *bbolt.Bucket
	shipments *bbolt.Bucket
	holdings  *bbolt.Bucket
	releases  *bbolt.Bucket
}

// site returns the site called name, or ErrNotFound.
func (t *tx) site(name string) (*siteTx, error) {
	sites, err := t.bucket(keySites)
	if err != nil {
		return nil, err
	}
	s := &siteTx{t: t, own: sites.Bucket([]byte(name))}
	if s.own == nil {
		return nil, ErrNotFound
	}
	for _, b := range []struct {
		name []byte
		to   **bbolt.Bucket
	}{{keyShipments, &s.shipments}, {keyHoldings, &s.holdings}, {keyReleases, &s.releases}} {
		if *b.to, err = sub(s.own, b.name); err != nil {
			return nil, err
		}
	}
	if s.own.Get(keySite) == nil {
		return nil, fmt.Errorf("%w: no record of the site", ErrDamaged)
	}
	return s, getJSON(s.own, keySite, &s.Site)
}

// save writes the record of the site.
func (s *siteTx) save() error { return s.t.putJSON(s.own, keySite, s.Site) }
