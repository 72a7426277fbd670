package testtool

import (
	"os"
	"path/filepath"
	"testing"
)

func TestLook(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "some-program"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	if path, ok := Look("some-program"); !ok || path != filepath.Join(dir, "some-program") {
		t.Errorf("Look = %q, %t", path, ok)
	}
	if path, ok := Look("no-such-program"); ok {
		t.Errorf("Look found %q", path)
	}
}

// A program that is missing must not pass for one that was tested.
func TestFind(t *testing.T) {
	for _, tt := range []struct {
		require         string
		skipped, failed bool
	}{{"", true, false}, {"require", false, true}} {
		t.Setenv("FERRY_TEST_TOOLS", tt.require)
		f := &fake{TB: t}
		func() {
			defer func() { _ = recover() }()
			Find(f, "no-such-program")
		}()
		if f.skipped != tt.skipped || f.failed != tt.failed {
			t.Errorf("FERRY_TEST_TOOLS=%q: skipped %t, failed %t", tt.require, f.skipped, f.failed)
		}
	}
}

// A fake notes what becomes of a test.
type fake struct {
	testing.TB
	skipped, failed bool
}

func (f *fake) Helper()               {}
func (f *fake) Skipf(string, ...any)  { f.skipped = true; panic("skipped") }
func (f *fake) Fatalf(string, ...any) { f.failed = true; panic("failed") }
