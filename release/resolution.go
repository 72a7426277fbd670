package release

import (
	"fmt"
	"io"
	"slices"

	"github.com/airgap-ferry/ferry/bundle"
)

// A Resolution is a resolved release with the way to all its bytes.
type Resolution struct {
	Resolved *Resolved
	Text     []byte // the canonical text of Resolved: lock file and config of the release manifest
	Manifest []byte // the release manifest

	manifests map[bundle.Digest]storedManifest
	local     map[bundle.Digest]localBlob
	items     []Item
}

type storedManifest struct {
	mediaType string
	raw       []byte
}

// A localBlob is a blob that comes from no registry.
type localBlob struct {
	size int64
	open func() (io.ReadCloser, error)
}

// An Item is one thing that travels, named by its digest.
type Item struct {
	Digest     bundle.Digest
	Size       int64  // bytes
	MediaType  string // of manifests; of blobs what their manifest says
	IsManifest bool
	Raw        []byte                        // the bytes, if IsManifest
	Repository string                        // where a registry has it, "" if it is local
	Open       func() (io.ReadCloser, error) // the bytes of a local blob, not compared with the digest; nil for others
	Owner      string                        // the image, chart or file that needs it, for people
}

// Digest returns the digest of the release manifest.
func (r *Resolution) Digest() bundle.Digest { return bundle.DigestOf(r.Manifest) }

// Artifacts returns the images, the charts and the release manifest.
func (r *Resolution) Artifacts() []Artifact {
	return append(r.Resolved.Artifacts(), ManifestArtifact(r.Resolved.Name, r.Resolved.Version, r.Digest()))
}

// Items returns all that travels, each digest once, in an order that follows
// from the resolved release: what a manifest needs stands before it. The
// caller must not change what it gets.
func (r *Resolution) Items() []Item { return r.items }

// ManifestBytes returns a manifest of the release, as [Closure] asks for it.
func (r *Resolution) ManifestBytes(d bundle.Digest) (mediaType string, raw []byte, err error) {
	m, ok := r.manifests[d]
	if !ok {
		return "", nil, fmt.Errorf("manifest %s is not of release %q", d, r.Resolved.Name)
	}
	return m.mediaType, m.raw, nil
}

// list fills items. It fails if sources disagree about a digest, or if a layer
// is not to be had.
func (r *Resolution) list() error {
	at := make(map[bundle.Digest]int)
	titles := r.titles()
	for _, a := range r.Artifacts() {
		pushes, err := Closure(a, r.ManifestBytes)
		if err != nil {
			return err
		}
		for _, p := range pushes {
			if len(p.Foreign) > 0 {
				return fmt.Errorf("%q: layer %s is foreign: its owner keeps it elsewhere, and ferry can't carry it",
					a.Name, p.Foreign[0].Digest)
			}
			for _, item := range r.itemsOf(a, p, titles) {
				if err := r.addItem(at, item); err != nil {
					return fmt.Errorf("%q: %w", a.Name, err)
				}
			}
		}
	}
	return nil
}

// titles maps content to the first path that has it.
func (r *Resolution) titles() map[bundle.Digest]string {
	titles := make(map[bundle.Digest]string)
	for _, f := range slices.Concat(r.Resolved.Files, r.Resolved.Manifests) {
		if titles[f.Digest] == "" {
			titles[f.Digest] = f.Path
		}
	}
	return titles
}

// itemsOf returns the blobs of p, and then p itself.
func (r *Resolution) itemsOf(a Artifact, p Push, titles map[bundle.Digest]string) []Item {
	var items []Item
	for _, b := range p.Blobs {
		item := Item{Digest: b.Digest, Size: b.Size, MediaType: b.MediaType, Repository: a.Repository, Owner: a.Name}
		if l, ok := r.local[b.Digest]; ok {
			item.Repository, item.Open = "", l.open
		}
		if b.MediaType == MediaTypeFile && titles[b.Digest] != "" {
			item.Owner = titles[b.Digest]
		}
		items = append(items, item)
	}
	return append(items, Item{
		Digest: p.Digest, Size: int64(len(p.Raw)), MediaType: p.MediaType, IsManifest: true, Raw: p.Raw,
		Repository: a.Repository, Owner: a.Name,
	})
}

func (r *Resolution) addItem(at map[bundle.Digest]int, item Item) error {
	i, ok := at[item.Digest]
	if !ok {
		at[item.Digest] = len(r.items)
		r.items = append(r.items, item)
		return nil
	}
	have := r.items[i]
	if have.IsManifest != item.IsManifest {
		return fmt.Errorf("%s is a manifest and a blob, of %q and of %q", item.Digest, have.Owner, item.Owner)
	}
	if have.Size != item.Size {
		return fmt.Errorf("%s has %d bytes, but %q says that it has %d", item.Digest, item.Size, have.Owner, have.Size)
	}
	return nil
}
