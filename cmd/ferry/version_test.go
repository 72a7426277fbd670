package main

import (
	"errors"
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
		"ferry-index-v2":     parseIndex2,
		"ferry-root-v1":      func(b []byte) error { _, err := statement.ParseRoot(b); return err },
		"ferry-receipt-v1":   func(b []byte) error { _, err := verify.ParseReceipt(b); return err },
	}
	if len(parsers) != len(formats) {
		t.Errorf("%d formats, want %d", len(formats), len(parsers))
	}
	for i, name := range formats {
		if name == "ferry-index-v1" && formats[i+1] == "ferry-index-v2" {
			continue // which the test of that looks at
		}
		parse, ok := parsers[name]
		if !ok {
			t.Errorf("no parser for %q", name)
			continue
		}
		newer := name[:len(name)-1] + string(name[len(name)-1]+1)
		for text, want := range map[string]bool{name: false, newer: true} {
			_, got := errors.AsType[*bundle.VersionError](parse([]byte(text + "\n")))
			if got != want {
				t.Errorf("parsing %q: unknown version is %v, want %v", text, got, want)
			}
		}
	}
}

// parseIndex2 parses both versions of an index: it can't tell from its first
// line alone that one is of the second.
func parseIndex2(b []byte) error {
	_, err := bundle.ParseIndex(b, bundle.MaxChunkSize)
	return err
}

func TestToolName(t *testing.T) {
	if got := toolName(); !bundle.ValidToolName(got) {
		t.Errorf("toolName() = %q, which no statement can have", got)
	}
}
