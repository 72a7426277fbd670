package ledger

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/bundle"
)

// a came with 1 and 2, b with 1, c with 2, d with 3, e with 2 and 3; 1 is
// acknowledged.
func holdingsTest(t *testing.T) *Outside {
	t.Helper()
	o := newOutside(t)
	ship(t, o, 1, "a", "b")
	ship(t, o, 2, "a", "c", "e")
	ship(t, o, 3, "d", "e")
	must(t, o.Acknowledge("north", 1, statement(1)))
	return o
}

func TestHolds(t *testing.T) {
	o := holdingsTest(t)
	tests := []struct {
		basis Basis
		want  []bool
	}{
		{"", []bool{true, true, true, true, false}},
		{BasisShipped, []bool{true, true, true, true, false}},
		{BasisAcknowledged, []bool{true, true, false, false, false}},
		{BasisNone, []bool{false, false, false, false, false}},
	}
	for _, tt := range tests {
		got, err := o.Holds("north", tt.basis, digests("a", "b", "c", "d", "x"))
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("Holds on basis %q = %v, %v, want %v", tt.basis, got, err, tt.want)
		}
	}
	if _, err := o.Holds("north", "hope", digests("a")); err == nil {
		t.Error("an unknown basis was taken")
	}
	if _, err := o.Holds("north", "", []bundle.Digest{"sha512:00"}); err == nil {
		t.Error("another digest was taken")
	}
	if _, err := o.Holds("south", "", digests("a")); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown site: %v, want ErrNotFound", err)
	}
}

func TestRequires(t *testing.T) {
	o := holdingsTest(t)
	tests := []struct {
		names []string
		want  []int64
	}{
		{nil, nil},
		{[]string{"a", "b", "x"}, nil},      // acknowledged, or not held at all
		{[]string{"c"}, []int64{2}},         //
		{[]string{"d", "c"}, []int64{2, 3}}, //
		{[]string{"e"}, []int64{3}},         // either will do
		{[]string{"e", "c"}, []int64{2}},    // 2 is needed anyway
		{[]string{"c", "d", "e"}, []int64{2, 3}},
	}
	for _, tt := range tests {
		got, err := o.Requires("north", digests(tt.names...))
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("Requires(%q) = %v, %v, want %v", tt.names, got, err, tt.want)
		}
	}
}

// What only a lost shipment carried is not held any more; what another
// carried as well is.
func TestLoseDropsHoldings(t *testing.T) {
	o := holdingsTest(t)
	must(t, o.Lose("north", 2))
	got, err := o.Holds("north", "", digests("a", "b", "c", "d", "e"))
	if want := []bool{true, true, false, true, true}; err != nil || !slices.Equal(got, want) {
		t.Errorf("Holds = %v, %v, want %v", got, err, want)
	}
	h, ok, err := o.Holding("north", digest("a"))
	want := Holding{blobs("a")[0], []Carrier{{1, 1}}}
	if diff := cmp.Diff(want, h); !ok || err != nil || diff != "" {
		t.Errorf("Holding = %v, %v (-want +got):\n%s", ok, err, diff)
	}
	must(t, o.Check())
}

func TestHoldingsInOrder(t *testing.T) {
	o := holdingsTest(t)
	want, err := sortBlobs(blobs("a", "b", "c", "d", "e"))
	must(t, err)
	var got []Blob
	must(t, o.Holdings("north", func(h Holding) error {
		got = append(got, h.Blob)
		return nil
	}))
	if !slices.Equal(got, want) {
		t.Errorf("Holdings = %v, want %v", got, want)
	}
	n := 0
	err = o.Holdings("north", func(Holding) error {
		n++
		return errInjected
	})
	if !errors.Is(err, errInjected) || n != 1 {
		t.Errorf("Holdings = %v after %d, want the error of the function after 1", err, n)
	}
}

func TestSortBlobs(t *testing.T) {
	if _, err := sortBlobs([]Blob{{digest("a"), 1}, {digest("b"), 1}, {digest("a"), 2}}); !errors.Is(err, ErrConflict) {
		t.Errorf("two sizes: %v, want ErrConflict", err)
	}
	if _, err := sortBlobs([]Blob{{digest("a"), -1}}); err == nil {
		t.Error("a negative size was taken")
	}
	in := blobs("b", "a", "b", "a")
	out, err := sortBlobs(in)
	if err != nil || len(out) != 2 || out[0].Digest >= out[1].Digest {
		t.Errorf("sortBlobs = %v, %v", out, err)
	}
	if !slices.Equal(in, blobs("b", "a", "b", "a")) {
		t.Error("the argument was changed")
	}
}

func FuzzHolding(f *testing.F) {
	f.Add(Holding{Blob{Size: 5}, []Carrier{{1, 1}}}.encode())
	f.Add(Holding{Blob{Size: 5}, []Carrier{{1, 1}, {1, 1}}}.encode())
	f.Add(Holding{Blob{Size: 1 << 40}, []Carrier{{1, 1}, {1, 2}, {2, 1}}}.encode())
	f.Fuzz(func(t *testing.T, v []byte) {
		h, err := parseHolding(digest("x"), v)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("error is %v, want ErrDamaged", err)
			}
			return
		}
		if again := h.encode(); !bytes.Equal(again, v) {
			t.Errorf("%x was accepted, and encodes to %x", v, again)
		}
	})
}

func FuzzIDs(f *testing.F) {
	f.Add(appendIDs(nil, []uint32{1}))
	f.Add(appendIDs(nil, []uint32{1, 2, 1 << 31}))
	f.Fuzz(func(t *testing.T, v []byte) {
		ids, err := parseIDs(v)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("error is %v, want ErrDamaged", err)
			}
			return
		}
		if again := appendIDs(nil, ids); !bytes.Equal(again, v) {
			t.Errorf("%x was accepted, and encodes to %x", v, again)
		}
	})
}

func FuzzPair(f *testing.F) {
	f.Add(shipmentKey(1, 1))
	f.Add(shipmentKey(3, 1<<40))
	f.Fuzz(func(t *testing.T, k []byte) {
		epoch, seq, err := parsePair(k)
		if err != nil {
			return
		}
		if again := shipmentKey(epoch, seq); !bytes.Equal(again, k) {
			t.Errorf("%x was accepted, and encodes to %x", k, again)
		}
	})
}
