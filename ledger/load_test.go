package ledger

import (
	"encoding/binary"
	"os"
	"testing"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
)

// manyBlobs returns n blobs whose digests are spread evenly, in some order.
func manyBlobs(n int) []Blob {
	all := make([]Blob, n)
	for i := range all {
		all[i] = Blob{bundle.DigestOf(binary.BigEndian.AppendUint64(nil, uint64(i))), int64(i)}
	}
	return all
}

// raceEnabled is set when the race detector is in the test.
var raceEnabled bool

// A million blobs: the file stays small. How fast it opens is in the log.
func TestMillionBlobs(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("takes seconds, and the detector would make it a minute")
	}
	const maxSize = 200 << 20
	all := manyBlobs(1_000_000)
	o, i := newOutside(t), newInside(t)
	seal(t, o, 1)
	must(t, o.Ship("north", 1, all[:990_000], []Release{release("app", "1")}))
	seal(t, o, 2) // 1 % more, all over the place
	must(t, o.Ship("north", 2, all[980_000:], []Release{release("app", "2")}))
	for len(all) > 0 { // as an import does it
		n := min(len(all), 100_000)
		must(t, i.AddHoldings("library/app", all[:n]))
		all = all[n:]
	}
	for name, l := range map[string]struct {
		f    *file
		open func(string) error
		root func() (bundle.Digest, error)
	}{
		"outside": {o.f, func(path string) error {
			o, err := OpenOutside(path)
			if err == nil {
				defer o.Close()
			}
			return err
		}, func() (bundle.Digest, error) { return o.Inventory("north", "") }},
		"inside": {i.f, func(path string) error {
			i, err := OpenInside(path)
			if err == nil {
				defer i.Close()
			}
			return err
		}, i.Inventory},
	} {
		start := time.Now()
		root, err := l.root()
		must(t, err)
		took := time.Since(start)
		must(t, l.f.close())
		info, err := os.Stat(l.f.path)
		must(t, err)
		start = time.Now()
		must(t, l.open(l.f.path))
		opened := time.Since(start)
		t.Logf("%s: %d MiB, opens in %v, inventory %s in %v", name, info.Size()>>20, opened, root.Short(), took)
		if info.Size() > maxSize {
			t.Errorf("%s has %d bytes, want at most %d", name, info.Size(), maxSize)
		}
	}
}

func BenchmarkHolds(b *testing.B) {
	path := b.TempDir() + "/ledger.db"
	if err := CreateOutside(path); err != nil {
		b.Fatal(err)
	}
	o, err := OpenOutside(path)
	if err != nil {
		b.Fatal(err)
	}
	defer o.Close()
	all := manyBlobs(100_000)
	for _, err := range []error{
		o.AddSite(Site{Name: "north", Added: at(0)}),
		func() error { _, err := o.Plan("north", shipment(1)); return err }(),
		o.Seal("north", 1, sealed(1)),
		o.Ship("north", 1, all, []Release{release("app", "1")}),
	} {
		if err != nil {
			b.Fatal(err)
		}
	}
	digests := make([]bundle.Digest, len(all))
	for i := range all {
		digests[i] = all[i].Digest
	}
	for b.Loop() {
		if _, err := o.Holds("north", BasisAcknowledged, digests); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(digests)), "ns/lookup")
}
