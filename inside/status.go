package inside

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/ledger"
	"github.com/airgap-ferry/ferry/registry"
	"github.com/airgap-ferry/ferry/release"
	"github.com/airgap-ferry/ferry/report"
)

// StatusOptions says how much Status finds out.
type StatusOptions struct {
	Probe bool // ask the registry for everything that the ledger says it holds
}

// meanings say what a state means to an operator, and what to do next.
var meanings = map[ledger.BundleState]string{
	ledger.BundleSeen:      "its statement is trusted, nothing of it is staged: run ferry import with its volumes",
	ledger.BundleVerified:  "volumes are missing: run ferry import with those, in any order",
	ledger.BundleStaged:    "all of it is here, the registry has not all of it yet: run ferry import again",
	ledger.BundleBlobs:     "its blobs are in the registry, its manifests are not: run ferry import again",
	ledger.BundleManifests: "its manifests are in the registry, the tags have not moved: run ferry import again",
	ledger.BundleTagged:    "the tags have moved, the ledger has not recorded it: run ferry import again",
	ledger.BundleRolled:    "its releases run, the ledger has not recorded it: run ferry import again",
	ledger.BundleImported:  "all of it is in the registry; nothing to do",
	ledger.BundleParked:    "waits for an earlier bundle: import that one first",
	ledger.BundleRefused:   "refused; nothing of it was used",
	ledger.BundleFailed:    "the import stopped: run ferry import again",
}

// Status returns what the site holds and what is under way.
func (a *Agent) Status(ctx context.Context, o StatusOptions) (*report.InsideStatus, error) {
	head, err := a.ledger.Head()
	if err != nil {
		return nil, err
	}
	s := &report.InsideStatus{
		Site: a.site.Name, Registry: a.site.Registry, Epoch: head.Epoch, Seq: head.Seq, Head: head.Statement,
		Bundles: []report.BundleStatus{}, Releases: []report.ReleaseStatus{}, Probed: o.Probe,
	}
	if s.Holdings.Blobs, s.Holdings.Bytes, err = a.ledger.Totals(); err != nil {
		return nil, err
	}
	if s.Inventory, err = a.ledger.Inventory(); err != nil {
		return nil, err
	}
	rows, err := a.ledger.Bundles()
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		s.Bundles = append(s.Bundles, a.bundleStatus(row))
	}
	installed, err := a.ledger.Releases()
	if err != nil {
		return nil, err
	}
	for _, r := range installed {
		rs, err := a.releaseStatus(ctx, r, o.Probe)
		if err != nil {
			return nil, fmt.Errorf("release %q %q: %w", r.Name, r.Version, err)
		}
		for _, c := range rs.Contents {
			s.Missing += int64(len(c.Missing))
		}
		s.Releases = append(s.Releases, rs)
	}
	return s, nil
}

func (a *Agent) bundleStatus(row ledger.Bundle) report.BundleStatus {
	b := report.BundleStatus{
		Epoch: row.Epoch, Seq: row.Seq, State: string(row.State), Means: meanings[row.State],
		Statement: row.Statement, Releases: releases(row.Releases), Since: row.Changed,
	}
	switch row.State {
	case ledger.BundleVerified, ledger.BundleStaged, ledger.BundleBlobs, ledger.BundleManifests, ledger.BundleTagged, ledger.BundleRolled:
		// Also of a bundle that had come further, if staging was lost since.
		if b.Missing = a.missingVolumes(row); len(b.Missing) > 0 {
			b.Means = meanings[ledger.BundleVerified]
		}
	default:
	}
	return b
}

// missingVolumes returns the volumes of a bundle that are not in staging, as
// far as its index is.
func (a *Agent) missingVolumes(row ledger.Bundle) []int {
	var out []int
	for n := 1; n <= int(row.VolumeCount); n++ {
		if !slices.Contains(row.Volumes, bundle.VolumeName(a.site.Name, row.Epoch, row.Seq, n)) {
			out = append(out, n)
		}
	}
	return out
}

// releaseStatus returns what there is of a release. Of those not in use any
// more only the name is told.
func (a *Agent) releaseStatus(ctx context.Context, r ledger.InstalledRelease, probe bool) (report.ReleaseStatus, error) {
	rs := report.ReleaseStatus{
		Release: report.Release{Name: r.Name, Version: r.Version, Digest: r.Manifest},
		Seq:     r.Seq, Current: r.Current, Imported: r.Time, Contents: []report.Content{},
	}
	if !r.Current {
		return rs, nil
	}
	resolved, err := a.resolved(r.Release)
	if err != nil {
		return rs, err
	}
	manifest := func(d bundle.Digest) (string, []byte, error) {
		m, err := a.ledger.Manifest(d)
		return m.MediaType, m.Raw, err
	}
	kinds := kindsOf(resolved)
	for n, art := range append(resolved.Artifacts(), release.ManifestArtifact(r.Name, r.Version, r.Manifest)) {
		pushes, err := release.Closure(art, manifest)
		if err != nil {
			return rs, err
		}
		c := summarize(kinds[n], art, pushes)
		if probe {
			target, err := a.mapping.Target(art.Repository)
			if err != nil {
				return rs, err
			}
			only, err := onlyPlatform(art, pushes)
			if err != nil {
				return rs, err
			}
			found := artifact{name: art.Name, target: target, digest: art.Digest, pushes: pushes, only: only}
			if c.Missing, err = a.probe(ctx, found); err != nil {
				return rs, err
			}
		}
		rs.Contents = append(rs.Contents, c)
	}
	return rs, nil
}

// kindsOf returns the kinds of the artifacts of r, the release itself last.
func kindsOf(r *release.Resolved) []string {
	kinds := slices.Repeat([]string{report.KindImage}, len(r.Images))
	kinds = append(kinds, slices.Repeat([]string{report.KindChart}, len(r.Charts))...)
	return append(kinds, report.KindRelease)
}

// summarize counts an artifact that the site holds.
func summarize(kind string, a release.Artifact, pushes []release.Push) report.Content {
	c := report.Content{
		Kind: kind, Name: strings.TrimPrefix(a.Name, kind+" "), Digest: a.Digest, Verdict: report.VerdictHeld, Signed: int64(len(a.Attachments)),
	}
	seen := make(map[bundle.Digest]bool)
	for _, p := range pushes {
		c.Blobs++
		c.Bytes += int64(len(p.Raw))
		for _, b := range p.Blobs {
			if !seen[b.Digest] {
				seen[b.Digest] = true
				c.Blobs++
				c.Bytes += b.Size
			}
		}
	}
	return c
}

// probe asks the registry for all of an artifact, and returns what is missing
// or other than it was: digests, and tags.
func (a *Agent) probe(ctx context.Context, art artifact) ([]string, error) {
	p := &probing{client: a.client, repo: art.target}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(a.o.Parallel)
	seen := make(map[bundle.Digest]bool)
	for _, push := range art.pushes {
		for _, b := range push.Blobs {
			if !seen[b.Digest] {
				seen[b.Digest] = true
				g.Go(func() error { return p.blob(ctx, b.Digest, b.Size) })
			}
		}
		g.Go(func() error { return p.push(ctx, art, push) })
	}
	err := g.Wait()
	slices.Sort(p.missing)
	return p.missing, err
}

// probing collects what a repository lacks.
type probing struct {
	client *registry.Client
	repo   string

	mu      sync.Mutex
	missing []string
}

func (p *probing) blob(ctx context.Context, d bundle.Digest, size int64) error {
	got, ok, err := p.client.StatBlob(ctx, p.repo, d)
	switch {
	case errors.Is(err, registry.ErrWrongContent):
		p.add("%s is not what the registry has under its name", d)
	case err != nil:
		return err
	case !ok:
		p.add("%s", d)
	case got >= 0 && got != size:
		p.add("%s has %d bytes, want %d", d, got, size)
	}
	return nil
}

// push asks for a manifest and for its tags. In the place of a sparse index
// that the registry does not take, they name the one platform that came.
func (p *probing) push(ctx context.Context, art artifact, push release.Push) error {
	want := push.Digest
	_, ok, err := p.client.StatManifest(ctx, p.repo, string(push.Digest))
	switch {
	case errors.Is(err, registry.ErrWrongContent):
		p.add("%s is not what the registry has under its name", push.Digest)
	case err != nil:
		return err
	case !ok && push.Sparse && art.only != "" && push.Digest == art.digest:
		want = art.only
	case !ok:
		p.add("%s", push.Digest)
	default:
		if ok, err = listed(ctx, p.client, p.repo, push); err != nil {
			return err
		}
		if !ok {
			p.add("%s is not listed with its subject", push.Digest)
		}
	}
	for _, tag := range push.Tags {
		if err := p.tag(ctx, tag, want); err != nil {
			return err
		}
	}
	return nil
}

func (p *probing) tag(ctx context.Context, tag string, want bundle.Digest) error {
	got, ok, err := p.client.StatManifest(ctx, p.repo, tag)
	switch {
	case err != nil:
		return err
	case !ok:
		p.add("tag %s", tag)
	case got.Digest != want:
		p.add("tag %s names %s, want %s", tag, got.Digest, want)
	}
	return nil
}

func (p *probing) add(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.missing = append(p.missing, fmt.Sprintf(format, args...))
}
