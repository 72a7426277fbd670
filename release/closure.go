package release

import (
	"fmt"
	"slices"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
)

// maxDepth bounds how deep indexes may lie in indexes, and attachments on
// attachments.
const maxDepth = 8

// An Artifact is the head of what lies in one repository: an image, a chart,
// or the release manifest.
type Artifact struct {
	Name        string // for people
	Repository  string
	Tag         string // "" for none
	Digest      bundle.Digest
	Selected    []bundle.Digest // manifests below an index that travel
	Attachments []Attachment
}

// Artifact returns i without what only a review needs.
func (i *Image) Artifact() Artifact {
	return Artifact{i.Name, i.Repository, i.Tag, i.Digest, i.Selected, i.Attachments}
}

// Artifact returns c without what only a review needs.
func (c *Chart) Artifact() Artifact {
	return Artifact{c.Name + " " + c.Version, c.Repository, c.Tag, c.Digest, nil, c.Attachments}
}

// Artifacts returns the images and the charts of r, in their order. The
// release manifest is not among them; see [ManifestArtifact].
func (r *Resolved) Artifacts() []Artifact {
	var all []Artifact
	for i := range r.Images {
		all = append(all, r.Images[i].Artifact())
	}
	for i := range r.Charts {
		all = append(all, r.Charts[i].Artifact())
	}
	return all
}

// ManifestArtifact returns where the release manifest with the given digest
// lies.
func ManifestArtifact(name, version string, manifest bundle.Digest) Artifact {
	return Artifact{
		Name: "release " + name + " " + version, Repository: releaseRepository + name, Tag: version, Digest: manifest,
	}
}

// A Push is one manifest or index, and what its repository must hold before.
type Push struct {
	Digest    bundle.Digest
	MediaType string
	Raw       []byte           // the manifest itself
	Tags      []string         // that name it, sorted; to be set when all else is pushed
	Blobs     []oci.Descriptor // config and layers, each once
	Foreign   []oci.Descriptor // layers that do not travel, because they have an address elsewhere
	Sparse    bool             // is an index, and some of its children do not travel
}

// Closure returns what to push for a, in an order in which every manifest
// comes after those that it refers to: the children, then their index, then
// the attachments, each after its subject. Every manifest comes once. manifest
// gives the bytes of a manifest; Closure compares them with the digest.
func Closure(a Artifact, manifest func(bundle.Digest) (mediaType string, raw []byte, err error)) ([]Push, error) {
	c := closure{
		manifest: manifest,
		selected: make(map[bundle.Digest]bool),
		at:       make(map[bundle.Digest]int),
	}
	for _, d := range a.Selected {
		c.selected[d] = true
	}
	if err := c.add(a.Digest, a.Tag, 0); err != nil {
		return nil, fmt.Errorf("%q: %w", a.Name, err)
	}
	for _, d := range a.Selected {
		if _, ok := c.at[d]; !ok {
			return nil, fmt.Errorf("%q: %s is selected, but not below %s", a.Name, d, a.Digest)
		}
	}
	if err := c.addAttachments(a.Attachments); err != nil {
		return nil, fmt.Errorf("%q: %w", a.Name, err)
	}
	return c.pushes, nil
}

type closure struct {
	manifest func(bundle.Digest) (string, []byte, error)
	selected map[bundle.Digest]bool
	at       map[bundle.Digest]int // where in pushes
	pushes   []Push
}

// add adds the manifest d after all that lies below it.
func (c *closure) add(d bundle.Digest, tag string, depth int) error {
	if i, ok := c.at[d]; ok {
		c.tag(i, tag)
		return nil
	}
	if depth > maxDepth {
		return fmt.Errorf("%s lies more than %d indexes deep", d, maxDepth)
	}
	mediaType, raw, err := c.manifest(d)
	if err != nil {
		return err
	}
	m, err := oci.ParseManifest(mediaType, raw)
	if err != nil {
		return fmt.Errorf("%s: %w", d, err)
	}
	if m.Digest != d {
		return fmt.Errorf("manifest %s has the digest %s", d, m.Digest)
	}
	p := Push{Digest: d, MediaType: m.MediaType, Raw: raw, Blobs: distinct(m.Blobs()), Foreign: m.Foreign}
	for _, child := range m.Children {
		if !c.selected[child.Digest] {
			p.Sparse = true
			continue
		}
		if err := c.add(child.Digest, "", depth+1); err != nil {
			return err
		}
	}
	c.at[d] = len(c.pushes)
	c.pushes = append(c.pushes, p)
	c.tag(c.at[d], tag)
	return nil
}

func (c *closure) tag(i int, tag string) {
	p := &c.pushes[i]
	if tag != "" && !slices.Contains(p.Tags, tag) {
		p.Tags = append(p.Tags, tag)
		slices.Sort(p.Tags)
	}
}

// addAttachments adds attachments whose subject is there until none is left.
func (c *closure) addAttachments(list []Attachment) error {
	for len(list) > 0 {
		var later []Attachment
		for _, a := range list {
			if _, ok := c.at[a.Subject]; !ok {
				later = append(later, a)
				continue
			}
			if err := c.addAttachment(a); err != nil {
				return fmt.Errorf("attachment of %s: %w", a.Subject, err)
			}
		}
		if len(later) == len(list) {
			return fmt.Errorf("attachment %s has the subject %s, which is not there", list[0].Digest, list[0].Subject)
		}
		list = later
	}
	return nil
}

// addAttachment adds a. If it is an index, all of its children travel.
func (c *closure) addAttachment(a Attachment) error {
	mediaType, raw, err := c.manifest(a.Digest)
	if err != nil {
		return err
	}
	m, err := oci.ParseManifest(mediaType, raw)
	if err != nil {
		return fmt.Errorf("%s: %w", a.Digest, err)
	}
	for _, child := range m.Children {
		c.selected[child.Digest] = true
	}
	return c.add(a.Digest, a.Tag, 0)
}

// distinct returns ds without repetitions.
func distinct(ds []oci.Descriptor) []oci.Descriptor {
	seen := make(map[bundle.Digest]bool, len(ds))
	return slices.DeleteFunc(ds, func(d oci.Descriptor) bool {
		again := seen[d.Digest]
		seen[d.Digest] = true
		return again
	})
}
