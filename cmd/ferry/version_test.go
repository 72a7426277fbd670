package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/verify"
	"github.com/airgap-ferry/ferry/verify/statement"
)

// The formats that ferry version names are those that the parsers know: of
// the version after it they say so, of it they don't.
func TestFormats(t *testing.T) {
	parsers := map[string]func(b []byte) error{
		"ferry-statement-v1": func(b []byte) error { _, err := bundle.ParseStatement(b); return err },
		"ferry-index-v1":     func(b []byte) error { _, err := bundle.ParseIndex(b, bundle.MaxChunkSize); return err },
		"ferry-root-v1":      func(b []byte) error { _, err := statement.ParseRoot(b); return err },
		"ferry-receipt-v1":   func(b []byte) error { _, err := verify.ParseReceipt(b); return err },
	}
	if len(parsers) != len(formats) {
		t.Errorf("%d formats, want %d", len(formats), len(parsers))
	}
	for _, name := range formats {
		parse, ok := parsers[name]
		if !ok {
			t.Errorf("no parser for %q", name)
			continue
		}
		newer := strings.TrimSuffix(name, "1") + "2"
		for text, want := range map[string]bool{name: false, newer: true} {
			_, got := errors.AsType[*bundle.VersionError](parse([]byte(text + "\n")))
			if got != want {
				t.Errorf("parsing %q: unknown version is %v, want %v", text, got, want)
			}
		}
	}
}

func TestToolName(t *testing.T) {
	if got := toolName(); !bundle.ValidToolName(got) {
		t.Errorf("toolName() = %q, which no statement can have", got)
	}
}
