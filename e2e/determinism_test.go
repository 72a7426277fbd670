package e2e

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/report"
)

// TestSameLedgersSameBundles packs twice, from copies of one directory, on one
// core and on two.
func TestSameLedgersSameBundles(t *testing.T) {
	w := newWorld(t, 9<<20, "")
	var got [2]map[string]string
	for i, cores := range []string{"1", "2"} {
		c := w.clone(t)
		mustExecute(t, c.dir, append(c.env(), "GOMAXPROCS="+cores), ferry(t), append(packLine(), "--volume-size", "4MiB")...)
		got[i] = digestsBelow(t, c.path("outbox"))
		if len(got[i]) < 3 {
			t.Fatalf("%d files in outbox, want 3 volumes or more", len(got[i]))
		}
		maps.Copy(got[i], digestsBelow(t, c.path("vendor/archive")))
		got[i]["lock"] = digestOfFile(t, c.path("release.lock.json"))
	}
	if diff := cmp.Diff(got[0], got[1]); diff != "" {
		t.Errorf("on two cores other bytes come out than on one (-one +two):\n%s", diff)
	}
}

// TestSourceDateEpoch spells out what the variable decides.
func TestSourceDateEpoch(t *testing.T) {
	w := newWorld(t, 1, "")
	later := w.clone(t)
	later.epoch += 60
	first, second := w.pack(), later.pack()
	if got := first.Issued.Unix(); got != w.epoch {
		t.Errorf("issued at %d seconds since 1970, want %d", got, w.epoch)
	}
	if first.Statement == second.Statement {
		t.Error("a bundle that was issued later has the same statement")
	}
	later.epoch = w.epoch + 120
	var again report.Packed
	later.json(&again, packLine()...)
	if len(again.Volumes) != 0 || again.Seq != 0 {
		t.Errorf("packing again wrote %d volumes as shipment %d, want nothing", len(again.Volumes), again.Seq)
	}
}

// digestsBelow returns the digest of every file below dir by its path there.
func digestsBelow(tb testing.TB, dir string) map[string]string {
	tb.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, dir+"/")] = digestOf(b)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return all
}
