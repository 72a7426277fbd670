package inside

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/airgap-ferry/ferry/bundle"
)

func sampleFloor() Floor {
	return Floor{Epoch: 1, Seq: 42, Statement: bundle.DigestOf([]byte("x")), Floor: testTime}
}

func TestParseFloor(t *testing.T) {
	good, err := sampleFloor().text()
	if err != nil {
		t.Fatal(err)
	}
	if f, err := parseFloor(good); err != nil || f != sampleFloor() {
		t.Fatalf("parseFloor = %+v, %v, want %+v", f, err, sampleFloor())
	}
	replace := func(old, with string) []byte { return bytes.Replace(good, []byte(old), []byte(with), 1) }
	tests := []struct {
		name string
		text []byte
	}{
		{"empty", nil},
		{"no newline", bytes.TrimSpace(good)},
		{"more after it", append(bytes.Clone(good), "{}\n"...)},
		{"unknown field", replace(`{`, `{"a":1,`)},
		{"field twice", replace(`"seq":42`, `"seq":41,"seq":42`)},
		{"other case", replace(`"seq"`, `"Seq"`)},
		{"no seq", replace(`,"seq":42`, ``)},
		{"seq 0", replace(`:42`, `:0`)},
		{"negative epoch", replace(`:1,`, `:-1,`)},
		{"no digest", replace(`sha256:`, `sha512:`)},
		{"other time zone", replace(`12Z`, `12+00:00`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if e, ok := errors.AsType[*bundle.FormatError](func() error { _, err := parseFloor(tt.text); return err }()); !ok || e.Part != "floor" {
				t.Errorf("parseFloor(%q) = %v, want a FormatError", tt.text, e)
			}
		})
	}
}

func FuzzParseFloor(f *testing.F) {
	good, err := sampleFloor().text()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"epoch":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		floor, err := parseFloor(b)
		if err != nil {
			return
		}
		if again, err := floor.text(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%q was accepted and encodes to %q, %v", b, again, err)
		}
	})
}

// TestDamagedFloor: a floor that can't be read is not taken for none.
func TestDamagedFloor(t *testing.T) {
	s, p := setUp(t)
	p.mustImport(s.small("1.0", packing{}).all())
	harm(t, filepath.Join(p.dir, floorFile), flip(3))
	_, _, err := p.tryImport(s.small("1.1", packing{}).all())
	if _, ok := errors.AsType[*bundle.FormatError](err); !ok {
		t.Errorf("Import: %v, want a FormatError", err)
	}
	if r := p.status(false); r.Seq != 1 {
		t.Errorf("bundle %d was imported", r.Seq)
	}
}

// TestFloorFollows: the floor file is where the ledger is, also when it was
// lost in between.
func TestFloorFollows(t *testing.T) {
	s, p := setUp(t)
	name := filepath.Join(p.dir, floorFile)
	b := s.small("1.0", packing{})
	p.mustImport(b.all())
	first, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if f, err := parseFloor(first); err != nil || f.Statement != b.digest || !f.Floor.Equal(b.statement.Issued) {
		t.Errorf("floor is %+v, %v, want that of %s", f, err, b.digest)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	p.mustReceive(b.all())
	if again, err := os.ReadFile(name); err != nil || !bytes.Equal(again, first) {
		t.Errorf("floor is %q, %v, want %q", again, err, first)
	}
}
