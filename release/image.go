package release

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
)

const (
	// maxConfigSize bounds the config of an image, which is read to learn its
	// platform when nothing else says it.
	maxConfigSize = 8 << 20 // bytes

	// annotationSubject is how BuildKit says which child of an index an
	// attestation, another child, is about.
	annotationSubject = "vnd.docker.reference.digest"
)

// An imageJob is all that a release wants of one reference.
type imageJob struct {
	ref       oci.Reference
	line      int      // of the first mention
	platforms []string // sorted; nil for all
	keys      []string // that must verify it
}

// imageJobs joins what r asks for under the same name.
func imageJobs(r *Release) ([]*imageJob, error) {
	byName := make(map[string]*imageJob)
	var jobs []*imageJob
	for _, w := range r.Images {
		ref, err := oci.ParseReference(w.Image)
		if err != nil {
			return nil, &Error{File: r.Path, Line: w.Line, Err: err}
		}
		platforms := w.Platforms
		if platforms == nil {
			platforms = r.Platforms
		}
		if slices.Equal(platforms, []string{AllPlatforms}) {
			platforms = nil
		}
		j, ok := byName[ref.String()]
		if !ok {
			j = &imageJob{ref: ref, line: w.Line, platforms: platforms}
			byName[ref.String()] = j
			jobs = append(jobs, j)
		} else {
			j.platforms = union(j.platforms, platforms)
		}
		if w.VerifyKey != "" && !slices.Contains(j.keys, w.VerifyKey) {
			j.keys = append(j.keys, w.VerifyKey)
		}
	}
	return jobs, nil
}

// union joins two lists of platforms, of which nil stands for all.
func union(a, b []string) []string {
	if a == nil || b == nil {
		return nil
	}
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// resolveImage pins an image.
func (v *resolver) resolveImage(ctx context.Context, j *imageJob) (Image, error) {
	img := Image{Name: j.ref.String(), Repository: j.ref.Repository, Tag: j.ref.Tag, Digest: j.ref.Digest, Platforms: j.platforms}
	if img.Digest == "" {
		d, err := v.source.Resolve(ctx, j.ref)
		if err != nil {
			return img, err
		}
		img.Digest = d.Digest
	}
	m, err := v.manifest(ctx, img.Repository, img.Digest)
	if err != nil {
		return img, err
	}
	img.MediaType, img.Size = m.MediaType, m.Size
	if m.IsIndex {
		img.Selected, err = v.selectChildren(ctx, img.Repository, m, j.platforms)
	} else {
		err = v.checkPlatform(ctx, img.Repository, m, j.platforms)
	}
	if err != nil {
		return img, err
	}
	subjects := append([]bundle.Digest{img.Digest}, img.Selected...)
	if img.Attachments, err = v.attachments(ctx, img.Repository, subjects); err != nil {
		return img, err
	}
	return img, v.verify(ctx, img, j.keys)
}

func (v *resolver) verify(ctx context.Context, img Image, keys []string) error {
	for _, key := range keys {
		if v.options.VerifyImage == nil {
			return fmt.Errorf("verifying with key %q: there is nothing that could", key)
		}
		if err := v.options.VerifyImage(ctx, img, v.path(key)); err != nil {
			return err
		}
	}
	return nil
}

// manifest reads and remembers a manifest.
func (v *resolver) manifest(ctx context.Context, repository string, d bundle.Digest) (*oci.Manifest, error) {
	mediaType, raw, err := v.source.Manifest(ctx, repository, d)
	if err != nil {
		return nil, err
	}
	m, err := oci.ParseManifest(mediaType, raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d, err)
	}
	if m.Digest != d {
		return nil, fmt.Errorf("reading manifest %s from %q: got the digest %s", d, repository, m.Digest)
	}
	v.keep(d, m.MediaType, raw)
	return m, nil
}

// checkPlatform refuses an image for another platform than those asked for.
// What has no platform, as other artifacts, fits everybody.
func (v *resolver) checkPlatform(ctx context.Context, repository string, m *oci.Manifest, want []string) error {
	if len(want) == 0 {
		return nil
	}
	have, err := v.configPlatform(ctx, repository, m)
	if err != nil || have == "" {
		return err
	}
	for _, w := range want {
		if !oci.PlatformMatches(w, have) {
			return fmt.Errorf("is for platform %s alone, want %s", have, strings.Join(want, ", "))
		}
	}
	return nil
}

// configPlatform returns the platform that the config of an image names, or "".
func (v *resolver) configPlatform(ctx context.Context, repository string, m *oci.Manifest) (string, error) {
	if m.Config == nil || !oci.IsImageConfigType(m.Config.MediaType) {
		return "", nil
	}
	if m.Config.Size > maxConfigSize {
		return "", fmt.Errorf("config %s has %d bytes, at most %d are read", m.Config.Digest, m.Config.Size, maxConfigSize)
	}
	config, err := v.source.Blob(ctx, repository, m.Config.Digest, m.Config.Size)
	if err != nil {
		return "", err
	}
	return oci.ConfigPlatform(config)
}

// A child is a manifest below an index.
type child struct {
	oci.Descriptor
	path []bundle.Digest // the indexes between the top and the child
}

// selectChildren returns the manifests below an index that travel: those for
// the platforms wanted and those without any platform, the attestations among
// the children whose subject travels, and the indexes on the way to them.
func (v *resolver) selectChildren(ctx context.Context, repository string, m *oci.Manifest, want []string) ([]bundle.Digest, error) {
	var children []child
	if err := v.children(ctx, repository, m, want, nil, &children); err != nil {
		return nil, err
	}
	selected := make(map[bundle.Digest]bool)
	found := make(map[string]bool)
	for _, c := range children {
		if isAttestation(c.Descriptor) {
			continue
		}
		travels := len(want) == 0 || c.Platform == ""
		for _, w := range want {
			if oci.PlatformMatches(w, c.Platform) {
				found[w], travels = true, true
			}
		}
		if travels {
			c.selectInto(selected)
		}
	}
	for _, c := range children {
		if isAttestation(c.Descriptor) && (len(want) == 0 || selected[bundle.Digest(c.Annotations[annotationSubject])]) {
			c.selectInto(selected)
		}
	}
	if err := missingPlatforms(want, found, children); err != nil {
		return nil, err
	}
	list := make([]bundle.Digest, 0, len(selected))
	for d := range selected {
		list = append(list, d)
	}
	slices.Sort(list)
	return list, v.readChildren(ctx, repository, list)
}

func (c *child) selectInto(selected map[bundle.Digest]bool) {
	selected[c.Digest] = true
	for _, d := range c.path {
		selected[d] = true
	}
}

// readChildren reads the manifests that are not yet read.
func (v *resolver) readChildren(ctx context.Context, repository string, list []bundle.Digest) error {
	for _, d := range list {
		if v.kept(d) {
			continue
		}
		m, err := v.manifest(ctx, repository, d)
		if err != nil {
			return err
		}
		if m.IsIndex {
			return fmt.Errorf("%s is an index, but its parent says that it is a manifest", d)
		}
	}
	return nil
}

// children appends the manifests below m, with the platform that their config
// names where the index names none and it matters.
func (v *resolver) children(ctx context.Context, repository string, m *oci.Manifest, want []string, path []bundle.Digest, out *[]child) error {
	if len(path) > maxDepth {
		return fmt.Errorf("%s lies more than %d indexes deep", m.Digest, maxDepth)
	}
	for _, d := range m.Children {
		c := child{Descriptor: d, path: path}
		if len(*out) >= oci.MaxDescriptors {
			return fmt.Errorf("more than %d manifests below an index", oci.MaxDescriptors)
		}
		if !oci.IsIndexType(d.MediaType) && (d.Platform != "" || len(want) == 0) {
			*out = append(*out, c)
			continue
		}
		below, err := v.manifest(ctx, repository, d.Digest)
		if err != nil {
			return err
		}
		if below.IsIndex {
			err = v.children(ctx, repository, below, want, append(slices.Clone(path), d.Digest), out)
		} else {
			c.Platform, err = v.configPlatform(ctx, repository, below)
			*out = append(*out, c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func isAttestation(d oci.Descriptor) bool {
	return d.Platform == oci.PlatformUnknown && d.Annotations[annotationSubject] != ""
}

// missingPlatforms names what an index lacks, and what it has. An index whose
// children have no platforms at all lacks none.
func missingPlatforms(want []string, found map[string]bool, children []child) error {
	var missing, have []string
	for _, w := range want {
		if !found[w] {
			missing = append(missing, w)
		}
	}
	for _, c := range children {
		if c.Platform != "" && !isAttestation(c.Descriptor) && !slices.Contains(have, c.Platform) {
			have = append(have, c.Platform)
		}
	}
	switch {
	case len(missing) == 0:
		return nil
	case len(children) == 0:
		return errors.New("is an index without any manifest")
	case len(have) == 0:
		return nil
	}
	return fmt.Errorf("has no platform %s; it has %s", strings.Join(missing, ", "), strings.Join(have, ", "))
}
