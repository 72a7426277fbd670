package release

import (
	"encoding/json"
	"fmt"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
)

const (
	// MediaTypeRelease is the artifact type of a release manifest and the
	// media type of its config, the resolved release.
	MediaTypeRelease = "application/vnd.airgap-ferry.release.v1+json"

	// MediaTypeFile is the media type of a layer that is a file.
	MediaTypeFile = "application/vnd.airgap-ferry.file.v1"

	releaseRepository = "ferry/releases/"
)

// emptyBlob is the layer of an artifact that has no other.
var emptyBlob = []byte("{}")

// A manifestJSON encodes to an OCI image manifest. Fields come in the order in
// which image-spec describes them.
type manifestJSON struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	ArtifactType  string            `json:"artifactType,omitempty"`
	Config        descriptorJSON    `json:"config"`
	Layers        []descriptorJSON  `json:"layers"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

type descriptorJSON struct {
	MediaType   string            `json:"mediaType"`
	Digest      bundle.Digest     `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

func describe(mediaType string, b []byte) descriptorJSON {
	return descriptorJSON{MediaType: mediaType, Digest: bundle.DigestOf(b), Size: int64(len(b))}
}

// appendManifest appends m with the fields that every manifest has.
func appendManifest(m manifestJSON) ([]byte, error) {
	m.SchemaVersion, m.MediaType = 2, oci.MediaTypeManifest
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	if len(raw) > oci.MaxManifestSize {
		return nil, fmt.Errorf("manifest has %d bytes, registries take %d", len(raw), oci.MaxManifestSize)
	}
	return raw, nil
}

// Manifest returns the canonical text of r and the release manifest that has
// it as config. Both follow from r alone.
func (r *Resolved) Manifest() (text, manifest []byte, err error) {
	text, err = r.AppendText(nil)
	if err != nil {
		return nil, nil, err
	}
	m := manifestJSON{ArtifactType: MediaTypeRelease, Config: describe(MediaTypeRelease, text)}
	seen := make(map[bundle.Digest]bool)
	for _, list := range [][]File{r.Files, r.Manifests} {
		for _, f := range list {
			if seen[f.Digest] {
				continue
			}
			seen[f.Digest] = true
			m.Layers = append(m.Layers, descriptorJSON{
				MediaType: MediaTypeFile, Digest: f.Digest, Size: f.Size,
				Annotations: map[string]string{oci.AnnotationTitle: f.Path},
			})
		}
	}
	if len(m.Layers) == 0 {
		m.Layers = []descriptorJSON{describe(oci.MediaTypeEmpty, emptyBlob)}
	}
	manifest, err = appendManifest(m)
	return text, manifest, err
}
