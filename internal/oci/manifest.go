package oci

import (
	"encoding/json"
	"fmt"

	"github.com/airgap-ferry/ferry/bundle"
)

// A Manifest is the structure of a manifest or an index. Its own descriptor
// is computed from its bytes; ArtifactType and Annotations are what the
// manifest says of itself.
type Manifest struct {
	Descriptor
	IsIndex  bool
	Children []Descriptor // of an index, in its order: manifests and indexes
	Config   *Descriptor  // of a manifest; nil if it has none
	Layers   []Descriptor // of a manifest, in its order, but not the foreign ones
	Foreign  []Descriptor // layers that the registry need not hold, because they have an address elsewhere
	Subject  *Descriptor  // what this refers to, nil if nothing
}

// Blobs returns the config and the layers of m, so what a registry must hold
// as blobs before it takes m. Foreign layers are not among them.
func (m *Manifest) Blobs() []Descriptor {
	var blobs []Descriptor
	if m.Config != nil {
		blobs = append(blobs, *m.Config)
	}
	return append(blobs, m.Layers...)
}

type manifestJSON struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	ArtifactType  string            `json:"artifactType"`
	Config        *descriptorJSON   `json:"config"`
	Layers        []descriptorJSON  `json:"layers"`
	Blobs         []descriptorJSON  `json:"blobs"`
	Manifests     []descriptorJSON  `json:"manifests"`
	Subject       *descriptorJSON   `json:"subject"`
	Annotations   map[string]string `json:"annotations"`
	FSLayers      json.RawMessage   `json:"fsLayers"`
}

// ParseManifest parses the manifest or index raw, which a registry served as
// mediaType. mediaType may be "" if raw says itself what it is.
//
// What could be read as an index by one client and as a manifest by another is
// refused, as are digests other than SHA-256. The error is [ErrSchema1] or a
// [*FormatError]. The Manifest does not refer to raw.
func ParseManifest(mediaType string, raw []byte) (*Manifest, error) {
	if len(raw) > MaxManifestSize {
		return nil, formatError("%d bytes, at most %d are allowed", len(raw), MaxManifestSize)
	}
	var j manifestJSON
	if err := json.Unmarshal(raw, &j); err != nil {
		return nil, formatError("%v", err)
	}
	if j.isSchema1(mediaType) {
		return nil, ErrSchema1
	}
	mediaType, err := j.kind(mediaType)
	if err != nil {
		return nil, err
	}
	m := &Manifest{
		Descriptor: Descriptor{
			MediaType: mediaType, Digest: bundle.DigestOf(raw), Size: int64(len(raw)),
			ArtifactType: j.ArtifactType, Annotations: j.Annotations,
		},
		IsIndex: IsIndexType(mediaType) || !IsManifestType(mediaType) && j.Manifests != nil,
	}
	if err := j.checkShape(m); err != nil {
		return nil, err
	}
	if err := j.fill(m); err != nil {
		return nil, err
	}
	return m, nil
}

func (j *manifestJSON) isSchema1(mediaType string) bool {
	for _, t := range []string{mediaType, j.MediaType} {
		if t == mediaTypeSchema1 || t == mediaTypeSchema1Signed {
			return true
		}
	}
	return j.SchemaVersion == 1 && j.FSLayers != nil
}

// kind returns the media type of j: what was served and what j says of itself
// must agree. An OCI manifest need not say; then served counts, and if that
// is missing too, the shape.
func (j *manifestJSON) kind(served string) (string, error) {
	switch {
	case !validMediaType(served) || !validMediaType(j.MediaType) || !validMediaType(j.ArtifactType):
		return "", formatError("media type %.80q, %.80q or %.80q is not one", served, j.MediaType, j.ArtifactType)
	case served == "" && j.MediaType != "":
		return j.MediaType, nil
	case served == "" && j.Manifests != nil:
		return MediaTypeIndex, nil
	case served == "" && j.Config != nil:
		return MediaTypeManifest, nil
	case served == "":
		return "", formatError("has neither a media type nor children nor a config")
	case j.MediaType != "" && j.MediaType != served:
		return "", formatError("served as %.80q, but says that it is %.80q", served, j.MediaType)
	}
	return served, nil
}

// checkShape refuses what different clients would read differently, and what
// lacks the parts that its media type requires.
func (j *manifestJSON) checkShape(m *Manifest) error {
	known := IsManifestType(m.MediaType) && m.MediaType != MediaTypeArtifact
	hasContent := j.Config != nil || j.Layers != nil || j.Blobs != nil
	switch {
	case known && j.SchemaVersion != 2:
		return formatError("schemaVersion is %d, want 2", j.SchemaVersion)
	case m.IsIndex && hasContent:
		return formatError("is an index, but has a config, layers or blobs")
	case !m.IsIndex && j.Manifests != nil:
		return formatError("is a manifest, but has children as an index")
	case j.Blobs != nil && (known || j.Layers != nil || j.Config != nil):
		return formatError("has blobs as an artifact, but is none")
	case m.IsIndex:
		return nil
	case known && j.Config == nil:
		return formatError("has no config")
	case !IsManifestType(m.MediaType) && !hasContent:
		return formatError("%.80q is not known, and has no shape that is", m.MediaType)
	}
	return nil
}

// fill gives m the descriptors of j.
func (j *manifestJSON) fill(m *Manifest) (err error) {
	if m.Children, _, err = descriptors("child", j.Manifests); err != nil {
		return err
	}
	for i, c := range m.Children {
		if c.MediaType == "" {
			return formatError("child %d: %s has no media type", i+1, c.Digest)
		}
	}
	layers := j.Layers
	if j.Blobs != nil {
		layers = j.Blobs
	}
	if m.Layers, m.Foreign, err = descriptors("layer", layers); err != nil {
		return err
	}
	if m.Config, err = single("config", j.Config); err != nil {
		return err
	}
	m.Subject, err = single("subject", j.Subject)
	return err
}

func single(what string, j *descriptorJSON) (*Descriptor, error) {
	if j == nil {
		return nil, nil
	}
	d, err := j.descriptor()
	if err != nil {
		return nil, formatError("%s: %v", what, err)
	}
	return &d, nil
}

// descriptors converts list, the foreign ones apart.
func descriptors(what string, list []descriptorJSON) (ds, foreign []Descriptor, err error) {
	if len(list) > MaxDescriptors {
		return nil, nil, formatError("%d times a %s, at most %d are allowed", len(list), what, MaxDescriptors)
	}
	for i := range list {
		d, err := list[i].descriptor()
		if err != nil {
			return nil, nil, formatError("%s %d: %v", what, i+1, err)
		}
		if list[i].foreign() {
			foreign = append(foreign, d)
			continue
		}
		ds = append(ds, d)
	}
	return ds, foreign, nil
}

func formatError(format string, args ...any) error {
	return &FormatError{fmt.Sprintf(format, args...)}
}
