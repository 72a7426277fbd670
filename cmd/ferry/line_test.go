package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"
)

func newProgram(stdout, stderr io.Writer) *program {
	return &program{
		stdin: strings.NewReader(""), stdout: stdout, stderr: stderr,
		now: func() time.Time { return time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC) }, rand: strings.NewReader(""),
	}
}

func testApp() *cli.App { return newProgram(io.Discard, io.Discard).app() }

func TestParseLine(t *testing.T) {
	tests := []struct {
		line, want string
	}{
		{"status", "status --"},
		{"status r.yaml --json", "--json status -- r.yaml"},
		{"pack r.yaml -o out --site north", "pack -o out --site north -- r.yaml"},
		{"pack r.yaml --site=north --dry-run --dir d", "--dir d pack --site=north --dry-run -- r.yaml"},
		{"--dir d init --quiet outside x", "--dir d --quiet init outside -- x"},
		{"inspect -- --json -o", "inspect -- --json -o"},
		{"inspect - a", "inspect -- - a"},
		{"import --dir -x disk", "--dir -x import -- disk"},
		{"pack -site north", "pack -site north --"},
	}
	for _, tt := range tests {
		got, err := parseLine(testApp(), strings.Fields(tt.line))
		if err != nil {
			t.Errorf("parseLine(%q): %v", tt.line, err)
			continue
		}
		if s := strings.Join(got.args, " "); s != tt.want {
			t.Errorf("parseLine(%q) = %q, want %q", tt.line, s, tt.want)
		}
	}
}

func TestParseLineHelp(t *testing.T) {
	got, err := parseLine(testApp(), []string{"init", "outside", "--help", "--nonsense"})
	if err != nil || !got.help || !slices.Equal(got.path, []string{"init", "outside"}) {
		t.Errorf("parseLine = %+v, %v, want help of init outside", got, err)
	}
}

// leaves calls f with each command that does something.
func leaves(t *testing.T, f func(t *testing.T, path string, c *cli.Command)) {
	t.Helper()
	var walk func(prefix string, commands []*cli.Command)
	count := 0
	walk = func(prefix string, commands []*cli.Command) {
		for _, c := range commands {
			if len(c.Subcommands) > 0 {
				walk(prefix+c.Name+" ", c.Subcommands)
				continue
			}
			count++
			f(t, prefix+c.Name, c)
		}
	}
	walk("", testApp().Commands)
	if count < 15 {
		t.Fatalf("%d commands, want at least 15", count)
	}
}

// Each command has an example that begins with its name and is a line that
// ferry understands.
func TestExamples(t *testing.T) {
	leaves(t, func(t *testing.T, path string, c *cli.Command) {
		t.Helper()
		if c.Description == "" || c.Usage == "" {
			t.Errorf("ferry %s has no example or no sentence", path)
		}
		for example := range strings.Lines(c.Description) {
			example, _, _ = strings.Cut(strings.TrimSpace(example), " #")
			before, command, found := strings.Cut(example, "ferry ")
			if !found || before != "" && !strings.HasSuffix(before, "<(") {
				t.Errorf("ferry %s: example %q does not call ferry", path, example)
				continue
			}
			command, _, _ = strings.Cut(strings.TrimSuffix(command, ")"), " | ")
			l, err := parseLine(testApp(), quotedFields(command))
			if err != nil {
				t.Errorf("ferry %s: example %q: %v", path, example, err)
			} else if got := strings.Join(l.path, " "); got != path {
				t.Errorf("ferry %s: example %q is one of %s", path, example, got)
			}
		}
	})
}

// quotedFields takes a line apart as a shell does, as far as examples need.
func quotedFields(s string) []string {
	var fields []string
	for i, part := range strings.Split(s, `"`) {
		if i%2 == 1 {
			fields = append(fields, part)
		} else {
			fields = append(fields, strings.Fields(part)...)
		}
	}
	return fields
}

// Each flag has an environment variable of ferry's, a meaning, a word for its
// value, and a name that means the same everywhere or is not a global one.
func TestFlags(t *testing.T) {
	global := make(map[string]bool)
	check := func(path string, f cli.Flag) {
		d, ok := f.(cli.DocGenerationFlag)
		if !ok {
			t.Fatalf("flag %q of ferry %s can't be documented", f.Names(), path)
		}
		env := d.GetEnvVars()
		if len(env) != 1 || !strings.HasPrefix(env[0], "FERRY_") {
			t.Errorf("flag --%s of ferry %s has the environment variables %q, want one FERRY_", f.Names()[0], path, env)
		}
		if d.GetUsage() == "" || d.TakesValue() && placeholder(f) == "a value" {
			t.Errorf("flag --%s of ferry %s has no meaning, or no word for its value", f.Names()[0], path)
		}
	}
	for _, f := range globalFlags() {
		check("", f)
		for _, name := range f.Names() {
			global[name] = true
		}
	}
	leaves(t, func(t *testing.T, path string, c *cli.Command) {
		t.Helper()
		for _, f := range c.Flags {
			check(path, f)
			for _, name := range f.Names() {
				if global[name] {
					t.Errorf("flag %q of ferry %s is a global one, too", name, path)
				}
			}
		}
	})
}

func TestMeant(t *testing.T) {
	names := []string{"pack", "import", "status"}
	tests := []struct{ name, want string }{
		{"pakc", `, did you mean "pack"?`},
		{"statsu", `, did you mean "status"?`},
		{"improt", `, did you mean "import"?`},
		{"serve-everything", ""},
		{"", ""},
	}
	for _, tt := range tests {
		if got := meant(tt.name, names, ""); got != tt.want {
			t.Errorf("meant(%q) = %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestEditDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"pack", "pack", 0}, {"pakc", "pack", 2}, {"kitten", "sitting", 3},
	}
	for _, tt := range tests {
		if got := editDistance(tt.a, tt.b); got != tt.want {
			t.Errorf("editDistance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

// A run whose context has ended is interrupted, whatever it says about it.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	p := newProgram(&stdout, &stderr)
	if got := p.run(ctx, []string{"--dir", t.TempDir(), "status"}); got != exitInterrupted {
		t.Errorf("run = %d, want %d", got, exitInterrupted)
	}
	want := "ferry: hint: run the same command again: it goes on where it stopped\n"
	if stdout.Len() > 0 || !strings.HasPrefix(stderr.String(), "ferry: error: interrupted") || !strings.HasSuffix(stderr.String(), want) {
		t.Errorf("run printed %q and %q", stdout.String(), stderr.String())
	}
}

// A refusal is told even if somebody interrupts.
func TestInterruptedRefusal(t *testing.T) {
	for _, err := range []error{errUntrusted, errMisfit, errors.Join(context.Canceled, errUntrusted)} {
		if !isRefusal(err) {
			t.Errorf("isRefusal(%v) = false", err)
		}
	}
	if isRefusal(errRegistry) {
		t.Errorf("isRefusal(%v) = true", errRegistry)
	}
}

// What comes from outside can't move the cursor, or pass for a line of ferry's.
func TestSayPrintable(t *testing.T) {
	var stderr bytes.Buffer
	p := newProgram(io.Discard, &stderr)
	p.say("error", "%s", "a\x1b[31m\r\nferry: next: x\u202e")
	if got, want := stderr.String(), "ferry: error: a?[31m??ferry: next: x?\n"; got != want {
		t.Errorf("say printed %q, want %q", got, want)
	}
}

// The words for completion are those that parseLine takes.
func TestCandidates(t *testing.T) {
	tests := []struct {
		before, last string
		want         []string
	}{
		{"completion", "", []string{"bash", "zsh", "fish"}},
		{"pack --basis =", "", []string{"shipped", "acked", "none"}},
		{"pack --basis = acked", "--lx", []string{}},
		{"pack --site", "--", nil},
		{"--dir", "", nil},
		{"serve", "--read", []string{"--read-only"}},
		{"pack release.yaml", "--lock", []string{"--locked"}},
	}
	for _, tt := range tests {
		got := candidates(testApp(), strings.Fields(tt.before), tt.last)
		got = slices.DeleteFunc(slices.Clone(got), func(s string) bool { return !strings.HasPrefix(s, tt.last) })
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("candidates(%q, %q) (-want +got):\n%s", tt.before, tt.last, diff)
		}
	}
}
