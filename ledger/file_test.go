package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/airgap-ferry/ferry/internal/durable"
)

func TestCreateTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	must(t, CreateOutside(path))
	before, err := os.ReadFile(path)
	must(t, err)
	if err := CreateOutside(path); !errors.Is(err, ErrExists) {
		t.Errorf("second CreateOutside = %v, want ErrExists", err)
	}
	if err := CreateInside(path, Self{Site: "north"}); !errors.Is(err, ErrExists) {
		t.Errorf("CreateInside = %v, want ErrExists", err)
	}
	after, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(before, after) {
		t.Error("the ledger changed")
	}
}

func TestCreateInsideRefusesName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	if err := CreateInside(path, Self{Site: "No/rth"}); err == nil {
		t.Error("a site of that name was taken")
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat = %v, want that nothing is there", err)
	}
}

// Whichever call on the file system fails, there is a whole ledger or none,
// and the second try makes one.
func TestCreateFaults(t *testing.T) {
	for n := 1; ; n++ {
		path := filepath.Join(t.TempDir(), "ledger.db")
		fsys := durable.NewFaulty(durable.OS, n, errInjected)
		err := createInside(fsys, path, Self{Site: "north"})
		if err == nil && n > len(fsys.Calls()) {
			if n < 4 {
				t.Errorf("only calls %q", fsys.Calls())
			}
			return
		}
		if i, errOpen := OpenInside(path); errOpen == nil {
			must(t, i.Check())
			i.Close()
			if err := createInside(durable.OS, path, Self{Site: "north"}); !errors.Is(err, ErrExists) {
				t.Errorf("call %d failed: second try: %v, want ErrExists", n, err)
			}
			continue
		} else if err == nil || !errors.Is(errOpen, fs.ErrNotExist) {
			t.Fatalf("call %d failed: CreateInside = %v, then OpenInside = %v", n, err, errOpen)
		}
		must(t, createInside(durable.OS, path, Self{Site: "north"}))
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	outside, inside := filepath.Join(dir, "outside.db"), filepath.Join(dir, "inside.db")
	must(t, CreateOutside(outside))
	must(t, CreateInside(inside, Self{Site: "north"}))
	whole, err := os.ReadFile(outside)
	must(t, err)
	file := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path+"-read-only", b, 0o600)) // as damage can leave a lock
		must(t, os.WriteFile(path, b, 0o600))
		return path
	}
	tests := []struct {
		name string
		path string
		want error
	}{
		{"absent", filepath.Join(dir, "absent"), fs.ErrNotExist},
		{"of the other side", inside, ErrFormat},
		{"empty", file("empty", nil), ErrDamaged},
		{"one byte", file("byte", []byte("x")), ErrDamaged},
		{"text", file("text", bytes.Repeat([]byte("text\n"), 10_000)), ErrDamaged},
		{"zeros", file("zeros", make([]byte, 1<<16)), ErrDamaged},
		{"one page", file("page", whole[:4096]), ErrDamaged},
		{"two pages", file("pages", whole[:8192]), ErrDamaged},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for name, open := range map[string]func(string) (*Outside, error){
				"": OpenOutside, "-read-only": OpenOutsideReadOnly,
			} {
				path := tt.path
				if path != inside {
					path += name
				}
				o, err := open(path)
				if err == nil {
					o.Close()
				}
				if !errors.Is(err, tt.want) {
					t.Errorf("OpenOutside%s = %v, want %v", name, err, tt.want)
				}
			}
		})
	}
	if _, err := OpenInside(outside); !errors.Is(err, ErrFormat) {
		t.Errorf("OpenInside = %v, want ErrFormat", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "absent")); err == nil {
		t.Error("to open made a file")
	}
}

func TestLocked(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for locks")
	}
	path := filepath.Join(t.TempDir(), "ledger.db")
	must(t, CreateOutside(path))
	writer, err := OpenOutside(path)
	must(t, err)
	if _, err := OpenOutside(path); !errors.Is(err, ErrLocked) || !bytes.Contains([]byte(err.Error()), []byte(path)) {
		t.Errorf("second writer: %v, want ErrLocked with the path", err)
	}
	if _, err := OpenOutsideReadOnly(path); !errors.Is(err, ErrLocked) {
		t.Errorf("reader beside a writer: %v, want ErrLocked", err)
	}
	must(t, writer.Close())
	for range 2 {
		reader, err := OpenOutsideReadOnly(path)
		must(t, err)
		defer reader.Close()
		must(t, reader.Check())
		if err := reader.AddSite(Site{Name: "north", Added: at(0)}); err == nil {
			t.Error("a ledger that is open read-only was written")
		}
	}
	if _, err := OpenOutside(path); !errors.Is(err, ErrLocked) {
		t.Errorf("writer beside readers: %v, want ErrLocked", err)
	}
}

// What was written is there when the ledger is opened again.
func TestReopen(t *testing.T) {
	o := newOutside(t)
	ship(t, o, 1, "a", "b")
	before, path := dump(t, o.f), o.f.path
	must(t, o.Close())
	o, err := OpenOutside(path)
	must(t, err)
	defer o.Close()
	if after := dump(t, o.f); !slices.Equal(before, after) {
		t.Error("the ledger changed")
	}
}

// A damaged ledger gives an error, or passes because the damage is where
// nothing is kept; it never panics and never hangs.
func TestDamageDoesNotPanic(t *testing.T) {
	o := newOutside(t)
	for n := int64(1); n <= 3; n++ {
		ship(t, o, n, "a", "b", "c")
	}
	must(t, o.PutManifests(manifests("m1", "m2")))
	path := o.f.path
	must(t, o.Close())
	whole, err := os.ReadFile(path)
	must(t, err)

	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	rounds, found := 200, 0
	if testing.Short() {
		rounds = 50
	}
	for n := range rounds {
		b := slices.Clone(whole)
		switch r.IntN(3) {
		case 0:
			b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		case 1:
			page := r.IntN(len(b)/4096) * 4096
			for i := range 64 {
				b[page+i] = byte(r.Uint32())
			}
		case 2:
			b = b[:r.IntN(len(b))]
		}
		damaged := fmt.Sprint(path, n) // a name of its own, as damage can leave a lock
		must(t, os.WriteFile(damaged, b, 0o600))
		if useDamaged(damaged) != nil {
			found++
		}
	}
	if found == 0 {
		t.Error("no damage was found at all")
	}
}

func useDamaged(path string) error {
	o, err := OpenOutside(path)
	if err != nil {
		return err
	}
	err = o.Check()
	_, errHolds := o.Holds("north", BasisShipped, digests("a", "b"))
	_, errRoot := o.Inventory("north", BasisShipped)
	_, errPlan := o.Plan("north", shipment(4))
	return errors.Join(err, errHolds, errRoot, errPlan, o.Close())
}
