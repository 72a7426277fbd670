package inside

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/ledger"
)

// deliver brings what is staged to where it belongs, and records that.
func (i *importing) deliver(ctx context.Context) error {
	contents, err := i.contents()
	if err != nil {
		return err
	}
	if err := i.advance(ledger.BundleStaged); err != nil {
		return err
	}
	var artifacts, heads []artifact
	for _, c := range contents {
		artifacts = append(artifacts, c.artifacts...)
		heads = append(heads, c.head)
	}
	all := slices.Concat(artifacts, heads)
	p := i.newPusher()
	i.a.o.Progress.Stage("pushing blobs to %s", i.a.site.Registry)
	err = p.pushBlobs(ctx, all, i.making())
	if i.work != nil {
		err = errors.Join(err, i.work.Remove())
	}
	if err != nil {
		return err
	}
	if err := i.advance(ledger.BundleBlobs); err != nil {
		return err
	}
	i.a.o.Progress.Stage("pushing manifests")
	if err := p.pushManifests(ctx, all); err != nil {
		return err
	}
	if err := i.advance(ledger.BundleManifests); err != nil {
		return err
	}
	i.report.Changes, err = p.pushTags(ctx, artifacts, heads)
	if err != nil {
		return err
	}
	i.report.Uploaded, i.report.Mounted, i.report.Present = p.uploaded, p.mounted, p.present
	for _, c := range contents {
		dir, err := writeFiles(i.a.o.FS, i.a.relative(i.a.site.Files), c.resolved, c.info.Digest, i.openFile(ctx, p))
		if err != nil {
			return err
		}
		if dir != "" {
			i.report.Files = append(i.report.Files, dir)
		}
	}
	if err := i.record(contents, p); err != nil {
		return err
	}
	i.report.State = string(ledger.BundleImported)
	return nil
}

// making returns what the patches of the bundle make.
func (i *importing) making() making {
	made := make(map[bundle.Digest]bool)
	for _, b := range i.plan.Index().Rebuilt {
		made[b.Digest] = true
	}
	return making{made, i.rebuild}
}

// advance records the next state of the bundle, unless an interrupted import
// has come further already.
func (i *importing) advance(state ledger.BundleState) error {
	st := i.b.Statement
	row, err := i.a.ledger.Bundle(st.Epoch, st.Seq)
	if err != nil {
		return err
	}
	order := []ledger.BundleState{ledger.BundleStaged, ledger.BundleBlobs, ledger.BundleManifests, ledger.BundleTagged}
	if slices.Index(order, row.State) >= slices.Index(order, state) {
		return nil
	}
	if err := i.a.ledger.SetState(st.Epoch, st.Seq, state, "", i.a.now); err != nil {
		return err
	}
	i.report.State = string(state)
	return nil
}

func (i *importing) newPusher() *pusher {
	staged := make(map[bundle.Digest]int)
	for n, e := range i.plan.Index().Entries {
		staged[e.Digest] = n
	}
	return &pusher{
		client: i.a.client, progress: i.a.o.Progress, parallel: i.a.o.Parallel,
		open: func(d bundle.Digest) func(int64) (io.ReadCloser, error) {
			entry, ok := staged[d]
			if !ok {
				return nil
			}
			return func(offset int64) (io.ReadCloser, error) { return i.staging.open(entry, offset) }
		},
		known:   i.a.repositories,
		placed:  make(map[bundle.Digest][]string),
		refused: make(map[string]bool),
	}
}

// repositories returns the repositories that hold d, as far as the ledger
// knows.
func (a *Agent) repositories(d bundle.Digest) ([]string, error) {
	names, _, err := a.ledger.Repositories(d)
	return names, err
}

// openFile returns what opens the content of a plain file: from staging, or
// from the registry.
func (i *importing) openFile(ctx context.Context, p *pusher) func(bundle.Digest) (io.ReadCloser, error) {
	return func(d bundle.Digest) (io.ReadCloser, error) {
		held, err := p.known(d)
		if err != nil {
			return nil, err
		}
		return p.source(ctx, d, "", slices.Concat(p.placed[d], held))(0)
	}
}

// record makes the bundle imported in the ledger: first the holdings, of which
// more than needed may be on record, then all else in one transaction.
func (i *importing) record(contents []content, p *pusher) error {
	st := i.b.Statement
	if err := i.addHoldings(contents, p); err != nil {
		return err
	}
	if err := i.advance(ledger.BundleTagged); err != nil {
		return err
	}
	m := ledger.Imported{Epoch: st.Epoch, Seq: st.Seq, Statement: i.b.Digest, At: i.a.now}
	for _, c := range contents {
		m.Releases = append(m.Releases, ledger.Release{
			Name: c.info.Name, Version: c.info.Version, Manifest: c.info.Digest, Resolved: bundle.DigestOf(c.text),
		})
	}
	if err := i.audit("imported", ""); err != nil {
		return err
	}
	return i.a.ledger.Import(m)
}

// addHoldings records where the registry has everything now: what the bundle
// brought, and what was mounted into further repositories.
func (i *importing) addHoldings(contents []content, p *pusher) error {
	sizes := make(map[bundle.Digest]int64)
	var manifests []ledger.Manifest
	for _, c := range contents {
		manifests = append(manifests, ledger.Manifest{Digest: bundle.DigestOf(c.text), MediaType: c.textType, Raw: c.text})
		for _, a := range c.all() {
			for _, m := range a.pushes {
				sizes[m.Digest] = int64(len(m.Raw))
				manifests = append(manifests, ledger.Manifest{Digest: m.Digest, MediaType: m.MediaType, Raw: m.Raw})
				for _, b := range m.Blobs {
					sizes[b.Digest] = b.Size
				}
			}
		}
	}
	byRepo := make(map[string][]ledger.Blob)
	for d, repos := range p.placed {
		for _, repo := range repos {
			byRepo[repo] = append(byRepo[repo], ledger.Blob{Digest: d, Size: sizes[d]})
		}
	}
	for _, repo := range sortedKeys(byRepo) {
		if err := i.a.ledger.AddHoldings(repo, byRepo[repo]); err != nil {
			return err
		}
	}
	return i.a.ledger.PutManifests(manifests)
}
