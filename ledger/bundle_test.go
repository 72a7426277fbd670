package ledger

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/bundle"
)

func TestBundleLife(t *testing.T) {
	i := newInside(t)
	self, err := i.Self()
	if want := (Self{"north", digest("key")}); err != nil || self != want {
		t.Errorf("Self = %v, %v, want %v", self, err, want)
	}
	if h, err := i.Head(); err != nil || h != (Head{}) {
		t.Errorf("Head = %v, %v, want none", h, err)
	}
	for n := int64(1); n <= 2; n++ {
		importBundle(t, i, n)
		must(t, i.Check())
		h, err := i.Head()
		if want := (Head{1, n, statement(n), at(int(n))}); err != nil || h != want {
			t.Errorf("Head = %v, %v, want %v", h, err, want)
		}
	}
	all, err := i.Bundles()
	must(t, err)
	want := row(2)
	want.State, want.Changed = BundleImported, at(5)
	want.Requires, want.Volumes = []int64{}, []string{}
	if diff := cmp.Diff(want, all[1]); diff != "" || len(all) != 2 {
		t.Errorf("Bundles (-want +got):\n%s", diff)
	}
	r, err := i.CurrentRelease("app")
	if err != nil || r.Version != "2" || r.Seq != 2 || !r.Time.Equal(at(5)) {
		t.Errorf("CurrentRelease = %+v, %v", r, err)
	}
	must(t, i.SetCurrentRelease("app", 1, 1))
	must(t, i.Check())
	releases, err := i.Releases()
	if err != nil || len(releases) != 2 || !releases[0].Current || releases[1].Current {
		t.Errorf("Releases after a rollback = %+v, %v", releases, err)
	}
	for _, err := range []error{i.SetCurrentRelease("app", 1, 3), i.SetCurrentRelease("db", 1, 1), i.SetCurrentRelease("app", 0, 0)} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("SetCurrentRelease of what is not there = %v, want ErrNotFound", err)
		}
	}
	if _, err := i.CurrentRelease("db"); !errors.Is(err, ErrNotFound) {
		t.Errorf("CurrentRelease = %v, want ErrNotFound", err)
	}
}

// Every pair of states, against the table written out once more: what follows
// what. "seen" follows all but imported.
func TestTransitions(t *testing.T) {
	legal := map[BundleState]string{
		BundleSeen:      "verified parked refused failed",
		BundleVerified:  "seen staged parked refused failed",
		BundleStaged:    "seen blobs parked failed",
		BundleBlobs:     "seen manifests failed",
		BundleManifests: "seen tagged failed",
		BundleTagged:    "seen rolled failed",
		BundleRolled:    "seen failed",
		BundleParked:    "seen verified staged refused failed",
		BundleRefused:   "seen",
		BundleFailed:    "seen verified staged parked refused",
		BundleImported:  "",
	}
	i := newInside(t)
	_, err := i.SeeBundle(row(1))
	must(t, err)
	for from := range transitions {
		for to := range transitions {
			b := row(1)
			b.State = from
			must(t, i.f.update(func(t *tx) error { return t.putBundle(b) }))
			want := from == to || slices.Contains(strings.Fields(legal[from]), string(to))
			if to == BundleImported {
				want = from == to
			}
			if err := i.SetState(1, 1, to, "", at(5)); (err == nil) != want || err != nil && !errors.Is(err, ErrConflict) {
				t.Errorf("from %s to %s: %v, want legal = %v", from, to, err, want)
			}
		}
	}
	if err := i.SetState(1, 1, "flying", "", at(5)); !errors.Is(err, ErrConflict) {
		t.Errorf("unknown state: %v, want ErrConflict", err)
	}
	if err := i.SetState(1, 2, BundleSeen, "", at(5)); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown bundle: %v, want ErrNotFound", err)
	}
}

func TestSeeBundleAgain(t *testing.T) {
	i := newInside(t)
	other := row(1)
	other.Statement = digest("other")
	tests := []struct {
		state BundleState
		want  error // for another statement of the same seq
	}{
		{BundleSeen, nil},
		{BundleRefused, nil},
		{BundleVerified, ErrConflict},
		{BundleParked, ErrConflict},
		{BundleFailed, ErrConflict},
		{BundleImported, ErrConflict},
	}
	for _, tt := range tests {
		b := row(1)
		b.State, b.Volumes = tt.state, []string{"v001"}
		must(t, i.f.update(func(t *tx) error { return t.putBundle(b) }))
		got, err := i.SeeBundle(row(1))
		if err != nil || got.State != tt.state || len(got.Volumes) != 1 {
			t.Errorf("%s: the same statement: %+v, %v", tt.state, got, err)
		}
		got, err = i.SeeBundle(other)
		if !errors.Is(err, tt.want) || err == nil && (got.State != BundleSeen || got.Statement != other.Statement) {
			t.Errorf("%s: another statement: %+v, %v, want %v", tt.state, got, err, tt.want)
		}
	}
	for _, bad := range []Bundle{{Epoch: 0, Seq: 1, Statement: digest("x")}, {Epoch: 1, Seq: 0, Statement: digest("x")}, {Epoch: 1, Seq: 1}} {
		if _, err := i.SeeBundle(bad); err == nil {
			t.Errorf("SeeBundle(%+v) was taken", bad)
		}
	}
}

func TestImportRefuses(t *testing.T) {
	i := newInside(t)
	importBundle(t, i, 2)
	for n, state := range map[int64]BundleState{1: BundleRolled, 3: BundleTagged, 4: BundleManifests} {
		_, err := i.SeeBundle(row(n))
		must(t, err)
		advance(t, i, n, state)
	}
	other := imported(3)
	other.Statement = digest("other")
	foreign := imported(3)
	foreign.Releases = []Release{release("db", "1")}
	tests := []struct {
		name string
		m    Imported
		want error
	}{
		{"before the head", imported(1), ErrConflict},
		{"not tagged", imported(4), ErrConflict},
		{"not seen", imported(5), ErrNotFound},
		{"other statement", other, ErrConflict},
		{"release of another", foreign, ErrConflict},
		{"again", imported(2), nil},
	}
	for _, tt := range tests {
		before := dump(t, i.f)
		if err := i.Import(tt.m); !errors.Is(err, tt.want) {
			t.Errorf("%s: Import = %v, want %v", tt.name, err, tt.want)
		}
		if !slices.Equal(before, dump(t, i.f)) {
			t.Errorf("%s: the ledger changed", tt.name)
		}
	}
	must(t, i.Import(imported(3))) // only tagged, as there is nothing to roll out
	must(t, i.Check())
}

func TestAccepted(t *testing.T) {
	i := newInside(t)
	importBundle(t, i, 1)
	_, err := i.SeeBundle(row(2))
	must(t, err)
	advance(t, i, 2, BundleRolled)
	for n, want := range map[int64]bundle.Digest{0: "", 1: statement(1), 2: "", 3: ""} {
		got, ok, err := i.Accepted(1, n)
		if err != nil || got != want || ok != (want != "") {
			t.Errorf("Accepted(1, %d) = %s, %v, %v, want %s", n, got, ok, err, want)
		}
	}
}

func TestFloor(t *testing.T) {
	i := newInside(t)
	must(t, i.RaiseFloor(at(5)))
	must(t, i.RaiseFloor(at(3)))
	importBundle(t, i, 1) // issued at 1
	if h, err := i.Head(); err != nil || !h.Floor.Equal(at(5)) {
		t.Errorf("Head = %v, %v, want floor %v", h, err, at(5))
	}
	importBundle(t, i, 7)
	if h, err := i.Head(); err != nil || !h.Floor.Equal(at(7)) {
		t.Errorf("Head = %v, %v, want floor %v", h, err, at(7))
	}
	must(t, i.Check())
}

func TestVolumes(t *testing.T) {
	i := newInside(t)
	_, err := i.SeeBundle(row(1))
	must(t, err)
	for _, name := range []string{"v002", "v001", "v002"} {
		must(t, i.StageVolume(1, 1, name))
	}
	b, err := i.Bundle(1, 1)
	if want := []string{"v001", "v002"}; err != nil || !slices.Equal(b.Volumes, want) {
		t.Errorf("Volumes = %q, %v, want %q", b.Volumes, err, want)
	}
	must(t, i.ForgetVolumes(1, 1))
	if b, err := i.Bundle(1, 1); err != nil || len(b.Volumes) != 0 {
		t.Errorf("Volumes = %q, %v, want none", b.Volumes, err)
	}
	if err := i.StageVolume(1, 2, "v001"); !errors.Is(err, ErrNotFound) {
		t.Errorf("StageVolume = %v, want ErrNotFound", err)
	}
}

func TestAudit(t *testing.T) {
	i := newInside(t)
	want := []AuditRow{
		{at(1), string(statement(1)), "imported", ""},
		{at(2), "", "unsigned", "no signature"},
		{at(3), string(statement(3)), "fork", "two statements"},
	}
	for _, row := range want {
		must(t, i.Audit(row))
	}
	var got []AuditRow
	must(t, i.Audits(func(n int64, row AuditRow) error {
		got = append(got, row)
		if n != int64(len(got)) {
			t.Errorf("row %d has number %d", len(got), n)
		}
		return nil
	}))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Audits (-want +got):\n%s", diff)
	}
	must(t, i.Check())
}

func TestRepositories(t *testing.T) {
	i := newInside(t)
	must(t, i.AddHoldings("lib/one", blobs("a", "b")))
	must(t, i.AddHoldings("lib/two", blobs("b", "c")))
	check := func(name string, want ...string) {
		t.Helper()
		got, size, err := i.Repositories(digest(name))
		if err != nil || !slices.Equal(got, want) || len(want) > 0 && size != 101 {
			t.Errorf("Repositories(%s) = %q, %d, %v, want %q", name, got, size, err, want)
		}
	}
	check("a", "lib/one")
	check("b", "lib/one", "lib/two")
	check("x")
	must(t, i.DropHolding("lib/one", digest("b")))
	must(t, i.DropHolding("lib/one", digest("a")))
	must(t, i.DropHolding("lib/one", digest("a")))
	must(t, i.DropHolding("lib/nine", digest("b")))
	check("a")
	check("b", "lib/two")
	held, err := i.Holds(digests("a", "b", "c", "x"))
	if want := []bool{false, true, true, false}; err != nil || !slices.Equal(held, want) {
		t.Errorf("Holds = %v, %v, want %v", held, err, want)
	}
	if n, bytes, err := i.Totals(); err != nil || n != 2 || bytes != 202 {
		t.Errorf("Totals = %d, %d, %v, want 2 and 202", n, bytes, err)
	}
	names := map[bundle.Digest][]string{}
	must(t, i.Holdings(func(b Blob, repositories []string) error {
		names[b.Digest] = repositories
		return nil
	}))
	want := map[bundle.Digest][]string{digest("b"): {"lib/two"}, digest("c"): {"lib/two"}}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("Holdings (-want +got):\n%s", diff)
	}
	if err := i.AddHoldings("lib/one", []Blob{{digest("b"), 5}}); !errors.Is(err, ErrConflict) {
		t.Errorf("another size: %v, want ErrConflict", err)
	}
	if err := i.AddHoldings("", blobs("a")); err == nil {
		t.Error("a repository without a name was taken")
	}
	must(t, i.Check())
}

func TestInsideFaults(t *testing.T) {
	see := func(t *testing.T, i *Inside) {
		t.Helper()
		_, err := i.SeeBundle(row(2))
		must(t, err)
	}
	tests := []struct {
		name       string
		setup      func(t *testing.T, i *Inside)
		op         func(i *Inside) error
		repeatable bool
	}{
		{"SeeBundle", nil, func(i *Inside) error { _, err := i.SeeBundle(row(2)); return err }, true},
		{"SetState", see, func(i *Inside) error { return i.SetState(1, 2, BundleParked, "gap", at(4)) }, true},
		{"StageVolume", see, func(i *Inside) error { return i.StageVolume(1, 2, "v001") }, true},
		{"ForgetVolumes", func(t *testing.T, i *Inside) {
			t.Helper()
			see(t, i)
			must(t, i.StageVolume(1, 2, "v001"))
		}, func(i *Inside) error { return i.ForgetVolumes(1, 2) }, true},
		{"Import", func(t *testing.T, i *Inside) {
			t.Helper()
			see(t, i)
			advance(t, i, 2, BundleRolled)
		}, func(i *Inside) error { return i.Import(imported(2)) }, true},
		{"RaiseFloor", nil, func(i *Inside) error { return i.RaiseFloor(at(9)) }, true},
		{"SetCurrentRelease", func(t *testing.T, i *Inside) {
			t.Helper()
			importBundle(t, i, 2)
		}, func(i *Inside) error {
			return i.SetCurrentRelease("app", 1, 1)
		}, true},
		{"AddHoldings", nil, func(i *Inside) error { return i.AddHoldings("two", blobs("a", "b", "c")) }, true},
		{"DropHolding", nil, func(i *Inside) error { return i.DropHolding("one", digest("a")) }, true},
		{"Audit", nil, func(i *Inside) error { return i.Audit(AuditRow{Time: at(1), Verdict: "gap"}) }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			testFaults(t, func(t *testing.T) (side, func() error) {
				t.Helper()
				i := newInside(t)
				must(t, i.AddHoldings("one", blobs("a")))
				importBundle(t, i, 1)
				if tt.setup != nil {
					tt.setup(t, i)
				}
				return side{i.f, i.Check}, func() error { return tt.op(i) }
			}, tt.repeatable)
		})
	}
}
