package outside

import (
	"context"
	"errors"
	"fmt"

	"github.com/airgap-ferry/ferry/ledger"
	"github.com/airgap-ferry/ferry/report"
)

// ErrWhichSite says that there are several sites, and one must be named.
var ErrWhichSite = errors.New("there are several sites, name one")

// Status returns what the ledger knows of site, or of all sites if it is "",
// and with a releaseFile what a pack for the site would ship. With that, site
// may only be "" if there is no more than one; else it is [ErrWhichSite].
func (a *Agent) Status(ctx context.Context, site, releaseFile string) (*report.OutsideStatus, error) {
	sites, err := a.sites(site)
	if err != nil {
		return nil, err
	}
	out := &report.OutsideStatus{Sites: []report.SiteStatus{}}
	for _, s := range sites {
		status, err := a.siteStatus(s)
		if err != nil {
			return nil, err
		}
		out.Sites = append(out.Sites, *status)
	}
	if releaseFile == "" {
		return out, nil
	}
	if len(sites) != 1 {
		return nil, fmt.Errorf("comparing %q with a site: %w", releaseFile, ErrWhichSite)
	}
	p, err := a.Plan(ctx, PackOptions{Site: sites[0].Name, ReleaseFile: releaseFile})
	if err != nil {
		return nil, err
	}
	wanted := p.Report()
	out.Wanted = &wanted
	return out, nil
}

// sites returns the one site that is named, or all.
func (a *Agent) sites(name string) ([]ledger.Site, error) {
	if name == "" {
		return a.ledger.Sites()
	}
	s, err := a.ledger.Site(name)
	return []ledger.Site{s}, err
}

func (a *Agent) siteStatus(s ledger.Site) (*report.SiteStatus, error) {
	out := &report.SiteStatus{
		Site: s.Name, Epoch: s.Epoch, SiteKey: s.Key, Releases: []report.Release{}, Shipments: []report.Shipment{},
	}
	var inventory ledger.Inventory
	err := a.ledger.Holdings(s.Name, func(h ledger.Holding) error {
		out.Holdings.Blobs++
		out.Holdings.Bytes += h.Size
		return inventory.Add(h.Blob)
	})
	if err != nil {
		return nil, err
	}
	out.Inventory = inventory.Root()
	releases, err := a.ledger.Releases(s.Name)
	if err != nil {
		return nil, err
	}
	for _, r := range releases {
		out.Releases = append(out.Releases, report.Release(r.Info()))
	}
	shipments, err := a.ledger.Shipments(s.Name)
	if err != nil {
		return nil, err
	}
	for _, sh := range shipments {
		out.Shipments = append(out.Shipments, shipmentStatus(sh))
	}
	return out, nil
}

func shipmentStatus(s ledger.Shipment) report.Shipment {
	out := report.Shipment{
		Seq: s.Seq, State: string(s.State), Means: meaning(s.State), Statement: s.Statement,
		Releases: []report.Release{}, Bytes: s.Bytes, Volumes: append([]string{}, s.Volumes...), Issued: s.Issued, Expires: s.Expires,
	}
	for _, r := range s.Releases {
		out.Releases = append(out.Releases, report.Release(r))
	}
	return out
}

// meaning says a state in words, and what there is to do.
func meaning(s ledger.ShipmentState) string {
	switch s {
	case ledger.ShipmentPlanned:
		return "stopped before it was complete; the same pack again goes on with it"
	case ledger.ShipmentSealed:
		return "complete, but its volumes may not have their names; the next pack sees to that"
	case ledger.ShipmentShipped:
		return "written, to be carried; taken to arrive"
	case ledger.ShipmentAcknowledged:
		return "the site has imported it"
	case ledger.ShipmentLost:
		return "never arrived; what only it carried will be shipped again"
	}
	return "of a later version of ferry"
}
