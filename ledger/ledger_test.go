package ledger

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/airgap-ferry/ferry/bundle"
)

var errInjected = errors.New("injected")

// at returns the n-th hour of the test's time.
func at(n int) time.Time { return time.Date(2026, 8, 1, n, 0, 0, 0, time.UTC) }

// digest returns a digest that name stands for.
func digest(name string) bundle.Digest { return bundle.DigestOf([]byte(name)) }

// digests returns the digests that the names stand for.
func digests(names ...string) (all []bundle.Digest) {
	for _, name := range names {
		all = append(all, digest(name))
	}
	return all
}

// blobs returns blobs that the names stand for, with sizes of their own.
func blobs(names ...string) (all []Blob) {
	for _, name := range names {
		all = append(all, Blob{digest(name), int64(100 + len(name))})
	}
	return all
}

func release(name, version string) Release {
	return Release{Name: name, Version: version, Manifest: digest(name + version), Resolved: digest("resolved " + name + version)}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newOutside returns a ledger with the site north, to which nothing was
// shipped.
func newOutside(t *testing.T) *Outside {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger.db")
	must(t, CreateOutside(path))
	o, err := OpenOutside(path)
	must(t, err)
	t.Cleanup(func() { o.Close() })
	must(t, o.AddSite(Site{Name: "north", Added: at(0)}))
	return o
}

// newInside returns the empty ledger of the site north.
func newInside(t *testing.T) *Inside {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger.db")
	must(t, CreateInside(path, Self{Site: "north", Key: digest("key")}))
	i, err := OpenInside(path)
	must(t, err)
	t.Cleanup(func() { i.Close() })
	return i
}

// shipment returns what is planned for shipment n, which brings release app.
func shipment(n int64) Shipment {
	return Shipment{
		Plan: digest(fmt.Sprint("plan ", n)), Issued: at(int(n)), Expires: at(int(n) + 1), Bytes: 1000 * n,
		Releases:        []bundle.ReleaseInfo{release("app", fmt.Sprint(n)).Info()},
		InventoryBefore: digest("before"), InventoryAfter: digest("after"),
	}
}

// sealed returns the rest of shipment n.
func sealed(n int64) Sealed {
	return Sealed{statement(n), digest(fmt.Sprint("index ", n)), []string{fmt.Sprintf("north-1-%d.v001.tar", n)}}
}

func statement(n int64) bundle.Digest { return digest(fmt.Sprint("statement ", n)) }

// plan plans and seals shipment n.
func seal(t *testing.T, o *Outside, n int64) {
	t.Helper()
	s, err := o.Plan("north", shipment(n))
	must(t, err)
	if s.Seq != n {
		t.Fatalf("planned shipment %d, want %d", s.Seq, n)
	}
	must(t, o.Seal("north", n, sealed(n)))
}

// ship takes shipment n from plan to shipped, with the blobs of these names.
func ship(t *testing.T, o *Outside, n int64, names ...string) {
	t.Helper()
	seal(t, o, n)
	must(t, o.Ship("north", n, blobs(names...), []Release{release("app", fmt.Sprint(n))}))
}

// row returns bundle n as it comes to the inside.
func row(n int64) Bundle {
	return Bundle{
		Epoch: 1, Seq: n, Statement: statement(n), Issued: at(int(n)), Seen: at(int(n) + 1), Entries: 2, Bytes: 1000,
		Releases: []bundle.ReleaseInfo{release("app", fmt.Sprint(n)).Info()},
	}
}

// advance takes bundle n from where it is to state, step by step.
func advance(t *testing.T, i *Inside, n int64, to BundleState) {
	t.Helper()
	for _, state := range []BundleState{
		BundleVerified, BundleStaged, BundleBlobs, BundleManifests, BundleTagged, BundleRolled,
	} {
		must(t, i.SetState(1, n, state, "", at(int(n)+2)))
		if state == to {
			return
		}
	}
}

func imported(n int64) Imported {
	return Imported{
		Epoch: 1, Seq: n, Statement: statement(n), At: at(int(n) + 3),
		Releases: []Release{release("app", fmt.Sprint(n))},
	}
}

// importBundle takes bundle n from nothing to imported.
func importBundle(t *testing.T, i *Inside, n int64) {
	t.Helper()
	_, err := i.SeeBundle(row(n))
	must(t, err)
	advance(t, i, n, BundleRolled)
	must(t, i.Import(imported(n)))
}

// dump returns everything in f, one "bucket/key=value" a line.
func dump(t *testing.T, f *file) []string {
	t.Helper()
	var lines []string
	var walk func(path string, b *bbolt.Bucket) error
	walk = func(path string, b *bbolt.Bucket) error {
		return b.ForEach(func(k, v []byte) error {
			if v == nil {
				return walk(fmt.Sprintf("%s/%s", path, k), b.Bucket(k))
			}
			lines = append(lines, fmt.Sprintf("%s/%q=%q", path, k, v))
			return nil
		})
	}
	err := f.view(func(tx *tx) error {
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error { return walk(string(name), b) })
	})
	must(t, err)
	return lines
}

// writes runs op and returns how many writes it made.
func writes(f *file, op func() error) (n int, err error) {
	f.fault = func(string) error {
		n++
		return nil
	}
	defer func() { f.fault = nil }()
	return n, op()
}

// side is what both ledgers have.
type side struct {
	f     *file
	check func() error
}

// testFaults fails op at each of its writes, on a fresh ledger each time. The
// ledger must then be as before, a second try must work, Check must be
// content, and a third run must write nothing if op can be repeated.
func testFaults(t *testing.T, setup func(t *testing.T) (side, func() error), repeatable bool) {
	t.Helper()
	for failAt := 1; ; failAt++ {
		l, op := setup(t)
		before := dump(t, l.f)
		n, step := 0, ""
		l.f.fault = func(name string) error {
			if n++; n == failAt {
				step = name
				return errInjected
			}
			return nil
		}
		err := op()
		l.f.fault = nil
		if err == nil {
			if n < 2 {
				t.Fatalf("op made %d writes, the commit included", n)
			}
			checkRepeat(t, l, op, repeatable)
			return // every write has been failed once
		}
		if !errors.Is(err, errInjected) {
			t.Fatalf("write %d failed: error = %v, want the injected one", failAt, err)
		}
		if diff := cmp.Diff(before, dump(t, l.f)); diff != "" {
			t.Fatalf("write %d failed: ledger changed (-before +after):\n%s", failAt, diff)
		}
		if step == "commit" {
			if err := op(); !errors.Is(err, errInjected) {
				t.Fatalf("after a commit that failed: error = %v, want that of the commit", err)
			}
			l.f.broken = nil // as if opened again
		}
		if err := op(); err != nil {
			t.Fatalf("write %d failed: second try: %v", failAt, err)
		}
		checkRepeat(t, l, op, repeatable)
	}
}

func checkRepeat(t *testing.T, l side, op func() error, repeatable bool) {
	t.Helper()
	if err := l.check(); err != nil {
		t.Fatal(err)
	}
	if !repeatable {
		return
	}
	if n, err := writes(l.f, op); n != 0 || err != nil {
		t.Fatalf("repeated: %d writes, error %v, want neither", n, err)
	}
}
