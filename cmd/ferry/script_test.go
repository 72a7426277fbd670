package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/airgap-ferry/ferry/outside"
	"github.com/airgap-ferry/ferry/verify/statement"
)

// scriptNow is the clock of scripts that do not set FERRY_TEST_NOW.
const scriptNow = "2026-12-01T12:00:00Z"

// scriptPassword opens the key of the outside in scripts.
const scriptPassword = "test"

func TestMain(m *testing.M) {
	testscript.Main(cleaning{m}, map[string]func(){"ferry": ferry})
}

// cleaning removes the template when all tests have run.
type cleaning struct{ m *testing.M }

func (c cleaning) Run() int {
	code := c.m.Run()
	if templateParent != "" {
		_ = os.RemoveAll(templateParent)
	}
	return code
}

// ferry is main, with a clock that a script sets.
func ferry() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop)
	now, err := time.Parse(time.RFC3339, os.Getenv("FERRY_TEST_NOW"))
	if err != nil {
		panic(err)
	}
	p := &program{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		now: func() time.Time { return now }, rand: rand.Reader,
	}
	os.Exit(p.run(ctx, os.Args[1:]))
}

// TestScript runs the scripts: one for each command, and one for each story.
func TestScript(t *testing.T) {
	const dir = "testdata/script"
	if files, _ := filepath.Glob(dir + "/*.txtar"); len(files) == 0 {
		t.Fatalf("no scripts in %s", dir)
	}
	bundles, err := filepath.Abs("../../testdata/bundles/v1")
	if err != nil {
		t.Fatal(err)
	}
	regs := &registries{t: t, byHost: make(map[string]*scriptRegistry)}
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("FERRY_TEST_NOW", scriptNow)
			env.Setenv("COSIGN_PASSWORD", scriptPassword)
			env.Setenv("BUNDLES", bundles)
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "tmpfs" {
				return canMount()
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":       exits,
			"env-from":    envFrom,
			"flip":        flip,
			"truncate":    truncate,
			"sample-key":  sampleKey,
			"sample-root": sampleRoot,
			"fingerprint": fingerprint,
			"ends":        ends,
			"free-port":   freePort,
			"tmpfs":       tmpfs,
			"registry":    regs.start,
			"image":       regs.image,
			"pushes":      regs.pushes,
			"hang":        regs.hang,
			"hung":        regs.hung,
			"tags":        regs.tags,
		},
	})
}

// exits runs a command and requires its exit code:
//
//	exits 11 ferry verify cut.tar
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARGS...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%v: exit code %d, want %d", args[1:], got, want)
	}
}

// oneFile returns the file that a pattern stands for: scripts need not know
// the numbers in the names of volumes.
func oneFile(ts *testscript.TestScript, pattern string) string {
	files, err := filepath.Glob(ts.MkAbs(pattern))
	ts.Check(err)
	if len(files) != 1 {
		ts.Fatalf("%s stands for %d files, want 1", pattern, len(files))
	}
	return files[0]
}

// envFrom sets a variable to the content of a file, without the white space
// around it:
//
//	env-from KEY north/keys/site.pub
func envFrom(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: env-from NAME FILE")
	}
	text := ts.ReadFile(args[1])
	for len(text) > 0 && text[len(text)-1] <= ' ' {
		text = text[:len(text)-1]
	}
	ts.Setenv(args[0], text)
}

// flip changes one bit in the middle of a file:
//
//	flip disk/north-1-1.v001.tar
func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: flip FILE")
	}
	rewrite(ts, oneFile(ts, args[0]), func(b []byte) []byte {
		b[len(b)/2] ^= 1
		return b
	})
}

// truncate takes the last bytes of a file away:
//
//	truncate disk/north-1-1.v001.tar 600
func truncate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: truncate FILE BYTES")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	rewrite(ts, oneFile(ts, args[0]), func(b []byte) []byte { return b[:len(b)-n] })
}

// rewrite changes the content of a file, which may be read-only.
func rewrite(ts *testscript.TestScript, name string, change func([]byte) []byte) {
	b, err := os.ReadFile(name)
	ts.Check(err)
	ts.Check(os.Remove(name))
	ts.Check(os.WriteFile(name, change(b), 0o644))
}

// frozenKey returns the public key that has signed the frozen bundles.
func frozenKey(ts *testscript.TestScript) ([]byte, statement.Key) {
	raw := sha256.Sum256([]byte("a key for tests"))
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw[:])
	ts.Check(err)
	spki, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	ts.Check(err)
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})
	key, err := statement.ParsePublicKey(text)
	ts.Check(err)
	return text, key
}

// sampleKey writes the public key of the frozen bundles to a file.
func sampleKey(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: sample-key FILE")
	}
	text, _ := frozenKey(ts)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text, 0o644))
}

// sampleRoot writes a root that trusts the key of the frozen bundles, of the
// version that they ask for.
func sampleRoot(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: sample-root FILE")
	}
	_, key := frozenKey(ts)
	key.Name = "Ada"
	role := statement.Role{Keys: []string{key.ID}, Threshold: 1}
	root := statement.Root{
		Version: 3, Epoch: 1,
		Issued: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Expires: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
		Keys: []statement.Key{key}, Root: role, Packer: role,
		Policy: statement.Policy{MaxSeqStep: 100, MaxAge: 60 * 24 * time.Hour, ClockSkew: time.Hour, Sites: []string{statement.AnySite}},
	}
	text, err := root.AppendText(nil)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text, 0o644))
}

// fingerprint sets a variable to the fingerprint of a root:
//
//	fingerprint FP vendor/trust/root.json
func fingerprint(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fingerprint NAME FILE")
	}
	ts.Setenv(args[0], statement.Fingerprint([]byte(ts.ReadFile(args[1]))))
}

// freePort sets a variable to a port that nobody listens on:
//
//	free-port PORT
func freePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: free-port NAME")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	_, port, err := net.SplitHostPort(ln.Addr().String())
	ts.Check(errors.Join(err, ln.Close()))
	ts.Setenv(args[0], port)
}

// template is an outside in a directory, made once: a key pair is slow to
// encrypt. The keys of all scripts are the same ones.
var template = sync.OnceValues(func() (string, error) {
	parent, err := os.MkdirTemp("", "ferry-template-")
	if err != nil {
		return "", err
	}
	templateParent = parent
	now, err := time.Parse(time.RFC3339, scriptNow)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(parent, "vendor")
	_, err = outside.Init(dir, outside.InitOptions{Password: []byte(scriptPassword), Now: now})
	return dir, err
})

// templateParent is the directory to remove, once there is one.
var templateParent string

// ends makes both ends: an outside in vendor, and a site north in north whose
// registry is the one named.
//
//	ends $SITE
func ends(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ends REGISTRY")
	}
	run := func(args ...string) { ts.Check(ts.Exec("ferry", append([]string{"-q"}, args...)...)) }
	vendor, err := template()
	ts.Check(err)
	ts.Check(os.CopyFS(ts.MkAbs("vendor"), os.DirFS(vendor)))
	run("init", "inside", "north", "--site", "north", "--registry", args[0])
	print := statement.Fingerprint([]byte(ts.ReadFile("vendor/trust/root.json")))
	run("--dir", "north", "trust", "init", "vendor/trust/root.json", "--fingerprint", print)
	run("--dir", "vendor", "site", "add", "north", "--key", "north/keys/site.pub")
}
