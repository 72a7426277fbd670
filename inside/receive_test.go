package inside

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/bundle/volume"
	"github.com/airgap-ferry/ferry/internal/durable"
	"github.com/airgap-ferry/ferry/registry/registrytest"
)

// smallVolume is the size of volumes of which threeVolumes takes three.
const smallVolume = 120 << 10 // bytes

// threeVolumes packs a release that takes three volumes. Its largest layer
// stands in all of them.
func (s *supplier) threeVolumes() *shipment {
	s.tb.Helper()
	content := make([]byte, 100<<10)
	for i, state := 0, uint32(1); i < len(content); i++ {
		state = state*1664525 + 1013904223
		content[i] = byte(state >> 24)
	}
	registrytest.Push(s.tb, s.ref("shop/large:1.0"), registrytest.Image(s.tb, "linux/amd64",
		registrytest.Layer(s.tb, registrytest.File{Path: "large", Content: content}),
		registrytest.Layer(s.tb, registrytest.File{Path: "small", Content: []byte("x")})))
	s.write("doc/read.me", "read me\n", 0o644)
	b := s.pack("shop", "1.0", "images: ['HOST/shop/large:1.0']\nfiles: [doc/read.me]\n",
		packing{volumeSize: smallVolume, chunkSize: bundle.MinChunkSize})
	if len(b.volumes) != 3 {
		s.tb.Fatalf("the bundle takes %d volumes, want 3", len(b.volumes))
	}
	return b
}

// TestVolumesOneAtATime brings each volume alone, each time with another agent
// and in another directory, in every order. What is missing is said each time.
func TestVolumesOneAtATime(t *testing.T) {
	s := newSupplier(t)
	b := s.threeVolumes()
	for _, order := range [][]int{{1, 2, 3}, {1, 3, 2}, {3, 1, 2}, {3, 2, 1}} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			p := newPlace(t, s, registrytest.Start(t, registrytest.Options{}))
			have := map[int]bool{}
			for i, n := range order {
				r := p.mustReceive(copyTo(t, b.volumes[n-1]))
				have[n] = true
				if diff := cmp.Diff(missing(3, have), r.Missing); diff != "" {
					t.Errorf("missing after volume %d (-want +got):\n%s", n, diff)
				}
				if i == 2 {
					break
				}
				if w := p.writes(); len(w) > 0 {
					t.Errorf("the registry got %v before all volumes came", w)
				}
				status := p.status(false).Bundles
				if len(status) != 1 || status[0].State != "verified" || !slices.Equal(status[0].Missing, r.Missing) {
					t.Errorf("status is %+v, want verified with the volumes %v missing", status, r.Missing)
				}
				if again := p.mustReceive(copyTo(t, b.volumes[n-1])); !slices.Equal(again.Missing, r.Missing) {
					t.Errorf("missing after volume %d came again: %v, want %v", n, again.Missing, r.Missing)
				}
			}
			p.checkDelivered(b, same)
			if got := p.status(false); got.Bundles[0].State != "imported" || got.Inventory != b.statement.InventoryAfter {
				t.Errorf("status is %+v with %s, want imported with %s", got.Bundles[0], got.Inventory, b.statement.InventoryAfter)
			}
		})
	}
}

// TestVolumesAtOnce brings all volumes in several directories, renamed and
// twice, with other files beside them.
func TestVolumesAtOnce(t *testing.T) {
	s, p := setUp(t)
	b := s.threeVolumes()
	first, rest := copyTo(t, b.volumes[2], b.volumes[0]), copyTo(t, b.volumes[1:]...)
	if err := os.Rename(filepath.Join(rest, filepath.Base(b.volumes[1])), filepath.Join(rest, "holiday.jpg")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(rest, "notes.txt"), bytes.Repeat([]byte("for Kim\n"), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	reports, skipped, err := p.tryImport(first, rest)
	if err != nil {
		t.Fatal(err)
	}
	if len(reports) != 1 || reports[0].State != "imported" {
		t.Errorf("reports are %+v, want one, imported", reports)
	}
	if len(skipped) != 1 || filepath.Base(skipped[0].Path) != "notes.txt" || !errors.Is(skipped[0].Err, volume.ErrNoVolume) {
		t.Errorf("skipped %v, want notes.txt", skipped)
	}
	p.checkDelivered(b, same)
}

// TestMiddleVolumeFirst: without the index there is nothing to do with a
// volume. That is said, with the volumes that have it, and harms nothing.
func TestMiddleVolumeFirst(t *testing.T) {
	s, p := setUp(t)
	b := s.threeVolumes()
	_, _, err := p.tryImport(b.volumes[1])
	if !errors.Is(err, volume.ErrNoIndex) || !strings.Contains(err.Error(), "volume 1 or volume 3") {
		t.Errorf("Import: %v, want ErrNoIndex with the volumes that have it", err)
	}
	if got := p.mustReceive(b.volumes[2]).Missing; !slices.Equal(got, []int{1, 2}) {
		t.Errorf("missing %v, want 1 and 2", got)
	}
	p.mustImport(b.volumes[0], b.volumes[1])
}

// TestDamagedCopy: a damaged copy beside a good one does no harm.
func TestDamagedCopy(t *testing.T) {
	for n := 1; n <= 3; n++ {
		for _, first := range []string{"a", "z"} {
			t.Run(fmt.Sprint(n, first), func(t *testing.T) {
				s, p := setUp(t)
				b := s.threeVolumes()
				bad := filepath.Join(copyTo(t, b.volumes[n-1]), filepath.Base(b.volumes[n-1]))
				harm(t, bad, func(v []byte) []byte {
					v[len(v)-3000] ^= 1
					return v
				})
				if err := os.Rename(bad, filepath.Join(b.all(), first+".tar")); err != nil {
					t.Fatal(err)
				}
				p.mustImport(b.all())
				p.checkDelivered(b, same)
			})
		}
	}
}

// TestDamage: a volume that is not as it was signed is refused, whatever is
// wrong with it. Nothing reaches the registry, and nothing is written beside
// the ledger and staging. With a good copy the import goes on.
func TestDamage(t *testing.T) {
	tests := []struct {
		name   string
		volume int
		change func([]byte) []byte
		want   func(error) bool
	}{
		{"cut short", 2, func(v []byte) []byte { return v[:len(v)-512] }, isTruncated},
		{"half", 3, func(v []byte) []byte { return v[:len(v)/2] }, isTruncated},
		{"bit of the payload", 2, flip(-3000), isDamage},
		{"bit of the padding", 3, flip(-1025), isDamage},
		{"bit of the end", 1, flip(-1), isDamage},
		{"one byte more", 2, func(v []byte) []byte { return append(v, 0) }, isDamage},
		{"bit of the index", 1, flip(4000), isDamage},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, p := setUp(t)
			b := s.threeVolumes()
			good := copyTo(t, b.volumes...)
			before := p.files(false)
			volumes := slices.Clone(b.volumes)
			harm(t, volumes[tt.volume-1], tt.change)
			if tt.name == "bit of the index" {
				volumes = volumes[:2] // or the last one has a good one
			}
			_, _, err := p.tryImport(volumes...)
			if !tt.want(err) {
				t.Errorf("Import: %v", err)
			}
			if diff := cmp.Diff(before, p.files(false)); diff != "" {
				t.Errorf("files changed (-before +after):\n%s", diff)
			}
			if r := p.registry.Requests(); len(r) > 0 {
				t.Errorf("the registry got %v", r)
			}
			p.mustImport(good)
			p.checkDelivered(b, same)
		})
	}
}

func isTruncated(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }

func isDamage(err error) bool {
	_, ok := errors.AsType[*bundle.DamageError](err)
	return ok
}

// flip returns what flips a bit of the byte at offset, from the end if that is
// negative.
func flip(offset int) func([]byte) []byte {
	return func(b []byte) []byte {
		b[(offset+len(b))%len(b)] ^= 4
		return b
	}
}

// TestForeignVolume: a volume of another bundle does not stand in for one.
func TestForeignVolume(t *testing.T) {
	s, p := setUp(t)
	b := s.threeVolumes()
	s.seq, s.prev, s.held = 0, "", map[bundle.Digest]int64{}
	other := s.threeVolumes()
	if other.digest == b.digest {
		s.seq, s.prev, s.held = 0, "", map[bundle.Digest]int64{}
		other = s.pack("shop", "1.0", "images: ['HOST/shop/large:1.0']\nfiles: [doc/read.me]\n", packing{
			volumeSize: smallVolume, chunkSize: bundle.MinChunkSize, change: func(st *bundle.Statement) { st.Tool = "ferry other" },
		})
	}
	r := p.mustReceive(b.volumes[0], b.volumes[2])
	if !slices.Equal(r.Missing, []int{2}) {
		t.Fatalf("missing %v, want 2", r.Missing)
	}
	_, _, err := p.tryImport(other.volumes[1])
	if err == nil {
		t.Error("a volume of another bundle was taken")
	}
	if len(p.writes()) > 0 {
		t.Errorf("the registry got %v", p.writes())
	}
	p.mustImport(b.volumes[1])
}

// TestStagingTampered changes a staged file between two runs. That is noticed,
// whatever it was, and reading its volumes again repairs it.
func TestStagingTampered(t *testing.T) {
	const large, small, manifest = "large", "small", "manifest"
	tests := []struct {
		name   string
		entry  string
		change func([]byte) []byte // nil: the file is removed
		atOnce bool                // noticed before anything is used
	}{
		{"layer in parts, a bit", large, flip(10), false},
		{"layer in parts, shorter", large, func(b []byte) []byte { return b[:1000] }, true},
		{"layer in parts, longer", large, func(b []byte) []byte { return append(b, make([]byte, 300<<10)...) }, true},
		{"layer in parts, gone", large, nil, true},
		{"small layer, a bit", small, flip(10), false},
		{"small layer, shorter", small, func(b []byte) []byte { return b[:len(b)-1] }, true},
		{"small layer, longer", small, func(b []byte) []byte { return append(b, 'x') }, true},
		{"manifest, a bit", manifest, flip(10), false},
		{"manifest, gone", manifest, nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, p := setUp(t)
			b := s.threeVolumes()
			name, late := stagedName(p, b, tt.entry)
			p.mustReceive(slices.Concat(b.volumes[:late-1], b.volumes[late:])...)
			if tt.change == nil {
				if err := os.Remove(name); err != nil {
					t.Fatal(err)
				}
			} else {
				harm(t, name, tt.change)
			}
			r, _, err := p.tryImport(b.volumes[late-1])
			if tt.atOnce {
				if err != nil || len(r[0].Missing) == 0 {
					t.Errorf("Import: %v, missing %v, want the volumes of the staged file to be missing", err, r[0].Missing)
				}
			} else if !isDamage(err) || !strings.Contains(err.Error(), filepath.Base(name)) {
				t.Errorf("Import: %v, want a DamageError that names %s", err, filepath.Base(name))
			}
			for _, repo := range []string{"ferry/releases/shop", strings.TrimPrefix(p.inside(s.ref("shop/large")), p.registry.Host+"/")} {
				if tags := registrytest.Tags(t, p.registry.Repository(repo)); len(tags) > 0 {
					t.Errorf("%q has tags %v", repo, tags)
				}
			}
			missing := p.status(false).Bundles[0]
			if len(missing.Missing) == 0 || !strings.Contains(missing.Means, "missing") {
				t.Errorf("status is %+v, want volumes missing", missing)
			}
			var paths []string
			for _, n := range missing.Missing {
				paths = append(paths, b.volumes[n-1])
			}
			p.mustImport(paths...)
			p.checkDelivered(b, same)
		})
	}
}

// stagedName returns the file of an entry of threeVolumes when all volumes are
// staged but one, and that one.
func stagedName(p *place, b *shipment, which string) (name string, late int) {
	p.tb.Helper()
	for n, e := range b.index.Entries {
		parts := b.plan.Parts(n)
		kind := "small"
		if e.IsManifest() {
			kind = "manifest"
		} else if len(parts) > 1 {
			kind = "large"
		}
		if kind != which || e.Size < 20 {
			continue
		}
		for _, late := range []int{3, 1} {
			if parts[0].Volume != late {
				return filepath.Join(p.dir, stagingDir, b.digest.Hex(), e.Digest.Hex()), late
			}
		}
	}
	p.tb.Fatalf("the bundle has no %s entry", which)
	return "", 0
}

// TestStagedIndexTampered: an index that is not the one signed is taken from
// the volumes again.
func TestStagedIndexTampered(t *testing.T) {
	s, p := setUp(t)
	b := s.threeVolumes()
	p.mustReceive(b.volumes[0], b.volumes[1])
	harm(t, filepath.Join(p.dir, stagingDir, b.digest.Hex(), stagedIndex), flip(20))
	p.mustImport(b.volumes[2])
}

// TestNoSpace: a bundle for which there is no room is not begun.
func TestNoSpace(t *testing.T) {
	s, p := setUp(t)
	b := s.threeVolumes()
	try := func(free int64, paths ...string) (err error) {
		p.with(func(a *Agent) {
			a.freeSpace = func(string) (int64, error) { return free, nil }
			_, _, err = a.Import(t.Context(), ImportOptions{Paths: paths})
		})
		return err
	}
	total := b.statement.Index.Bytes + b.statement.Index.Size
	err := try(total-1, b.volumes...)
	if e, ok := errors.AsType[*SpaceError](err); !ok || e.Need != total || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Import: %v, want a SpaceError about %d bytes that is ENOSPC", err, total)
	}
	for name := range p.files(true) {
		if strings.HasPrefix(name, stagingDir+"/") {
			t.Errorf("%s was staged", name)
		}
	}
	// What is staged need not have room again.
	if err := try(total, b.volumes[2]); err != nil {
		t.Fatal(err)
	}
	var last int64
	for _, part := range b.plan.VolumeParts(3) {
		last += part.Size
	}
	rest := b.statement.Index.Bytes - last
	if err := try(rest-1, b.volumes[0], b.volumes[1]); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Import: %v, want ENOSPC", err)
	}
	if err := try(rest, b.volumes[0], b.volumes[1]); err != nil {
		t.Error(err)
	}
	p.checkDelivered(b, same)
}

// TestInterruptedVolumeNeedsLess: what an interrupted import has written of a
// volume takes no space twice.
func TestInterruptedVolumeNeedsLess(t *testing.T) {
	s, p := setUp(t)
	registrytest.PushImage(t, s.ref("shop/api:1.0"), "api")
	b := s.pack("shop", "1.0", "images: ['HOST/shop/api:1.0']\n", packing{})
	p.fs = durable.NewFaulty(durable.OS, 0, nil)
	p.with(func(a *Agent) {
		// The last sync fails: everything is written, and nothing is recorded.
		i := &importing{a: a, b: mustScan(t, b)}
		var err error
		if i.root, err = Root(p.dir); err != nil {
			t.Fatal(err)
		}
		if i.staging, err = openStaging(p.fs, a.path(stagingDir), b.digest); err != nil {
			t.Fatal(err)
		}
		if err := i.readIndex(); err != nil {
			t.Fatal(err)
		}
		if err := i.staging.receive(t.Context(), i.b, 1, nil); err != nil {
			t.Fatal(err)
		}
		if _, need, err := i.staging.survey(nil); err != nil || need != 0 {
			t.Errorf("survey says that %d bytes are needed, %v, want 0", need, err)
		}
	})
}

func mustScan(tb testing.TB, b *shipment) *volume.Bundle {
	tb.Helper()
	bundles, _, err := volume.Scan(b.volumes)
	if err != nil || len(bundles) != 1 {
		tb.Fatalf("Scan gave %d bundles, %v", len(bundles), err)
	}
	return bundles[0]
}

// TestDiskFull fills the disk at each write to staging. The error is ENOSPC,
// and the import goes on when there is room.
func TestDiskFull(t *testing.T) {
	s := newSupplier(t)
	b := s.threeVolumes()
	for n, done := 1, false; !done; n += 7 {
		p := newPlace(t, s, registrytest.Start(t, registrytest.Options{}))
		f := durable.NewFaulty(durable.OS, n, syscall.ENOSPC)
		f.Forever = true
		p.fs = f
		_, _, err := p.tryImport(b.all())
		p.fs = nil
		switch {
		case len(f.Calls()) < n:
			done = true
		case !errors.Is(err, syscall.ENOSPC):
			t.Errorf("call %d, %s: Import = %v, want ENOSPC", n, f.Calls()[n-1], err)
		}
		p.mustImport(b.all())
	}
}

// TestInterrupted ends the context. The error says so, and nothing is lost.
func TestInterrupted(t *testing.T) {
	s, p := setUp(t)
	b := s.threeVolumes()
	p.with(func(a *Agent) {
		if _, _, err := a.Import(canceled(t), ImportOptions{Paths: b.volumes}); !errors.Is(err, canceled(t).Err()) {
			t.Errorf("Import: %v, want that of the context", err)
		}
	})
	p.mustImport(b.all())
}

// TestDryRun verifies every byte, and leaves no trace.
func TestDryRun(t *testing.T) {
	s, p := setUp(t)
	b := s.threeVolumes()
	before := p.files(true)
	ledger := p.ledgerText()
	dry := func(paths ...string) (missing []int, err error) {
		p.with(func(a *Agent) {
			reports, _, errImport := a.Import(t.Context(), ImportOptions{Paths: paths, DryRun: true})
			if err = errImport; err == nil {
				missing = reports[0].Missing
				if !reports[0].DryRun {
					t.Error("the report does not say that it was a dry run")
				}
			}
		})
		return missing, err
	}
	if missing, err := dry(b.volumes...); err != nil || len(missing) > 0 {
		t.Errorf("dry run: missing %v, %v", missing, err)
	}
	if missing, err := dry(b.volumes[0], b.volumes[1]); err != nil || !slices.Equal(missing, []int{3}) {
		t.Errorf("dry run: missing %v, %v, want 3", missing, err)
	}
	harm(t, b.volumes[1], flip(-2000))
	if _, err := dry(b.volumes...); !isDamage(err) {
		t.Errorf("dry run: %v, want a DamageError", err)
	}
	s.seq, s.prev = 6, b.digest
	ahead := s.pack("shop", "9.0", "files: [doc/read.me]\n", packing{})
	if _, err := dry(ahead.volumes...); err == nil {
		t.Error("dry run takes a bundle that does not fit")
	}
	if diff := cmp.Diff(before, p.files(true)); diff != "" {
		t.Errorf("files changed (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(ledger, p.ledgerText()); diff != "" {
		t.Errorf("the ledger changed (-before +after):\n%s", diff)
	}
	if v := p.audits(); len(v) > 0 {
		t.Errorf("audit has %v", v)
	}
	if r := p.registry.Requests(); len(r) > 0 {
		t.Errorf("the registry got %v", r)
	}
}
