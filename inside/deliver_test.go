package inside

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
	"github.com/airgap-ferry/ferry/registry"
	"github.com/airgap-ferry/ferry/registry/registrytest"
	"github.com/airgap-ferry/ferry/release"
	"github.com/airgap-ferry/ferry/verify"
)

// backends are the registries that a site can have here.
var backends = []struct {
	name   string
	sparse bool // takes indexes without all their children
	start  func(testing.TB, registrytest.Options) *registrytest.Registry
}{
	{"serve", true, registrytest.Start},
	{"distribution 2.8", false, startDebian},
}

// startDebian is registrytest.StartDebian, but where tools are required its
// absence is a failure.
func startDebian(tb testing.TB, o registrytest.Options) *registrytest.Registry {
	tb.Helper()
	defer func() {
		if tb.Skipped() && os.Getenv("FERRY_TEST_TOOLS") == "require" {
			tb.Error("the registry is required, and not installed")
		}
	}()
	return registrytest.StartDebian(tb, o)
}

const platforms = "linux/amd64 linux/arm64 linux/s390x"

// wholeBody is a release with everything that one can have.
const wholeBody = `images:
  - HOST/shop/api:1.0
  - HOST/shop/worker:1.0
  - HOST/multi/all:1.0
  - {image: 'HOST/multi/one:1.0', platforms: [linux/arm64]}
charts: [./chart]
files: [bin/tool, doc/empty.txt]
manifests: [deploy.yaml]
`

// fill pushes and writes what wholeBody names.
func (s *supplier) fill() {
	s.tb.Helper()
	api := registrytest.PushImage(s.tb, s.ref("shop/api:1.0"), "api 1.0")
	registrytest.PushImage(s.tb, s.ref("shop/worker:1.0"), "worker 1.0")
	registrytest.PushSignature(s.tb, s.ref("shop/api"), api)
	registrytest.PushReferrer(s.tb, s.ref("shop/api"), api, "application/spdx+json", "what is in it")
	registrytest.PushReferrer(s.tb, s.ref("shop/api"), api, "application/spdx+json", "what else is in it")
	registrytest.PushIndex(s.tb, s.ref("multi/all:1.0"), "all", strings.Fields(platforms)...)
	registrytest.PushIndex(s.tb, s.ref("multi/one:1.0"), "one", strings.Fields(platforms)...)
	s.write("chart/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n", 0o644)
	s.write("chart/templates/api.yaml", "kind: Deployment\n", 0o644)
	s.write("bin/tool", "#!/bin/sh\n", 0o755)
	s.write("doc/empty.txt", "", 0o644)
	s.write("deploy.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n", 0o644)
}

// image returns what the release says of the image at path.
func (s *supplier) image(b *shipment, path string) release.Image {
	s.tb.Helper()
	i := slices.IndexFunc(b.Resolved.Images, func(i release.Image) bool { return i.Repository == s.ref(path) })
	if i < 0 {
		s.tb.Fatalf("no image of %q in the release", path)
	}
	return b.Resolved.Images[i]
}

// TestImport imports a release with everything into each registry. All that
// comes out is what the supplier's registry has, bit by bit.
func TestImport(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			s := newSupplier(t)
			p := newPlace(t, s, backend.start(t, registrytest.Options{}))
			s.fill()
			s.siteKey = p.key.Digest()
			b := s.pack("shop", "1.0", wholeBody, packing{})
			got := p.mustImport(b.all())

			one := s.image(b, "multi/one")
			p.checkDelivered(b, func(d bundle.Digest) bundle.Digest {
				if d == one.Digest && !backend.sparse {
					return one.Selected[0]
				}
				return d
			})
			checkFallback(t, p, s.image(b, "shop/api"))
			checkFiles(t, p)
			checkNotes(t, p, backend.sparse, p.inside(one.Repository)+":1.0")
			checkReceipt(t, p, b, got.Receipt)
			if missing := p.status(true).Missing; missing != 0 {
				t.Errorf("status --probe finds %d missing, want none:\n%+v", missing, p.status(true).Releases)
			}
			if got := p.files(true); !slices.ContainsFunc(sortedKeys(got), func(n string) bool { return strings.HasPrefix(n, "receipts/north-1-1") }) {
				t.Errorf("no receipt in %v", sortedKeys(got))
			}
			for name := range p.files(true) {
				if strings.HasPrefix(name, stagingDir+"/") {
					t.Errorf("%s is still staged", name)
				}
			}
		})
	}
}

// checkFallback checks that the index of referrers lists all of image, as the
// registries here have no API for that.
func checkFallback(t *testing.T, p *place, image release.Image) {
	t.Helper()
	got, err := p.client.Referrers(t.Context(), p.inside(image.Repository), image.Digest)
	if err != nil {
		t.Fatal(err)
	}
	var want, have []bundle.Digest
	for _, a := range image.Attachments {
		if a.Tag == "" {
			want = append(want, a.Digest)
		}
	}
	for _, d := range got {
		have = append(have, d.Digest)
		if d.ArtifactType != "application/spdx+json" {
			t.Errorf("referrer %s has artifact type %q", d.Digest, d.ArtifactType)
		}
	}
	slices.Sort(want)
	slices.Sort(have)
	if len(want) != 2 {
		t.Errorf("the release has %d referrers, want 2", len(want))
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("referrers inside (-want +got):\n%s", diff)
	}
}

func checkFiles(t *testing.T, p *place) {
	t.Helper()
	got := make(map[string]string)
	for name, text := range p.files(true) {
		if rest, ok := strings.CutPrefix(name, defaultFiles+"/"); ok {
			got[rest] = text
		}
	}
	want := map[string]string{
		"shop/1.0/files/bin/tool":        "-rwxr-xr-x #!/bin/sh\n",
		"shop/1.0/files/doc/empty.txt":   "-rw-r--r-- ",
		"shop/1.0/manifests/deploy.yaml": "-rw-r--r-- apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n",
	}
	for name := range got {
		b, err := os.ReadFile(filepath.Join(p.dir, defaultFiles, name))
		if err != nil {
			t.Fatal(err)
		}
		got[name] = got[name][:11] + string(b)
	}
	mark := "shop/1.0/" + releaseMark
	if !strings.Contains(got[mark], "sha256:") {
		t.Errorf("%s = %q, want the digest of the release", mark, got[mark])
	}
	delete(got, mark)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// checkNotes imports nothing: it looks at what the tag of the sparse index
// came to be.
func checkNotes(t *testing.T, p *place, sparse bool, target string) {
	t.Helper()
	s := p.status(true)
	if len(s.Releases) != 1 || !s.Releases[0].Current {
		t.Fatalf("status has releases %+v, want one, current", s.Releases)
	}
	repo, tag, _ := strings.Cut(target[len(p.registry.Host):], ":")
	d, ok, err := p.client.StatManifest(t.Context(), p.registry.Host+repo, tag)
	if err != nil || !ok {
		t.Fatalf("tag %q: %v, %v", target, ok, err)
	}
	if oci.IsIndexType(d.MediaType) != sparse {
		t.Errorf("tag %q names a %s on a registry that takes sparse indexes: %v", target, d.MediaType, sparse)
	}
}

func checkReceipt(t *testing.T, p *place, b *shipment, signed string) {
	t.Helper()
	r, err := verify.OpenReceipt([]byte(signed), p.key)
	if err != nil {
		t.Fatal(err)
	}
	if r.Head != b.digest || r.Seq != b.statement.Seq || r.State != verify.Imported || r.Images != int64(len(b.Resolved.Images)) {
		t.Errorf("receipt is %+v, want it of %s with %d images", r, b.digest, len(b.Resolved.Images))
	}
	if r.Inventory != b.statement.InventoryAfter {
		t.Errorf("inventory of the receipt is %s, of the statement %s", r.Inventory, b.statement.InventoryAfter)
	}
	if s := p.status(false); s.Inventory != r.Inventory || s.Holdings.Blobs != r.Blobs || s.Holdings.Bytes != r.Bytes {
		t.Errorf("ledger has %s and %+v, the receipt says %+v", s.Inventory, s.Holdings, r)
	}
}

// TestImportSaysWhatChanged checks the report: every tag, the note about the
// platform, the counts.
func TestImportSaysWhatChanged(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			s := newSupplier(t)
			p := newPlace(t, s, backend.start(t, registrytest.Options{}))
			s.fill()
			b := s.pack("shop", "1.0", wholeBody, packing{})
			r := p.mustImport(b.all())
			notes := 0
			var tags []string
			for _, c := range r.Changes {
				tags = append(tags, strings.TrimPrefix(c.Target, p.registry.Host+"/"))
				if c.Before != "" {
					t.Errorf("tag %q had named %s before", c.Target, c.Before)
				}
				if c.Note == "" {
					continue
				}
				notes++
				if !strings.HasSuffix(c.Target, "multi/one:1.0") || c.After != s.image(b, "multi/one").Selected[0] {
					t.Errorf("note %q at %q, which names %s", c.Note, c.Target, c.After)
				}
			}
			if (notes == 0) != backend.sparse {
				t.Errorf("%d notes about platforms, on a registry that takes sparse indexes: %v", notes, backend.sparse)
			}
			source := strings.ReplaceAll(s.source.Host, ":", "-")
			api := oci.FallbackTag(s.image(b, "shop/api").Digest)
			want := []string{
				source + "/multi/all:1.0", source + "/multi/one:1.0", source + "/shop/api:1.0", source + "/shop/api:" + api + ".sig",
				source + "/shop/worker:1.0", "ferry/releases/shop:1.0", "ferry/shop/charts/shop:1.0.0",
			}
			if last := tags[len(tags)-1]; last != "ferry/releases/shop:1.0" {
				t.Errorf("the last tag is %q, want that of the release", last)
			}
			slices.Sort(tags)
			if diff := cmp.Diff(want, tags); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
			if len(r.Files) != 1 || filepath.Base(r.Files[0]) != "1.0" {
				t.Errorf("files are in %q, want one directory 1.0", r.Files)
			}
			if r.Mounted.Blobs == 0 || r.Uploaded.Blobs == 0 {
				t.Errorf("uploaded %+v, mounted %+v, want some of each", r.Uploaded, r.Mounted)
			}
		})
	}
}

// TestImportUploadsOnce shows that a layer of images in several repositories
// is sent once and mounted for the others.
func TestImportUploadsOnce(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			s := newSupplier(t)
			p := newPlace(t, s, backend.start(t, registrytest.Options{}))
			s.fill()
			b := s.pack("shop", "1.0", wholeBody, packing{})
			p.mustImport(b.all())
			uploads := make(map[string]int)
			mounts := 0
			for _, r := range p.writes() {
				switch {
				case r.Method == "PUT" && strings.Contains(r.Path, "/blobs/uploads/"):
					uploads[r.Query[strings.Index(r.Query, "digest="):]]++
				case r.Method == "POST" && strings.Contains(r.Query, "mount="):
					mounts++
				}
			}
			blobs := 0
			for _, e := range b.index.Entries {
				if !e.IsManifest() {
					blobs++
				}
			}
			if len(uploads) != blobs {
				t.Errorf("%d blobs were uploaded, the bundle has %d", len(uploads), blobs)
			}
			for blob, n := range uploads {
				if n != 1 {
					t.Errorf("%s was uploaded %d times", blob, n)
				}
			}
			if mounts == 0 {
				t.Error("nothing was mounted")
			}
		})
	}
}

// TestSeveralPlatformsRefused: two of three platforms can't be tagged where an
// index must have all its children. Then no tag moves at all.
func TestSeveralPlatformsRefused(t *testing.T) {
	s := newSupplier(t)
	p := newPlace(t, s, startDebian(t, registrytest.Options{}))
	registrytest.PushImage(t, s.ref("shop/api:1.0"), "api")
	registrytest.PushIndex(t, s.ref("multi/two:1.0"), "two", strings.Fields(platforms)...)
	b := s.pack("shop", "1.0", "images: ['HOST/shop/api:1.0', {image: 'HOST/multi/two:1.0', platforms: [linux/arm64, linux/amd64]}]\n", packing{})
	_, _, err := p.tryImport(b.all())
	if !errors.Is(err, registry.ErrSparseRefused) || !strings.Contains(err.Error(), "multi/two:1.0") || !strings.Contains(err.Error(), "several travel but not all") {
		t.Errorf("Import: %v, want ErrSparseRefused with the image and what to do", err)
	}
	for _, repo := range []string{"shop/api", "multi/two"} {
		if tags := registrytest.Tags(t, p.inside(s.ref(repo))); len(tags) > 0 {
			t.Errorf("%q has tags %v, want none", repo, tags)
		}
	}
}

// TestAttestationIsNoPlatform: BuildKit's attestation travels with the one
// platform that is selected, and that is still one platform.
func TestAttestationIsNoPlatform(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			s := newSupplier(t)
			p := newPlace(t, s, backend.start(t, registrytest.Options{}))
			registrytest.Push(t, s.ref("multi/kit:1.0"), withAttestations(t, strings.Fields(platforms)...))
			b := s.pack("shop", "1.0", "images: [{image: 'HOST/multi/kit:1.0', platforms: [linux/arm64]}]\n", packing{})
			kit := s.image(b, "multi/kit")
			if len(kit.Selected) != 2 {
				t.Fatalf("%d manifests travel, want the platform and its attestation", len(kit.Selected))
			}
			p.mustImport(b.all())
			p.checkDelivered(b, func(d bundle.Digest) bundle.Digest {
				if d != kit.Digest || backend.sparse {
					return d
				}
				return digestOf(t, registrytest.SmallImage(t, "linux/arm64", "kit"))
			})
			if missing := p.status(true).Missing; missing != 0 {
				t.Errorf("status --probe finds %d missing, want none", missing)
			}
		})
	}
}

func digestOf(tb testing.TB, what interface{ RawManifest() ([]byte, error) }) bundle.Digest {
	tb.Helper()
	raw, err := what.RawManifest()
	if err != nil {
		tb.Fatal(err)
	}
	return bundle.DigestOf(raw)
}

// withAttestations returns an index as BuildKit makes it.
func withAttestations(tb testing.TB, platforms ...string) v1.ImageIndex {
	tb.Helper()
	idx := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, platform := range platforms {
		parsed, err := v1.ParsePlatform(platform)
		if err != nil {
			tb.Fatal(err)
		}
		img := registrytest.SmallImage(tb, platform, "kit")
		idx = mutate.AppendManifests(idx, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: parsed}},
			mutate.IndexAddendum{
				Add: registrytest.SmallImage(tb, oci.PlatformUnknown, "attestation of "+platform),
				Descriptor: v1.Descriptor{
					Platform:    &v1.Platform{OS: "unknown", Architecture: "unknown"},
					Annotations: map[string]string{"vnd.docker.reference.digest": string(digestOf(tb, img))},
				},
			})
	}
	return idx
}

// TestUpdate imports a release and then the next version of it, of which only
// what is new travels.
func TestUpdate(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			s := newSupplier(t)
			p := newPlace(t, s, backend.start(t, registrytest.Options{}))
			s.fill()
			p.mustImport(s.pack("shop", "1.0", wholeBody, packing{}).all())
			before := p.inside(s.ref("shop/api"))
			old, _, err := p.client.StatManifest(t.Context(), before, "1.0")
			if err != nil {
				t.Fatal(err)
			}

			// The tag moves, and the base layer is needed in a repository that
			// did not have it.
			registrytest.PushImage(t, s.ref("shop/api:1.0"), "api 1.0, rebuilt")
			registrytest.PushImage(t, s.ref("shop/new:1.1"), "new")
			s.write("doc/empty.txt", "no longer", 0o644)
			b := s.pack("shop", "1.1", strings.ReplaceAll(wholeBody, "HOST/shop/worker:1.0", "HOST/shop/new:1.1"), packing{})
			p.registry.Reset()
			r := p.mustImport(b.all())

			one := s.image(b, "multi/one")
			p.checkDelivered(b, func(d bundle.Digest) bundle.Digest {
				if d == one.Digest && !backend.sparse {
					return one.Selected[0]
				}
				return d
			})
			checkReceipt(t, p, b, r.Receipt)
			if len(b.index.Entries) >= len(b.Items())/2 {
				t.Errorf("the bundle has %d of %d entries, so not only what is new", len(b.index.Entries), len(b.Items()))
			}
			if r.Mounted.Blobs == 0 {
				t.Error("the base layer was not mounted into the new repository")
			}
			for _, c := range r.Changes {
				if c.Target == before+":1.0" && c.Before != old.Digest {
					t.Errorf("tag of the image had named %q, want %s", c.Before, old.Digest)
				}
			}
			for _, name := range []string{"shop/1.0/files/doc/empty.txt", "shop/1.1/files/doc/empty.txt"} {
				if _, err := os.Stat(filepath.Join(p.dir, defaultFiles, name)); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestLostHolding: the registry has lost a layer that the site was believed to
// hold. The import says which one, and leaves the tags alone.
func TestLostHolding(t *testing.T) {
	s, inside := newSupplier(t), new(forgetful)
	p := newPlace(t, s, registrytest.Start(t, registrytest.Options{Wrap: func(h http.Handler) http.Handler {
		inside.Handler = h
		return inside
	}}))
	registrytest.PushImage(t, s.ref("shop/api:1.0"), "api")
	p.mustImport(s.pack("shop", "1.0", "images: ['HOST/shop/api:1.0']\n", packing{}).all())
	registrytest.PushImage(t, s.ref("shop/new:1.1"), "new")
	b := s.pack("shop", "1.1", "images: ['HOST/shop/api:1.0', 'HOST/shop/new:1.1']\n", packing{})

	base := digestOfLayer(t, registrytest.SmallImage(t, "linux/amd64", "any"))
	inside.lost.Store(string(base))
	_, _, err := p.tryImport(b.all())
	lost, ok := errors.AsType[*MissingError](err)
	if !ok || len(lost.Digests) != 1 || lost.Digests[0] != base || !strings.Contains(err.Error(), "shop/") {
		t.Fatalf("Import: %v, want a MissingError with %s and who needs it", err, base)
	}
	for _, repo := range []string{p.inside(s.ref("shop/new")), p.registry.Repository("ferry/releases/shop")} {
		if tags := registrytest.Tags(t, repo); slices.Contains(tags, "1.1") {
			t.Errorf("%q has tags %v", repo, tags)
		}
	}
	found := false
	for _, c := range p.status(true).Releases[0].Contents {
		found = found || slices.Contains(c.Missing, string(base))
	}
	if !found {
		t.Errorf("status --probe does not name %s", base)
	}
	p.check()
}

func digestOfLayer(tb testing.TB, img v1.Image) bundle.Digest {
	tb.Helper()
	m, err := img.Manifest()
	if err != nil {
		tb.Fatal(err)
	}
	return bundle.Digest(m.Layers[0].Digest.String())
}

// A forgetful registry has lost some blobs.
type forgetful struct {
	http.Handler
	lost atomic.Value // string: the digest
}

func (f *forgetful) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d, _ := f.lost.Load().(string)
	if d != "" && strings.HasSuffix(r.URL.Path, "/blobs/"+d) {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if d != "" && r.URL.Query().Get("mount") == d {
		r.URL.RawQuery = ""
	}
	f.Handler.ServeHTTP(w, r)
}

// TestNeverHeld: a bundle that leaves out what the site never had is refused
// before anything is pushed.
func TestNeverHeld(t *testing.T) {
	for _, kind := range []string{"blob", "manifest"} {
		t.Run(kind, func(t *testing.T) {
			s, p := setUp(t)
			d := registrytest.PushImage(t, s.ref("shop/api:1.0"), "api")
			want := d
			if kind == "blob" {
				want = digestOfLayer(t, registrytest.SmallImage(t, "linux/amd64", "any"))
			}
			b := s.pack("shop", "1.0", "images: ['HOST/shop/api:1.0']\n", packing{drop: func(e bundle.Entry) bool { return e.Digest == want }})
			_, _, err := p.tryImport(b.all())
			lost, ok := errors.AsType[*MissingError](err)
			if !ok || !slices.Equal(lost.Digests, []bundle.Digest{want}) {
				t.Errorf("Import: %v, want a MissingError with %s", err, want)
			}
			if w := p.writes(); len(w) > 0 {
				t.Errorf("the registry got %v", w)
			}
			p.check()
		})
	}
}

// TestOtherManifest: a statement may not give the name of a release to
// something else.
func TestOtherManifest(t *testing.T) {
	tests := []struct {
		name   string
		change func(s *supplier, st *bundle.Statement)
	}{
		{"an image", func(s *supplier, st *bundle.Statement) {
			st.Releases[0].Digest = digestOf(s.tb, registrytest.SmallImage(s.tb, "linux/amd64", "api"))
		}},
		{"another version", func(_ *supplier, st *bundle.Statement) { st.Releases[0].Version = "2.0" }},
		{"another name", func(_ *supplier, st *bundle.Statement) { st.Releases[0].Name = "shed" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, p := setUp(t)
			registrytest.PushImage(t, s.ref("shop/api:1.0"), "api")
			b := s.pack("shop", "1.0", "images: ['HOST/shop/api:1.0']\n", packing{change: func(st *bundle.Statement) { tt.change(s, st) }})
			_, _, err := p.tryImport(b.all())
			if e, ok := errors.AsType[*bundle.FormatError](err); !ok || e.Part != "release manifest" {
				t.Errorf("Import: %v, want a FormatError of the release manifest", err)
			}
			if w := p.writes(); len(w) > 0 {
				t.Errorf("the registry got %v", w)
			}
		})
	}
}
