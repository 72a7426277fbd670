package outside

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/durable"
	"github.com/airgap-ferry/ferry/ledger"
	"github.com/airgap-ferry/ferry/verify"
	"github.com/airgap-ferry/ferry/verify/statement"
)

func TestInit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	made, err := Init(dir, InitOptions{Password: []byte(password), Now: noon, KeyName: "Ada"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(made.RootFile)
	if err != nil {
		t.Fatal(err)
	}
	root, err := statement.ParseRoot(text)
	if err != nil {
		t.Fatal(err)
	}
	if !statement.MatchFingerprint(text, made.Fingerprint) || root.Version != 1 || root.Keys[0].Name != "Ada" || !root.Expires.Equal(noon.AddDate(1, 0, 0)) {
		t.Errorf("root is %+v, fingerprint %q", root, made.Fingerprint)
	}
	public, err := os.ReadFile(made.PublicKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	if key, err := statement.ParsePublicKey(public); err != nil || key.ID != root.Packer.Keys[0] {
		t.Errorf("public key is %v, packer is %v: %v", key, root.Packer.Keys, err)
	}
	for name, want := range map[string]fs.FileMode{privateKeyFile: 0o600, keysDir: fs.ModeDir | 0o700} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != want {
			t.Errorf("%s has mode %v, want %v: %v", name, info.Mode(), want, err)
		}
	}
	if _, err := Init(dir, InitOptions{Password: []byte(password), Now: noon}); !errors.Is(err, ErrInitialized) {
		t.Errorf("again: error = %v, want ErrInitialized", err)
	}
}

func TestInitLeavesTheInsideAlone(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, insideFile), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Init(dir, InitOptions{Now: noon}); !errors.Is(err, ErrInitialized) {
		t.Errorf("error = %v, want ErrInitialized", err)
	}
}

// A stop at any call leaves something that Init completes, and that is no
// agent before.
func TestInitIsCompleted(t *testing.T) {
	from, err := template()
	if err != nil {
		t.Fatal(err)
	}
	private := []byte(read(t, filepath.Join(from, privateKeyFile)))
	for n := 1; ; n++ {
		dir := filepath.Join(t.TempDir(), "agent")
		faulty := durable.NewFaulty(durable.OS, n, syscall.EIO)
		faulty.Forever = true
		o := InitOptions{Password: []byte(password), Now: noon}
		o.fs, o.load = faulty, loadOnce
		o.generate = func([]byte) (privatePEM, publicPEM []byte, err error) { return private, nil, nil }
		_, err := Init(dir, o)
		if len(faulty.Calls()) < n {
			break
		}
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("fault %d: error = %v", n, err)
		}
		o.fs = nil
		key, _ := os.ReadFile(filepath.Join(dir, privateKeyFile))
		if _, err := Init(dir, o); err != nil && !errors.Is(err, ErrInitialized) {
			t.Errorf("fault %d: completing: %v", n, err)
		}
		if after, _ := os.ReadFile(filepath.Join(dir, privateKeyFile)); key != nil && string(after) != string(key) {
			t.Errorf("fault %d: the key was replaced", n)
		}
		a, err := Open(dir, Options{})
		if err != nil {
			t.Fatalf("fault %d: %v", n, err)
		}
		_ = a.Close()
	}
}

func TestInitKeepsAKeyThatIsThere(t *testing.T) {
	dir := t.TempDir()
	private, _, err := verify.GenerateKeyPair([]byte("other"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, keysDir), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, privateKeyFile), private, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Init(dir, InitOptions{Password: []byte(password), Now: noon}); !errors.Is(err, verify.ErrPassword) {
		t.Errorf("with the wrong password: %v, want ErrPassword", err)
	}
	if _, err := Init(dir, InitOptions{Password: []byte("other"), Now: noon}); err != nil {
		t.Error(err)
	}
	if got := read(t, filepath.Join(dir, privateKeyFile)); got != string(private) {
		t.Error("the key was replaced")
	}
}

func TestOpenOfNoAgent(t *testing.T) {
	if _, err := Open(t.TempDir(), Options{}); !errors.Is(err, ErrNoAgent) {
		t.Errorf("error = %v, want ErrNoAgent", err)
	}
	e := &env{dir: filepath.Join(t.TempDir(), "agent"), tool: "ferry test"}
	from, err := template()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(e.dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	e.open(t)
	if _, err := e.tryOpen(); !errors.Is(err, ledger.ErrLocked) {
		t.Errorf("second agent: error = %v, want ErrLocked", err)
	}
}

func TestAddSite(t *testing.T) {
	e := newEnv(t)
	a := e.open(t)
	_, east, err := verify.GenerateSiteKey(rand.Reader, "east")
	if err != nil {
		t.Fatal(err)
	}
	_, other, err := verify.GenerateSiteKey(rand.Reader, "east")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, site, key string
		ok              func(error) bool
	}{
		{"new", "east", "", func(err error) bool { return err == nil }},
		{"again", "east", "", func(err error) bool { return err == nil }},
		{"with its key", "east", east + "\n", func(err error) bool { return err == nil }},
		{"with its key again", "east", east, func(err error) bool { return err == nil }},
		{"without it", "east", "", func(err error) bool { return err == nil }},
		{"with another key", "east", other, func(err error) bool { return errors.Is(err, ledger.ErrConflict) }},
		{"with the key of another site", "west", east, func(err error) bool { return errors.As(err, new(*bundle.FormatError)) }},
		{"with no key", "west", "east+1+x", func(err error) bool { return errors.As(err, new(*bundle.FormatError)) }},
		{"bad name", "East", "", func(err error) bool { return err != nil }},
	}
	for _, tt := range tests {
		if err := a.AddSite(t.Context(), tt.site, tt.key); !tt.ok(err) {
			t.Errorf("%s: error = %v", tt.name, err)
		}
	}
	sites, err := a.ledger.Sites()
	if err != nil || len(sites) != 2 || sites[0].Name != "east" || sites[0].Key != bundle.DigestOf([]byte(east)) {
		t.Errorf("sites are %+v, %v", sites, err)
	}
}

func TestStatus(t *testing.T) {
	e := newEnv(t)
	e.mustPack(t, e.shop(t, "1.0"))
	next := e.shop(t, "1.1")
	a := e.open(t)
	got, err := a.Status(t.Context(), "", next)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Sites) != 1 || got.Wanted == nil || got.Wanted.Seq != 2 || got.Wanted.NewBlobs != 6 {
		t.Fatalf("status is %+v", got)
	}
	s := got.Sites[0]
	if s.Site != "north" || s.Holdings.Blobs == 0 || len(s.Shipments) != 1 || len(s.Releases) != 1 || s.Releases[0].Version != "1.0" {
		t.Errorf("north is %+v", s)
	}
	sh := s.Shipments[0]
	if sh.State != "shipped" || sh.Means == "" || len(sh.Volumes) != 1 || sh.Bytes != s.Holdings.Bytes {
		t.Errorf("shipment is %+v", sh)
	}
	if err := a.AddSite(t.Context(), "east", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Status(t.Context(), "", next); !errors.Is(err, ErrWhichSite) {
		t.Errorf("two sites: error = %v, want ErrWhichSite", err)
	}
	got, err = a.Status(t.Context(), "east", next)
	if err != nil || len(got.Sites) != 1 || got.Wanted.NewBlobs != got.Wanted.Blobs {
		t.Errorf("east: %+v, %v", got, err)
	}
	if _, err := a.Status(t.Context(), "west", ""); !errors.Is(err, ledger.ErrNotFound) || !strings.Contains(err.Error(), "west") {
		t.Errorf("west: error = %v, want ErrNotFound", err)
	}
}
