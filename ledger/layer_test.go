package ledger

import (
	"errors"
	"strings"
	"testing"
)

func TestLayers(t *testing.T) {
	o := newOutside(t)
	a := Layer{digest("a"), "docker.io/library/nginx", []byte("table of a")}
	b := Layer{Digest: digest("b")}
	if _, err := o.Layer(a.Digest); !errors.Is(err, ErrNotFound) {
		t.Errorf("without layers: %v, want ErrNotFound", err)
	}
	must(t, o.PutLayers(nil))
	must(t, o.PutLayers([]Layer{a, b}))
	a.Repository = "quay.io/nginx"
	must(t, o.PutLayers([]Layer{a}))
	for _, want := range []Layer{a, b} {
		got, err := o.Layer(want.Digest)
		if err != nil || string(got.Table) != string(want.Table) || got.Repository != want.Repository {
			t.Errorf("Layer = %v, %v; want %v", got, err, want)
		}
	}
	if _, err := o.Layer(digest("c")); !errors.Is(err, ErrNotFound) {
		t.Errorf("absent: %v, want ErrNotFound", err)
	}
	if err := o.PutLayers([]Layer{{digest("d"), strings.Repeat("x", maxRepository+1), nil}}); err == nil {
		t.Error("a repository name of any length is kept")
	}
	must(t, o.Check())
}

// Layers are kept, or all is as before.
func TestLayersFault(t *testing.T) {
	testFaults(t, func(t *testing.T) (side, func() error) {
		t.Helper()
		o := newOutside(t)
		return side{o.f, o.Check}, func() error {
			return o.PutLayers([]Layer{{digest("a"), "r", []byte("t")}, {digest("b"), "r", nil}})
		}
	}, true)
}

func TestCheckFindsDamagedLayers(t *testing.T) {
	o := newOutside(t)
	must(t, o.PutLayers([]Layer{{digest("a"), "r", []byte("t")}}))
	must(t, o.f.update(func(tx *tx) error {
		k, err := digestKey(digest("b"))
		if err != nil {
			return err
		}
		b := tx.Bucket(keyLayers)
		return errors.Join(tx.put(b, k, []byte{0, 9, 'x'}), tx.put(b, []byte("no digest"), []byte{0, 0}))
	}))
	if err := o.Check(); !errors.Is(err, ErrDamaged) || strings.Count(err.Error(), "layer ") != 3 {
		t.Errorf("Check = %v, want both layers named", err)
	}
}
