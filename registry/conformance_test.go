package registry_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
	"github.com/airgap-ferry/ferry/registry"
	"github.com/airgap-ferry/ferry/registry/registrytest"
)

// A backend is a registry that the client has to get along with.
type backend struct {
	name   string
	start  func(testing.TB, registrytest.Options) *registrytest.Registry
	sparse bool // takes indexes whose children it lacks
}

var backends = []backend{
	{"serve", registrytest.Start, true},
	{"distribution-2.8", registrytest.StartDebian, false},
}

// open starts b, empty, and returns a client for it.
func (b backend) open(t *testing.T) (*registrytest.Registry, *registry.Client) {
	t.Helper()
	return b.start(t, registrytest.Options{}), registrytest.Client(t)
}

// newClient returns a client with o that neither sleeps nor has credentials of
// whoever runs the test.
func newClient(tb testing.TB, o registry.Options) *registry.Client {
	tb.Helper()
	if o.Keychain == nil {
		o.Keychain = registrytest.NoCredentials{}
	}
	if o.Sleep == nil {
		o.Sleep = noSleep
	}
	c, err := registry.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}

func noSleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// noise returns n bytes that depend on seed alone.
func noise(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

func upload(repo string, content []byte) registry.Upload {
	return registry.Upload{
		Repository: repo, Digest: bundle.DigestOf(content), Size: int64(len(content)),
		Open: func(offset int64) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(content[offset:])), nil
		},
	}
}

func mustPush(tb testing.TB, c *registry.Client, u registry.Upload, want registry.How) {
	tb.Helper()
	if how, err := c.PushBlob(tb.Context(), u); err != nil || how != want {
		tb.Fatalf("PushBlob(%s) = %v, %v, want %v", u.Digest.Short(), how, err, want)
	}
}

func readBlob(tb testing.TB, c *registry.Client, repo string, d bundle.Digest, offset int64) []byte {
	tb.Helper()
	rc, err := c.Blob(tb.Context(), repo, d, offset)
	if err != nil {
		tb.Fatal(err)
	}
	defer rc.Close()
	b, err := io.ReadAll(rc)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestReadsWhatOthersPushed(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			r, c := b.open(t)
			repo := r.Repository("shop/api")
			idx := registrytest.Index(t, "one", "linux/amd64", "linux/arm64/v8")
			want := registrytest.Push(t, repo+":1.0", idx)
			r.Reset()

			ref, err := oci.ParseReference(repo + ":1.0")
			if err != nil {
				t.Fatal(err)
			}
			d, err := c.Resolve(t.Context(), ref)
			if err != nil || d.Digest != want || d.MediaType != oci.MediaTypeIndex || d.Size == 0 {
				t.Fatalf("Resolve(%v) = %+v, %v, want index %s", ref, d, err, want)
			}
			if got := r.Requests(); len(got) != 1 || got[0].Method != http.MethodHead {
				t.Errorf("Resolve made the requests %v, want one HEAD", got)
			}
			desc, raw, err := c.Manifest(t.Context(), repo, d.Digest)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(d, desc); diff != "" {
				t.Errorf("Manifest and Resolve differ:\n%s", diff)
			}
			m, err := registry.ParseManifest(desc.MediaType, raw)
			if err != nil || len(m.Children) != 2 || m.Children[1].Platform != "linux/arm64/v8" {
				t.Fatalf("ParseManifest = %+v, %v, want two children, the second for linux/arm64/v8", m, err)
			}
			_, raw, err = c.Manifest(t.Context(), repo, m.Children[0].Digest)
			if err != nil {
				t.Fatal(err)
			}
			child, err := registry.ParseManifest(m.Children[0].MediaType, raw)
			if err != nil {
				t.Fatal(err)
			}
			for _, blob := range child.Blobs() {
				size, ok, err := c.StatBlob(t.Context(), repo, blob.Digest)
				if err != nil || !ok || size != blob.Size {
					t.Errorf("StatBlob(%s) = %d, %v, %v, want %d", blob.Digest, size, ok, err, blob.Size)
				}
				whole := readBlob(t, c, repo, blob.Digest, 0)
				if bundle.DigestOf(whole) != blob.Digest {
					t.Errorf("Blob(%s) has other bytes", blob.Digest)
				}
				if tail := readBlob(t, c, repo, blob.Digest, 5); !bytes.Equal(tail, whole[5:]) {
					t.Errorf("Blob(%s) from byte 5 has other bytes", blob.Digest)
				}
			}
			tags, err := c.Tags(t.Context(), repo)
			if err != nil || !slices.Equal(tags, []string{"1.0"}) {
				t.Errorf("Tags = %v, %v, want 1.0", tags, err)
			}
		})
	}
}

func TestMissingIsNotFound(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			r, c := b.open(t)
			registrytest.PushImage(t, r.Repository("shop/api:1.0"), "x")
			absent := bundle.DigestOf([]byte("absent"))
			for _, repo := range []string{r.Repository("shop/api"), r.Repository("no/such")} {
				_, err := c.Resolve(t.Context(), registry.Reference{Repository: repo, Tag: "none"})
				if !errors.Is(err, registry.ErrNotFound) {
					t.Errorf("Resolve of a missing tag in %s: %v, want ErrNotFound", repo, err)
				}
				if _, _, err := c.Manifest(t.Context(), repo, absent); !errors.Is(err, registry.ErrNotFound) {
					t.Errorf("Manifest of a missing digest: %v, want ErrNotFound", err)
				}
				if _, err := c.Blob(t.Context(), repo, absent, 0); !errors.Is(err, registry.ErrNotFound) {
					t.Errorf("Blob of a missing digest: %v, want ErrNotFound", err)
				}
				if _, ok, err := c.StatBlob(t.Context(), repo, absent); ok || err != nil {
					t.Errorf("StatBlob of a missing digest = %v, %v, want false, nil", ok, err)
				}
				if _, ok, err := c.StatManifest(t.Context(), repo, "none"); ok || err != nil {
					t.Errorf("StatManifest of a missing tag = %v, %v, want false, nil", ok, err)
				}
				if got, err := c.Referrers(t.Context(), repo, absent); len(got) != 0 || err != nil {
					t.Errorf("Referrers of a missing digest = %v, %v, want none", got, err)
				}
			}
		})
	}
}

func TestErrorNamesSideAndReference(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			r, c := b.open(t)
			d := bundle.DigestOf([]byte("absent"))
			_, _, err := c.Manifest(t.Context(), r.Repository("shop/api"), d)
			e, ok := errors.AsType[*registry.Error](err)
			if !ok || e.Side != "reading from" || e.Host != r.Host || e.Repository != "shop/api" || e.Ref != string(d) ||
				e.Status != http.StatusNotFound || e.Code == "" {
				t.Errorf("error is %#v", e)
			}
			want := `reading from "` + r.Host + "/shop/api@" + string(d) + `": not found (status 404 MANIFEST_UNKNOWN): "manifest unknown"`
			if err.Error() != want {
				t.Errorf("error is %q, want %q", err, want)
			}
		})
	}
}

func TestPushBlobUploadsMountsAndFindsPresent(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			r, c := b.open(t)
			content := noise(1, 100_000)
			var sent int64
			u := upload(r.Repository("shop/api"), content)
			u.Progress = func(n int64) { sent += n }
			mustPush(t, c, u, registry.Uploaded)
			if sent != u.Size {
				t.Errorf("Progress told of %d bytes, want %d", sent, u.Size)
			}
			r.Reset()
			u.Open = nil // must not be needed from here on
			mustPush(t, c, u, registry.Present)
			if r.Count("") != 1 {
				t.Errorf("finding a blob present took %v", r.Requests())
			}
			r.Reset()
			u.MountFrom = []string{r.Repository("no/such"), "elsewhere.example/shop/api", u.Repository}
			u.Repository = r.Repository("shop/web")
			mustPush(t, c, u, registry.Mounted)
			if got := readBlob(t, c, u.Repository, u.Digest, 0); !bytes.Equal(got, content) {
				t.Error("the mounted blob has other bytes")
			}
		})
	}
}

func TestPushBlobUsesUploadThatMountStarted(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			r, c := b.open(t)
			u := upload(r.Repository("shop/api"), noise(2, 1000))
			u.MountFrom = []string{r.Repository("no/such")}
			mustPush(t, c, u, registry.Uploaded)
			if got := r.Count(http.MethodPost); got != 1 {
				t.Errorf("%d POST requests, want 1: %v", got, r.Requests())
			}
		})
	}
}

func TestPushEmptyBlob(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			r, c := b.open(t)
			u := upload(r.Repository("shop/api"), nil)
			how, err := c.PushBlob(t.Context(), u)
			if err != nil {
				t.Fatal(err)
			}
			if got := readBlob(t, c, u.Repository, u.Digest, 0); len(got) != 0 {
				t.Errorf("%s blob has %d bytes, want 0", how, len(got))
			}
		})
	}
}

func TestPushBlobInChunks(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			r := b.start(t, registrytest.Options{})
			c := newClient(t, registry.Options{UploadThreshold: 1000, UploadChunk: 64 << 10})
			u := upload(r.Repository("shop/api"), noise(3, 300_000))
			mustPush(t, c, u, registry.Uploaded)
			if got := r.Count(http.MethodPatch); got != 5 {
				t.Errorf("%d PATCH requests, want 5", got)
			}
			if got := readBlob(t, c, u.Repository, u.Digest, 0); bundle.DigestOf(got) != u.Digest {
				t.Error("the blob has other bytes")
			}
		})
	}
}

func TestPushBlobRefusesWrongBytes(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			r, c := b.open(t)
			u := upload(r.Repository("shop/api"), noise(4, 1000))
			u.Digest = bundle.DigestOf([]byte("something else"))
			if _, err := c.PushBlob(t.Context(), u); !errors.Is(err, registry.ErrWrongContent) {
				t.Errorf("PushBlob of other bytes: %v, want ErrWrongContent", err)
			}
			if _, ok, err := c.StatBlob(t.Context(), u.Repository, u.Digest); ok || err != nil {
				t.Errorf("StatBlob after that = %v, %v, want false, nil", ok, err)
			}
		})
	}
}

// pushParts pushes the blobs of img.
func pushParts(t *testing.T, c *registry.Client, repo string, img v1.Image) {
	t.Helper()
	cfg, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	contents := [][]byte{cfg}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		rc, err := l.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(rc)
		if err != nil {
			t.Fatal(err)
		}
		contents = append(contents, b)
	}
	for _, b := range contents {
		if _, err := c.PushBlob(t.Context(), upload(repo, b)); err != nil {
			t.Fatal(err)
		}
	}
}

func rawManifest(t *testing.T, m interface{ RawManifest() ([]byte, error) }) []byte {
	t.Helper()
	raw, err := m.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestPushManifestByTagAndDigest(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			r, c := b.open(t)
			repo := r.Repository("shop/api")
			img := registrytest.SmallImage(t, "linux/amd64", "one")
			raw := rawManifest(t, img)
			err := c.PushManifest(t.Context(), repo, "1.0", oci.MediaTypeManifest, raw)
			if e, ok := errors.AsType[*registry.Error](err); !ok || e.Code != "MANIFEST_BLOB_UNKNOWN" || errors.Is(err, registry.ErrSparseRefused) {
				t.Errorf("PushManifest without its blobs: %v, want MANIFEST_BLOB_UNKNOWN", err)
			}
			pushParts(t, c, repo, img)
			for _, ref := range []string{string(bundle.DigestOf(raw)), "1.0", "1.0"} {
				if err := c.PushManifest(t.Context(), repo, ref, oci.MediaTypeManifest, raw); err != nil {
					t.Fatal(err)
				}
			}
			d, ok, err := c.StatManifest(t.Context(), repo, "1.0")
			if err != nil || !ok || d.Digest != bundle.DigestOf(raw) || d.Size != int64(len(raw)) {
				t.Errorf("StatManifest = %+v, %v, %v", d, ok, err)
			}
			err = c.PushManifest(t.Context(), repo, string(bundle.DigestOf(nil)), oci.MediaTypeManifest, raw)
			if !errors.Is(err, registry.ErrWrongContent) {
				t.Errorf("PushManifest under another digest: %v, want ErrWrongContent", err)
			}
		})
	}
}

func TestSparseIndex(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			r, c := b.open(t)
			repo := r.Repository("shop/api")
			idx := registrytest.Index(t, "one", "linux/amd64", "linux/arm64")
			children, err := idx.IndexManifest()
			if err != nil {
				t.Fatal(err)
			}
			img, err := idx.Image(children.Manifests[0].Digest)
			if err != nil {
				t.Fatal(err)
			}
			pushParts(t, c, repo, img)
			raw := rawManifest(t, img)
			if err := c.PushManifest(t.Context(), repo, string(bundle.DigestOf(raw)), oci.MediaTypeManifest, raw); err != nil {
				t.Fatal(err)
			}
			err = c.PushManifest(t.Context(), repo, "1.0", oci.MediaTypeIndex, rawManifest(t, idx))
			if b.sparse && err != nil || !b.sparse && !errors.Is(err, registry.ErrSparseRefused) {
				t.Errorf("PushManifest of an index without its second child: %v", err)
			}
		})
	}
}

// artifact returns the manifest of an artifact of one blob that refers to
// subject.
func artifact(t *testing.T, subject registry.Descriptor, artifactType, content string) (raw []byte) {
	t.Helper()
	desc := func(mediaType string, d bundle.Digest, size int64) map[string]any {
		return map[string]any{"mediaType": mediaType, "digest": d, "size": size}
	}
	raw, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": oci.MediaTypeManifest, "artifactType": artifactType,
		"config":      desc(oci.MediaTypeEmpty, bundle.DigestOf([]byte("{}")), 2),
		"layers":      []any{desc("text/plain", bundle.DigestOf([]byte(content)), int64(len(content)))},
		"subject":     desc(subject.MediaType, subject.Digest, subject.Size),
		"annotations": map[string]any{"note": content},
	})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestReferrersOfOthersAndOurs(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			r, c := b.open(t)
			repo := r.Repository("shop/api")
			subject := registrytest.PushImage(t, repo+":1.0", "one")
			theirs := registrytest.PushReferrer(t, repo, subject, "application/vnd.example.sbom", "theirs")
			desc, ok, err := c.StatManifest(t.Context(), repo, string(subject))
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			raw := artifact(t, desc, "application/vnd.example.scan", "ours")
			for _, blob := range []string{"{}", "ours"} {
				if _, err := c.PushBlob(t.Context(), upload(repo, []byte(blob))); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 { // pushing again changes nothing
				if err := c.PushManifest(t.Context(), repo, string(bundle.DigestOf(raw)), oci.MediaTypeManifest, raw); err != nil {
					t.Fatal(err)
				}
			}
			got, err := c.Referrers(t.Context(), repo, subject)
			if err != nil {
				t.Fatal(err)
			}
			want := []registry.Descriptor{
				{MediaType: oci.MediaTypeManifest, Digest: theirs, Size: got[0].Size, ArtifactType: "application/vnd.example.sbom"},
				{
					MediaType: oci.MediaTypeManifest, Digest: bundle.DigestOf(raw), Size: int64(len(raw)),
					ArtifactType: "application/vnd.example.scan", Annotations: map[string]string{"note": "ours"},
				},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Referrers differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMissingReferrersAPIIsRemembered(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			r, c := b.open(t)
			d := registrytest.PushImage(t, r.Repository("shop/api:1.0"), "one")
			if c.NoReferrersAPI(r.Host) {
				t.Error("NoReferrersAPI before it was asked")
			}
			for range 3 {
				if _, err := c.Referrers(t.Context(), r.Repository("shop/api"), d); err != nil {
					t.Fatal(err)
				}
			}
			asked := 0
			for _, req := range r.Requests() {
				if strings.Contains(req.Path, "/referrers/") {
					asked++
				}
			}
			if asked != 1 || !c.NoReferrersAPI(r.Host) {
				t.Errorf("the API was asked %d times, NoReferrersAPI = %v; want once, true", asked, c.NoReferrersAPI(r.Host))
			}
		})
	}
}

func TestReadOnlyRegistry(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			r := b.start(t, registrytest.Options{ReadOnly: true})
			c := registrytest.Client(t)
			if _, err := c.PushBlob(t.Context(), upload(r.Repository("shop/api"), []byte("x"))); !errors.Is(err, registry.ErrReadOnly) {
				t.Errorf("PushBlob: %v, want ErrReadOnly", err)
			}
			raw := rawManifest(t, registrytest.SmallImage(t, "linux/amd64", "one"))
			if err := c.PushManifest(t.Context(), r.Repository("shop/api"), "1.0", oci.MediaTypeManifest, raw); !errors.Is(err, registry.ErrReadOnly) {
				t.Errorf("PushManifest: %v, want ErrReadOnly", err)
			}
		})
	}
}

// TestBlobIsNotHeldInMemory pushes more than the process may allocate.
func TestBlobIsNotHeldInMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("moves 200 MB")
	}
	const size = 100 << 20
	r := registrytest.Start(t, registrytest.Options{})
	c := newClient(t, registry.Options{UploadThreshold: 1 << 20, UploadChunk: 32 << 20})
	open := func(offset int64) (io.ReadCloser, error) {
		src := io.LimitReader(rand.NewChaCha8([32]byte{9}), size)
		_, err := io.CopyN(io.Discard, src, offset)
		return io.NopCloser(src), err
	}
	src, err := open(0)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	if _, err := io.Copy(h, src); err != nil {
		t.Fatal(err)
	}
	u := registry.Upload{
		Repository: r.Repository("shop/api"), Digest: bundle.DigestFromSum([32]byte(h.Sum(nil))), Size: size, Open: open,
	}
	before := allocated()
	mustPush(t, c, u, registry.Uploaded)
	rc, err := c.Blob(t.Context(), u.Repository, u.Digest, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	h.Reset()
	if _, err := io.Copy(h, rc); err != nil || bundle.DigestFromSum([32]byte(h.Sum(nil))) != u.Digest {
		t.Errorf("reading the blob back: %v, or other bytes", err)
	}
	if used := allocated() - before; used > size/4 {
		t.Errorf("pushing and reading %d bytes allocated %d", size, used)
	}
}
