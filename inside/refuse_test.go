package inside

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/registry/registrytest"
	"github.com/airgap-ferry/ferry/verify/statement"
)

const apiBody = "images: ['HOST/shop/api:1.0']\nfiles: [read.me]\n"

// fillSmall pushes and writes what apiBody names, with other content for each
// version.
func (s *supplier) fillSmall(version string) {
	s.tb.Helper()
	registrytest.PushImage(s.tb, s.ref("shop/api:1.0"), "api "+version)
	s.write("read.me", version, 0o644)
}

// small packs a small release.
func (s *supplier) small(version string, p packing) *shipment {
	s.tb.Helper()
	s.fillSmall(version)
	return s.pack("shop", version, apiBody, p)
}

// TestRefusals: a bundle that is not trusted or does not fit is refused before
// anything is done with it. The registry is not even asked, nothing is written
// but one line of the audit, and what fits is imported afterwards.
func TestRefusals(t *testing.T) {
	stranger, err := strangerSigner()
	if err != nil {
		t.Fatal(err)
	}
	change := func(f func(*bundle.Statement)) packing { return packing{change: f} }
	tests := []struct {
		name    string
		packing packing
		after   int    // bundles that were imported before
		want    string // stable name of the refusal
		now     time.Time
	}{
		{"unsigned", packing{sign: signedBy()}, 0, statement.Unsigned, testTime},
		{"unknown key", packing{sign: signedBy(stranger)}, 0, statement.NoTrustedSignature, testTime},
		{"signature of another statement", packing{sign: func([]byte) ([]bundle.Signature, error) {
			s, err := testSigner()
			if err != nil {
				return nil, err
			}
			return signedBy(s)([]byte("another one"))
		}}, 0, statement.BadSignature, testTime},
		{"newer root", change(func(s *bundle.Statement) { s.RootVersion = 2 }), 0, statement.RootTooOld, testTime},
		{"other site", change(func(s *bundle.Statement) { s.Site = "south" }), 0, statement.WrongSite, testTime},
		{"other site key", change(func(s *bundle.Statement) { s.SiteKey = bundle.DigestOf(nil) }), 0, statement.WrongSite, testTime},
		{"gap", change(func(s *bundle.Statement) { s.Seq, s.Prev = 3, bundle.DigestOf(nil) }), 1, statement.Gap, testTime},
		{"far ahead", change(func(s *bundle.Statement) { s.Seq, s.Prev = 1<<53-1, bundle.DigestOf(nil) }), 1, statement.SeqStep, testTime},
		{"another of the same number", change(func(s *bundle.Statement) { s.Seq, s.Prev = 1, "" }), 1, statement.Fork, testTime},
		{"another past", change(func(s *bundle.Statement) { s.Prev = bundle.DigestOf(nil) }), 1, statement.Fork, testTime},
		{"epoch that the root does not allow", change(func(s *bundle.Statement) { s.Epoch = 3 }), 0, statement.EpochNotAuthorised, testTime},
		{"expired", packing{}, 0, statement.Expired, testTime.AddDate(0, 0, 7)},
		{"expired, and the clock set back", packing{change: func(s *bundle.Statement) {
			s.Issued, s.Expires = testTime.AddDate(0, 0, -3), testTime.AddDate(0, 0, -2)
		}}, 1, statement.Expired, testTime.AddDate(0, 0, -3)},
		{"issued in the future", packing{}, 0, statement.WrongClock, testTime.Add(-2 * time.Hour)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, p := setUp(t)
			for n := range tt.after {
				p.mustImport(s.small([]string{"1.0", "1.1"}[n], packing{}).all())
			}
			seq, prev := s.seq, s.prev
			b := s.small("2.0", tt.packing)
			before, rows := p.files(true), len(p.audits())
			p.registry.Reset()
			p.now = tt.now
			reports, _, err := p.tryImport(b.all())
			p.now = testTime
			checkRefusal(t, err, tt.want)
			if len(reports) != 1 || reports[0].State != "refused" {
				t.Errorf("report is %+v, want one, refused", reports)
			}
			if r := p.registry.Requests(); len(r) > 0 {
				t.Errorf("the registry got %v", r)
			}
			if diff := cmp.Diff(before, p.files(true)); diff != "" {
				t.Errorf("files changed (-before +after):\n%s", diff)
			}
			if v := p.audits(); !slices.Equal(v[rows:], []string{tt.want}) {
				t.Errorf("audit has gained %v, want %q once", v[rows:], tt.want)
			}
			p.check()

			s.seq, s.prev = seq, prev
			s.held = map[bundle.Digest]int64{} // all of it again, as what was refused brought nothing
			p.mustImport(s.small("2.0", packing{}).all())
		})
	}
}

// checkRefusal checks the type and the stable name of a refusal.
func checkRefusal(t *testing.T, err error, want string) {
	t.Helper()
	if e, ok := errors.AsType[*statement.UntrustedError](err); ok && e.Name == want {
		return
	}
	if e, ok := errors.AsType[*statement.MisfitError](err); ok && e.Name == want {
		return
	}
	t.Errorf("Import: %v, want a refusal named %q", err, want)
}

// TestReplay: what was imported is not imported again, and the registry is not
// asked. What is older is refused.
func TestReplay(t *testing.T) {
	s, p := setUp(t)
	first := s.small("1.0", packing{})
	r := p.mustImport(first.all())
	again := func(b *shipment) {
		t.Helper()
		p.registry.Reset()
		before, rows := p.files(true), len(p.audits())
		reports, _, err := p.tryImport(b.all())
		if err != nil || len(reports) != 1 || !reports[0].Already || reports[0].State != "imported" {
			t.Fatalf("Import: %v, report %+v, want it imported already", err, reports)
		}
		if reports[0].Receipt == "" || b == first && reports[0].Receipt != r.Receipt {
			t.Errorf("the receipt of the second import is %q, want the first one", reports[0].Receipt)
		}
		if got := p.registry.Requests(); len(got) > 0 {
			t.Errorf("the registry got %v", got)
		}
		if diff := cmp.Diff(before, p.files(true)); diff != "" {
			t.Errorf("files changed (-before +after):\n%s", diff)
		}
		if len(p.audits()) != rows {
			t.Errorf("audit is %v", p.audits())
		}
	}
	again(first)
	second := s.small("1.1", packing{})
	p.mustImport(second.all())
	again(second)
	again(first) // the ledger knows it, although it is not the last

	// Another statement for a number that was passed over is a rollback; here
	// it is that of an earlier epoch.
	s.seq, s.prev = 0, ""
	p.mustImport(s.small("1.2", packing{change: func(st *bundle.Statement) { st.Epoch = 2 }}).all())
	old := s.small("1.3", packing{change: func(st *bundle.Statement) { st.Seq, st.Prev = 3, second.digest }})
	_, _, err := p.tryImport(old.all())
	checkRefusal(t, err, statement.Rollback)
}

// TestForkHalfWay: another statement of the same number comes when a part of
// the first is staged.
func TestForkHalfWay(t *testing.T) {
	s, p := setUp(t)
	b := s.threeVolumes()
	p.mustReceive(b.volumes[0])
	s.seq, s.prev, s.held = 0, "", map[bundle.Digest]int64{}
	other := s.small("1.0", packing{})
	rows := len(p.audits())
	_, _, err := p.tryImport(other.all())
	checkRefusal(t, err, statement.Fork)
	for _, d := range []bundle.Digest{b.digest, other.digest} {
		if !strings.Contains(err.Error(), string(d)) {
			t.Errorf("error does not name statement %s: %v", d, err)
		}
	}
	if v := p.audits(); !slices.Equal(v[rows:], []string{statement.Fork}) {
		t.Errorf("audit has gained %v, want %q once", v[rows:], statement.Fork)
	}
	p.mustImport(b.all())
}

// TestOtherSitesBeside: volumes for other sites are passed over where there is
// something for this one.
func TestOtherSitesBeside(t *testing.T) {
	s, p := setUp(t)
	ours := s.small("1.0", packing{})
	theirs := s.small("2.0", packing{change: func(st *bundle.Statement) { st.Site, st.Seq, st.Prev = "south", 1, "" }})
	reports, skipped, err := p.tryImport(ours.all(), theirs.all())
	if err != nil || len(reports) != 1 || reports[0].State != "imported" {
		t.Errorf("Import: %v, reports %+v, want one imported", err, reports)
	}
	if len(skipped) != 1 || skipped[0].Path != theirs.volumes[0] || !strings.Contains(skipped[0].Err.Error(), `"south"`) {
		t.Errorf("skipped %v, want the volume for south", skipped)
	}
}

// TestSeveralBundles imports what lies in one inbox in the order of numbers.
func TestSeveralBundles(t *testing.T) {
	s, p := setUp(t)
	var volumes []string
	for _, version := range []string{"1.0", "1.1", "1.2"} {
		volumes = append(volumes, s.small(version, packing{}).volumes...)
	}
	reports, _, err := p.tryImport(copyTo(t, volumes...))
	if err != nil || len(reports) != 3 {
		t.Fatalf("Import: %v, %d reports, want 3", err, len(reports))
	}
	status := p.status(true)
	if status.Seq != 3 || status.Missing != 0 || status.Inventory != s.inventory() {
		t.Errorf("status is %+v, want seq 3 and nothing missing", status)
	}
	for _, r := range status.Releases {
		if r.Current != (r.Version == "1.2") {
			t.Errorf("release %s is current: %v", r.Version, r.Current)
		}
	}
}

// TestNothing: paths without a bundle.
func TestNothing(t *testing.T) {
	_, p := setUp(t)
	if _, _, err := p.tryImport(t.TempDir()); !errors.Is(err, ErrNoBundle) {
		t.Errorf("Import of an empty directory: %v, want ErrNoBundle", err)
	}
	if _, _, err := p.tryImport(filepath.Join(t.TempDir(), "inbox")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Import of no directory: %v, want ErrNotExist", err)
	}
}

// TestNoTrust: a site that trusts nobody imports nothing.
func TestNoTrust(t *testing.T) {
	s, p := setUp(t)
	if err := os.Remove(filepath.Join(p.dir, trustDir, rootFile)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.tryImport(s.small("1.0", packing{}).all()); !errors.Is(err, ErrNoTrust) {
		t.Errorf("Import: %v, want ErrNoTrust", err)
	}
}

// TestOldLedger: a ledger restored from a copy does not let old bundles in.
func TestOldLedger(t *testing.T) {
	s, p := setUp(t)
	p.mustImport(s.small("1.0", packing{}).all())
	name := filepath.Join(p.dir, ledgerFile)
	old, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b := s.small("1.1", packing{})
	p.mustImport(b.all())
	if err := os.WriteFile(name, old, 0o600); err != nil {
		t.Fatal(err)
	}
	p.registry.Reset()
	_, _, err = p.tryImport(b.all())
	if e, ok := errors.AsType[*FloorError](err); !ok || e.Floor.Seq != 2 || e.Head.Seq != 1 {
		t.Errorf("Import: %v, want a FloorError", err)
	}
	if r := p.registry.Requests(); len(r) > 0 {
		t.Errorf("the registry got %v", r)
	}
}
