package corpus_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// The tests that the threat model names exist.
func TestThreatModelNamesTests(t *testing.T) {
	text, err := os.ReadFile(threatModel)
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile("`([a-z/-]*)\\.((?:Test|Fuzz)\\w+)`").FindAllStringSubmatch(string(text), -1)
	if len(names) < 40 {
		t.Errorf("only %d tests are named", len(names))
	}
	for _, name := range names {
		if !hasTest(t, name[1], name[2]) {
			t.Errorf("there is no %s in %q", name[2], name[1])
		}
	}
}

// hasTest reports whether the package in a folder has a test of this name.
func hasTest(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`(?m)^func ` + name + `\(`)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if declared.Match(b) {
			return true
		}
	}
	return false
}
