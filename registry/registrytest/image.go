package registrytest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
)

// NoCredentials is a keychain without keys, so that the configuration of
// whoever runs the tests does not matter.
type NoCredentials struct{}

// Resolve implements authn.Keychain.
func (NoCredentials) Resolve(authn.Resource) (authn.Authenticator, error) {
	return authn.Anonymous, nil
}

// A File is in a layer.
type File struct {
	Path    string
	Content []byte
}

// Layer returns a layer with files: a tar, compressed with gzip. The same
// files give the same bytes.
func Layer(tb testing.TB, files ...File) v1.Layer {
	tb.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	w := tar.NewWriter(z)
	for _, f := range files {
		h := &tar.Header{Name: f.Path, Mode: 0o644, Size: int64(len(f.Content)), Format: tar.FormatUSTAR}
		if err := w.WriteHeader(h); err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write(f.Content); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(buf.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// Image returns an OCI image for platform, such as "linux/arm64/v8", with
// layers. Equal arguments give equal bytes.
func Image(tb testing.TB, platform string, layers ...v1.Layer) v1.Image {
	tb.Helper()
	p, err := v1.ParsePlatform(platform)
	if err != nil {
		tb.Fatal(err)
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err = mutate.AppendLayers(img, layers...)
	if err != nil {
		tb.Fatal(err)
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		tb.Fatal(err)
	}
	cfg = cfg.DeepCopy()
	cfg.OS, cfg.Architecture, cfg.Variant = p.OS, p.Architecture, p.Variant
	if img, err = mutate.ConfigFile(img, cfg); err != nil {
		tb.Fatal(err)
	}
	return img
}

// SmallImage returns an image for platform with a base layer that all small
// images share, and one with content.
func SmallImage(tb testing.TB, platform, content string) v1.Image {
	tb.Helper()
	return Image(tb, platform,
		Layer(tb, File{"etc/os-release", []byte("ID=small\n")}),
		Layer(tb, File{"app/content", []byte(content)}, File{"app/platform", []byte(platform)}))
}

// Index returns an OCI index of small images with content, one for each of
// platforms.
func Index(tb testing.TB, content string, platforms ...string) v1.ImageIndex {
	tb.Helper()
	idx := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, s := range platforms {
		p, err := v1.ParsePlatform(s)
		if err != nil {
			tb.Fatal(err)
		}
		idx = mutate.AppendManifests(idx, mutate.IndexAddendum{
			Add: SmallImage(tb, s, content), Descriptor: v1.Descriptor{Platform: p},
		})
	}
	return idx
}

// Push pushes an image or an index to ref, "host/repository:tag", with
// go-containerregistry, and returns its digest.
func Push(tb testing.TB, ref string, what remote.Taggable) bundle.Digest {
	tb.Helper()
	tag, err := name.ParseReference(ref)
	if err != nil {
		tb.Fatal(err)
	}
	switch what := what.(type) {
	case v1.Image:
		err = remote.Write(tag, what)
	case v1.ImageIndex:
		err = remote.WriteIndex(tag, what)
	default:
		err = fmt.Errorf("%T can't be pushed", what)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return digestOf(tb, what)
}

// PushImage pushes a small image for linux/amd64.
func PushImage(tb testing.TB, ref, content string) bundle.Digest {
	tb.Helper()
	return Push(tb, ref, SmallImage(tb, "linux/amd64", content))
}

// PushIndex pushes an index of small images for platforms.
func PushIndex(tb testing.TB, ref, content string, platforms ...string) bundle.Digest {
	tb.Helper()
	return Push(tb, ref, Index(tb, content, platforms...))
}

// Signature returns a manifest of the form that cosign gives to signatures.
// What it says is not signed by anybody.
func Signature(tb testing.TB, repo string, subject bundle.Digest) v1.Image {
	tb.Helper()
	payload, err := json.Marshal(map[string]any{"critical": map[string]any{
		"identity": map[string]any{"docker-reference": repo},
		"image":    map[string]any{"docker-manifest-digest": subject},
		"type":     "cosign container image signature",
	}, "optional": nil})
	if err != nil {
		tb.Fatal(err)
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err = mutate.Append(img, mutate.Addendum{
		Layer:       static.NewLayer(payload, "application/vnd.dev.cosign.simplesigning.v1+json"),
		Annotations: map[string]string{"dev.cosignproject.cosign/signature": "bm90IHNpZ25lZA=="},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return img
}

// PushSignature pushes Signature to subject's .sig tag in repo, which has its
// host.
func PushSignature(tb testing.TB, repo string, subject bundle.Digest) bundle.Digest {
	tb.Helper()
	return Push(tb, repo+":"+oci.FallbackTag(subject)+".sig", Signature(tb, repo, subject))
}

// PushReferrer pushes an artifact of artifactType that has subject, by its
// digest, and returns that. go-containerregistry keeps the fallback tag.
func PushReferrer(tb testing.TB, repo string, subject bundle.Digest, artifactType, content string) bundle.Digest {
	tb.Helper()
	r, err := name.NewRepository(repo)
	if err != nil {
		tb.Fatal(err)
	}
	desc, err := remote.Head(r.Digest(string(subject)))
	if err != nil {
		tb.Fatal(err)
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.MediaType(artifactType))
	img, err = mutate.AppendLayers(img, static.NewLayer([]byte(content), "text/plain"))
	if err != nil {
		tb.Fatal(err)
	}
	withSubject, ok := mutate.Subject(img, *desc).(v1.Image)
	if !ok {
		tb.Fatal("an image with a subject is no image")
	}
	d := digestOf(tb, withSubject)
	return Push(tb, repo+"@"+string(d), withSubject)
}

// Tags returns the tags in repo, as the registry lists them.
func Tags(tb testing.TB, repo string) []string {
	tb.Helper()
	host, path, _ := strings.Cut(repo, "/")
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, "http://"+host+"/v2/"+path+"/tags/list", nil)
	if err != nil {
		tb.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var list struct {
		Tags []string `json:"tags"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		tb.Fatal(err)
	}
	return list.Tags
}

func digestOf(tb testing.TB, what remote.Taggable) bundle.Digest {
	tb.Helper()
	raw, err := what.RawManifest()
	if err != nil {
		tb.Fatal(err)
	}
	return bundle.DigestOf(raw)
}
