package ledger

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/bundle"
)

// outsideModel is what the ledger must say of one site.
type outsideModel struct {
	states   []ShipmentState // of shipment 1, 2, …
	plans    []int           // the plan of each, by the number it was made with
	carriers map[string][]int64
	acked    int64
}

func (m *outsideModel) last() ShipmentState {
	if len(m.states) == 0 {
		return ""
	}
	return m.states[len(m.states)-1]
}

// randomNames returns a few names of blobs.
func randomNames(r *rand.Rand) []string {
	var names []string
	for range r.IntN(6) {
		names = append(names, fmt.Sprint("blob ", r.IntN(40)))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Random operations on the ledger and on plain maps must agree, on what is
// allowed as well as on what is held.
func TestOutsideModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 8 {
		o, m := newOutside(t), &outsideModel{carriers: map[string][]int64{}}
		for step := range 80 {
			what, err := m.step(r, o)
			if err != nil {
				t.Fatalf("step %d: %s: %v", step, what, err)
			}
			if err := m.compare(o); err != nil {
				t.Fatalf("step %d: after %s: %v", step, what, err)
			}
		}
		if err := o.Check(); err != nil {
			t.Fatal(err)
		}
	}
}

// step does one thing to both.
func (m *outsideModel) step(r *rand.Rand, o *Outside) (string, error) {
	seq := int64(len(m.states))
	switch r.IntN(7) {
	case 0, 1:
		plan := r.IntN(3) + 10*int(seq)
		s := shipment(1)
		s.Plan = digest(fmt.Sprint(plan))
		got, err := o.Plan("north", s)
		return fmt.Sprintf("Plan %d", plan), m.plan(plan, got, err)
	case 2, 3:
		err := o.Seal("north", seq, sealed(seq))
		want := m.last() != ""
		if m.last() == ShipmentPlanned {
			m.states[seq-1] = ShipmentSealed
		}
		return "Seal", agree(err, want)
	case 4:
		names := randomNames(r)
		err := o.Ship("north", seq, blobs(names...), []Release{release("app", "1")})
		want := m.last() != "" && m.last() != ShipmentPlanned
		if m.last() == ShipmentSealed {
			m.states[seq-1] = ShipmentShipped
			for _, name := range names {
				m.carriers[name] = append(m.carriers[name], seq)
			}
		}
		return fmt.Sprintf("Ship %q", names), agree(err, want)
	case 5:
		n := r.Int64N(seq + 2)
		err := o.Acknowledge("north", n, statement(n))
		return fmt.Sprintf("Acknowledge %d", n), m.acknowledge(n, err)
	default:
		n := r.Int64N(seq + 2)
		err := o.Lose("north", n)
		return fmt.Sprintf("Lose %d", n), m.lose(n, err)
	}
}

func (m *outsideModel) plan(plan int, got Shipment, err error) error {
	n := len(m.states)
	switch m.last() {
	case ShipmentSealed:
		return agree(err, m.plans[n-1] == plan)
	case ShipmentPlanned:
		m.plans[n-1] = plan
	default:
		n++
		m.states, m.plans = append(m.states, ShipmentPlanned), append(m.plans, plan)
	}
	if got.Seq != int64(n) {
		return fmt.Errorf("seq %d, want %d: %w", got.Seq, n, err)
	}
	return err
}

func (m *outsideModel) acknowledge(n int64, err error) error {
	want := n >= 1 && n <= int64(len(m.states)) && !m.states[n-1].unfinished()
	if want {
		for i := m.acked; i < n; i++ {
			if m.states[i] == ShipmentShipped {
				m.states[i] = ShipmentAcknowledged
			}
		}
		m.acked = max(m.acked, n)
	}
	return agree(err, want)
}

func (m *outsideModel) lose(n int64, err error) error {
	if n < 1 || n > int64(len(m.states)) {
		return agree(err, false)
	}
	switch {
	case m.states[n-1] == ShipmentLost:
		return err
	case m.states[n-1] != ShipmentShipped, m.last() == ShipmentSealed:
		return agree(err, false)
	}
	m.states[n-1] = ShipmentLost
	for name, by := range m.carriers {
		by = slices.DeleteFunc(by, func(c int64) bool { return c == n })
		if m.carriers[name] = by; len(by) == 0 {
			delete(m.carriers, name)
		}
	}
	if m.last() == ShipmentPlanned {
		m.plans[len(m.plans)-1] = -1
	}
	return err
}

func agree(err error, want bool) error {
	if (err == nil) != want {
		return fmt.Errorf("error is %w, want success = %v", errors.Join(err, errInjected), want)
	}
	return nil
}

// compare says where the ledger differs from the model.
func (m *outsideModel) compare(o *Outside) error {
	all, err := o.Shipments("north")
	if err != nil {
		return err
	}
	var states []ShipmentState
	for _, s := range all {
		states = append(states, s.State)
	}
	if !slices.Equal(states, m.states) {
		return fmt.Errorf("states are %q, want %q", states, m.states)
	}
	got := map[bundle.Digest][]int64{}
	if err := o.Holdings("north", func(h Holding) error {
		for _, c := range h.Carriers {
			got[h.Digest] = append(got[h.Digest], c.Seq)
		}
		return nil
	}); err != nil {
		return err
	}
	want := map[bundle.Digest][]int64{}
	var acked []Blob
	for name, by := range m.carriers {
		want[digest(name)] = by
		if by[0] <= m.acked {
			acked = append(acked, blobs(name)...)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("holdings (-want +got):\n%s", diff)
	}
	roots := [2]bundle.Digest{}
	var errs [2]error
	roots[0], errs[0] = o.Inventory("north", BasisAcknowledged)
	roots[1], errs[1] = o.InventoryWith("north", BasisNone, acked)
	if roots[0] != roots[1] {
		return fmt.Errorf("what is acknowledged has root %s, want %s", roots[0], roots[1])
	}
	return errors.Join(errs[:]...)
}

// Random holdings of random repositories, against a map of sets.
func TestInsideModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	i, model := newInside(t), map[bundle.Digest]map[string]bool{}
	for step := range 300 {
		repository := fmt.Sprint("library/", r.IntN(8))
		if r.IntN(3) > 0 {
			names := randomNames(r)
			must(t, i.AddHoldings(repository, blobs(names...)))
			for _, name := range names {
				if model[digest(name)] == nil {
					model[digest(name)] = map[string]bool{}
				}
				model[digest(name)][repository] = true
			}
		} else {
			d := digest(fmt.Sprint("blob ", r.IntN(40)))
			must(t, i.DropHolding(repository, d))
			if delete(model[d], repository); len(model[d]) == 0 {
				delete(model, d)
			}
		}
		if step%30 != 0 {
			continue
		}
		want, got := map[bundle.Digest][]string{}, map[bundle.Digest][]string{}
		for d, set := range model {
			want[d] = slices.Sorted(maps.Keys(set))
		}
		must(t, i.Holdings(func(b Blob, repositories []string) error {
			got[b.Digest] = repositories
			return nil
		}))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("step %d: holdings (-want +got):\n%s", step, diff)
		}
		must(t, i.Check())
	}
}
