package outside

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/ledger"
	"github.com/airgap-ferry/ferry/release"
	"github.com/airgap-ferry/ferry/report"
)

// describe fills p.report.
func (p *Plan) describe() error {
	p.report = report.Plan{
		Site: p.site.Name, Epoch: p.site.Epoch,
		Release:  report.Release(p.releaseInfo()),
		Requires: append([]int64{}, p.requires...),
		Lock:     lockFile(p.o.ReleaseFile),
	}
	for _, item := range p.resolution.Items() {
		p.report.Blobs++
		p.report.Bytes += item.Size
		if !p.held[item.Digest] {
			p.report.NewBlobs++
			p.report.NewBytes += item.Size
		}
	}
	for _, item := range p.items {
		p.report.Payload += item.Size
	}
	p.report.Patches = p.patches
	var err error
	if p.report.Contents, err = p.contents(); err != nil {
		return err
	}
	removed, err := p.removed()
	if err != nil {
		return err
	}
	p.report.Contents = append(p.report.Contents, removed...)
	if !p.Empty() {
		p.report.Seq, err = p.nextSeq()
	}
	return err
}

// contents returns the images, the charts, the files and the release itself,
// compared with what is held.
func (p *Plan) contents() ([]report.Content, error) {
	r := p.resolution.Resolved
	t := tally{held: p.held, counted: make(map[bundle.Digest]bool)}
	var all []report.Content
	for i, a := range p.resolution.Artifacts() {
		blobs, err := p.blobsOf(a)
		if err != nil {
			return nil, err
		}
		if i >= len(r.Images)+len(r.Charts) {
			files, rest := splitFiles(blobs)
			if len(files) > 0 {
				all = append(all, t.count(report.KindFiles, "files", "", files))
			}
			all = append(all, t.count(report.KindRelease, r.Name+" "+r.Version, a.Digest, rest))
			continue
		}
		kind, platforms := report.KindChart, []string(nil)
		if i < len(r.Images) {
			kind, platforms = report.KindImage, r.Images[i].Platforms
		}
		c := t.count(kind, a.Name, a.Digest, blobs)
		c.Platforms, c.Signed = platforms, int64(len(a.Attachments))
		all = append(all, c)
	}
	return all, nil
}

// A part is a blob or a manifest of an artifact.
type part struct {
	digest bundle.Digest
	size   int64
	file   bool // of the release
}

// blobsOf returns all that an artifact consists of, each digest once.
func (p *Plan) blobsOf(a release.Artifact) ([]part, error) {
	pushes, err := release.Closure(a, p.resolution.ManifestBytes)
	if err != nil {
		return nil, fmt.Errorf("listing the content of the release: %w", err)
	}
	var all []part
	seen := make(map[bundle.Digest]bool)
	add := func(b part) {
		if !seen[b.digest] {
			seen[b.digest] = true
			all = append(all, b)
		}
	}
	for _, push := range pushes {
		for _, b := range push.Blobs {
			add(part{b.Digest, b.Size, b.MediaType == release.MediaTypeFile})
		}
		add(part{push.Digest, int64(len(push.Raw)), false})
	}
	return all, nil
}

func splitFiles(parts []part) (files, rest []part) {
	for _, b := range parts {
		if b.file {
			files = append(files, b)
		} else {
			rest = append(rest, b)
		}
	}
	return files, rest
}

// A tally counts contents of which some share blobs.
type tally struct {
	held    map[bundle.Digest]bool
	counted map[bundle.Digest]bool // as new, for an earlier content
}

func (t *tally) count(kind, name string, d bundle.Digest, parts []part) report.Content {
	c := report.Content{Kind: kind, Name: name, Digest: d}
	held := 0
	for _, b := range parts {
		c.Blobs++
		c.Bytes += b.size
		if t.held[b.digest] {
			held++
			continue
		}
		if !t.counted[b.digest] {
			t.counted[b.digest] = true
			c.NewBlobs++
			c.NewBytes += b.size
		}
	}
	switch held {
	case len(parts):
		c.Verdict = report.VerdictHeld
	case 0:
		c.Verdict = report.VerdictNew
	default:
		c.Verdict = report.VerdictChanged
	}
	return c
}

// A named is an image or a chart by its reference.
type named struct {
	kind   string
	ref    string // repository and tag or digest
	shown  string // in reports
	digest bundle.Digest
}

// namedIn returns the images and charts of a release, which may be nil, each
// reference once.
func namedIn(r *release.Resolved) map[string]named {
	all := make(map[string]named)
	if r == nil {
		return all
	}
	for _, img := range r.Images {
		all[img.Name] = named{report.KindImage, img.Name, img.Name, img.Digest}
	}
	for i := range r.Charts {
		c := &r.Charts[i]
		ref := c.Repository + ":" + c.Tag
		all[ref] = named{report.KindChart, ref, c.Artifact().Name, c.Digest}
	}
	return all
}

// previous returns the release that the site had before under the same name;
// nil if there was none, if nobody knows any more, or if it is not to count.
func (p *Plan) previous() (*release.Resolved, error) {
	if p.basis == ledger.BasisNone {
		return nil, nil
	}
	releases, err := p.a.ledger.Releases(p.o.Site)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(releases, func(r ledger.Release) bool { return r.Name == p.resolution.Resolved.Name })
	if i < 0 {
		return nil, nil
	}
	old := releases[i]
	text, err := p.a.readArchivedLock(shipmentName(p.o.Site, old.Epoch, old.Seq))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // everything counts as added then, which says more than it need
	}
	if err != nil {
		return nil, err
	}
	resolved, err := release.ParseResolved(text)
	if err != nil {
		return nil, fmt.Errorf("reading release %q version %q from the archive: %w", old.Name, old.Version, err)
	}
	return resolved, nil
}

// changes returns the references that the release brings, moves and drops.
func (p *Plan) changes() ([]bundle.Change, error) {
	old, err := p.previous()
	if err != nil {
		return nil, err
	}
	var changes []bundle.Change
	before, now := namedIn(old), namedIn(p.resolution.Resolved)
	for _, n := range now {
		if before[n.ref].digest != n.digest {
			changes = append(changes, bundle.Change{Name: n.ref, Digest: n.digest})
		}
	}
	for _, n := range before {
		if _, ok := now[n.ref]; !ok {
			changes = append(changes, bundle.Change{Removed: true, Name: n.ref, Digest: n.digest})
		}
	}
	info := p.releaseInfo()
	if !p.held[info.Digest] {
		a := release.ManifestArtifact(info.Name, info.Version, info.Digest)
		changes = append(changes, bundle.Change{Name: a.Repository + ":" + a.Tag, Digest: info.Digest})
	}
	return changes, nil
}

// removed returns the images and charts that the release before had and this
// one has not.
func (p *Plan) removed() ([]report.Content, error) {
	old, err := p.previous()
	if err != nil {
		return nil, err
	}
	before, now := namedIn(old), namedIn(p.resolution.Resolved)
	var removed []report.Content
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, ok := now[name]; !ok {
			n := before[name]
			removed = append(removed, report.Content{Kind: n.kind, Name: n.shown, Digest: n.digest, Verdict: report.VerdictRemoved})
		}
	}
	return removed, nil
}
