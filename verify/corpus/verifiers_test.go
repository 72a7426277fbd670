package corpus_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/verify/corpus"
)

const script = "../../contrib/verify.sh"

// buildVerifier builds ferry-verify as a release does.
func buildVerifier(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ferry-verify")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", name, "../../cmd/ferry-verify")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building ferry-verify: %v\n%s", err, out)
	}
	return name
}

// arguments returns the flags that tell ferry-verify and verify.sh what a site
// knows. A gateway has no floor: its clock is right, or was put right.
func arguments(t *testing.T, st corpus.State) []string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root.json")
	if err := os.WriteFile(root, st.Root, 0o600); err != nil {
		t.Fatal(err)
	}
	now := st.Now
	if st.Floor.After(now) {
		now = st.Floor
	}
	args := []string{
		"--root", root, "--site", st.Site, "--site-key", string(st.SiteKey),
		"--after", fmt.Sprintf("%d/%d", st.Epoch, st.Seq), "--at", bundle.FormatTime(now),
	}
	if st.Head != "" {
		args = append(args, "--head", string(st.Head))
	}
	return args
}

// tree returns every file below dir.
func tree(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[name], err = os.ReadFile(name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// verdictOf runs a verifier over a case and returns its exit code. It must not
// change a file, leave one behind, nor take long or much.
func verdictOf(t *testing.T, c corpus.Case, command ...string) (exit int, stdout, stderr string) {
	t.Helper()
	files := put(t, c.Files)
	command = append(append(command, arguments(t, c.State)...), files...)
	before := tree(t, filepath.Dir(files[0]))
	tmp := t.TempDir()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp, "GOMEMLIMIT=off")
	cmd.Dir = tmp
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	// Of the processor: a busy machine makes nobody slower by that.
	if took := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	checkMemory(t, cmd.ProcessState)
	if !maps.EqualFunc(before, tree(t, filepath.Dir(files[0])), bytes.Equal) {
		t.Error("changed the files it judged")
	}
	if left := tree(t, tmp); len(left) != 0 {
		t.Errorf("left %q behind", slices.Collect(maps.Keys(left)))
	}
	return cmd.ProcessState.ExitCode(), out.String(), errOut.String()
}

// The verifier of the gateway officer, as a process.
func TestFerryVerifyJudgesTheCorpus(t *testing.T) {
	if testing.Short() {
		t.Skip("runs some hundred processes")
	}
	verifier := buildVerifier(t)
	for _, c := range corpus.Cases() {
		t.Run(fmt.Sprintf("%d %s", c.Number, c.Name), func(t *testing.T) {
			exit, stdout, stderr := verdictOf(t, c, verifier, "--json")
			if name := refusalName(t, stdout+stderr, exit); exit != c.WantExit || name != c.WantName {
				t.Errorf("verdict %q (%d), want %q (%d): %s%s", name, exit, c.WantName, c.WantExit, stdout, stderr)
			}
		})
	}
}

// refusalName returns the name of the refusal that decided.
func refusalName(t *testing.T, objects string, exit int) string {
	t.Helper()
	for line := range strings.Lines(objects) {
		var got struct {
			Code int
			Name string
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if got.Code == exit {
			return got.Name
		}
	}
	return ""
}

// The verifier without ferry.
func TestScriptJudgesTheCorpus(t *testing.T) {
	if testing.Short() {
		t.Skip("runs some ten thousand processes")
	}
	needTools(t, "sh", "openssl", "sha256sum", "base64", "awk", "od", "dd", "cmp")
	name, err := filepath.Abs(script)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range corpus.Cases() {
		t.Run(fmt.Sprintf("%d %s", c.Number, c.Name), func(t *testing.T) {
			t.Parallel()
			exit, stdout, stderr := verdictOf(t, c, "sh", name)
			t.Log(strings.TrimSpace(stderr))
			want := min(c.WantExit, 1)
			if exit != want || want == 0 && !strings.Contains(stdout, "ACCEPTED") || want == 1 && !strings.Contains(stderr, "verify.sh: REFUSED: ") {
				t.Errorf("exit code %d, want %d: %s%s", exit, want, stdout, stderr)
			}
			// What is refused because a tool failed would say something else, or
			// nothing.
			if reason := strings.TrimPrefix(stderr, "verify.sh: REFUSED: "); want == 1 && (len(reason) < 10 || strings.Count(reason, "\n") != 1) {
				t.Errorf("no reason, or more than one: %q", stderr)
			}
		})
	}
}

// needTools skips the test if a tool is missing, and fails where all tools
// are wanted.
func needTools(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err == nil {
			continue
		}
		if os.Getenv("FERRY_TEST_TOOLS") == "require" {
			t.Fatalf("%s is missing", tool)
		}
		t.Skipf("%s is missing", tool)
	}
}
