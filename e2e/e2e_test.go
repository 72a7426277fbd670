// Package e2e runs ferry as people run it: the static file that "make build"
// makes, as a process of its own, between registries that are processes too
// ("ferry serve", and distribution 2.8 as Debian packages it). What comes out
// is judged by the stock tools of the field: tar, openssl, cosign, skopeo.
//
// It also kills ferry at many moments and runs it again, and it runs every
// command of README.md.
//
// A tool that is not installed skips its tests, unless FERRY_TEST_TOOLS is
// "require", as it is where changes land. There are no sources here but tests.
package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// password opens the keys that these tests make.
const password = "open sesame"

// buildDir has the binary; it is removed when all tests have ended.
var buildDir string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if buildDir, err = os.MkdirTemp("", "ferry-e2e"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(buildDir)
	return m.Run()
}

// ferry returns the path of the binary, which is built once.
func ferry(tb testing.TB) string {
	tb.Helper()
	path, err := build()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// build builds ferry with the command that "make build" would run, but into
// buildDir.
var build = sync.OnceValues(func() (string, error) {
	const into = "-o bin/ ./cmd/..."
	// A make that runs the tests tells this one its own flags.
	dryRun := exec.Command("env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "make", "--no-print-directory", "-n", "-C", "..", "build")
	out, err := dryRun.Output()
	if err != nil {
		return "", fmt.Errorf("asking make how it builds: %w", err)
	}
	command := strings.TrimSpace(string(out))
	if strings.Count(command, into) != 1 {
		return "", fmt.Errorf("make build is %q, want one command with %q", command, into)
	}
	command = strings.Replace(command, into, "-o "+buildDir+"/ ./cmd/...", 1)
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", command, err, out)
	}
	return filepath.Join(buildDir, "ferry"), nil
})

// slow skips a test that takes long.
func slow(tb testing.TB) {
	tb.Helper()
	if testing.Short() {
		tb.Skip("takes long")
	}
}

// once skips a test that takes long, and for which it makes no difference that
// the tests themselves are built to detect races: ferry is another process.
func once(tb testing.TB) {
	tb.Helper()
	slow(tb)
	if raceEnabled {
		tb.Skip("takes long, and runs without the race detector, too")
	}
}

// raceEnabled is set where the race detector is.
var raceEnabled bool

// A result is what a process left behind.
type result struct {
	stdout, stderr string
	code           int // exit code, -1 if a signal ended it
}

// execute runs a program in dir, to its end.
func execute(tb testing.TB, dir string, env []string, program string, args ...string) result {
	tb.Helper()
	cmd := command(tb, dir, env, program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		tb.Fatal(err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// mustExecute is execute for a program that has to succeed. It returns what it
// printed on standard output.
func mustExecute(tb testing.TB, dir string, env []string, program string, args ...string) string {
	tb.Helper()
	r := execute(tb, dir, env, program, args...)
	if r.code != 0 {
		tb.Fatalf("%s %s: exit code %d\n%s%s", filepath.Base(program), strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// command returns a process that is still to be started. It sees nothing of
// the settings of whoever runs the tests.
func command(tb testing.TB, dir string, env []string, program string, args ...string) *exec.Cmd {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), program, args...)
	cmd.Dir = dir
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "FERRY_") && !strings.HasPrefix(kv, "SOURCE_DATE_EPOCH=") && !strings.HasPrefix(kv, "MAKE") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, "COSIGN_PASSWORD="+password, "HOME="+dir, "DOCKER_CONFIG="+dir, "LC_ALL=C")
	cmd.Env = append(cmd.Env, env...)
	return cmd
}
