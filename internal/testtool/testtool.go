// Package testtool finds the programs that tests compare ferry with, such as
// skopeo or cosign.
//
// A test whose program is not installed is skipped and says so. Where the
// environment has FERRY_TEST_TOOLS=require, as on the machine that every change
// passes, it fails instead: a test that is silently left out there proves
// nothing.
package testtool

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Find returns the path of a program, or skips the test or fails it.
func Find(tb testing.TB, name string) string {
	tb.Helper()
	if path, ok := Look(name); ok {
		return path
	}
	if os.Getenv("FERRY_TEST_TOOLS") == "require" {
		tb.Fatalf("%s is required, and not installed", name)
	}
	tb.Skipf("%s is not installed", name)
	return ""
}

// Look returns the path of a program: one in PATH, or one that "make tools"
// has put into bin/tools.
func Look(name string) (string, bool) {
	if path, err := exec.LookPath(name); err == nil {
		return path, true
	}
	_, self, _, ok := runtime.Caller(0)
	if !ok {
		return "", false
	}
	path, err := exec.LookPath(filepath.Join(filepath.Dir(self), "..", "..", "bin", "tools", name))
	return path, err == nil
}
