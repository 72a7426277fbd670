package e2e

import (
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	readmeFile = "../README.md"

	// exampleHost stands in README.md for the registry of a site.
	exampleHost = "harbor.north.example"

	// storyMark stands in README.md before a block of commands that are to be
	// typed one after the other.
	storyMark = "<!-- story -->"
)

// A readmeCommand is what this test knows of a command in README.md.
type readmeCommand struct {
	line string // without the explanation beside it

	// before does what the text around the command says has been done.
	before func(t *testing.T, s *story)
	env    []string

	// run takes the place of a shell that runs the line.
	run func(t *testing.T)
}

// readmeCommands are all commands in blocks of README.md, in the order in which
// they are run: first the story, then the others in what the story left.
var readmeCommands = []readmeCommand{
	{line: "ferry init outside vendor"},
	{line: "ferry --dir vendor site add north"},
	{line: "ferry init inside north --site north --registry " + exampleHost},
	{line: `ferry --dir north trust init root.json --fingerprint "$FINGERPRINT"`, before: carryRoot},
	{line: "ferry --dir vendor pack --site north release.yaml -o outbox/"},
	{line: "ferry --dir north verify disk/", before: carryBundle},
	{line: "ferry --dir north import disk/"},

	{line: "ferry pack --site north release.yaml", env: []string{"FERRY_DIR=vendor"}},
	{line: "ferry import disk/", env: []string{"FERRY_DIR=north"}},
	{line: "ferry status", env: []string{"FERRY_DIR=north"}},
	{line: "make demo", run: runByCI("demo")},
	{line: "make test", run: runByCI("test")},
	{line: "make build", run: func(t *testing.T) { t.Helper(); ferry(t) }},
}

// inlineCommands are the commands and flags within the text, and what to run
// for them.
var inlineCommands = map[string]string{
	"ferry help":            "ferry help",
	"ferry completion bash": "ferry completion bash",
	"ferry serve":           "", // the registries of these tests are that
	"make bench":            "", // is for package bench
	"make demo":             "",
	"make test":             "",
	"pack --dry-run":        "ferry --dir vendor pack --dry-run --site north release.yaml",
	"--no-patch":            "ferry --dir vendor pack --dry-run --site north release.yaml --no-patch",
	"--volume-size dvd":     "ferry --dir vendor pack --dry-run --site north release.yaml --volume-size dvd",
	"--json":                "ferry --json version",
}

// A story is the world that README.md tells of.
type story struct {
	*world
	fingerprint string
	told        strings.Builder // what all commands printed
}

// carryRoot carries the root inside, and reads the fingerprint that outside
// printed.
func carryRoot(t *testing.T, s *story) {
	t.Helper()
	mustExecute(t, s.dir, nil, "cp", "vendor/trust/root.json", "root.json")
	s.fingerprint = regexp.MustCompile(`(?m)^ +([0-9a-f]{4} ){15}[0-9a-f]{4}$`).FindString(s.told.String())
	if s.fingerprint == "" {
		t.Fatalf("ferry init outside printed no fingerprint:\n%s", s.told.String())
	}
}

// carryBundle carries the bundle inside.
func carryBundle(t *testing.T, s *story) {
	t.Helper()
	mustExecute(t, s.dir, nil, "cp", "-R", "outbox", "disk")
}

// runByCI requires that what must pass before a change lands runs a target.
func runByCI(target string) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		script, err := os.ReadFile("../.ci/run")
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`(?m)^\s*step "?\w+"? make ` + target + `$`).Match(script) {
			t.Errorf(".ci/run has no step that runs make %s", target)
		}
	}
}

// TestReadmeCommands runs every command of README.md.
func TestReadmeCommands(t *testing.T) {
	slow(t)
	text := readReadme(t)
	s := &story{world: newWorld(t, 1<<20, "")}
	for _, name := range []string{"vendor", "north"} { // the story makes its own
		if err := os.RemoveAll(s.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	blocks := readmeBlocks(text)
	for _, c := range readmeCommands {
		if !slices.Contains(blocks, c.line) {
			t.Errorf("README.md has no command %q any more; remove it here", c.line)
			continue
		}
		if c.before != nil {
			c.before(t, s)
		}
		if c.run != nil {
			c.run(t)
			continue
		}
		s.shell(t, c.line, c.env)
	}
	for _, line := range blocks {
		if !slices.ContainsFunc(readmeCommands, func(c readmeCommand) bool { return c.line == line }) {
			t.Errorf("README.md has the command %q, which this test does not know", line)
		}
	}
	for _, code := range readmeInline(text) {
		command, known := inlineCommands[code]
		if !known {
			t.Errorf("README.md has the command %q, which this test does not know", code)
		} else if command != "" {
			s.shell(t, command, nil)
		}
	}
}

// TestReadmeStoryInOrder requires that the commands of the story come one after
// the other as this test runs them.
func TestReadmeStoryInOrder(t *testing.T) {
	var got, want []string
	inStory := false
	for line := range strings.Lines(readReadme(t)) {
		line = strings.TrimSuffix(line, "\n")
		command, indented := strings.CutPrefix(line, "    ")
		switch {
		case line == storyMark:
			inStory = true
		case indented && inStory:
			got = append(got, command)
		case line != "":
			inStory = false
		}
	}
	for _, c := range readmeCommands[:min(len(got), len(readmeCommands))] {
		want = append(want, c.line)
	}
	if len(got) == 0 || !slices.Equal(got, want) {
		t.Errorf("the story in README.md is %q, want %q", got, want)
	}
}

// TestReadmeSize compares the size that README.md states with that of ferry.
func TestReadmeSize(t *testing.T) {
	stated := readmeNumber(t, readmeFile, `one static file of ([0-9.]+) MB`)
	info, err := os.Stat(ferry(t))
	if err != nil {
		t.Fatal(err)
	}
	if is := float64(info.Size()) / 1e6; math.Abs(is-stated) > is/20 {
		t.Errorf("README.md says that ferry has %g MB, and it has %.1f MB", stated, is)
	}
}

// TestReadmeShares compares what README.md says of the largest dependencies
// with what was measured.
func TestReadmeShares(t *testing.T) {
	const measured = "../docs/benchmarks.md"
	tests := []struct{ name, inReadme, inMeasured string }{
		{"distribution", `distribution \(([0-9]+) %\)`, `distribution/v3 \|[^%]* ([0-9.]+) %`},
		{"cosign", `cosign \(([0-9]+) %\)`, `cosign/v2 \|[^%]* ([0-9.]+) %`},
		{"both", `without both ([0-9]+) %`, `these two together \|[^%]* ([0-9.]+) %`},
	}
	for _, tt := range tests {
		stated, is := readmeNumber(t, readmeFile, tt.inReadme), readmeNumber(t, measured, tt.inMeasured)
		if math.Abs(stated-is) > 1 {
			t.Errorf("%s: README.md says %g %%, measured were %g %%", tt.name, stated, is)
		}
	}
}

// readmeNumber returns the number that a pattern finds in a file, with every
// white space as one blank.
func readmeNumber(t *testing.T, file, pattern string) float64 {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(pattern).FindStringSubmatch(strings.Join(strings.Fields(string(text)), " "))
	if m == nil {
		t.Fatalf("%s has nothing like %q", filepath.Base(file), pattern)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// shell runs a line as somebody would type it, with the registry of the site
// in the place of the one in README.md.
func (s *story) shell(t *testing.T, line string, env []string) {
	t.Helper()
	line = strings.ReplaceAll(line, exampleHost, s.site)
	env = append(env, "PATH="+filepath.Dir(ferry(t))+string(filepath.ListSeparator)+os.Getenv("PATH"), "FINGERPRINT="+s.fingerprint)
	s.told.WriteString(mustExecute(t, s.dir, env, "sh", "-c", line))
}

func readReadme(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(readmeFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// explanation is what stands beside a command, to the right.
var explanation = regexp.MustCompile(`\s{2,}(outside|inside|either side): .*$`)

// readmeBlocks returns the commands in indented blocks.
func readmeBlocks(text string) []string {
	var commands []string
	for line := range strings.Lines(text) {
		if command, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "    "); ok {
			command = explanation.ReplaceAllString(command, "")
			commands = append(commands, strings.Join(strings.Fields(command), " "))
		}
	}
	return commands
}

// readmeInline returns the commands and flags within the text.
func readmeInline(text string) []string {
	var commands []string
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(text, -1) {
		code := strings.Join(strings.Fields(m[1]), " ")
		first, rest, _ := strings.Cut(code, " ")
		if strings.HasPrefix(first, "--") || rest != "" && slices.Contains([]string{"ferry", "make", "pack", "import"}, first) {
			commands = append(commands, code)
		}
	}
	return commands
}
