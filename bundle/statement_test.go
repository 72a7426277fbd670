package bundle

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func mustStatement(tb testing.TB, s *Statement) []byte {
	tb.Helper()
	b, err := s.AppendText(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestStatementRoundTrip(t *testing.T) {
	want := sampleStatement()
	got, err := ParseStatement(mustStatement(t, want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The frozen statement is the format: a change that fails here breaks bundles
// that are already on somebody's disk.
func TestStatementGolden(t *testing.T) {
	want, err := os.ReadFile("testdata/statement-v1.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got := mustStatement(t, sampleStatement()); !bytes.Equal(got, want) {
		t.Errorf("AppendText =\n%s\nwant\n%s", got, want)
	}
}

func TestParseStatementErrors(t *testing.T) {
	good := string(mustStatement(t, sampleStatement()))
	edit := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	tests := []struct {
		name, in, want string
	}{
		{"empty", "", "first line"},
		{"image signature payload", `{"critical":{"identity":{}}}`, "first line"},
		{"byte order mark", "\ufeff" + good, "first line"},
		{"carriage return", edit("v1\n", "v1\r\n"), "first line"},
		{"duplicate key", edit(`"seq":42`, `"seq":42,"seq":42`), "canonical"},
		{"other case", edit(`"seq"`, `"Seq"`), "canonical"},
		{"unknown field", edit(`"seq":42`, `"seq":42,"x":1`), `unknown field "x"`},
		{"missing field", edit(`"epoch":1,`, ``), "epoch is 0"},
		{"exponent", edit(`"seq":42`, `"seq":42e0`), "statement"},
		{"minus zero", edit(`"volume_size":0`, `"volume_size":-0`), "canonical"},
		{"two to the 53", edit(`"seq":42`, `"seq":9007199254740992`), "seq is 9007199254740992"},
		{"trailing comma", edit(`"ferry test"}`, `"ferry test",}`), "invalid character"},
		{"space", edit(`"seq":42`, `"seq": 42`), "canonical"},
		{"second object", good + "{}\n", "canonical"},
		{"no newline", strings.TrimSuffix(good, "\n"), "canonical"},
		{"invalid UTF-8", edit("ferry test", "ferry\xff"), "tool"},
		{"deep", statementMagic + "\n" + strings.Repeat("[", 10_000), "statement"},
		{"null list", edit("[40,41]", "null"), "canonical"},
		{"too large", good + strings.Repeat(" ", MaxStatementSize), "at most"},
		{"null list of none", strings.Replace(string(mustStatement(t, noRequires())), `"requires":[]`, `"requires":null`, 1), "canonical"},
		{"site name", edit(`"north"`, `"../north"`), "site"},
		{"site name upper case", edit(`"north"`, `"North"`), "site"},
		{"requires itself", edit("[40,41]", "[42]"), "requires"},
		{"requires twice", edit("[40,41]", "[41,41]"), "requires"},
		{"digest upper case", edit("sha256:", "SHA256:"), "digest"},
		{"other algorithm", edit("sha256:", "sha512:"), "digest"},
		{"year 0", edit("2026-11", "0000-11"), "time"},
		{"year 10000", edit("2026-11", "10000-11"), "time"},
		{"time zone", edit("12Z", "12+00:00"), "time"},
		{"fraction", edit("12Z", "12.0Z"), "time"},
		{"expires before issued", edit(`"expires":"2026-12`, `"expires":"2026-10`), "not after"},
		{"chunk size", edit(`"chunk_size":8388608`, `"chunk_size":8388607`), "chunk_size"},
		{"volumes without size", edit(`"volumes":1`, `"volumes":2`), "volume_size"},
		{"version of release", edit(`"1.0.0"`, `"../1.0.0"`), "release"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseStatement([]byte(tt.in))
			if !errors.As(err, new(*FormatError)) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want a FormatError with %q", err, tt.want)
			}
		})
	}
	if _, err := ParseStatement([]byte(edit("v1\n", "v2\n"))); !errors.As(err, new(*VersionError)) {
		t.Errorf("version 2: error = %v, want a VersionError", err)
	}
}

// What could not be read back must not be written.
func TestStatementAppendRefuses(t *testing.T) {
	for name, harm := range map[string]func(*Statement){
		"first with a predecessor": func(s *Statement) { s.Seq, s.Requires = 1, nil },
		"fraction of a second":     func(s *Statement) { s.Issued = s.Issued.Add(time.Millisecond) },
		"no site":                  func(s *Statement) { s.Site = "" },
		"releases out of order":    func(s *Statement) { s.Releases = append(s.Releases, s.Releases[0]) },
		"site key":                 func(s *Statement) { s.SiteKey = "sha256:1" },
		"no inventory":             func(s *Statement) { s.InventoryAfter = "" },
	} {
		s := sampleStatement()
		harm(s)
		if b, err := s.AppendText(nil); err == nil {
			t.Errorf("%s: written: %s", name, b)
		}
	}
}

func TestSignature(t *testing.T) {
	const id = "0123456789abcdef"
	for _, in := range []string{"", "MEQ=\n", " MEQ=", "MEQ", "MEQ=MEQ=", "ME-_", "MER=", strings.Repeat("A", 132)} {
		if s, err := ParseSignature(id, []byte(in)); err == nil {
			t.Errorf("ParseSignature(%q) = %v, want an error", in, s)
		}
	}
	if _, err := ParseSignature("0123456789ABCDEF", []byte("MEQ=")); err == nil {
		t.Error("upper-case key id accepted")
	}
}

func noRequires() *Statement {
	s := sampleStatement()
	s.Requires = nil
	return s
}
