package oci

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/bundle"
)

var (
	digestA = bundle.DigestOf([]byte("a"))
	digestB = bundle.DigestOf([]byte("b"))
	digestC = bundle.DigestOf([]byte("c"))
)

// fill replaces A, B and C in a test's JSON by digests.
func fill(s string) []byte {
	return []byte(strings.NewReplacer(`"A"`, `"`+string(digestA)+`"`, `"B"`, `"`+string(digestB)+`"`, `"C"`, `"`+string(digestC)+`"`).Replace(s))
}

const (
	imageText = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
		"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"A","size":7},
		"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"B","size":20}],
		"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"C","size":9},
		"artifactType":"application/x","annotations":{"k":"v"}}`
	indexText = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[
		{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"A","size":7,"platform":{"os":"linux","architecture":"amd64"}},
		{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"B","size":8,"platform":{"os":"linux","architecture":"arm64","variant":"v8"}},
		{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"C","size":9,"platform":{"os":"unknown","architecture":"unknown"},
		 "annotations":{"vnd.docker.reference.type":"attestation-manifest"}}]}`
)

func TestParseImage(t *testing.T) {
	raw := fill(imageText)
	got, err := ParseManifest(MediaTypeManifest, raw)
	if err != nil {
		t.Fatal(err)
	}
	want := &Manifest{
		Descriptor: Descriptor{
			MediaType: MediaTypeManifest, Digest: bundle.DigestOf(raw), Size: int64(len(raw)),
			ArtifactType: "application/x", Annotations: map[string]string{"k": "v"},
		},
		Config:  &Descriptor{MediaType: MediaTypeConfig, Digest: digestA, Size: 7},
		Layers:  []Descriptor{{MediaType: "application/vnd.oci.image.layer.v1.tar+gzip", Digest: digestB, Size: 20}},
		Subject: &Descriptor{MediaType: MediaTypeManifest, Digest: digestC, Size: 9},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ParseManifest (-want +got):\n%s", diff)
	}
	if blobs := got.Blobs(); len(blobs) != 2 || blobs[0].Digest != digestA || blobs[1].Digest != digestB {
		t.Errorf("Blobs() = %v, want config and layer", blobs)
	}
}

func TestParseIndex(t *testing.T) {
	got, err := ParseManifest(MediaTypeIndex, fill(indexText))
	if err != nil {
		t.Fatal(err)
	}
	if !got.IsIndex || len(got.Blobs()) != 0 {
		t.Errorf("IsIndex = %v, Blobs = %v, want an index without blobs", got.IsIndex, got.Blobs())
	}
	var platforms []string
	for _, c := range got.Children {
		platforms = append(platforms, c.Platform)
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64/v8", PlatformUnknown}, platforms); diff != "" {
		t.Errorf("platforms (-want +got):\n%s", diff)
	}
	if got.Children[2].Annotations["vnd.docker.reference.type"] != "attestation-manifest" {
		t.Errorf("annotations of child 3 = %v", got.Children[2].Annotations)
	}
}

// Both the media type and an address elsewhere make a layer foreign: then
// registries take the manifest without it.
func TestForeignLayers(t *testing.T) {
	const foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
	raw := fill(`{"schemaVersion":2,"config":{"digest":"A","size":1},"layers":[
		{"mediaType":"` + foreign + `","digest":"A","size":1,"urls":["https://elsewhere.example/layer"]},
		{"mediaType":"` + foreign + `","digest":"B","size":2},
		{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"C","size":3,"urls":["https://elsewhere.example/layer"]}]}`)
	m, err := ParseManifest(MediaTypeDockerManifest, raw)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Foreign) != 1 || m.Foreign[0].Digest != digestA {
		t.Errorf("Foreign = %v, want %s", m.Foreign, digestA)
	}
	if len(m.Layers) != 2 || m.Layers[0].Digest != digestB || m.Layers[1].Digest != digestC {
		t.Errorf("Layers = %v, want %s and %s", m.Layers, digestB, digestC)
	}
}

func TestParseKinds(t *testing.T) {
	tests := []struct {
		name, served, text, want string
		index                    bool
	}{
		{"says itself", "", imageText, MediaTypeManifest, false},
		{"index by shape", "", `{"schemaVersion":2,"manifests":[]}`, MediaTypeIndex, true},
		{"image by shape", "", `{"schemaVersion":2,"config":{"digest":"A","size":1}}`, MediaTypeManifest, false},
		{"Docker list", MediaTypeDockerList, `{"schemaVersion":2,"manifests":null}`, MediaTypeDockerList, true},
		{"draft artifact", "", `{"mediaType":"` + MediaTypeArtifact + `","blobs":[{"digest":"A","size":1}]}`, MediaTypeArtifact, false},
		{"unknown with image's shape", "application/x+json", `{"layers":[{"digest":"A","size":1}]}`, "application/x+json", false},
		{"unknown with index's shape", "application/x+json", `{"manifests":[]}`, "application/x+json", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := ParseManifest(tt.served, fill(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if m.MediaType != tt.want || m.IsIndex != tt.index {
				t.Errorf("ParseManifest = %q, index %v, want %q, %v", m.MediaType, m.IsIndex, tt.want, tt.index)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	const d = `{"digest":"A","size":1}`
	tests := []struct {
		name, served, text, want string
	}{
		{"no JSON", MediaTypeManifest, `<html>`, "invalid character"},
		{"trailing bytes", MediaTypeManifest, imageText + `{}`, "after top-level value"},
		{"neither", "", `{"schemaVersion":2}`, "neither a media type nor children nor a config"},
		{"other than served", MediaTypeIndex, imageText, "served as"},
		{"schemaVersion", MediaTypeManifest, `{"schemaVersion":3,"config":` + d + `}`, "schemaVersion is 3"},
		{"no config", MediaTypeManifest, `{"schemaVersion":2,"layers":[]}`, "has no config"},
		{"index with layers", MediaTypeIndex, `{"schemaVersion":2,"manifests":[],"layers":[]}`, "is an index, but"},
		{"index with config", MediaTypeDockerList, `{"schemaVersion":2,"manifests":[],"config":` + d + `}`, "is an index, but"},
		{"image with children", MediaTypeManifest, `{"schemaVersion":2,"config":` + d + `,"manifests":[]}`, "is a manifest, but"},
		{"image with blobs", MediaTypeManifest, `{"schemaVersion":2,"config":` + d + `,"blobs":[]}`, "has blobs"},
		{"unknown without shape", "application/x", `{}`, "has no shape"},
		{"other digest", MediaTypeManifest, `{"schemaVersion":2,"config":{"digest":"sha512:00","size":1}}`, "config: digest"},
		{"upper-case digest", MediaTypeManifest, strings.ToUpper(`{"schemaVersion":2,"config":{"digest":"`) + string(digestA) + `"}}`, "has no size"},
		{"no size", MediaTypeManifest, `{"schemaVersion":2,"config":{"digest":"A"}}`, "has no size"},
		{"negative size", MediaTypeManifest, `{"schemaVersion":2,"config":{"digest":"A","size":-1}}`, "has -1 bytes"},
		{"huge size", MediaTypeManifest, `{"schemaVersion":2,"config":{"digest":"A","size":9007199254740993}}`, "bytes, want 0 to"},
		{"broken subject", MediaTypeManifest, `{"schemaVersion":2,"config":` + d + `,"subject":{}}`, "subject: digest"},
		{"child without media type", MediaTypeIndex, `{"schemaVersion":2,"manifests":[` + d + `]}`, "child 1: " + string(digestA) + " has no media type"},
		{"media type with line break", MediaTypeManifest, `{"schemaVersion":2,"config":{"mediaType":"a\n","digest":"A","size":1}}`, "is not a media type"},
		{"platform with slash", MediaTypeIndex, `{"schemaVersion":2,"manifests":[{"mediaType":"x","digest":"A","size":1,"platform":{"os":"a/b","architecture":"c"}}]}`, "part of a platform"},
		{"too many layers", MediaTypeManifest, `{"schemaVersion":2,"config":` + d + `,"layers":[` + strings.Repeat(d+",", MaxDescriptors) + d + `]}`, "at most 10000"},
		{"too large", MediaTypeManifest, strings.Repeat(" ", MaxManifestSize+1), "at most 4194304"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseManifest(tt.served, fill(tt.text))
			if _, ok := errors.AsType[*FormatError](err); !ok || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ParseManifest = %v, want a FormatError with %q", err, tt.want)
			}
		})
	}
}

func TestSchema1Refused(t *testing.T) {
	for _, served := range []string{"", mediaTypeSchema1, mediaTypeSchema1Signed} {
		_, err := ParseManifest(served, []byte(`{"schemaVersion":1,"name":"x","fsLayers":[]}`))
		if !errors.Is(err, ErrSchema1) {
			t.Errorf("ParseManifest(%q) = %v, want ErrSchema1", served, err)
		}
	}
}

// Whatever is accepted has only descriptors that can be relied upon, and the
// digest of the bytes that were given.
func FuzzParseManifest(f *testing.F) {
	f.Add(MediaTypeManifest, fill(imageText))
	f.Add(MediaTypeIndex, fill(indexText))
	f.Add("", fill(`{"mediaType":"`+MediaTypeArtifact+`","blobs":[{"digest":"A","size":1}]}`))
	f.Add("application/x", fill(`{"layers":[{"digest":"A","size":1,"urls":["u"]}]}`))
	f.Fuzz(func(t *testing.T, mediaType string, raw []byte) {
		m, err := ParseManifest(mediaType, raw)
		if err != nil {
			return
		}
		if m.Digest != bundle.DigestOf(raw) || m.Size != int64(len(raw)) || m.MediaType == "" {
			t.Errorf("descriptor is %+v", m.Descriptor)
		}
		if m.IsIndex && len(m.Blobs()) != 0 || !m.IsIndex && len(m.Children) != 0 {
			t.Errorf("neither index nor manifest: %+v", m)
		}
		if err := checkDescriptors(m); err != nil {
			t.Error(err)
		}
		again, err := ParseManifest(m.MediaType, raw)
		if err != nil {
			t.Fatalf("with its own media type: %v", err)
		}
		if diff := cmp.Diff(m, again); diff != "" {
			t.Errorf("with its own media type (-first +second):\n%s", diff)
		}
	})
}

func checkDescriptors(m *Manifest) error {
	all := append(append(m.Blobs(), m.Children...), m.Foreign...)
	if m.Subject != nil {
		all = append(all, *m.Subject)
	}
	for _, d := range all {
		if _, err := bundle.ParseDigest(string(d.Digest)); err != nil {
			return err
		}
		if d.Size < 0 || d.Size > maxBlobSize {
			return fmt.Errorf("%s has %d bytes", d.Digest, d.Size)
		}
		if _, err := json.Marshal(d); err != nil {
			return err
		}
	}
	return nil
}
