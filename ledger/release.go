package ledger

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/airgap-ferry/ferry/bundle"
)

// A Release is a release as a site has it.
type Release struct {
	Name     string        `json:"name"`
	Version  string        `json:"version"`
	Manifest bundle.Digest `json:"manifest"` // of the release manifest
	Resolved bundle.Digest `json:"resolved"` // of the resolved release
	Epoch    int64         `json:"epoch"`    // of the shipment that brought it
	Seq      int64         `json:"seq"`
	Time     time.Time     `json:"time"` // inside: of the import; outside: of the issue
}

// Info returns what a statement says of r.
func (r Release) Info() bundle.ReleaseInfo {
	return bundle.ReleaseInfo{Name: r.Name, Version: r.Version, Digest: r.Manifest}
}

// key returns the key of r: its name, which has no zero byte, and where it
// stands among the releases of that name.
func (r Release) key() []byte {
	return append(append([]byte(r.Name), 0), shipmentKey(r.Epoch, r.Seq)...)
}

// Releases returns the releases of a site, by name: of each name the last one
// that was shipped and is not lost.
func (o *Outside) Releases(site string) ([]Release, error) {
	all, err := o.ReleaseHistory(site)
	if err != nil {
		return nil, err
	}
	var current []Release
	for _, r := range all {
		if n := len(current); n > 0 && current[n-1].Name == r.Name {
			current[n-1] = r
		} else {
			current = append(current, r)
		}
	}
	return current, nil
}

// ReleaseHistory returns all releases that were shipped to a site and are not
// lost, by name and in the order in which they were shipped.
func (o *Outside) ReleaseHistory(site string) ([]Release, error) {
	var all []Release
	err := o.f.view(func(t *tx) error {
		st, err := t.site(site)
		if err != nil {
			return err
		}
		return eachRelease(st.releases, func(r Release) error {
			var s Shipment
			if err := getJSON(st.shipments, shipmentKey(r.Epoch, r.Seq), &s); err != nil {
				return fmt.Errorf("release %q: shipment %d: %w", r.Name, r.Seq, err)
			}
			if s.State != ShipmentLost {
				all = append(all, r)
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading releases of site %q: %w", site, err)
	}
	return all, nil
}

// addReleases records the releases of a shipment.
func (st *siteTx) addReleases(s Shipment, releases []Release) error {
	var infos []bundle.ReleaseInfo
	for _, r := range releases {
		infos = append(infos, r.Info())
	}
	if !sameReleases(infos, s.Releases) {
		return fmt.Errorf("%w: its releases are not those of the plan", ErrConflict)
	}
	for _, r := range releases {
		r.Epoch, r.Seq, r.Time = s.Epoch, s.Seq, s.Issued
		if err := st.t.putRelease(st.releases, r); err != nil {
			return err
		}
	}
	return nil
}

// sameReleases reports whether a and b are the same but for their order.
func sameReleases(a, b []bundle.ReleaseInfo) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(r bundle.ReleaseInfo) bool { return !slices.Contains(b, r) })
}

func (t *tx) putRelease(b *bbolt.Bucket, r Release) error {
	for _, d := range []bundle.Digest{r.Manifest, r.Resolved} {
		if _, err := bundle.ParseDigest(string(d)); err != nil {
			return fmt.Errorf("release %.80q: %w", r.Name, err)
		}
	}
	if !bundle.ValidReleaseName(r.Name) {
		return fmt.Errorf("release %.80q: not a name", r.Name)
	}
	return t.putJSON(b, r.key(), r)
}

// eachRelease calls each for every release of a bucket.
func eachRelease(b *bbolt.Bucket, each func(Release) error) error {
	return b.ForEach(func(k, v []byte) error {
		var r Release
		if err := parseJSON(v, &r); err != nil {
			return fmt.Errorf("release %.80q: %w", k, err)
		}
		if !bytes.Equal(k, r.key()) {
			return fmt.Errorf("%w: release %.80q is kept as %.80q", ErrDamaged, r.key(), k)
		}
		return each(r)
	})
}
