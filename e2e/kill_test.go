package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/internal/testtool"
)

const (
	// kills is how often each command is killed.
	kills = 10

	// killTries bounds how often that is tried: a run may be over sooner than
	// the one that was timed, which then is timed anew.
	killTries = 10 * kills
)

// injections are the system calls at which strace kills a command, each at its
// first, second and fourth use by a thread. This is a smoke test: it does not
// try every single one.
var injections = []string{"pwrite64", "fsync", "fdatasync", "/^rename", "ftruncate", "/^unlink", "/^mkdir"}

// An act is a command that is killed.
type act struct {
	name    string
	args    []string
	prepare func(w *world) // what has to be done before it

	// state returns all that a finished command leaves, by name, in a form that
	// does not depend on where and when it ran.
	state func(w *world) map[string]string
}

func acts() []act {
	return []act{
		{
			name: "pack", args: append(packLine(), "--volume-size", "8MiB"),
			prepare: func(*world) {}, state: outsideState,
		},
		{
			name: "import", args: []string{"--dir", "north", "import", "outbox"},
			prepare: func(w *world) { w.pack("--volume-size", "8MiB") }, state: insideState,
		},
	}
}

// TestKilledCommandsFinishWhenRunAgain kills pack and import at random
// moments.
func TestKilledCommandsFinishWhenRunAgain(t *testing.T) {
	once(t)
	for _, a := range acts() {
		t.Run(a.name, func(t *testing.T) {
			w, want, took := a.reference(t)
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d, undisturbed it takes %v", seed, took)
			random := rand.New(rand.NewPCG(seed, 0))
			hits := 0
			for range killTries {
				if hits == kills {
					return
				}
				moment := time.Duration(random.Int64N(int64(took)))
				c := w.clone(t)
				killed, lasted := killedAfter(t, c, moment, a.args)
				if !killed {
					took = min(took, lasted) // the machine was busier when it was timed
					continue
				}
				hits++
				a.finish(t, c, want, fmt.Sprintf("killed after %v", moment))
			}
			t.Errorf("killed %d times in %d runs, want %d", hits, killTries, kills)
		})
	}
}

// TestCommandsKilledAtSystemCallsFinish kills pack and import at system calls
// that change the disk.
func TestCommandsKilledAtSystemCallsFinish(t *testing.T) {
	once(t)
	strace := testtool.Find(t, "strace")
	for _, a := range acts() {
		t.Run(a.name, func(t *testing.T) {
			w, want, _ := a.reference(t)
			hits := 0
			for _, call := range injections {
				for n := 1; n <= 4; n *= 2 {
					c := w.clone(t)
					inject := fmt.Sprintf("inject=%s:signal=SIGKILL:when=%d", call, n)
					args := append([]string{"-f", "-qq", "-o", "/dev/null", "-e", "trace=" + call, "-e", inject, ferry(t)}, a.args...)
					r := execute(t, c.dir, c.env(), strace, args...)
					if r.code == 0 {
						break // there are fewer such calls
					}
					if r.code != -1 && r.code != 128+9 {
						t.Fatalf("%s: exit code %d, want the end by a signal\n%s", inject, r.code, r.stderr)
					}
					hits++
					a.finish(t, c, want, inject)
				}
			}
			t.Logf("killed at %d system calls", hits)
			if hits < kills {
				t.Errorf("killed at %d system calls, want %d or more", hits, kills)
			}
		})
	}
}

// reference returns a world in which the command can run, and what it leaves
// in how much time if nothing disturbs it.
func (a *act) reference(t *testing.T) (*world, map[string]string, time.Duration) {
	t.Helper()
	w := newWorld(t, 24<<20, "")
	a.prepare(w)
	c := w.clone(t)
	start := time.Now()
	c.ferry(a.args...)
	took := time.Since(start)
	return w, a.state(c), took
}

// finish runs the command again in c, where it was killed, and compares.
func (a *act) finish(t *testing.T, c *world, want map[string]string, how string) {
	t.Helper()
	if r := c.tryFerry(a.args...); r.code != 0 {
		t.Fatalf("%s %s, then run again: exit code %d\n%s", a.name, how, r.code, r.stderr)
	}
	if diff := cmp.Diff(want, a.state(c)); diff != "" {
		t.Fatalf("%s %s, then run again, ends differently (-want +got):\n%s", a.name, how, diff)
	}
}

// killedAfter runs ferry and kills it. It reports whether ferry was still
// there, and how long it was.
func killedAfter(t *testing.T, w *world, moment time.Duration, args []string) (killed bool, lasted time.Duration) {
	t.Helper()
	start := time.Now()
	cmd := command(t, w.dir, w.env(), ferry(t), args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(moment, func() { _ = cmd.Process.Kill() }) // it may have ended
	defer timer.Stop()
	_ = cmd.Wait() // the state tells
	code := cmd.ProcessState.ExitCode()
	if code > 0 {
		t.Fatalf("exit code %d before it was killed\n%s", code, stderr.String())
	}
	return code < 0, time.Since(start)
}

// outsideState is every file of the outbox and of the archive, the lock file
// and what the ledger says.
func outsideState(w *world) map[string]string {
	w.tb.Helper()
	all := digestsBelow(w.tb, w.path("outbox"))
	for name, digest := range digestsBelow(w.tb, w.path("vendor/archive")) {
		all[name] = digest
	}
	all["lock"] = digestOfFile(w.tb, w.path("release.lock.json"))
	all["status"] = w.status("vendor")
	return all
}

// insideState is every file of the registry but uploads that nobody ended, the
// files of the release, and what the ledger says when it is compared with the
// registry.
func insideState(w *world) map[string]string {
	w.tb.Helper()
	all := make(map[string]string)
	for name, digest := range digestsBelow(w.tb, w.store) {
		if !strings.Contains(name, "/_uploads/") {
			all[name] = digest
		}
	}
	for name, digest := range digestsBelow(w.tb, w.path("north/files")) {
		all["files/"+name] = digest
	}
	staged, err := filepath.Glob(w.path("north/staging/*"))
	if err != nil {
		w.tb.Fatal(err)
	}
	all["staging"] = strings.Join(staged, " ")
	all["status"] = w.status("north", "--probe")
	return all
}

var anyTime = regexp.MustCompile(`"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z"`)

// status returns the status of a side without what depends on where and when.
func (w *world) status(dir string, flags ...string) string {
	w.tb.Helper()
	out := w.ferry(append([]string{"--json", "--dir", dir, "status"}, flags...)...)
	out = strings.NewReplacer(w.dir, "DIR", w.site, "SITE").Replace(out)
	if dir != "vendor" { // whose clock stands still
		out = anyTime.ReplaceAllString(out, `"TIME"`)
	}
	var text bytes.Buffer
	if err := json.Indent(&text, []byte(out), "", " "); err != nil {
		w.tb.Fatal(err)
	}
	return text.String()
}
