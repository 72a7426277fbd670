package outside

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/durable"
	"github.com/airgap-ferry/ferry/ledger"
	"github.com/airgap-ferry/ferry/registry/registrytest"
)

// crashEnv returns an agent with a release that makes a bundle of three small
// volumes, and what is in the outbox when all goes well.
func crashEnv(t *testing.T) (e *env, file string, want map[string]string) {
	t.Helper()
	r := registrytest.Start(t, registrytest.Options{})
	registrytest.Push(t, r.Host+"/shop/data:1.0", registrytest.Image(t, "linux/amd64",
		registrytest.Layer(t, registrytest.File{Path: "data", Content: noise(40_000)})))
	e = agentFor(t, r)
	e.volumeSize = bundle.MinVolumeSize + 20<<10
	e.parallel = 2
	file = e.write(t, "data.yaml", `apiVersion: ferry/v1
kind: Release
name: data
version: "1.0"
images: [HOST/shop/data:1.0]
`)
	good := e.copy(t)
	packed := good.mustPack(t, good.same(file))
	if len(packed.Volumes) != 3 {
		t.Fatalf("%d volumes, want 3", len(packed.Volumes))
	}
	return e, file, good.files(t)
}

// same returns the name of a release file in e.
func (e *env) same(file string) string { return filepath.Join(e.releases, filepath.Base(file)) }

// Each call that changes the file system fails in turn, once or from then on.
// Nothing that is not sealed has the name of a volume, and the same command
// again ends in the same bytes and a right ledger.
func TestFaultAtEachCall(t *testing.T) {
	e, file, want := crashEnv(t)
	for _, forever := range []bool{false, true} {
		step := 4 // one call that fails is the lesser evil
		if forever {
			step = 1
		}
		if testing.Short() {
			step *= 5
		}
		for n := 1; ; n += step {
			faulty := durable.NewFaulty(durable.OS, n, syscall.EIO)
			faulty.Forever = forever
			c := e.copy(t)
			c.fs = faulty
			_, err := c.pack(t, c.same(file))
			if err == nil && len(faulty.Calls()) < n {
				if n < 30 {
					t.Errorf("fewer than %d calls", n)
				}
				break
			}
			if err != nil && !errors.Is(err, syscall.EIO) {
				t.Errorf("fault %d (%s): error = %v", n, faulty.Calls()[n-1], err)
			}
			c.checkStopped(t, n, err)
			c.fs = nil
			c.checkAgain(t, file, want, n)
		}
	}
}

// checkStopped checks what a run that was stopped has left.
func (e *env) checkStopped(t *testing.T, n int, err error) {
	t.Helper()
	shipments := e.check(t)
	state := ledger.ShipmentState("")
	if len(shipments) > 0 {
		state = shipments[0].State
	}
	names := volumes(e.files(t))
	if len(names) > 0 && state != ledger.ShipmentSealed && state != ledger.ShipmentShipped {
		t.Errorf("stop %d: %q have their names in state %q", n, names, state)
	}
	if slices.Contains(names, "north-1-1.v001.tar") && len(names) != 3 {
		t.Errorf("stop %d: the first volume has its name before the others: %q", n, names)
	}
	if err == nil && state != ledger.ShipmentShipped {
		t.Errorf("stop %d: success in state %q", n, state)
	}
}

// checkAgain runs the same command again.
func (e *env) checkAgain(t *testing.T, file string, want map[string]string, n int) {
	t.Helper()
	if _, err := e.pack(t, e.same(file)); err != nil {
		t.Fatalf("stop %d: packing again: %v", n, err)
	}
	if diff := cmp.Diff(want, e.files(t)); diff != "" {
		t.Fatalf("stop %d: packing again (-want +got):\n%s", n, diff)
	}
	shipments := e.check(t)
	if len(shipments) != 1 || shipments[0].State != ledger.ShipmentShipped {
		t.Fatalf("stop %d: shipments are %+v", n, shipments)
	}
	if _, err := os.Stat(lockFile(e.same(file))); err != nil {
		t.Errorf("stop %d: %v", n, err)
	}
}

// Power fails after each call, and what was not synced is gone.
func TestPowerCutAtEachCall(t *testing.T) {
	e, file, want := crashEnv(t)
	for n := 1; ; n++ {
		c := e.copy(t)
		disk := durable.NewCrash()
		load(t, disk, c.dir)
		if err := durable.MkdirAll(disk, c.releases, 0o755); err != nil {
			t.Fatal(err)
		}
		faulty := durable.NewFaulty(disk, n, syscall.EIO)
		faulty.Forever = true
		c.fs = faulty
		_, err := c.pack(t, c.same(file))
		if len(faulty.Calls()) < n {
			if err != nil || n < 30 {
				t.Errorf("after %d calls: %v", n-1, err)
			}
			break
		}
		after := disk.Crash()
		c.fs = after
		names := namesIn(t, after, c.out)
		sealed := c.check(t)
		if len(names) > 0 && (len(sealed) == 0 || sealed[0].State == ledger.ShipmentPlanned) {
			t.Errorf("cut %d: %q have their names, the shipment is %v", n, names, sealed)
		}
		if _, err := c.pack(t, c.same(file)); err != nil {
			t.Fatalf("cut %d: packing again: %v", n, err)
		}
		// What the command left must survive the next cut.
		got := contents(t, after.Crash(), c.out)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("cut %d (-want +got):\n%s", n, diff)
		}
		if s := c.check(t); len(s) != 1 || s[0].State != ledger.ShipmentShipped {
			t.Fatalf("cut %d: shipments are %+v", n, s)
		}
	}
}

// load copies the files of dir to fsys, durably.
func load(t *testing.T, fsys durable.FS, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() == ledgerFile {
			return err
		}
		if d.IsDir() {
			return durable.MkdirAll(fsys, path, 0o755)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return durable.CreateExclusive(fsys, path, 0o644, b)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// contents returns the digests of the files in dir.
func contents(t *testing.T, fsys durable.FS, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	entries, err := fsys.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := durable.ReadFile(fsys, filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(bundle.DigestOf(b))
	}
	return files
}

func namesIn(t *testing.T, fsys durable.FS, dir string) []string {
	t.Helper()
	return volumes(contents(t, fsys, dir))
}

// What a killed run has fetched is not fetched again; damage in it is.
func TestResumeFetchesOnlyTheRest(t *testing.T) {
	e, file, want := crashEnv(t)
	e.noPatch = true // which would keep the blobs
	tests := []struct {
		name    string
		volume  string
		at      func(size int) int // of the damage, bytes; nil for none
		fetched int
	}{
		{"nothing", "", nil, 0},
		{"payload", "north-1-1.v002.tar.partial", func(size int) int { return size / 2 }, 1},
		{"header", "north-1-1.v002.tar.partial", func(size int) int { return size - end - 22<<10 }, 1},
		{"padding", "north-1-1.v003.tar.partial", func(size int) int { return size - end - 1 }, 0},
		{"end", "north-1-1.v003.tar.partial", func(size int) int { return size - 1 }, 0},
		{"head", "north-1-1.v001.tar.partial", func(int) int { return 600 }, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := e.copy(t)
			stopAt(t, c, c.same(file), func(call string) bool {
				return strings.HasPrefix(call, "sync ") && strings.Contains(call, ".v003.tar.partial")
			})
			if tt.at != nil {
				name := filepath.Join(c.out, tt.volume)
				b := []byte(read(t, name))
				b[tt.at(len(b))] ^= 1
				if err := os.WriteFile(name, b, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			c.registry.Reset()
			c.checkAgain(t, file, want, 0)
			got := 0
			for _, r := range c.registry.Requests() {
				if r.Method == "GET" && strings.Contains(r.Path, "/blobs/") {
					got++
				}
			}
			if got != tt.fetched {
				t.Errorf("%d blobs were fetched again, want %d", got, tt.fetched)
			}
		})
	}
}

// A plan that was never sealed gives its seq to the next one.
func TestChangedPlanTakesTheSeq(t *testing.T) {
	e, file, _ := crashEnv(t)
	stopAt(t, e, file, func(call string) bool {
		return strings.HasPrefix(call, "write ") && strings.Contains(call, ".v002.tar.partial")
	})
	if s := e.check(t); len(s) != 1 || s[0].State != ledger.ShipmentPlanned {
		t.Fatalf("shipments are %+v, want one planned", s)
	}
	e.volumeSize = 0
	packed := e.mustPack(t, file)
	if packed.Seq != 1 || len(packed.Volumes) != 1 {
		t.Errorf("seq %d in %d volumes, want 1 in 1", packed.Seq, len(packed.Volumes))
	}
	if files := e.files(t); len(files) != 1 {
		t.Errorf("files %v, want the volume alone", files)
	}
	readBundle(t, e, e.out)
	e.check(t)
}

// stopAt stops a pack at the first call that at accepts, as pulling out the
// disk does.
func stopAt(t *testing.T, e *env, file string, at func(call string) bool) {
	t.Helper()
	calls := durable.NewFaulty(durable.OS, 0, nil)
	c := e.copy(t)
	c.fs = calls
	c.mustPack(t, c.same(file))
	faulty := durable.NewFaulty(durable.OS, 1+slices.IndexFunc(calls.Calls(), at), syscall.EIO)
	faulty.Forever = true
	e.fs = faulty
	if _, err := e.pack(t, file); !errors.Is(err, syscall.EIO) {
		t.Fatalf("error = %v, want the fault", err)
	}
	e.fs = nil
}

// stopSealed stops a pack after it has sealed, when the last volume has its
// name and the others have not.
func stopSealed(t *testing.T, e *env, file string) {
	t.Helper()
	stopAt(t, e, file, func(call string) bool {
		return strings.HasPrefix(call, "rename ") && strings.HasSuffix(call, ".v002.tar\"")
	})
	if s := e.check(t); len(s) != 1 || s[0].State != ledger.ShipmentSealed {
		t.Fatalf("shipments are %+v, want one sealed", s)
	}
	if v := volumes(e.files(t)); len(v) != 1 {
		t.Fatalf("%q have their names, want one", v)
	}
}

// A sealed shipment is completed before another one is packed.
func TestSealedShipmentIsFinishedFirst(t *testing.T) {
	e, file, want := crashEnv(t)
	stopSealed(t, e, file)
	second := e.write(t, "data-2.yaml", strings.Replace(read(t, file), `"1.0"`, `"2.0"`, 1))
	packed := e.mustPack(t, second)
	if packed.Seq != 2 {
		t.Errorf("seq %d, want 2", packed.Seq)
	}
	files := e.files(t)
	for name, digest := range want {
		if files[name] != digest {
			t.Errorf("%q is not as it was sealed", name)
		}
	}
	s := e.check(t)
	if len(s) != 2 || s[0].State != ledger.ShipmentShipped || s[1].Prev != s[0].Statement || !slices.Equal(s[1].Requires, []int64{1}) {
		t.Errorf("shipments are %+v", s)
	}
}

// Without its volumes it can't be; packing the same again makes them anew.
func TestSealedShipmentWithoutVolumes(t *testing.T) {
	e, file, want := crashEnv(t)
	stopSealed(t, e, file)
	if err := os.Remove(filepath.Join(e.out, "north-1-1.v002.tar.partial")); err != nil {
		t.Fatal(err)
	}
	second := e.write(t, "data-2.yaml", strings.Replace(read(t, file), `"1.0"`, `"2.0"`, 1))
	_, err := e.pack(t, second)
	if !errors.Is(err, ErrUnfinished) || !strings.Contains(err.Error(), "volume 2") {
		t.Errorf("error = %v, want ErrUnfinished that names volume 2", err)
	}
	e.checkAgain(t, file, want, 0)
}

// A volume that has its name and is damaged loses it until it is right.
func TestDamagedVolumeOfSealedShipmentIsMadeAnew(t *testing.T) {
	e, file, want := crashEnv(t)
	stopSealed(t, e, file)
	name := filepath.Join(e.out, volumes(e.files(t))[0])
	b := []byte(read(t, name))
	b[len(b)-1] = 1
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
	e.checkAgain(t, file, want, 0)
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
