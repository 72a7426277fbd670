package scratch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/airgap-ferry/ferry/internal/durable"
)

func open(t *testing.T, path string) *Dir {
	t.Helper()
	d, err := Open(durable.OS, path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestFilesAreGoneWhenClosed(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "work", "deep"))
	a, err := d.Create()
	if err != nil {
		t.Fatal(err)
	}
	b, err := d.Create()
	if err != nil {
		t.Fatal(err)
	}
	if a.Name() == b.Name() {
		t.Errorf("two files are called %q", a.Name())
	}
	if _, err := a.WriteAt([]byte("text"), 100); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 4)
	if _, err := a.ReadAt(got, 100); err != nil || string(got) != "text" {
		t.Errorf("read %q, %v", got, err)
	}
	if err := errors.Join(a.Close(), b.Close()); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(d.Path())
	if err != nil || len(left) != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// What a process that was killed left behind is in nobody's way.
func TestOpenEmpties(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "work"))
	f, err := d.Create()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.File.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, d.Path())
	if _, err := os.Stat(f.Name()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%q is still there: %v", f.Name(), err)
	}
	if err := again.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(d.Path()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%q is still there: %v", d.Path(), err)
	}
	if err := again.Remove(); err != nil {
		t.Errorf("removing it again: %v", err)
	}
}
