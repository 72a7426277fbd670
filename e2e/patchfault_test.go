package e2e

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/report"
)

// updateSize is how large the layer is that an update is about. It takes a
// while to compress again.
const updateSize = 4 << 20 // bytes

// newUpdate returns a world in which the site holds version 1 of an image, and
// release.yaml asks for version 2.
func newUpdate(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, 1, "")
	w.prepareUpdate(t)
	return w
}

func (w *world) prepareUpdate(t *testing.T) {
	t.Helper()
	for version := 1; version <= 2; version++ {
		w.releaseOf(fmt.Sprintf("%d.0", version), w.pushUpdate(t, version, "a line that came later\n"))
		if version == 1 {
			w.ship()
			if err := os.RemoveAll(w.path("outbox")); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// pushUpdate pushes a version of an image. line is what the second has in
// addition to the first.
func (w *world) pushUpdate(t *testing.T, version int, line string) string {
	t.Helper()
	content := prose("update", updateSize)
	if version > 1 {
		content = bytes.Join([][]byte{content[:updateSize/2], content[updateSize/2:]}, []byte(line))
	}
	var buf bytes.Buffer
	a := tar.NewWriter(&buf)
	if err := a.WriteHeader(&tar.Header{Name: "data/prose", Mode: 0o644, Size: int64(len(content)), ModTime: epoch(version)}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	return w.pushLayers("shop/update", fmt.Sprint(version), goGzip(9)(t, buf.Bytes()))
}

// cloneSite is clone, but the registry holds what that of w does.
func (w *world) cloneSite(t *testing.T) *world {
	t.Helper()
	c := w.clone(t)
	if err := os.CopyFS(c.store, os.DirFS(w.store)); err != nil {
		t.Fatal(err)
	}
	return c
}

// onePatch returns the only patch of a pack.
func onePatch(t *testing.T, packed *report.Packed) report.Patch {
	t.Helper()
	var found []report.Patch
	for _, b := range packed.Patches {
		if b.Rung != report.RungWhole {
			found = append(found, b)
		}
	}
	if len(found) != 1 || len(found[0].Bases) != 1 {
		t.Fatalf("%d patches: %+v, want one from one base", len(found), packed.Patches)
	}
	return found[0]
}

// A registryProcess is a "ferry serve" that can be stopped and started again.
type registryProcess struct {
	host, store string
	cmd         *exec.Cmd
}

// start starts p, at the same address as the last time.
func (p *registryProcess) start(t *testing.T) {
	t.Helper()
	listen := p.host
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	p.cmd = command(t, p.store, nil, ferry(t), "serve", "--store", p.store, "--listen", listen)
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("ferry serve ended before it listened: %v", err)
	}
	p.host = strings.TrimSpace(line)
}

func (p *registryProcess) stop() {
	_ = p.cmd.Process.Kill() // it may have ended
	_ = p.cmd.Wait()         // that it was killed is known
}

// TestMissingBaseIsNamed imports a patch into a registry that has lost what it
// is made against.
func TestMissingBaseIsNamed(t *testing.T) {
	site := &registryProcess{store: t.TempDir()}
	site.start(t)
	w := newWorld(t, 1, site.host)
	w.prepareUpdate(t)
	patch := onePatch(t, w.pack())
	base := string(patch.Bases[0])
	hexed := strings.TrimPrefix(base, "sha256:")
	lost := filepath.Join(site.store, "docker/registry/v2/blobs/sha256", hexed[:2], hexed, "data")
	aside := filepath.Join(t.TempDir(), "data")
	if err := os.Rename(lost, aside); err != nil {
		t.Fatal(err)
	}
	site.stop() // it remembers that it had the blob
	site.start(t)
	before := digestsBelow(t, site.store)
	for _, flags := range [][]string{{"--dry-run"}, nil} {
		missingBase(t, w, base, flags...)
		if diff := cmp.Diff(before, digestsBelow(t, site.store)); diff != "" {
			t.Errorf("the registry has changed (-before +after):\n%s", diff)
		}
	}
	// When the base is back, the same bundle goes in.
	if err := os.Rename(aside, lost); err != nil {
		t.Fatal(err)
	}
	w.ferry("--dir", "north", "import", "outbox")
}

// missingBase imports outbox, which needs a base that is not there.
func missingBase(t *testing.T, w *world, base string, flags ...string) {
	t.Helper()
	r := w.tryFerry(append([]string{"--json", "--dir", "north", "import", "outbox"}, flags...)...)
	if r.code != 14 || r.stdout != "" {
		t.Fatalf("exit code %d, want 14\n%s%s", r.code, r.stdout, r.stderr)
	}
	var failure report.Failure
	if err := json.Unmarshal([]byte(r.stderr), &failure); err != nil {
		t.Fatalf("%v\n%s", err, r.stderr)
	}
	if failure.Code != 14 || !strings.Contains(failure.Message, base) || !strings.Contains(failure.Hint, "ferry pack") {
		t.Errorf("%+v: want the base %s and what to ask for", failure, base)
	}
	staged, err := filepath.Glob(w.path("north/staging/*/*"))
	staged = slices.DeleteFunc(staged, func(name string) bool { return filepath.Base(name) == "index" })
	if err != nil || len(staged) > 0 {
		t.Errorf("%q is staged, %v", staged, err)
	}
}

// TestNoPatchNeedsNothing packs what the hint of a missing base asks for.
func TestNoPatchNeedsNothing(t *testing.T) {
	slow(t)
	w := newUpdate(t)
	packed, imported := w.ship("--no-patch", "--basis", "none")
	if len(packed.Patches) != 0 || packed.Payload != packed.NewBytes {
		t.Errorf("with --no-patch, %d bytes travel for %d, %d patches", packed.Payload, packed.NewBytes, len(packed.Patches))
	}
	compareBlobs(t, w, imported)
}

// TestKilledRebuildFinishesWhenRunAgain kills an import while it applies a
// patch.
func TestKilledRebuildFinishesWhenRunAgain(t *testing.T) {
	once(t)
	w := newUpdate(t)
	w.pack()
	// The state is also that of the files of the release, which has none.
	if err := os.MkdirAll(w.path("north/files"), 0o755); err != nil {
		t.Fatal(err)
	}
	a := act{name: "import", args: []string{"--dir", "north", "import", "outbox"}, state: insideState}
	c := w.cloneSite(t)
	start := time.Now()
	c.ferry(a.args...)
	took, want := time.Since(start), a.state(c)
	seed := uint64(start.UnixNano())
	t.Logf("seed %d, undisturbed it takes %v", seed, took)
	random := rand.New(rand.NewPCG(seed, 0))
	const wanted = 4
	hits := 0
	for range 10 * wanted {
		if hits == wanted {
			return
		}
		moment := time.Duration(random.Int64N(int64(took)))
		c := w.cloneSite(t)
		killed, lasted := killedAfter(t, c, moment, a.args)
		if !killed {
			took = min(took, lasted)
			continue
		}
		if _, err := os.Stat(c.path("north/work")); err != nil {
			continue // it was not that far, or was further
		}
		hits++
		a.finish(t, c, want, fmt.Sprintf("killed after %v", moment))
		if _, err := os.Stat(c.path("north/work")); err == nil {
			t.Error("temporary files are left")
		}
	}
	t.Errorf("killed %d times while it rebuilt, want %d", hits, wanted)
}

// TestPatchOfAnotherBundleIsRefused puts the patch of one bundle into the place
// of another's.
func TestPatchOfAnotherBundleIsRefused(t *testing.T) {
	slow(t)
	w := newUpdate(t)
	other := w.cloneSite(t)
	other.releaseOf("2.0", other.pushUpdate(t, 3, "another line that is here\n"))
	const magic = "ferry patch v1\n"
	var volumes [2][]byte
	var at [2]int
	var path string
	for i, each := range []*world{w, other} {
		packed := each.pack()
		size := onePatch(t, packed).Bytes
		if size == 0 || len(packed.Volumes) != 1 {
			t.Fatalf("a patch of %d bytes in %d volumes", size, len(packed.Volumes))
		}
		path = packed.Volumes[0].Path
		b, err := os.ReadFile(each.path(path))
		if err != nil {
			t.Fatal(err)
		}
		volumes[i], at[i] = b, bytes.Index(b, []byte(magic))
		if at[i] < 0 {
			t.Fatalf("%s has no patch", path)
		}
	}
	// Both patches end within the block of the archive that they begin in.
	const block = 512
	mixed := volumes[0]
	copy(mixed[at[0]:at[0]+block], volumes[1][at[1]:at[1]+block])
	if err := os.Remove(w.path(path)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.path(path), mixed, 0o644); err != nil {
		t.Fatal(err)
	}
	before := digestsBelow(t, w.store)
	r := w.tryFerry("--dir", "north", "import", "outbox")
	if r.code != 11 || r.stdout != "" {
		t.Errorf("exit code %d, want 11\n%s%s", r.code, r.stdout, r.stderr)
	}
	if diff := cmp.Diff(before, digestsBelow(t, w.store)); diff != "" {
		t.Errorf("the registry has changed (-before +after):\n%s", diff)
	}
}

// TestSameStateSamePatches packs an update on one core, on two, and without
// what the first pack has kept.
func TestSameStateSamePatches(t *testing.T) {
	slow(t)
	w := newUpdate(t)
	var want map[string]string
	for _, tt := range []struct{ name, cores, forget string }{
		{"one core", "1", ""},
		{"two cores", "2", ""},
		{"no cache", "2", "vendor/cache/blobs"},
	} {
		c := w.clone(t)
		if tt.forget != "" {
			if err := os.RemoveAll(c.path(tt.forget)); err != nil {
				t.Fatal(err)
			}
		}
		packed := new(report.Packed)
		out := mustExecute(t, c.dir, append(c.env(), "GOMAXPROCS="+tt.cores), ferry(t), append([]string{"--json"}, packLine()...)...)
		if err := json.Unmarshal([]byte(out), packed); err != nil {
			t.Fatal(err)
		}
		onePatch(t, packed)
		got := digestsBelow(t, c.path("outbox"))
		maps.Copy(got, digestsBelow(t, c.path("vendor/archive")))
		if want == nil {
			want = got
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s gives other bytes (-one core +now):\n%s", tt.name, diff)
		}
	}
}
