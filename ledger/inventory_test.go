package ledger

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/airgap-ferry/ferry/bundle"
)

// The root must be that of the tree of RFC 6962, as the module proxy's
// checksum database computes it.
func TestInventoryIsRFC6962(t *testing.T) {
	var hashes []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, n := range indexes {
			out = append(out, hashes[n])
		}
		return out, nil
	})
	var names []string
	for n := range 300 {
		names = append(names, fmt.Sprint(n))
	}
	sorted, err := sortBlobs(blobs(names...))
	must(t, err)
	var i Inventory
	for n, b := range sorted {
		must(t, i.Add(b))
		stored, err := tlog.StoredHashes(int64(n), fmt.Appendf(nil, "%s %d\n", b.Digest, b.Size), reader)
		must(t, err)
		hashes = append(hashes, stored...)
		want, err := tlog.TreeHash(int64(n+1), reader)
		must(t, err)
		if got := i.Root(); got != bundle.DigestFromSum(want) {
			t.Fatalf("root of %d = %s, want %x", n+1, got, want)
		}
		if i.Len() != int64(n+1) || len(i.roots) > 9 {
			t.Fatalf("Len = %d with %d hashes kept, want %d with at most 9", i.Len(), len(i.roots), n+1)
		}
	}
}

// The values are a contract between the two sides and must not change.
func TestInventoryVectors(t *testing.T) {
	tests := []struct {
		blobs []Blob
		want  bundle.Digest
	}{
		{nil, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{blobs("a"), "sha256:7ef79d9c7b5f6db6214ba96bff156612ee3035450b313e7ba81f4d053cd895f2"},
		{blobs("a", "b", "c"), "sha256:32ab945cc72cda7f5a4e4dc11665e06fdb669bfcdca6fa17f43bf361086bb842"},
	}
	for _, tt := range tests {
		sorted, err := sortBlobs(tt.blobs)
		must(t, err)
		var i Inventory
		for _, b := range sorted {
			must(t, i.Add(b))
		}
		if got := i.Root(); got != tt.want {
			t.Errorf("root of %v = %s, want %s", tt.blobs, got, tt.want)
		}
	}
}

func TestInventoryWantsOrder(t *testing.T) {
	sorted, err := sortBlobs(blobs("a", "b"))
	must(t, err)
	for name, second := range map[string]Blob{"twice": sorted[1], "descending": sorted[0]} {
		var i Inventory
		must(t, i.Add(sorted[1]))
		root := i.Root()
		if err := i.Add(second); err == nil {
			t.Errorf("%s: taken", name)
		}
		if i.Root() != root {
			t.Errorf("%s: the root changed", name)
		}
	}
}

// Both sides come to the same root, whether blobs are added or only asked for.
func TestInventoryOfBothSides(t *testing.T) {
	o, i := newOutside(t), newInside(t)
	ship(t, o, 1, "a", "b", "c", "d", "e")
	must(t, i.AddHoldings("one", blobs("c", "a")))
	must(t, i.AddHoldings("two", blobs("b", "c", "d")))
	must(t, i.AddHoldings("one", blobs("e")))
	want, err := o.Inventory("north", BasisShipped)
	must(t, err)
	got, err := i.Inventory()
	must(t, err)
	if got != want {
		t.Errorf("inside %s, outside %s", got, want)
	}

	added := blobs("x", "a", "y", "z", "x")
	outside, err := o.InventoryWith("north", "", added)
	must(t, err)
	inside, err := i.InventoryWith(added)
	must(t, err)
	if outside != inside || outside == want {
		t.Errorf("with more: inside %s, outside %s, before %s", inside, outside, want)
	}
	must(t, i.AddHoldings("three", added))
	if got, err = i.Inventory(); err != nil || got != outside {
		t.Errorf("when added: %s, %v, want %s", got, err, outside)
	}

	other := []Blob{{digest("a"), 1}}
	if _, err := o.InventoryWith("north", "", other); !errors.Is(err, ErrConflict) {
		t.Errorf("another size outside: %v, want ErrConflict", err)
	}
	if _, err := i.InventoryWith(other); !errors.Is(err, ErrConflict) {
		t.Errorf("another size inside: %v, want ErrConflict", err)
	}
	none, err := o.InventoryWith("north", BasisNone, blobs("a", "b", "c", "d", "e"))
	if err != nil || none != want {
		t.Errorf("on no basis: %s, %v, want %s", none, err, want)
	}
}
