package ledger

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/bundle"
)

func TestAddSite(t *testing.T) {
	o := newOutside(t)
	tests := []struct {
		name string
		site Site
		want error
	}{
		{"again", Site{Name: "north", Added: at(1)}, ErrExists},
		{"with shipments", Site{Name: "south", NextSeq: 5}, ErrConflict},
	}
	for _, tt := range tests {
		if err := o.AddSite(tt.site); !errors.Is(err, tt.want) {
			t.Errorf("%s: AddSite = %v, want %v", tt.name, err, tt.want)
		}
	}
	for _, bad := range []Site{{Name: ""}, {Name: "a/b"}, {Name: "west", Key: "sha256:00"}} {
		if err := o.AddSite(bad); err == nil {
			t.Errorf("AddSite(%v) was taken", bad)
		}
	}
	must(t, o.AddSite(Site{Name: "east", Added: at(1), Key: digest("key")}))
	sites, err := o.Sites()
	must(t, err)
	want := []Site{
		{Name: "east", Epoch: 1, NextSeq: 1, Added: at(1), Key: digest("key")},
		{Name: "north", Epoch: 1, NextSeq: 1, Added: at(0)},
	}
	if diff := cmp.Diff(want, sites); diff != "" {
		t.Errorf("Sites (-want +got):\n%s", diff)
	}
	if _, err := o.Site("absent"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Site = %v, want ErrNotFound", err)
	}
	must(t, o.Check())
}

func TestSetSiteKey(t *testing.T) {
	o := newOutside(t)
	if err := o.SetSiteKey("north", "sha256:00"); err == nil {
		t.Error("a key that is no digest was taken")
	}
	must(t, o.SetSiteKey("north", digest("key")))
	must(t, o.SetSiteKey("north", digest("key")))
	if err := o.SetSiteKey("north", digest("other")); !errors.Is(err, ErrConflict) {
		t.Errorf("another key: %v, want ErrConflict", err)
	}
	if err := o.SetSiteKey("absent", digest("key")); !errors.Is(err, ErrNotFound) {
		t.Errorf("absent site: %v, want ErrNotFound", err)
	}
	if s, err := o.Site("north"); err != nil || s.Key != digest("key") {
		t.Errorf("Site = %v, %v", s, err)
	}
}

// The life of three shipments: the ledger numbers them, chains them, and
// knows what is under way.
func TestShipmentLife(t *testing.T) {
	o := newOutside(t)
	for n := int64(1); n <= 3; n++ {
		s, err := o.Plan("north", shipment(n))
		must(t, err)
		want := shipment(n)
		want.Site, want.Epoch, want.Seq, want.State = "north", 1, n, ShipmentPlanned
		if n > 1 {
			want.Prev = statement(n - 1)
		}
		if diff := cmp.Diff(want, s); diff != "" {
			t.Fatalf("Plan %d (-want +got):\n%s", n, diff)
		}
		must(t, o.Check())
		must(t, o.Seal("north", n, sealed(n)))
		must(t, o.Check())
		if s, ok, err := o.Unfinished("north"); err != nil || !ok || s.State != ShipmentSealed || s.Seq != n {
			t.Fatalf("Unfinished = %v, %v, %v", s, ok, err)
		}
		must(t, o.Ship("north", n, blobs("a", "b"), []Release{release("app", string(rune('0'+n)))}))
		must(t, o.Check())
	}
	if _, ok, err := o.Unfinished("north"); ok || err != nil {
		t.Fatalf("Unfinished = %v, %v, want none", ok, err)
	}
	must(t, o.Lose("north", 2))
	must(t, o.Check())
	must(t, o.Acknowledge("north", 2, statement(2))) // the site got past it all the same
	must(t, o.Check())

	all, err := o.Shipments("north")
	must(t, err)
	var states []ShipmentState
	for _, s := range all {
		states = append(states, s.State)
	}
	if want := []ShipmentState{ShipmentAcknowledged, ShipmentLost, ShipmentShipped}; !slices.Equal(states, want) {
		t.Errorf("states are %q, want %q", states, want)
	}
	if all[2].Entries != 2 || all[1].Entries != 0 || !slices.Equal(all[2].Volumes, sealed(3).Volumes) || all[2].Index != sealed(3).Index {
		t.Errorf("Shipments = %+v", all)
	}
	open, err := o.Unacknowledged("north")
	if err != nil || len(open) != 1 || open[0].Seq != 3 {
		t.Errorf("Unacknowledged = %v, %v, want shipment 3", open, err)
	}
	s, err := o.Site("north")
	if err != nil || s.Head != statement(3) || s.NextSeq != 4 || s.Acked != 2 {
		t.Errorf("Site = %+v, %v", s, err)
	}
}

// The same plan resumes, with the times of the first; another takes its seq
// until it is sealed, and then must wait.
func TestPlanAgain(t *testing.T) {
	o := newOutside(t)
	ship(t, o, 1, "a")
	first, err := o.Plan("north", shipment(2))
	must(t, err)

	later := shipment(2)
	later.Issued = at(20)
	n, err := writes(o.f, func() error {
		s, err := o.Plan("north", later)
		if diff := cmp.Diff(first, s, cmp.Transformer("nonNil", nonNil[int64]), cmp.Transformer("nonNil", nonNil[string])); diff != "" {
			t.Errorf("the same plan again (-first +second):\n%s", diff)
		}
		return err
	})
	if n != 0 || err != nil {
		t.Errorf("the same plan again: %d writes, %v", n, err)
	}

	other, err := o.Plan("north", shipment(3))
	if err != nil || other.Seq != 2 || other.Plan != shipment(3).Plan || !other.Issued.Equal(at(3)) {
		t.Errorf("another plan: %+v, %v, want it as shipment 2", other, err)
	}
	must(t, o.Check())

	must(t, o.Seal("north", 2, sealed(2)))
	if s, err := o.Plan("north", shipment(3)); err != nil || s.State != ShipmentSealed || s.Statement != statement(2) {
		t.Errorf("the same plan when sealed: %+v, %v", s, err)
	}
	if _, err := o.Plan("north", shipment(4)); !errors.Is(err, ErrConflict) {
		t.Errorf("another plan when sealed: %v, want ErrConflict", err)
	}
	must(t, o.Check())
}

func TestPlanRefuses(t *testing.T) {
	o := newOutside(t)
	ship(t, o, 1, "a")
	ship(t, o, 2, "b")
	ship(t, o, 3, "c")
	must(t, o.Lose("north", 3))
	must(t, o.Acknowledge("north", 1, statement(1)))
	with := func(requires ...int64) Shipment {
		s := shipment(4)
		s.Requires = requires
		return s
	}
	noPlan := shipment(4)
	noPlan.Plan = ""
	tests := []struct {
		name string
		site string
		s    Shipment
		ok   bool
	}{
		{"unknown site", "south", shipment(4), false},
		{"no plan", "north", noPlan, false},
		{"requires an acknowledged one", "north", with(1), false},
		{"requires a lost one", "north", with(3), false},
		{"requires itself", "north", with(4), false},
		{"requires one to come", "north", with(9), false},
		{"requires nothing", "north", with(0), false},
		{"requires one twice", "north", with(2, 2), false},
		{"requires a shipped one", "north", with(2), true},
	}
	for _, tt := range tests {
		before := dump(t, o.f)
		if _, err := o.Plan(tt.site, tt.s); (err == nil) != tt.ok {
			t.Errorf("%s: Plan = %v", tt.name, err)
		}
		if !tt.ok && !slices.Equal(before, dump(t, o.f)) {
			t.Errorf("%s: the ledger changed", tt.name)
		}
	}
	must(t, o.Check())
}

// Each step has its place; out of order it is refused and changes nothing.
func TestStepsOutOfOrder(t *testing.T) {
	o := newOutside(t)
	ship(t, o, 1, "a")
	ship(t, o, 2, "b")
	must(t, o.Acknowledge("north", 1, statement(1)))
	_, err := o.Plan("north", shipment(3))
	must(t, err)
	app := []Release{release("app", "3")}
	tests := []struct {
		name string
		do   func() error
		want error
	}{
		{"seal another statement", func() error { return o.Seal("north", 2, sealed(9)) }, ErrConflict},
		{"seal what is not planned", func() error { return o.Seal("north", 4, sealed(4)) }, ErrNotFound},
		{"ship what is not sealed", func() error { return o.Ship("north", 3, nil, app) }, ErrConflict},
		{"ship nothing", func() error { return o.Ship("north", 0, nil, app) }, ErrNotFound},
		{"acknowledge what is planned", func() error { return o.Acknowledge("north", 3, "") }, ErrConflict},
		{"acknowledge another head", func() error { return o.Acknowledge("north", 2, statement(1)) }, ErrConflict},
		{"lose what is planned", func() error { return o.Lose("north", 3) }, ErrConflict},
		{"lose what arrived", func() error { return o.Lose("north", 1) }, ErrConflict},
		{"lose what never was", func() error { return o.Lose("north", 7) }, ErrNotFound},
		{"unknown site", func() error { return o.Lose("south", 1) }, ErrNotFound},
	}
	for _, tt := range tests {
		before := dump(t, o.f)
		if err := tt.do(); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		if !slices.Equal(before, dump(t, o.f)) {
			t.Errorf("%s: the ledger changed", tt.name)
		}
	}
	must(t, o.Seal("north", 3, sealed(3)))
	if err := o.Lose("north", 2); !errors.Is(err, ErrConflict) {
		t.Errorf("lose while one is sealed: %v, want ErrConflict", err)
	}
	other := []Release{release("app", "4")}
	if err := o.Ship("north", 3, blobs("c"), other); !errors.Is(err, ErrConflict) {
		t.Errorf("ship other releases: %v, want ErrConflict", err)
	}
	if err := o.Ship("north", 3, []Blob{{digest("a"), 5}}, app); !errors.Is(err, ErrConflict) {
		t.Errorf("ship a blob of another size: %v, want ErrConflict", err)
	}
	if err := o.Ship("north", 3, []Blob{{"sha256:zz", 5}}, app); err == nil {
		t.Error("ship what is no digest: taken")
	}
	must(t, o.Check())
}

// When a shipment is lost, a plan that leaned on it must not be resumed.
func TestLoseVoidsPlan(t *testing.T) {
	o := newOutside(t)
	ship(t, o, 1, "a")
	s := shipment(2)
	s.Requires = []int64{1}
	_, err := o.Plan("north", s)
	must(t, err)
	must(t, o.Lose("north", 1))
	must(t, o.Check())
	if _, err := o.Plan("north", s); !errors.Is(err, ErrConflict) {
		t.Errorf("the old plan: %v, want ErrConflict", err)
	}
	if again, err := o.Plan("north", shipment(2)); err != nil || again.Seq != 2 {
		t.Errorf("a new plan: %+v, %v, want shipment 2", again, err)
	}
	must(t, o.Check())
}

func TestOutsideFaults(t *testing.T) {
	app := []Release{release("app", "2")}
	planned := func(t *testing.T, o *Outside) {
		t.Helper()
		_, err := o.Plan("north", shipment(2))
		must(t, err)
	}
	tests := []struct {
		name       string
		setup      func(t *testing.T, o *Outside)
		op         func(o *Outside) error
		repeatable bool
	}{
		{"AddSite", nil, func(o *Outside) error { return o.AddSite(Site{Name: "south", Added: at(1)}) }, false},
		{"SetSiteKey", nil, func(o *Outside) error { return o.SetSiteKey("north", digest("key")) }, true},
		{"Plan", nil, func(o *Outside) error { _, err := o.Plan("north", shipment(2)); return err }, true},
		{"Plan another", planned, func(o *Outside) error { _, err := o.Plan("north", shipment(3)); return err }, true},
		{"Seal", planned, func(o *Outside) error { return o.Seal("north", 2, sealed(2)) }, true},
		{"Ship", func(t *testing.T, o *Outside) {
			t.Helper()
			seal(t, o, 2)
		}, func(o *Outside) error {
			return o.Ship("north", 2, blobs("a", "b", "c"), app)
		}, true},
		{"Acknowledge", func(t *testing.T, o *Outside) {
			t.Helper()
			ship(t, o, 2, "b")
		}, func(o *Outside) error {
			return o.Acknowledge("north", 2, statement(2))
		}, true},
		{"Lose", planned, func(o *Outside) error { return o.Lose("north", 1) }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			testFaults(t, func(t *testing.T) (side, func() error) {
				t.Helper()
				o := newOutside(t)
				ship(t, o, 1, "a", "x")
				if tt.setup != nil {
					tt.setup(t, o)
				}
				return side{o.f, o.Check}, func() error { return tt.op(o) }
			}, tt.repeatable)
		})
	}
}

func TestReleases(t *testing.T) {
	o := newOutside(t)
	ship(t, o, 1, "a")
	ship(t, o, 2, "b")
	s := shipment(3)
	db := release("db", "7")
	s.Releases = []bundle.ReleaseInfo{db.Info()}
	_, err := o.Plan("north", s)
	must(t, err)
	must(t, o.Seal("north", 3, sealed(3)))
	must(t, o.Ship("north", 3, blobs("c"), []Release{db}))

	versions := func() (all []string) {
		releases, err := o.Releases("north")
		must(t, err)
		for _, r := range releases {
			all = append(all, r.Name+" "+r.Version)
		}
		return all
	}
	if got, want := versions(), []string{"app 2", "db 7"}; !slices.Equal(got, want) {
		t.Errorf("Releases = %q, want %q", got, want)
	}
	must(t, o.Lose("north", 2))
	if got, want := versions(), []string{"app 1", "db 7"}; !slices.Equal(got, want) {
		t.Errorf("after a loss: Releases = %q, want %q", got, want)
	}
	history, err := o.ReleaseHistory("north")
	must(t, err)
	want := release("app", "1")
	want.Epoch, want.Seq, want.Time = 1, 1, at(1)
	if len(history) != 2 || history[0] != want {
		t.Errorf("ReleaseHistory = %+v, want first %+v", history, want)
	}
	must(t, o.Check())
}
