package outside

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/bundle/volume"
	"github.com/airgap-ferry/ferry/ledger"
	"github.com/airgap-ferry/ferry/registry"
	"github.com/airgap-ferry/ferry/registry/registrytest"
	"github.com/airgap-ferry/ferry/release"
	"github.com/airgap-ferry/ferry/report"
	"github.com/airgap-ferry/ferry/verify"
	"github.com/airgap-ferry/ferry/verify/statement"
)

// readBundle verifies the only bundle in dir as the inside does, every byte of
// it, and returns statement, index and entries by digest.
func readBundle(t *testing.T, e *env, dir string) (*bundle.Statement, *bundle.Index, map[bundle.Digest][]byte) {
	t.Helper()
	found, skipped, err := volume.Scan([]string{dir})
	if err != nil || len(found) != 1 || len(skipped) != 0 {
		t.Fatalf("Scan found %d bundles, skipped %v: %v", len(found), skipped, err)
	}
	b := found[0]
	text, err := os.ReadFile(filepath.Join(e.dir, rootFile))
	if err != nil {
		t.Fatal(err)
	}
	root, err := statement.ParseRoot(text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := statement.VerifySignatures(b.Text, b.Signatures, root); err != nil {
		t.Fatal(err)
	}
	plan, _, _, err := b.Plan()
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Have()) != int(b.Statement.Layout.Volumes) {
		t.Fatalf("have volumes %v of %d", b.Have(), b.Statement.Layout.Volumes)
	}
	got := make(map[bundle.Digest][]byte)
	d := volume.NewDigester(plan)
	for _, n := range b.Have() {
		err := b.Read(plan, n, make([]byte, plan.Layout.ChunkSize), func(c bundle.Chunk) error {
			digest := plan.Index().Entries[c.Entry].Digest
			got[digest] = append(got[digest], c.Data...)
			return d.Add(c)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return b.Statement, plan.Index(), got
}

func TestPack(t *testing.T) {
	e := newEnv(t)
	file := e.shop(t, "1.0")
	packed := e.mustPack(t, file)
	s, ix, content := readBundle(t, e, e.out)
	if s.Site != "north" || s.Seq != 1 || s.RootVersion != 1 || !s.Issued.Equal(noon) || !s.Expires.Equal(noon.Add(30*day)) {
		t.Errorf("statement is %+v", s)
	}
	if len(content) != len(ix.Entries) || int64(len(content)) != packed.NewBlobs || packed.NewBlobs != packed.Blobs {
		t.Errorf("%d entries, report says %d of %d", len(content), packed.NewBlobs, packed.Blobs)
	}
	lock, err := os.ReadFile(filepath.Join(e.releases, "shop-1.0.lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := content[bundle.DigestOf(lock)]; !ok {
		t.Error("the lock file is not in the bundle")
	}
	if _, ok := content[s.Releases[0].Digest]; !ok {
		t.Error("the release manifest is not in the bundle")
	}
	var names []string
	for _, c := range ix.Changes {
		names = append(names, strings.TrimPrefix(c.Name, e.registry.Host))
	}
	want := []string{"/shop/api:1.0", "/shop/data:1.0", "/shop/web:1.0", "ferry/releases/shop:1.0"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	shipments := e.check(t)
	if len(shipments) != 1 || shipments[0].State != ledger.ShipmentShipped || shipments[0].Statement != packed.Statement {
		t.Errorf("shipments are %+v", shipments)
	}
	for _, name := range []string{archiveStatement, archiveIndex, archiveLock, packed.Signers[0] + archiveSig} {
		if _, err := os.Stat(filepath.Join(e.dir, archiveDir, "north-1-1", name)); err != nil {
			t.Error(err)
		}
	}
}

func TestPackShipsOnlyWhatIsLacking(t *testing.T) {
	e := newEnv(t)
	e.mustPack(t, e.shop(t, "1.0"))
	first, second := e.out, e.shop(t, "1.1")
	e.out = t.TempDir()
	packed := e.mustPack(t, second)
	s, ix, content := readBundle(t, e, e.out)
	if s.Seq != 2 || !slices.Equal(s.Requires, []int64{1}) {
		t.Errorf("seq %d requires %v, want 2 and 1", s.Seq, s.Requires)
	}
	_, _, before := readBundle(t, e, first)
	for d := range content {
		if _, ok := before[d]; ok {
			t.Errorf("%s is shipped again", d)
		}
	}
	// The manifest, config and layer of the image; the release and its lock
	// file; the script.
	if len(content) != 6 || packed.NewBytes >= packed.Bytes {
		t.Errorf("%d entries of %d bytes, want 6 of less than %d", len(content), packed.NewBytes, packed.Bytes)
	}
	var changes []string
	for _, c := range ix.Changes {
		verb := "added "
		if c.Removed {
			verb = "removed "
		}
		changes = append(changes, verb+strings.TrimPrefix(c.Name, e.registry.Host))
	}
	if diff := cmp.Diff([]string{"removed /shop/api:1.0", "added /shop/api:1.1", "added ferry/releases/shop:1.1"}, changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	verdicts := make(map[string]string)
	for _, c := range packed.Contents {
		verdicts[c.Kind+" "+strings.TrimPrefix(c.Name, e.registry.Host)] = c.Verdict
	}
	want := map[string]string{
		"image /shop/api:1.1": report.VerdictChanged, "image /shop/data:1.0": report.VerdictHeld, "image /shop/web:1.0": report.VerdictHeld,
		"files files": report.VerdictNew, "release shop 1.1": report.VerdictNew, "image /shop/api:1.0": report.VerdictRemoved,
	}
	if diff := cmp.Diff(want, verdicts); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
	if e.check(t)[1].InventoryBefore != e.check(t)[0].InventoryAfter {
		t.Error("the inventories of the two shipments don't join")
	}
}

// Signatures travel with their image; of an index the platforms that are
// wanted, and the index as it is.
func TestWhatTravels(t *testing.T) {
	e := newEnv(t)
	packed := e.mustPack(t, e.shop(t, "1.0"))
	var signed int64
	for _, c := range packed.Contents {
		signed += c.Signed
	}
	if signed != 1 {
		t.Errorf("%d attachments, want 1", signed)
	}
	lock, err := os.ReadFile(filepath.Join(e.releases, "shop-1.0.lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	resolved, err := release.ParseResolved(lock)
	if err != nil {
		t.Fatal(err)
	}
	_, _, content := readBundle(t, e, e.out)
	for _, img := range resolved.Images {
		for _, d := range append(img.Selected, img.Digest) {
			if _, ok := content[d]; !ok {
				t.Errorf("%s of %s is missing", d, img.Name)
			}
		}
		if strings.Contains(img.Name, "web") && len(img.Selected) != 1 {
			t.Errorf("%d platforms of the index are selected, want 1", len(img.Selected))
		}
	}
}

// Nothing new costs HEAD requests only, no bundle and no seq.
func TestNothingNew(t *testing.T) {
	e := newEnv(t)
	file := e.shop(t, "1.0")
	e.mustPack(t, file)
	before := e.files(t)
	e.registry.Reset()
	a := e.open(t)
	p, err := a.Plan(t.Context(), e.options(file))
	if err != nil {
		t.Fatal(err)
	}
	if !p.Empty() || p.Report().Seq != 0 || p.Report().NewBlobs != 0 {
		t.Errorf("Empty() = %v, report %+v", p.Empty(), p.Report())
	}
	packed, err := p.Execute(t.Context())
	if err != nil || len(packed.Volumes) != 0 {
		t.Errorf("Execute = %+v, %v; want no volumes", packed, err)
	}
	if n, heads := e.registry.Count(""), e.registry.Count("HEAD"); n != heads || n == 0 {
		t.Errorf("%d requests, %d of them HEAD: %v", n, heads, e.registry.Requests())
	}
	_ = a.Close()
	if diff := cmp.Diff(before, e.files(t)); diff != "" {
		t.Errorf("the outbox changed (-before +after):\n%s", diff)
	}
	if n := len(e.check(t)); n != 1 {
		t.Errorf("%d shipments, want 1", n)
	}
}

// A dry run leaves no trace but the cache.
func TestPlanWritesNothing(t *testing.T) {
	e := newEnv(t)
	file := e.shop(t, "1.0")
	a := e.open(t)
	p, err := a.Plan(t.Context(), e.options(file))
	if err != nil {
		t.Fatal(err)
	}
	if p.Empty() || p.Report().Seq != 1 || p.Report().NewBytes == 0 {
		t.Errorf("report is %+v", p.Report())
	}
	_ = a.Close()
	if n := len(e.check(t)); n != 0 {
		t.Errorf("%d shipments, want none", n)
	}
	for _, name := range []string{e.out, lockFile(file)} {
		if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v, want it not to be there", name, err)
		}
	}
}

// Equal ledgers, clocks and keys give equal bytes, on one core and on two.
func TestDeterminism(t *testing.T) {
	e := newEnv(t)
	e.volumeSize = bundle.MinVolumeSize + 100<<10
	file := e.shop(t, "1.0")
	other := e.copy(t)
	packed := e.mustPack(t, file)
	if len(packed.Volumes) < 3 {
		t.Fatalf("%d volumes, want several", len(packed.Volumes))
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	other.parallel = 1
	other.mustPack(t, filepath.Join(other.releases, filepath.Base(file)))
	if diff := cmp.Diff(e.files(t), other.files(t)); diff != "" {
		t.Errorf("(-first +second):\n%s", diff)
	}
	for _, v := range packed.Volumes {
		if info, err := os.Stat(v.Path); err != nil || info.Size() != v.Bytes || v.Bytes > e.volumeSize {
			t.Errorf("%q has %v bytes, report says %d: %v", v.Path, info.Size(), v.Bytes, err)
		}
	}
	readBundle(t, e, e.out)
}

// Unpacked with tar, a bundle that is one volume is an OCI layout.
func TestBundleIsOCILayout(t *testing.T) {
	e := newEnv(t)
	file := e.write(t, "r.yaml", `apiVersion: ferry/v1
kind: Release
name: all
version: "1"
images: [HOST/shop/api:1.0, HOST/shop/web:1.0, HOST/shop/data:1.0]
`)
	packed := e.mustPack(t, file)
	dir := untar(t, packed.Volumes[0].Path)
	path, err := layout.FromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	index, err := path.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range m.Manifests {
		names = append(names, strings.TrimPrefix(d.Annotations["org.opencontainers.image.ref.name"], e.registry.Host))
		checkLayout(t, index, d)
	}
	if diff := cmp.Diff([]string{"/shop/api:1.0", "/shop/data:1.0", "/shop/web:1.0", "ferry/releases/all:1"}, names); diff != "" {
		t.Errorf("names in the layout (-want +got):\n%s", diff)
	}
}

func checkLayout(t *testing.T, index v1.ImageIndex, d v1.Descriptor) {
	t.Helper()
	if d.MediaType.IsIndex() {
		child, err := index.ImageIndex(d.Digest)
		if err == nil {
			err = validate.Index(child)
		}
		if err != nil {
			t.Errorf("%v: %v", d.Annotations, err)
		}
		return
	}
	img, err := index.Image(d.Digest)
	if err != nil {
		t.Error(err)
		return
	}
	if strings.HasPrefix(d.Annotations["org.opencontainers.image.ref.name"], "ferry/") {
		return // an artifact, whose layers are no tar files
	}
	if err := validate.Image(img); err != nil {
		t.Errorf("%v: %v", d.Annotations, err)
	}
}

// untar unpacks a file with archive/tar, as tar(1) does.
func untar(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, h.Name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// What can go wrong before anything is written leaves no trace.
func TestRefusals(t *testing.T) {
	e := newEnv(t)
	good := e.shop(t, "1.0")
	bad := e.write(t, "bad.yaml", `apiVersion: ferry/v1
kind: Release
name: shop
version: "1.0"
images:
  - HOST/shop/api:9.9
  - image: HOST/shop/web:1.0
    platforms: [linux/s390x]
files:
  - path: files/none
`)
	tests := []struct {
		name   string
		file   string
		change func(e *env)
		is     error
		wants  []string
	}{
		{"password", good, func(e *env) { e.password = "wrong" }, verify.ErrPassword, []string{"cosign.key"}},
		{"release", bad, func(*env) {}, nil, []string{"api:9.9", "linux/s390x", "files/none"}},
		{"no release", "none.yaml", func(*env) {}, fs.ErrNotExist, []string{"none.yaml"}},
		{"no space", good, func(e *env) { e.free = 1000 }, syscall.ENOSPC, []string{"1.00 kB are free"}},
		{"volume size", good, func(e *env) { e.volumeSize = bundle.MinVolumeSize }, nil, []string{"too small"}},
		{"tool", good, func(e *env) { e.tool = "\n" }, nil, []string{"tool"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := e.copy(t)
			tt.change(e)
			file := filepath.Join(e.releases, filepath.Base(tt.file))
			_, err := e.pack(t, file)
			if err == nil || tt.is != nil && !errors.Is(err, tt.is) {
				t.Fatalf("error = %v, want %v", err, tt.is)
			}
			for _, want := range tt.wants {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not name %q", err, want)
				}
			}
			if shipments := e.check(t); len(shipments) != 0 || len(e.files(t)) != 0 {
				t.Errorf("shipments %v and files %v are left", shipments, e.files(t))
			}
			if _, err := os.Stat(lockFile(file)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a lock file is left: %v", err)
			}
		})
	}
}

func TestUnknownSite(t *testing.T) {
	e := newEnv(t)
	_, err := e.open(t).Plan(t.Context(), PackOptions{Site: "south", ReleaseFile: e.shop(t, "1.0")})
	if !errors.Is(err, ledger.ErrNotFound) || !strings.Contains(err.Error(), "south") {
		t.Errorf("error = %v, want ErrNotFound that names the site", err)
	}
}

// A volume of the same name can only be another shipment's, of a ledger that
// was put back to an earlier state.
func TestOccupiedNamesAreLeftAlone(t *testing.T) {
	e := newEnv(t)
	file := e.shop(t, "1.0")
	other := e.copy(t)
	e.mustPack(t, file)
	before := e.files(t)
	other.out = e.out
	other.tool = "ferry later"
	if _, err := other.pack(t, filepath.Join(other.releases, filepath.Base(file))); !errors.Is(err, ErrOccupied) {
		t.Errorf("error = %v, want ErrOccupied", err)
	}
	if diff := cmp.Diff(before, e.files(t)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	if n := len(other.check(t)); n != 0 {
		t.Errorf("%d shipments, want none", n)
	}
}

func TestLocked(t *testing.T) {
	e := newEnv(t)
	file := e.shop(t, "1.0")
	o := e.options(file)
	o.Locked = true
	a := e.open(t)
	if _, err := a.Plan(t.Context(), o); !errors.Is(err, ErrLock) {
		t.Errorf("without a lock file: %v, want ErrLock", err)
	}
	_ = a.Close()
	e.mustPack(t, file)
	a = e.open(t)
	if _, err := a.Plan(t.Context(), o); err != nil {
		t.Errorf("with the lock file: %v", err)
	}
	registrytest.PushImage(t, e.registry.Host+"/shop/api:1.0", "another")
	_, err := a.Plan(t.Context(), o)
	if !errors.Is(err, ErrLock) || !strings.Contains(err.Error(), "/shop/api:1.0\" is locked to sha256:") {
		t.Errorf("with a tag that moved: %v, want ErrLock that names it", err)
	}
}

// A registry that serves something else is named, with what it served.
func TestWrongContentFromRegistry(t *testing.T) {
	var harm atomic.Value // of func([]byte) []byte
	harm.Store(func(b []byte) []byte { return b })
	r := registrytest.Start(t, registrytest.Options{Wrap: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.Method != http.MethodGet || !strings.Contains(req.URL.Path, "/data/blobs/") {
				h.ServeHTTP(w, req)
				return
			}
			answer := httptest.NewRecorder()
			h.ServeHTTP(answer, req)
			_, _ = w.Write(harm.Load().(func([]byte) []byte)(answer.Body.Bytes()))
		})
	}})
	fill(t, r.Host)
	e := agentFor(t, r)
	file := e.shop(t, "1.0")
	for _, tt := range []struct {
		name string
		harm func([]byte) []byte
	}{
		{"one bit", func(b []byte) []byte { b[0] ^= 1; return b }},
		{"longer", func(b []byte) []byte { return append(b, 0) }},
		{"shorter", func(b []byte) []byte { return b[:len(b)-1] }},
		{"nothing", func([]byte) []byte { return nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			harm.Store(func(b []byte) []byte { return b })
			a := e.open(t)
			defer a.Close()
			p, err := a.Plan(t.Context(), e.options(file))
			if err != nil {
				t.Fatal(err)
			}
			harm.Store(tt.harm)
			_, err = p.Execute(t.Context())
			if !errors.Is(err, registry.ErrWrongContent) {
				t.Fatalf("error = %v, want ErrWrongContent", err)
			}
			for _, want := range []string{e.registry.Host, "shop/data", "sha256:"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not name %q", err, want)
				}
			}
			if v := volumes(e.files(t)); len(v) != 0 {
				t.Errorf("volumes %q are left", v)
			}
		})
	}
	harm.Store(func(b []byte) []byte { return b })
	e.mustPack(t, file)
	readBundle(t, e, e.out)
}

// So does a file that changes between the plan and its execution.
func TestFileThatChanges(t *testing.T) {
	e := newEnv(t)
	file := e.shop(t, "1.0")
	for _, text := range []string{"echo 9.9\n", "echo 1.0 and more\n", ""} {
		e.write(t, "files/run.sh", "echo 1.0\n")
		a := e.open(t)
		p, err := a.Plan(t.Context(), e.options(file))
		if err != nil {
			t.Fatal(err)
		}
		e.write(t, "files/run.sh", text)
		if _, err := p.Execute(t.Context()); err == nil || !strings.Contains(err.Error(), "files/run.sh\": changed since") {
			t.Errorf("with %q: error = %v, want one that names the file", text, err)
		}
		_ = a.Close()
		if v := volumes(e.files(t)); len(v) != 0 {
			t.Errorf("volumes %q are left", v)
		}
	}
}

func TestCancelled(t *testing.T) {
	e := newEnv(t)
	ctx, cancel := context.WithCancel(t.Context())
	a := e.open(t)
	p, err := a.Plan(ctx, e.options(e.shop(t, "1.0")))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := p.Execute(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want context.Canceled", err)
	}
	if v := volumes(e.files(t)); len(v) != 0 {
		t.Errorf("volumes %q are left", v)
	}
}

func TestBasisNoneShipsAllAgain(t *testing.T) {
	e := newEnv(t)
	file := e.shop(t, "1.0")
	e.mustPack(t, file)
	first := e.out
	e.out = t.TempDir()
	a := e.open(t)
	o := e.options(file)
	o.Basis = BasisNone
	p, err := a.Plan(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Execute(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = a.Close()
	_, _, want := readBundle(t, e, first)
	s, ix, got := readBundle(t, e, e.out)
	if !slices.Equal(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))) {
		t.Error("the second bundle does not carry what the first did")
	}
	if s.Seq != 2 || len(s.Requires) != 0 || len(ix.Changes) != 4 {
		t.Errorf("seq %d requires %v with %d changes, want 2, none, 4", s.Seq, s.Requires, len(ix.Changes))
	}
	if shipments := e.check(t); shipments[1].InventoryAfter != shipments[0].InventoryAfter {
		t.Error("the inventory changed, though nothing new was shipped")
	}
}
