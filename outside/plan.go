package outside

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/ledger"
	"github.com/airgap-ferry/ferry/release"
	"github.com/airgap-ferry/ferry/report"
	"github.com/airgap-ferry/ferry/verify/statement"
)

// Bases: what the site is taken to hold when a shipment is planned.
const (
	BasisShipped = "shipped" // all that was shipped
	BasisAcked   = "acked"   // what the site has acknowledged
	BasisNone    = "none"    // nothing
)

// PackOptions says what to pack for whom.
type PackOptions struct {
	Site        string
	ReleaseFile string
	Output      string        // directory for the volumes; it is made if it is missing; "" for the current one
	VolumeSize  int64         // bytes, 0 for one volume of any size; see ParseVolumeSize
	Expires     time.Duration // after the issue; 0: as ferry.yaml says
	Basis       string        // BasisShipped (or ""), BasisAcked or BasisNone
	Locked      bool          // the lock file must be there and agree with what is resolved

	// Of patches. The zero values make them wherever they are smaller.
	NoPatch   bool   // everything goes whole
	For       string // ForBytes, ForTime, or "" for what is usual
	Link      int64  // bytes per second that get to the site, 0 if that is not known; see ParseLink
	Memory    int64  // bytes that making patches takes; 0 for delta.DefaultMemory
	CacheSize int64  // bytes of blobs that are kept for later patches; 0 for DefaultCacheSize, less for none
}

// A Plan is what would be shipped. It can be executed once, while its agent is
// open.
type Plan struct {
	a          *Agent
	o          PackOptions
	output     string // absolute
	basis      ledger.Basis
	site       ledger.Site
	key        statement.Key // that will sign
	root       int64         // version
	resolution *release.Resolution
	held       map[bundle.Digest]bool
	index      *bundle.Index  // until Execute with placeholders for the digests of chunks
	items      []release.Item // in the order of index.Entries
	layout     *bundle.Plan   // nil if there is nothing to ship
	requires   []int64        // shipments that it leans on
	before     bundle.Digest  // inventory
	after      bundle.Digest  // inventory
	digest     bundle.Digest  // of all that decides about the bundle, but seq and time
	resumed    bool           // an earlier run with the same plan was stopped
	patched    *patched       // nil if nothing is
	patches    []report.Patch // verdicts on the blobs that could be patched
	report     report.Plan
}

// Plan resolves the release, verifies the signatures of images that ask for
// it, and compares all of it with the holdings of the site. What is wrong with
// the release is returned all at once. A site that the ledger doesn't have is
// [ledger.ErrNotFound].
//
// Where a patch is smaller than what it rebuilds, it is made here already, so
// that the plan says what will travel. Until the agent is closed it lies in the
// agent's directory.
func (a *Agent) Plan(ctx context.Context, o PackOptions) (*Plan, error) {
	p := &Plan{a: a, o: o}
	if err := p.prepare(); err != nil {
		return nil, err
	}
	if err := p.resolve(ctx); err != nil {
		return nil, err
	}
	if o.Locked {
		if err := p.checkLock(); err != nil {
			return nil, err
		}
	}
	if err := p.compare(ctx); err != nil {
		return nil, err
	}
	unfinished, ok, err := a.ledger.Unfinished(o.Site)
	if err != nil {
		return nil, err
	}
	p.resumed = ok && !p.Empty() && unfinished.Plan == p.digest
	if ok && !p.resumed && unfinished.State == ledger.ShipmentSealed {
		if err := a.finish(ctx, unfinished); err != nil {
			return nil, err
		}
		if err := p.compare(ctx); err != nil {
			return nil, err
		}
	}
	return p, p.describe()
}

// Report returns the plan for people and programs.
func (p *Plan) Report() report.Plan { return p.report }

// Empty reports whether there is nothing to ship.
func (p *Plan) Empty() bool { return len(p.index.Entries) == 0 }

// prepare checks the options and reads what the agent knows by itself.
func (p *Plan) prepare() error {
	var err error
	if p.basis, err = parseBasis(p.o.Basis); err != nil {
		return err
	}
	if !bundle.ValidToolName(p.a.o.Tool) {
		return fmt.Errorf("tool %.80q: want 1 to 64 printable characters", p.a.o.Tool)
	}
	if p.o.For == ForTime && p.o.Link <= 0 {
		return errors.New("to be ready soonest, the rate of the link must be known")
	}
	if p.o.Expires == 0 {
		p.o.Expires = p.a.config.expires
	}
	if p.o.Expires < time.Minute || p.o.Expires > maxExpires {
		return fmt.Errorf("expiry %v: want 1 minute to %d days", p.o.Expires, maxExpires/day)
	}
	p.o.Expires = p.o.Expires.Truncate(time.Second)
	if p.output, err = filepath.Abs(p.o.Output); err != nil {
		return fmt.Errorf("output directory %q: %w", p.o.Output, err)
	}
	if p.key, err = readPublicKey(p.a.o.FS, p.a.dir); err != nil {
		return err
	}
	root, err := readRoot(p.a.o.FS, p.a.dir, p.key.ID)
	if err != nil {
		return err
	}
	p.root = root.Version
	return nil
}

func parseBasis(s string) (ledger.Basis, error) {
	switch s {
	case "", BasisShipped:
		return ledger.BasisShipped, nil
	case BasisAcked:
		return ledger.BasisAcknowledged, nil
	case BasisNone:
		return ledger.BasisNone, nil
	}
	return "", fmt.Errorf("basis %.40q: want %s, %s or %s", s, BasisShipped, BasisAcked, BasisNone)
}

// resolve pins the release.
func (p *Plan) resolve(ctx context.Context) error {
	// Before anything is asked of a registry: is there such a site?
	if _, err := p.a.ledger.Site(p.o.Site); err != nil {
		return err
	}
	r, err := release.Read(p.o.ReleaseFile)
	if err != nil {
		return err
	}
	client, err := p.a.config.httpClient()
	if err != nil {
		return err
	}
	p.a.o.Progress.Stage("resolving release %s %s", r.Name, r.Version)
	src := p.a.newSource()
	p.resolution, err = release.Resolve(ctx, r, src, release.ResolveOptions{
		Parallel: p.a.config.parallel,
		HTTP:     client,
		VerifyImage: func(ctx context.Context, image release.Image, key string) error {
			return src.verifyImage(ctx, p.a.o.FS, image, key)
		},
	})
	return errors.Join(err, src.save(p.a))
}

// compare looks up what the site holds, makes the patch, and lays out what the
// site lacks.
func (p *Plan) compare(ctx context.Context) error {
	var err error
	if p.site, err = p.a.ledger.Site(p.o.Site); err != nil {
		return err
	}
	if err := p.lookUp(); err != nil {
		return err
	}
	p.patched, p.patches = nil, nil
	if err := p.makePatch(ctx); err != nil {
		return err
	}
	if err := p.layOut(); err != nil || p.Empty() {
		return err
	}
	if err := p.takeInventory(); err != nil {
		return err
	}
	p.digest, err = p.digestOfAll()
	return err
}

// lookUp asks the ledger which items the site holds.
func (p *Plan) lookUp() error {
	items := p.resolution.Items()
	digests := make([]bundle.Digest, 0, len(items))
	for _, item := range items {
		digests = append(digests, item.Digest)
	}
	held, err := p.a.ledger.Holds(p.o.Site, p.basis, digests)
	if err != nil {
		return err
	}
	p.held = make(map[bundle.Digest]bool, len(items))
	for i, d := range digests {
		p.held[d] = held[i]
	}
	return nil
}

// layOut makes the index and the layout of what is not held.
func (p *Plan) layOut() error {
	p.index, p.items, p.layout = new(bundle.Index), nil, nil
	chunk := bundle.ChunkSizeFor(p.o.VolumeSize)
	byDigest := make(map[bundle.Digest]release.Item)
	for _, item := range p.travelling() {
		e := bundle.Entry{Digest: item.Digest, Size: item.Size, Patch: p.patched.is(item.Digest)}
		if item.IsManifest {
			e.MediaType = item.MediaType
		}
		if n := bundle.ChunkCount(item.Size, chunk); n > 1 {
			e.Chunks = slices.Repeat([]bundle.Digest{item.Digest}, int(n))
		}
		p.index.Entries = append(p.index.Entries, e)
		byDigest[item.Digest] = item
	}
	if p.Empty() {
		return nil
	}
	p.patched.list(p.index)
	var err error
	if p.index.Changes, err = p.changes(); err != nil {
		return err
	}
	p.index.Sort()
	for _, e := range p.index.Entries {
		p.items = append(p.items, byDigest[e.Digest])
	}
	if p.layout, err = bundle.NewPlan(p.index, p.o.VolumeSize, chunk); err != nil {
		return fmt.Errorf("laying out the bundle: %w", err)
	}
	return nil
}

// travelling returns the items that the bundle carries: what the site lacks and
// no patch makes, and the patch.
func (p *Plan) travelling() []release.Item {
	var items []release.Item
	for _, item := range p.resolution.Items() {
		if !p.held[item.Digest] && !p.patched.makes(item.Digest) {
			items = append(items, item)
		}
	}
	if p.patched != nil {
		items = append(items, p.patched.item)
	}
	return items
}

// takeInventory finds out what the bundle leans on, and what the site holds
// before and after it.
//
// Shipments are imported in order and none is left out. So when this one is,
// the site holds all that was shipped, whatever the basis.
func (p *Plan) takeInventory() error {
	var added []ledger.Blob
	var leansOn []bundle.Digest
	for _, item := range p.resolution.Items() {
		if p.held[item.Digest] {
			leansOn = append(leansOn, item.Digest)
		} else {
			added = append(added, ledger.Blob{Digest: item.Digest, Size: item.Size})
		}
	}
	for _, b := range p.index.Bases {
		leansOn = append(leansOn, b.Digest)
	}
	var err error
	if p.requires, err = p.a.ledger.Requires(p.o.Site, leansOn); err != nil {
		return err
	}
	if p.before, err = p.a.ledger.Inventory(p.o.Site, ledger.BasisShipped); err != nil {
		return err
	}
	p.after, err = p.a.ledger.InventoryWith(p.o.Site, ledger.BasisShipped, added)
	return err
}

// digestOfAll returns a digest over all that decides about the bytes of the
// bundle, but for seq, previous statement and time, which the ledger gives.
func (p *Plan) digestOfAll() (bundle.Digest, error) {
	text := fmt.Appendf(nil, "ferry-plan-v1\nsite %q %q %d\nroot %d\nkey %q\ntool %q\nexpires %d\n",
		p.site.Name, p.site.Key, p.site.Epoch, p.root, p.key.ID, p.a.o.Tool, p.o.Expires)
	text = fmt.Appendf(text, "requires %d\ninventory %q %q\nlayout %d\nrelease %q\n",
		p.requires, p.before, p.after, p.layout.Layout, p.releaseInfo())
	text, err := p.index.AppendText(text, p.layout.Layout.ChunkSize)
	if err != nil {
		return "", fmt.Errorf("laying out the bundle: %w", err)
	}
	return bundle.DigestOf(text), nil
}

func (p *Plan) releaseInfo() bundle.ReleaseInfo {
	r := p.resolution.Resolved
	return bundle.ReleaseInfo{Name: r.Name, Version: r.Version, Digest: p.resolution.Digest()}
}

// shipment returns what is to be recorded as planned.
func (p *Plan) shipment() ledger.Shipment {
	issued := p.a.now()
	return ledger.Shipment{
		Plan: p.digest, Issued: issued, Expires: issued.Add(p.o.Expires),
		Bytes: p.report.Payload, Releases: []bundle.ReleaseInfo{p.releaseInfo()}, Requires: p.requires,
		InventoryBefore: p.before, InventoryAfter: p.after,
	}
}

// statement returns the statement of the bundle as shipment s with the bytes
// of its index. With nil for those it has the right length, and says nothing.
func (p *Plan) statement(s ledger.Shipment, index []byte) *bundle.Statement {
	chunk := p.layout.Layout.ChunkSize
	info := p.index.Info(index, chunk)
	info.Size = p.index.EncodedSize(chunk)
	return &bundle.Statement{
		Site: s.Site, SiteKey: p.site.Key, Epoch: s.Epoch, Seq: s.Seq, Prev: s.Prev,
		Requires: s.Requires, RootVersion: p.root, Issued: s.Issued, Expires: s.Expires,
		Index: info, Layout: p.layout.Layout,
		InventoryBefore: s.InventoryBefore, InventoryAfter: s.InventoryAfter,
		Releases: s.Releases, Tool: p.a.o.Tool,
	}
}

// nextSeq returns the seq that the shipment will have.
func (p *Plan) nextSeq() (int64, error) {
	s, ok, err := p.a.ledger.Unfinished(p.o.Site)
	if ok {
		return s.Seq, err
	}
	return p.site.NextSeq, err
}
