package release

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
)

// writeFiles writes files below dir. A name that ends in "*" is executable.
func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		name, executable := strings.CutSuffix(name, "*")
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o640)
		if executable {
			mode = 0o750
		}
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
}

// resolve writes release.yaml with body into dir, reads and resolves it.
func resolve(t *testing.T, src Source, dir, body string, o ResolveOptions) (*Resolution, error) {
	t.Helper()
	path := filepath.Join(dir, "release.yaml")
	writeFiles(t, dir, map[string]string{"release.yaml": head + body})
	r, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return Resolve(t.Context(), r, src, o)
}

func mustResolve(t *testing.T, src Source, dir, body string, o ResolveOptions) *Resolution {
	t.Helper()
	r, err := resolve(t, src, dir, body, o)
	if err != nil {
		t.Fatal(err)
	}
	checkItems(t, r, src)
	return r
}

// checkItems checks that r lists all that its manifests need, before them,
// and that the content is what its digest says.
func checkItems(t *testing.T, r *Resolution, src Source) {
	t.Helper()
	at := make(map[bundle.Digest]int)
	for i, item := range r.Items() {
		if _, ok := at[item.Digest]; ok {
			t.Errorf("item %s is listed twice", item.Digest)
		}
		at[item.Digest] = i
		if err := checkItem(t.Context(), item, src); err != nil {
			t.Errorf("item %s of %q: %v", item.Digest, item.Owner, err)
		}
		if !item.IsManifest {
			continue
		}
		m, err := oci.ParseManifest(item.MediaType, item.Raw)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range m.Blobs() {
			if _, ok := at[b.Digest]; !ok {
				t.Errorf("blob %s is not listed before its manifest %s", b.Digest, item.Digest)
			}
		}
	}
	for _, a := range r.Artifacts() {
		pushes, err := Closure(a, r.ManifestBytes)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pushes {
			if _, ok := at[p.Digest]; !ok {
				t.Errorf("manifest %s of %q is not listed", p.Digest, a.Name)
			}
		}
	}
}

func checkItem(ctx context.Context, item Item, src Source) error {
	b := item.Raw
	switch {
	case item.IsManifest:
	case (item.Open != nil) != (item.Repository == ""):
		return fmt.Errorf("has repository %q, and Open is nil: %v", item.Repository, item.Open == nil)
	case item.Open != nil:
		rc, err := item.Open()
		if err != nil {
			return err
		}
		defer rc.Close()
		if b, err = io.ReadAll(rc); err != nil {
			return err
		}
	default:
		var err error
		if b, err = src.Blob(ctx, item.Repository, item.Digest, item.Size); err != nil {
			return err
		}
	}
	if int64(len(b)) != item.Size || bundle.DigestFromSum(sha256.Sum256(b)) != item.Digest {
		return fmt.Errorf("got %d bytes of %s, want %d", len(b), bundle.DigestOf(b), item.Size)
	}
	return nil
}

func TestResolveSelectsPlatforms(t *testing.T) {
	src := newTestRegistry(t)
	index := testIndex(t, "web ", "linux/amd64", "linux/arm64/v8", "windows/amd64")
	d := src.push("shop/web", "1.0", index)
	attestations := map[string]bundle.Digest{}
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range m.Manifests {
		if about := c.Annotations[annotationSubject]; about != "" {
			attestations[about] = bundle.Digest(c.Digest.String())
		}
	}
	withAttestation := func(platforms ...string) (want []bundle.Digest) {
		for _, p := range platforms {
			c := childDigest(t, index, p)
			want = append(want, c, attestations[string(c)])
		}
		slices.Sort(want)
		return want
	}
	tests := []struct {
		platforms string
		want      []bundle.Digest
	}{
		{"[linux/amd64]", withAttestation("linux/amd64")},
		{"[linux/arm64]", withAttestation("linux/arm64/v8")},
		{"[linux/arm64, windows/amd64]", withAttestation("linux/arm64/v8", "windows/amd64")},
		{"[all]", withAttestation("linux/amd64", "linux/arm64/v8", "windows/amd64")},
	}
	for _, tt := range tests {
		t.Run(tt.platforms, func(t *testing.T) {
			r := mustResolve(t, src, t.TempDir(),
				fmt.Sprintf("images: [{image: '%s/shop/web:1.0', platforms: %s}]\n", src.host, tt.platforms), ResolveOptions{})
			img := r.Resolved.Images[0]
			if img.Digest != d || img.MediaType != oci.MediaTypeIndex {
				t.Errorf("image is %s, %s, want the index %s", img.Digest, img.MediaType, d)
			}
			if diff := cmp.Diff(tt.want, img.Selected); diff != "" {
				t.Errorf("selected (-want +got):\n%s", diff)
			}
			pushes, err := Closure(img.Artifact(), r.ManifestBytes)
			if err != nil {
				t.Fatal(err)
			}
			last := pushes[len(pushes)-1]
			if want := tt.platforms != "[all]"; last.Digest != d || last.Sparse != want || !slices.Equal(last.Tags, []string{"1.0"}) {
				t.Errorf("last push is %s, sparse %v, tags %v, want the index, %v, 1.0", last.Digest, last.Sparse, last.Tags, want)
			}
			if got, want := len(pushes), len(tt.want)+1; got != want {
				t.Errorf("%d pushes, want %d", got, want)
			}
		})
	}
}

// Platforms that an index does not name are in the configs of its children,
// also below a nested index.
func TestResolveReadsPlatformFromConfig(t *testing.T) {
	src := newTestRegistry(t)
	amd, arm := testImage(t, "linux/amd64", "a"), testImage(t, "linux/arm64", "b")
	inner := mutate.IndexMediaType(mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: amd}, mutate.IndexAddendum{Add: arm}), types.OCIImageIndex)
	outer := mutate.IndexMediaType(mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: inner}), types.OCIImageIndex)
	src.push("nested", "1", outer)
	r := mustResolve(t, src, t.TempDir(), fmt.Sprintf("platforms: [linux/arm64]\nimages: ['%s/nested:1']\n", src.host), ResolveOptions{})
	want := []bundle.Digest{digestOf(t, inner), digestOf(t, arm)}
	slices.Sort(want)
	if diff := cmp.Diff(want, r.Resolved.Images[0].Selected); diff != "" {
		t.Errorf("selected (-want +got):\n%s", diff)
	}
}

func TestResolveCarriesAttachments(t *testing.T) {
	src := newTestRegistry(t)
	index := testIndex(t, "signed ", "linux/amd64", "linux/arm64")
	top := src.push("signed", "1", index)
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	topDescriptor, err := partial.Descriptor(index)
	if err != nil {
		t.Fatal(err)
	}
	topSig, topSBOM := src.attach("signed", *topDescriptor, "of the index")
	childSig, childSBOM := src.attach("signed", m.Manifests[0], "of the child for amd64")
	src.attach("signed", m.Manifests[2], "of the child that does not travel")
	// A signature of the SBOM, so an attachment of an attachment.
	sbomSig, _ := src.attach("signed", v1.Descriptor{
		MediaType: types.OCIManifestSchema1, Digest: v1.Hash{Algorithm: "sha256", Hex: childSBOM.Hex()},
	}, "of the SBOM")

	r := mustResolve(t, src, t.TempDir(), fmt.Sprintf("platforms: [linux/amd64]\nimages: ['%s/signed:1']\n", src.host), ResolveOptions{})
	child := bundle.Digest(m.Manifests[0].Digest.String())
	got := make(map[bundle.Digest]bundle.Digest)
	for _, a := range r.Resolved.Images[0].Attachments {
		got[a.Digest] = a.Subject
		if a.Size == 0 || a.MediaType != oci.MediaTypeManifest || (a.ArtifactType == "application/spdx+json") != (a.Tag == "") {
			t.Errorf("attachment is %+v", a)
		}
	}
	for d, subject := range map[bundle.Digest]bundle.Digest{
		topSig: top, topSBOM: top, childSig: child, childSBOM: child, sbomSig: childSBOM,
	} {
		if got[d] != subject {
			t.Errorf("attachment %s has subject %q, want %s", d, got[d], subject)
		}
	}
	if len(got) != 6 { // and the referrer of the SBOM
		t.Errorf("%d attachments, want 6", len(got))
	}
	pushes, err := Closure(r.Resolved.Images[0].Artifact(), r.ManifestBytes)
	if err != nil {
		t.Fatal(err)
	}
	at := make(map[bundle.Digest]int)
	for i, p := range pushes {
		at[p.Digest] = i
		if subject, ok := got[p.Digest]; ok && at[subject] >= i {
			t.Errorf("attachment %s comes before its subject", p.Digest)
		}
	}
	if want := "sha256-" + child.Hex() + ".sig"; !slices.Equal(pushes[at[childSig]].Tags, []string{want}) {
		t.Errorf("tags of the signature are %v, want %s", pushes[at[childSig]].Tags, want)
	}
}

func TestResolveImageProblems(t *testing.T) {
	src := newTestRegistry(t)
	src.push("multi", "1", testIndex(t, "m ", "linux/amd64", "linux/arm64"))
	src.push("single", "1", testImage(t, "linux/arm64", "s"))
	src.push("any", "1", testImage(t, oci.PlatformUnknown, "a"))
	tests := []struct{ name, image, want string }{
		{"platform of an index", "{image: '%s/multi:1', platforms: [linux/s390x, linux/amd64]}", "has no platform linux/s390x; it has linux/amd64, linux/arm64"},
		{"platform of an image", "{image: '%s/single:1', platforms: [linux/amd64]}", "is for platform linux/arm64 alone, want linux/amd64"},
		{"no tag", "'%s/multi:2'", "404 Not Found"},
		{"no digest", "'%s/multi@sha256:" + strings.Repeat("0", 64) + "'", "MANIFEST_UNKNOWN"},
		{"no verifier", "{image: '%s/multi:1', verify: {key: k.pub}}", "verifying with key \"k.pub\": there is nothing that could"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := resolve(t, src, t.TempDir(), "images: ["+fmt.Sprintf(tt.image, src.host)+"]\n", ResolveOptions{})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "release.yaml:5: image \"") {
				t.Errorf("Resolve = %v, want %q", err, tt.want)
			}
		})
	}
	t.Run("platform fits", func(t *testing.T) {
		mustResolve(t, src, t.TempDir(), fmt.Sprintf("images: [{image: '%s/single:1', platforms: [linux/arm64]}]\n", src.host), ResolveOptions{})
	})
}

// What has no platform, here an artifact beside images, fits everybody.
func TestResolveCarriesChildrenWithoutPlatform(t *testing.T) {
	src := newTestRegistry(t)
	amd, arm := testImage(t, "linux/amd64", "a"), testImage(t, "linux/arm64", "b")
	artifact := mutate.ConfigMediaType(testImage(t, "linux/arm64", "c"), "application/x")
	src.push("mixed", "1", mutate.IndexMediaType(mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: amd}, mutate.IndexAddendum{Add: arm}, mutate.IndexAddendum{Add: artifact}), types.OCIImageIndex))
	r := mustResolve(t, src, t.TempDir(), fmt.Sprintf("platforms: [linux/amd64]\nimages: ['%s/mixed:1']\n", src.host), ResolveOptions{})
	want := []bundle.Digest{digestOf(t, amd), digestOf(t, artifact)}
	slices.Sort(want)
	if diff := cmp.Diff(want, r.Resolved.Images[0].Selected); diff != "" {
		t.Errorf("selected (-want +got):\n%s", diff)
	}
}

// An attachment that is found in both ways is one, and keeps its tag.
func TestResolveAttachmentFoundTwice(t *testing.T) {
	src := newTestRegistry(t)
	img := testImage(t, "linux/amd64", "x")
	d := src.push("x", "1", img)
	subject, err := partial.Descriptor(img)
	if err != nil {
		t.Fatal(err)
	}
	tag := "sha256-" + d.Hex() + ".sbom"
	both, ok := mutate.Subject(testImage(t, oci.PlatformUnknown, "SBOM"), *subject).(v1.Image)
	if !ok {
		t.Fatal("mutate.Subject gave no image")
	}
	src.push("x", tag, both)
	r := mustResolve(t, src, t.TempDir(), fmt.Sprintf("images: ['%s/x:1']\n", src.host), ResolveOptions{})
	if a := r.Resolved.Images[0].Attachments; len(a) != 1 || a[0].Tag != tag {
		t.Errorf("attachments are %+v, want one with tag %s", a, tag)
	}
}

func TestResolveRefusesForeignLayers(t *testing.T) {
	src := newTestRegistry(t)
	img := testImage(t, "windows/amd64", "x")
	raw, err := img.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	src.push("x", "0", img)
	foreign := bytes.Replace(raw, []byte(`"`+string(types.OCILayer)+`"`),
		[]byte(`"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip","urls":["https://elsewhere.example/l"]`), 1)
	if err := remote.Put(src.repo("x").Tag("1"), rawManifest{foreign, types.OCIManifestSchema1}); err != nil {
		t.Fatal(err)
	}
	_, err = resolve(t, src, t.TempDir(), fmt.Sprintf("images: ['%s/x:1']\n", src.host), ResolveOptions{})
	if err == nil || !strings.Contains(err.Error(), "is foreign") {
		t.Errorf("Resolve = %v, want the foreign layer refused", err)
	}
}

// A lyingSource gives other bytes than were asked for.
type lyingSource struct{ *testRegistry }

func (s lyingSource) Manifest(ctx context.Context, repository string, d bundle.Digest) (string, []byte, error) {
	mediaType, raw, err := s.testRegistry.Manifest(ctx, repository, d)
	return mediaType, append(raw, ' '), err
}

func TestResolveComparesManifests(t *testing.T) {
	src := newTestRegistry(t)
	src.push("x", "1", testImage(t, "linux/amd64", "x"))
	_, err := resolve(t, lyingSource{src}, t.TempDir(), fmt.Sprintf("images: ['%s/x:1']\n", src.host), ResolveOptions{})
	if err == nil || !strings.Contains(err.Error(), "got the digest") {
		t.Errorf("Resolve = %v, want other bytes refused", err)
	}
}

// A reference by digest needs no look at a tag, and what is named twice is
// resolved once, for the platforms of both.
func TestResolveAsksOnce(t *testing.T) {
	src := newTestRegistry(t)
	index := testIndex(t, "x ", "linux/amd64", "linux/arm64", "linux/s390x")
	d := src.push("x", "1", index)
	src.heads.Store(0)
	r := mustResolve(t, src, t.TempDir(), fmt.Sprintf(
		"images: [{image: '%[1]s/x:1', platforms: [linux/arm64]}, {image: '%[1]s/x:1', platforms: [linux/amd64]}, '%[1]s/x@%[2]s']\n", src.host, d), ResolveOptions{})
	if n := src.heads.Load(); n != 1 {
		t.Errorf("%d HEAD requests for tags, want 1", n)
	}
	if len(r.Resolved.Images) != 2 {
		t.Fatalf("%d images, want 2", len(r.Resolved.Images))
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, r.Resolved.Images[0].Platforms); diff != "" {
		t.Errorf("platforms (-want +got):\n%s", diff)
	}
	if img := r.Resolved.Images[1]; len(img.Selected) != 6 || img.Tag != "" {
		t.Errorf("image by digest is %+v, want all children and no tag", img)
	}
}

func TestResolveVerifies(t *testing.T) {
	src := newTestRegistry(t)
	src.push("x", "1", testImage(t, "linux/amd64", "x"))
	src.push("y", "1", testImage(t, "linux/amd64", "y"))
	dir := t.TempDir()
	body := fmt.Sprintf("images:\n- {image: '%[1]s/x:1', verify: {key: keys/a.pub}}\n- {image: '%[1]s/x:1', verify: {key: /b.pub}}\n- '%[1]s/y:1'\n", src.host)
	var mu sync.Mutex
	var calls []string
	_, err := resolve(t, src, dir, body, ResolveOptions{VerifyImage: func(_ context.Context, img Image, key string) error {
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, img.Repository+" "+key)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{src.host + "/x " + filepath.Join(dir, "keys/a.pub"), src.host + "/x /b.pub"}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Errorf("verified (-want +got):\n%s", diff)
	}
	errUntrusted := errors.New("untrusted")
	_, err = resolve(t, src, dir, body, ResolveOptions{VerifyImage: func(context.Context, Image, string) error { return errUntrusted }})
	if !errors.Is(err, errUntrusted) {
		t.Errorf("Resolve = %v, want what the verifier returned", err)
	}
}

// All problems come at once, in the order of the release.
func TestResolveAllProblems(t *testing.T) {
	src := newTestRegistry(t)
	src.push("ok", "1", testImage(t, "linux/amd64", "x"))
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"deploy/bad.yaml": "apiVersion: v1\nkind: [\n", "deploy/ok.yaml": "apiVersion: v1\nkind: Pod\n"})
	_, err := resolve(t, src, dir, fmt.Sprintf(`images:
- %[1]s/ok:1
- %[1]s/missing:1
- image: %[1]s/ok:1
charts:
- ./nochart
files:
- nofile
manifests:
- deploy/*.yaml
- none/*.yaml
`, src.host), ResolveOptions{})
	if err == nil {
		t.Fatal("Resolve succeeded")
	}
	var got []string
	for line := range strings.SplitSeq(err.Error(), "\n") {
		line = strings.ReplaceAll(line, dir+"/", "")
		got = append(got, line[:strings.Index(line, ": ")])
	}
	want := []string{"release.yaml:7", "release.yaml:10", "release.yaml:12", "deploy/bad.yaml:2", "release.yaml:15"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s\n%v", diff, err)
	}
}

func TestResolveCancelled(t *testing.T) {
	src := newTestRegistry(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := &Release{Path: "r", Name: "a", Version: "1", Images: []WantedImage{{Image: src.host + "/x:1"}}}
	if _, err := Resolve(ctx, r, src, ResolveOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Resolve = %v, want context.Canceled", err)
	}
}

// The same release gives the same bytes, however many requests there are at a
// time, and the config of the release manifest is the resolved release.
func TestResolveDeterministic(t *testing.T) {
	src := newTestRegistry(t)
	dir := t.TempDir()
	var body strings.Builder
	body.WriteString("images:\n")
	for i := range 6 {
		repo := fmt.Sprintf("r%d", 5-i)
		src.push(repo, "1", testIndex(t, repo, "linux/amd64", "linux/arm64"))
		fmt.Fprintf(&body, "- %s/%s:1\n", src.host, repo)
	}
	writeFiles(t, dir, map[string]string{
		"f/a": "same", "f/b": "same", "f/c*": "run", "m/x.yaml": "apiVersion: v1\nkind: Pod\n",
		"chart/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n",
	})
	body.WriteString("files: [f]\nmanifests: [m]\ncharts: [./chart]\n")
	var first *Resolution
	for _, parallel := range []int{1, 2, 16} {
		r := mustResolve(t, src, dir, body.String(), ResolveOptions{Parallel: parallel})
		if first == nil {
			first = r
			continue
		}
		if !bytes.Equal(r.Text, first.Text) || !bytes.Equal(r.Manifest, first.Manifest) {
			t.Errorf("with %d at a time: another resolved release", parallel)
		}
		noFuncs := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Open" }, cmp.Ignore())
		if diff := cmp.Diff(first.Items(), r.Items(), noFuncs); diff != "" {
			t.Errorf("with %d at a time, items (-first +now):\n%s", parallel, diff)
		}
	}
	m, err := oci.ParseManifest(oci.MediaTypeManifest, first.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	if m.ArtifactType != MediaTypeRelease || m.Config.Digest != bundle.DigestOf(first.Text) || m.Digest != first.Digest() {
		t.Errorf("release manifest is %+v", m)
	}
	if len(m.Layers) != 3 || m.Layers[0].Annotations[oci.AnnotationTitle] != "f/a" {
		t.Errorf("layers are %+v, want three contents, the first titled f/a", m.Layers)
	}
	last := first.Items()[len(first.Items())-1]
	if last.Digest != first.Digest() {
		t.Errorf("last item is %s, want the release manifest", last.Digest)
	}
}

// A release of images alone has one empty layer, as image-spec advises.
func TestReleaseManifestWithoutFiles(t *testing.T) {
	src := newTestRegistry(t)
	src.push("x", "1", testImage(t, "linux/amd64", "x"))
	r := mustResolve(t, src, t.TempDir(), fmt.Sprintf("images: ['%s/x:1']\n", src.host), ResolveOptions{})
	m, err := oci.ParseManifest("", r.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Layers) != 1 || m.Layers[0].MediaType != oci.MediaTypeEmpty {
		t.Errorf("layers are %+v, want one that is empty", m.Layers)
	}
}
