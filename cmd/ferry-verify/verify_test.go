package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/verify/corpus"
	"github.com/airgap-ferry/ferry/verify/statement"
)

// maxSize is what fits the promise that the program is small.
const maxSize = 4 << 20 // bytes

func TestSize(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	for _, arch := range []string{"amd64", "arm64"} {
		name := filepath.Join(t.TempDir(), "ferry-verify")
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", name, ".")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("building for %s: %v\n%s", arch, err, out)
		}
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() >= maxSize {
			t.Errorf("for %s: %d bytes, want less than %d", arch, info.Size(), maxSize)
		}
	}
}

// A table is what lies before an officer.
type table struct {
	disk string // directory with volumes
	root string // file
	now  time.Time
}

// lay puts the volumes of cases into one directory.
func lay(t *testing.T, names ...string) *table {
	t.Helper()
	d := &table{disk: t.TempDir(), root: filepath.Join(t.TempDir(), "root.json")}
	for _, name := range names {
		c, ok := corpus.Find(name)
		if !ok {
			t.Fatalf("no case %q", name)
		}
		for file, b := range c.Files {
			write(t, filepath.Join(d.disk, strings.ReplaceAll(name, " ", "-")+file), b)
		}
		write(t, d.root, c.State.Root)
		d.now = c.State.Now
	}
	return d
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// verify runs the program by the root on the table.
func (d *table) verify(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return d.run(t, append(append([]string{"--root", d.root}, args...), d.disk)...)
}

func (d *table) run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	code = run(args, &out, &errOut, d.now)
	return code, out.String(), errOut.String()
}

func wants(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is missing in:\n%s", p, text)
		}
	}
}

func TestScreen(t *testing.T) {
	d := lay(t, "three volumes")
	code, stdout, stderr := d.verify(t, "--site", "north", "--after", "2/41")
	if code != exitOK || stderr != "" {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	wants(t, stdout,
		"site         north\n", "shipment     2/42\n", "follows      sha256:", "leans on     shipments 40 41, which nobody acknowledged\n",
		`signed by    packer "packer-1", key `, statement.Fingerprint(read(t, d.root)),
		"issued       2026-11-23T10:00:00Z by ferry v0.1.0\n", "expires      2026-12-23T10:00:00Z; now is 2026-11-24T10:00:00Z\n",
		"releases     monitoring 2.0\n             shop 1.1.0\n", "carries      9925 bytes in 6 manifests and blobs\n",
		"volumes      3; here are 3 files\n", "adds         docker.io/library/nginx:1.27\n", "removes      docker.io/library/nginx:1.26\n",
		"ACCEPTED     bundle north-2-42: every byte of it is as signed\n")
	if n := strings.Count(stdout, "\n"); n > 40 {
		t.Errorf("%d lines are more than a screen", n)
	}
	_, stdout, _ = d.verify(t)
	wants(t, stdout, "--site was not given", "--after was not given")
}

func TestScreenIsOne(t *testing.T) {
	r := &result{Trusted: true, Verdict: verdictAccepted, Site: "north"}
	for range 100 {
		r.Added = append(r.Added, reference{Name: "docker.io/library/nginx:1"})
	}
	var short, long bytes.Buffer
	tr := &trust{root: new(statement.Root)}
	if err := (&printer{w: &short, trust: tr}).print([]*result{r}); err != nil {
		t.Fatal(err)
	}
	if err := (&printer{w: &long, trust: tr, all: true}).print([]*result{r}); err != nil {
		t.Fatal(err)
	}
	wants(t, short.String(), "and 88 more: --all shows them")
	if got := strings.Count(long.String(), "nginx"); got != 100 {
		t.Errorf("--all shows %d names, want 100", got)
	}
}

func TestJSON(t *testing.T) {
	d := lay(t, "three volumes")
	code, stdout, _ := d.verify(t, "--json")
	var got result
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	if code != exitOK || got.Verdict != verdictAccepted || !got.Trusted || !got.Verified || got.Volumes != 3 || len(got.Files) != 3 ||
		len(got.Added) != 2 || len(got.Removed) != 1 || len(got.Signatures) != 1 || got.Bytes != 9925 {
		t.Errorf("exit code %d, %+v", code, got)
	}
	code, stdout, stderr := d.run(t, "--json", "--key", d.root, d.disk)
	if code != exitFailure || stdout != "" || !strings.HasPrefix(stderr, `{"code":1,"message":"reading public key`) {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

// Nothing that an untrusted statement says is shown as if it were so.
func TestUntrustedIsNotShown(t *testing.T) {
	d := lay(t, "signed by a stranger")
	code, stdout, _ := d.verify(t)
	if code != exitUntrusted {
		t.Errorf("exit code %d, want %d", code, exitUntrusted)
	}
	wants(t, stdout, "REFUSED      bundle north-2-42: not trusted (no-trusted-signature)", "no-trusted-signature, exit code 13")
	for _, unwanted := range []string{"shop", "ACCEPTED", "signed by"} {
		if strings.Contains(stdout, unwanted) {
			t.Errorf("%q is shown:\n%s", unwanted, stdout)
		}
	}
}

// What is no volume is named, and does not count; damage does.
func TestFilesBesides(t *testing.T) {
	d := lay(t, "three volumes")
	write(t, filepath.Join(d.disk, "readme.txt"), []byte("carry me with care\n"))
	code, stdout, _ := d.verify(t)
	if code != exitOK {
		t.Errorf("exit code %d, want 0", code)
	}
	wants(t, stdout, "ACCEPTED", `PASSED OVER  "`+filepath.Join(d.disk, "readme.txt")+`" is no volume of a bundle: nobody vouches for it`)

	name := filepath.Join(d.disk, "three-volumesnorth-2-42.v002.tar")
	b := read(t, name)
	b[len(b)-2000] ^= 1
	write(t, filepath.Join(d.disk, "z-another-copy.tar"), b)
	code, stdout, _ = d.verify(t)
	if code != exitDamaged {
		t.Errorf("a damaged copy besides a good one: exit code %d, want %d", code, exitDamaged)
	}
	wants(t, stdout, "REFUSED", "z-another-copy.tar", "volume 2", "damaged, exit code 11")

	empty := &table{disk: t.TempDir(), root: d.root, now: d.now}
	if code, _, stderr := empty.verify(t); code != exitMalformed {
		t.Errorf("an empty directory: exit code %d, want %d; %s", code, exitMalformed, stderr)
	}
	write(t, filepath.Join(empty.disk, "readme.txt"), []byte("carry me with care\n"))
	if code, stdout, _ := empty.verify(t); code != exitMalformed {
		t.Errorf("no volume at all: exit code %d, want %d; %s", code, exitMalformed, stdout)
	}
}

// Bundles that are judged together must follow one another.
func TestBundlesInARow(t *testing.T) {
	d := lay(t, "one volume", "a gap of one")
	if code, stdout, _ := d.verify(t); code != exitOK || strings.Count(stdout, "ACCEPTED") != 2 {
		t.Errorf("each for itself: exit code %d\n%s", code, stdout)
	}
	code, stdout, _ := d.verify(t, "--site", "north", "--after", "2/41")
	if code != exitMisfit || strings.Count(stdout, "ACCEPTED") != 1 {
		t.Errorf("exit code %d, want %d\n%s", code, exitMisfit, stdout)
	}
	wants(t, stdout, "REFUSED      bundle north-2-43: does not fit (fork)")
}

func TestKey(t *testing.T) {
	d := lay(t, "one volume")
	key := filepath.Join(t.TempDir(), "cosign.pub")
	write(t, key, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: corpus.PublicKey()}))
	if code, stdout, _ := d.run(t, "--key", key, d.disk); code != exitOK {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
	d = lay(t, "signed by a packer and a stranger")
	if code, stdout, _ := d.run(t, "--key", key, d.disk); code != exitUntrusted {
		t.Errorf("exit code %d, want %d\n%s", code, exitUntrusted, stdout)
	}
}

func TestFingerprint(t *testing.T) {
	d := lay(t, "one volume")
	good := strings.ToUpper(statement.Fingerprint(read(t, d.root)))
	if code, _, stderr := d.verify(t, "--fingerprint", good); code != exitOK {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	code, stdout, stderr := d.verify(t, "--fingerprint", good[:60])
	if code != exitUntrusted || stdout != "" {
		t.Errorf("part of a fingerprint: exit code %d, want %d", code, exitUntrusted)
	}
	wants(t, stderr, "ferry-verify: error: not trusted (root-fingerprint)")
}

// The time is that of the clock, unless the officer says otherwise.
func TestTime(t *testing.T) {
	d := lay(t, "one volume")
	d.now = d.now.AddDate(0, 2, 0)
	code, stdout, _ := d.verify(t)
	if code != exitMisfit {
		t.Errorf("exit code %d, want %d", code, exitMisfit)
	}
	wants(t, stdout, "does not fit (expired)")
	if code, _, _ := d.verify(t, "--at", bundle.FormatTime(d.now.AddDate(0, -2, 0))); code != exitOK {
		t.Errorf("--at: exit code %d, want 0", code)
	}
}

func TestCommandLine(t *testing.T) {
	d := lay(t, "one volume")
	for _, args := range [][]string{
		{},
		{d.disk},
		{"--root", d.root},
		{"--root", d.root, "--key", d.root, d.disk},
		{"--nonsense", d.disk},
		{"--key", d.root, "--fingerprint", "00", d.disk},
		{"--root", d.root, "--after", "1/1", d.disk},
		{"--root", d.root, "--site", "north", "--after", "1/01", d.disk},
		{"--root", d.root, "--site", "north", "--after", "1", d.disk},
		{"--root", d.root, "--site", "north", "--head", string(bundle.DigestOf(nil)), d.disk},
		{"--root", d.root, "--at", "yesterday", d.disk},
		{"--root", d.root, "--site", "north", "--site-key", "x", d.disk},
		{"--root", d.root, "--site-key", string(bundle.DigestOf(nil)), d.disk},
	} {
		code, stdout, stderr := d.run(t, args...)
		if code != exitUsage || stdout != "" || stderr == "" {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q; want %d and an error", args, code, stdout, stderr, exitUsage)
		}
	}
	if code, stdout, _ := d.run(t, "--version"); code != exitOK || !strings.HasPrefix(stdout, "ferry-verify ") {
		t.Errorf("--version: exit code %d, %q", code, stdout)
	}
	if code, _, stderr := d.run(t, "--help"); code != exitOK || !strings.Contains(stderr, "--key cosign.pub") {
		t.Errorf("--help: exit code %d, %q", code, stderr)
	}
}

// Names of files come from whoever wrote the disk.
func TestNamesOfFilesAreQuoted(t *testing.T) {
	d := lay(t, "one volume")
	write(t, filepath.Join(d.disk, "x\x1b[2Jy\nACCEPTED"), []byte("x"))
	_, stdout, _ := d.verify(t)
	_, _, stderr := d.run(t, "--root", d.root, filepath.Join(d.disk, "no\x1b[2J\nACCEPTED"))
	for _, text := range []string{stdout, stderr} {
		if strings.ContainsRune(text, '\x1b') || strings.Contains(text, "\nACCEPTED\n") {
			t.Errorf("a name is printed as it is: %q", text)
		}
	}
}
