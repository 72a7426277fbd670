package inside

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
	"github.com/airgap-ferry/ferry/ledger"
	"github.com/airgap-ferry/ferry/release"
)

// A content is a release of a bundle with all that it consists of.
type content struct {
	info      bundle.ReleaseInfo
	resolved  *release.Resolved
	text      []byte // of resolved
	textType  string
	artifacts []artifact // images and charts
	head      artifact   // the release manifest
}

func (c *content) all() []artifact { return append(slices.Clone(c.artifacts), c.head) }

// contents reads the releases of the bundle, and makes sure that everything
// they need is staged or held, and lands in a place of its own.
func (i *importing) contents() ([]content, error) {
	entries := make(map[bundle.Digest]int)
	for n, e := range i.plan.Index().Entries {
		entries[e.Digest] = n
	}
	manifestOf := func(d bundle.Digest) (string, []byte, error) {
		if n, ok := entries[d]; ok {
			raw, err := i.staging.read(n)
			return i.plan.Index().Entries[n].MediaType, raw, err
		}
		m, err := i.a.ledger.Manifest(d)
		if errors.Is(err, ledger.ErrNotFound) {
			return "", nil, &MissingError{Digests: []bundle.Digest{d}}
		}
		return m.MediaType, m.Raw, err
	}
	var all []content
	for _, info := range i.b.Statement.Releases {
		c, err := i.readRelease(info, manifestOf)
		if err != nil {
			return nil, fmt.Errorf("release %q: %w", info.Name, err)
		}
		all = append(all, c)
	}
	if err := i.mapContents(all, manifestOf); err != nil {
		return nil, err
	}
	return all, i.checkHeld(all)
}

// readRelease reads the manifest of a release, and the resolved release that
// is its config, and holds the one against the other.
func (i *importing) readRelease(info bundle.ReleaseInfo, manifestOf func(bundle.Digest) (string, []byte, error)) (content, error) {
	mediaType, raw, err := manifestOf(info.Digest)
	if err != nil {
		return content{}, err
	}
	m, err := oci.ParseManifest(mediaType, raw)
	if err != nil {
		return content{}, err
	}
	if m.Config == nil || m.Config.MediaType != release.MediaTypeRelease {
		return content{}, &bundle.FormatError{Part: "release manifest", Msg: fmt.Sprintf("%s has no resolved release as config", info.Digest)}
	}
	_, text, err := manifestOf(m.Config.Digest)
	if err != nil {
		return content{}, err
	}
	resolved, err := release.ParseResolved(text)
	if err != nil {
		return content{}, err
	}
	if resolved.Name != info.Name || resolved.Version != info.Version {
		return content{}, &bundle.FormatError{Part: "release manifest", Msg: fmt.Sprintf(
			"%s is of release %q %q, the statement says %q %q", info.Digest, resolved.Name, resolved.Version, info.Name, info.Version)}
	}
	if _, again, err := resolved.Manifest(); err != nil || bundle.DigestOf(again) != info.Digest {
		return content{}, &bundle.FormatError{Part: "release manifest", Msg: fmt.Sprintf("%s is not the one of its resolved release", info.Digest)}
	}
	return content{info: info, resolved: resolved, text: text, textType: release.MediaTypeRelease}, nil
}

// mapContents fills in the artifacts of all releases, each with its repository
// inside. Releases that the site has already count too: theirs must not be
// met by a new one from another source.
func (i *importing) mapContents(all []content, manifestOf func(bundle.Digest) (string, []byte, error)) error {
	held, err := i.a.heldArtifacts()
	if err != nil {
		return err
	}
	sources := make(map[string]bool)
	for _, a := range held {
		sources[a.Repository] = true
	}
	for n := range all {
		for _, a := range all[n].sources() {
			sources[a.Repository] = true
		}
	}
	targets, err := i.a.mapping.targets(sortedKeys(sources))
	if err != nil {
		return err
	}
	for n := range all {
		c := &all[n]
		for _, source := range c.sources() {
			a, err := newArtifact(source, targets[source.Repository], manifestOf)
			if err != nil {
				return fmt.Errorf("release %q: %w", c.info.Name, err)
			}
			c.artifacts = append(c.artifacts, a)
		}
		last := len(c.artifacts) - 1
		c.artifacts, c.head = c.artifacts[:last], c.artifacts[last]
	}
	return nil
}

// sources returns the artifacts of the release as its outside has them, the
// release manifest last.
func (c *content) sources() []release.Artifact {
	return append(c.resolved.Artifacts(), release.ManifestArtifact(c.info.Name, c.info.Version, c.info.Digest))
}

func newArtifact(a release.Artifact, target string, manifestOf func(bundle.Digest) (string, []byte, error)) (artifact, error) {
	pushes, err := release.Closure(a, manifestOf)
	if err != nil {
		return artifact{}, err
	}
	only, err := onlyPlatform(a, pushes)
	if err != nil {
		return artifact{}, fmt.Errorf("%q: %w", a.Name, err)
	}
	return artifact{name: a.Name, target: target, digest: a.Digest, pushes: pushes, only: only}, nil
}

// onlyPlatform returns the manifest of the one platform that travels of the
// index a, if that is sparse, or "". BuildKit's attestations are no platform.
func onlyPlatform(a release.Artifact, pushes []release.Push) (bundle.Digest, error) {
	n := slices.IndexFunc(pushes, func(p release.Push) bool { return p.Digest == a.Digest && p.Sparse })
	if n < 0 {
		return "", nil
	}
	m, err := oci.ParseManifest(pushes[n].MediaType, pushes[n].Raw)
	if err != nil {
		return "", err
	}
	var only bundle.Digest
	for _, c := range m.Children {
		if !slices.Contains(a.Selected, c.Digest) || c.Platform == oci.PlatformUnknown || c.Digest == only {
			continue
		}
		if only != "" || oci.IsIndexType(c.MediaType) {
			return "", nil
		}
		only = c.Digest
	}
	return only, nil
}

// heldArtifacts returns the artifacts of the releases in use.
func (a *Agent) heldArtifacts() ([]release.Artifact, error) {
	rows, err := a.ledger.Releases()
	if err != nil {
		return nil, err
	}
	var all []release.Artifact
	for _, r := range rows {
		if !r.Current {
			continue
		}
		resolved, err := a.resolved(r.Release)
		if err != nil {
			return nil, err
		}
		all = append(all, resolved.Artifacts()...)
		all = append(all, release.ManifestArtifact(r.Name, r.Version, r.Manifest))
	}
	return all, nil
}

// resolved returns the resolved release of one that was imported.
func (a *Agent) resolved(r ledger.Release) (*release.Resolved, error) {
	m, err := a.ledger.Manifest(r.Resolved)
	if err != nil {
		return nil, fmt.Errorf("release %q: %w", r.Name, err)
	}
	return release.ParseResolved(m.Raw)
}

// checkHeld makes sure that what the bundle does not bring is held.
func (i *importing) checkHeld(all []content) error {
	brought := make(map[bundle.Digest]bool)
	for _, b := range i.plan.Index().Holdings() {
		brought[b.Digest] = true
	}
	for _, c := range all {
		for _, a := range c.all() {
			var absent []bundle.Digest
			for _, p := range a.pushes {
				for _, b := range p.Blobs {
					if !brought[b.Digest] {
						absent = append(absent, b.Digest)
					}
				}
			}
			held, err := i.a.ledger.Holds(absent)
			if err != nil {
				return err
			}
			lacking := absent[:0]
			for n, d := range absent {
				if !held[n] {
					lacking = append(lacking, d)
				}
			}
			if len(lacking) > 0 {
				return &MissingError{Digests: lacking, Owner: a.name}
			}
		}
	}
	return nil
}

// sortedKeys returns the keys of m, ascending.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
