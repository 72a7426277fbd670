package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
)

// A testRegistry is a registry in this process, and the Source that speaks to
// it.
type testRegistry struct {
	t     *testing.T
	host  string
	heads atomic.Int64 // HEAD requests for tags without a sign in them that makes them an attachment's
}

func newTestRegistry(t *testing.T) *testRegistry {
	t.Helper()
	r := &testRegistry{t: t}
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodHead && !strings.Contains(req.URL.Path, "sha256") {
			r.heads.Add(1)
		}
		inner.ServeHTTP(w, req)
	}))
	t.Cleanup(srv.Close)
	r.host = strings.TrimPrefix(srv.URL, "http://")
	return r
}

// repo returns the repository at path, for go-containerregistry.
func (r *testRegistry) repo(path string) name.Repository {
	r.t.Helper()
	repo, err := name.NewRepository(r.host + "/" + path)
	if err != nil {
		r.t.Fatal(err)
	}
	return repo
}

// push pushes what t is, an image or an index, and returns its digest.
func (r *testRegistry) push(path, tag string, what remote.Taggable) bundle.Digest {
	r.t.Helper()
	if err := remote.Push(r.repo(path).Tag(tag), what); err != nil {
		r.t.Fatal(err)
	}
	raw, err := what.RawManifest()
	if err != nil {
		r.t.Fatal(err)
	}
	return bundle.DigestOf(raw)
}

func (r *testRegistry) Resolve(ctx context.Context, ref oci.Reference) (oci.Descriptor, error) {
	repo, err := name.NewRepository(ref.Repository)
	if err != nil {
		return oci.Descriptor{}, err
	}
	d, err := remote.Head(repo.Tag(ref.Tag), remote.WithContext(ctx))
	if err != nil {
		return oci.Descriptor{}, fmt.Errorf("reading from %q: %w", ref.Host(), err)
	}
	return oci.Descriptor{MediaType: string(d.MediaType), Digest: bundle.Digest(d.Digest.String()), Size: d.Size}, nil
}

func (r *testRegistry) Manifest(ctx context.Context, repository string, d bundle.Digest) (string, []byte, error) {
	repo, err := name.NewRepository(repository)
	if err != nil {
		return "", nil, err
	}
	got, err := remote.Get(repo.Digest(string(d)), remote.WithContext(ctx))
	if err != nil {
		return "", nil, fmt.Errorf("reading from %q: %w", repository, err)
	}
	return string(got.MediaType), got.Manifest, nil
}

func (r *testRegistry) Blob(ctx context.Context, repository string, d bundle.Digest, size int64) ([]byte, error) {
	repo, err := name.NewRepository(repository)
	if err != nil {
		return nil, err
	}
	layer, err := remote.Layer(repo.Digest(string(d)), remote.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	rc, err := layer.Compressed()
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	b, err := io.ReadAll(rc)
	if err == nil && int64(len(b)) != size {
		err = fmt.Errorf("%s has %d bytes, want %d", d, len(b), size)
	}
	return b, err
}

func (r *testRegistry) Attachments(ctx context.Context, repository string, subject bundle.Digest) ([]Attachment, error) {
	repo, err := name.NewRepository(repository)
	if err != nil {
		return nil, err
	}
	var list []Attachment
	for _, suffix := range []string{".sig", ".att", ".sbom"} {
		tag := strings.Replace(string(subject), ":", "-", 1) + suffix
		d, err := remote.Head(repo.Tag(tag), remote.WithContext(ctx))
		if e, ok := errors.AsType[*transport.Error](err); ok && e.StatusCode == http.StatusNotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, Attachment{Digest: bundle.Digest(d.Digest.String()), Tag: tag})
	}
	index, err := remote.Referrers(repo.Digest(string(subject)), remote.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	m, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	for _, d := range m.Manifests {
		list = append(list, Attachment{Digest: bundle.Digest(d.Digest.String()), ArtifactType: d.ArtifactType})
	}
	return list, nil
}

func (r *testRegistry) Tags(ctx context.Context, repository string) ([]string, error) {
	repo, err := name.NewRepository(repository)
	if err != nil {
		return nil, err
	}
	return remote.List(repo, remote.WithContext(ctx))
}

// testImage returns an image for a platform, with one layer that holds text.
func testImage(t *testing.T, platform, text string) v1.Image {
	t.Helper()
	img, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1),
		static.NewLayer([]byte(text), types.OCILayer))
	if err != nil {
		t.Fatal(err)
	}
	p, err := v1.ParsePlatform(platform)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	cfg = cfg.DeepCopy()
	cfg.OS, cfg.Architecture, cfg.Variant = p.OS, p.Architecture, p.Variant
	if img, err = mutate.ConfigFile(img, cfg); err != nil {
		t.Fatal(err)
	}
	return mutate.ConfigMediaType(img, types.OCIConfigJSON)
}

// testIndex returns an index of images for platforms, and of an attestation as
// BuildKit makes it for each.
func testIndex(t *testing.T, text string, platforms ...string) v1.ImageIndex {
	t.Helper()
	var adds []mutate.IndexAddendum
	for _, platform := range platforms {
		img := testImage(t, platform, text+platform)
		p, err := v1.ParsePlatform(platform)
		if err != nil {
			t.Fatal(err)
		}
		adds = append(adds, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: p}})
		adds = append(adds, mutate.IndexAddendum{
			Add: testImage(t, oci.PlatformUnknown, "attestation of "+text+platform),
			Descriptor: v1.Descriptor{
				Platform:    &v1.Platform{OS: "unknown", Architecture: "unknown"},
				Annotations: map[string]string{annotationSubject: string(digestOf(t, img)), "vnd.docker.reference.type": "attestation-manifest"},
			},
		})
	}
	return mutate.IndexMediaType(mutate.AppendManifests(empty.Index, adds...), types.OCIImageIndex)
}

func digestOf(t *testing.T, what partial.WithRawManifest) bundle.Digest {
	t.Helper()
	raw, err := what.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	return bundle.DigestOf(raw)
}

// childDigest returns the digest of the first child of index for platform.
func childDigest(t *testing.T, index v1.ImageIndex, platform string) bundle.Digest {
	t.Helper()
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range m.Manifests {
		if d.Platform != nil && d.Platform.String() == platform {
			return bundle.Digest(d.Digest.String())
		}
	}
	t.Fatalf("index has no child for %s", platform)
	return ""
}

// attach pushes a signature of subject under cosign's tag, and a referrer.
func (r *testRegistry) attach(path string, subject v1.Descriptor, text string) (signature, referrer bundle.Digest) {
	r.t.Helper()
	hex := strings.Replace(subject.Digest.String(), ":", "-", 1)
	signature = r.push(path, hex+".sig", testImage(r.t, oci.PlatformUnknown, "signature "+text))
	img, ok := mutate.Subject(mutate.ConfigMediaType(testImage(r.t, oci.PlatformUnknown, "SBOM "+text), "application/spdx+json"), subject).(v1.Image)
	if !ok {
		r.t.Fatal("mutate.Subject gave no image")
	}
	referrer = digestOf(r.t, img)
	if err := remote.Write(r.repo(path).Digest(string(referrer)), img); err != nil {
		r.t.Fatal(err)
	}
	return signature, referrer
}
