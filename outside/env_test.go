package outside

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/durable"
	"github.com/airgap-ferry/ferry/ledger"
	"github.com/airgap-ferry/ferry/registry/registrytest"
	"github.com/airgap-ferry/ferry/report"
	"github.com/airgap-ferry/ferry/verify"
)

const password = "correct horse"

// noon is when everything in these tests happens.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// template is the directory of an agent that every test starts from: making
// keys takes a while.
var template = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "ferry-outside-test")
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, "agent")
	if _, err := Init(dir, InitOptions{Password: []byte(password), Now: noon}); err != nil {
		return "", err
	}
	a, err := Open(dir, Options{Now: func() time.Time { return noon }})
	if err != nil {
		return "", err
	}
	if err := a.AddSite(context.Background(), "north", ""); err != nil {
		return "", err
	}
	return dir, a.Close()
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := template(); err == nil {
		_ = os.RemoveAll(filepath.Dir(dir))
	}
	os.Exit(code)
}

// An env is an agent's directory with what it needs to pack.
type env struct {
	dir, out, releases string
	registry           *registrytest.Registry
	fs                 durable.FS // nil: that of the system
	password           string
	tool               string
	parallel           int
	free               int64 // bytes on the disk; 0: as many as there are
	volumeSize         int64
	noPatch            bool
}

// newEnv returns a new agent with site north, and a registry with an image in
// two versions, an index and a signature.
func newEnv(t *testing.T) *env {
	t.Helper()
	r := registrytest.Start(t, registrytest.Options{})
	fill(t, r.Host)
	return agentFor(t, r)
}

// agentFor returns a new agent for a registry.
func agentFor(tb testing.TB, r *registrytest.Registry) *env {
	tb.Helper()
	from, err := template()
	if err != nil {
		tb.Fatal(err)
	}
	base := tb.TempDir()
	e := &env{
		dir: filepath.Join(base, "agent"), out: filepath.Join(base, "outbox"), releases: filepath.Join(base, "releases"),
		registry: r, password: password, tool: "ferry test",
	}
	if err := os.CopyFS(e.dir, os.DirFS(from)); err != nil {
		tb.Fatal(err)
	}
	if err := os.MkdirAll(e.releases, 0o755); err != nil {
		tb.Fatal(err)
	}
	return e
}

// copy returns an equal agent with an outbox of its own.
func (e *env) copy(t *testing.T) *env {
	t.Helper()
	c := *e
	base := t.TempDir()
	c.dir, c.out, c.releases = filepath.Join(base, "agent"), filepath.Join(base, "outbox"), filepath.Join(base, "releases")
	for from, to := range map[string]string{e.dir: c.dir, e.releases: c.releases} {
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	return &c
}

// fill pushes what the releases of these tests consist of.
func fill(t *testing.T, host string) {
	t.Helper()
	for _, v := range []string{"1.0", "1.1"} {
		registrytest.PushImage(t, host+"/shop/api:"+v, strings.Repeat("api "+v+"\n", 3000))
	}
	registrytest.PushIndex(t, host+"/shop/web:1.0", "web", "linux/amd64", "linux/arm64")
	big := registrytest.Push(t, host+"/shop/data:1.0", registrytest.Image(t, "linux/amd64",
		registrytest.Layer(t, registrytest.File{Path: "data", Content: noise(300_000)})))
	registrytest.PushSignature(t, host+"/shop/data", big)
}

// noise returns n bytes that don't compress.
func noise(n int) []byte {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

// write writes a release file and returns its name.
func (e *env) write(tb testing.TB, name, text string) string {
	tb.Helper()
	path := filepath.Join(e.releases, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "HOST", e.registry.Host)), 0o644); err != nil {
		tb.Fatal(err)
	}
	return path
}

// shop writes the release file of version v of the shop.
func (e *env) shop(t *testing.T, v string) string {
	t.Helper()
	e.write(t, "files/run.sh", "echo "+v+"\n")
	return e.write(t, "shop-"+v+".yaml", fmt.Sprintf(`apiVersion: ferry/v1
kind: Release
name: shop
version: %q
platforms: [linux/amd64]
images:
  - HOST/shop/api:%s
  - HOST/shop/web:1.0
  - HOST/shop/data:1.0
files:
  - path: files/run.sh
`, v, v))
}

// open opens the agent.
func (e *env) open(t *testing.T) *Agent {
	t.Helper()
	a, err := e.tryOpen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func (e *env) tryOpen() (*Agent, error) {
	a, err := Open(e.dir, Options{
		Now: func() time.Time { return noon }, Tool: e.tool, Parallel: e.parallel, FS: e.fs,
		Password: func() ([]byte, error) { return []byte(e.password), nil },
	})
	if err != nil {
		return nil, err
	}
	a.loadSigner = loadOnce
	if e.free > 0 {
		a.freeSpace = func(string) (int64, error) { return e.free, nil }
	}
	return a, nil
}

// opened are the keys that were opened before: that is slow on purpose.
var opened sync.Map

func loadOnce(privatePEM, password []byte) (verify.Signer, error) {
	id := string(privatePEM) + string(password)
	if s, ok := opened.Load(id); ok {
		return s.(verify.Signer), nil
	}
	s, err := verify.LoadSigner(privatePEM, password)
	if err == nil {
		opened.Store(id, s)
	}
	return s, err
}

// pack packs a release for north.
func (e *env) pack(tb testing.TB, releaseFile string) (*report.Packed, error) {
	tb.Helper()
	a, err := e.tryOpen()
	if err != nil {
		return nil, err
	}
	defer a.Close()
	p, err := a.Plan(tb.Context(), e.options(releaseFile))
	if err != nil {
		return nil, err
	}
	return p.Execute(tb.Context())
}

func (e *env) options(releaseFile string) PackOptions {
	return PackOptions{Site: "north", ReleaseFile: releaseFile, Output: e.out, VolumeSize: e.volumeSize, NoPatch: e.noPatch}
}

func (e *env) mustPack(t *testing.T, releaseFile string) *report.Packed {
	t.Helper()
	packed, err := e.pack(t, releaseFile)
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

// files returns the files in the outbox by name.
func (e *env) files(t *testing.T) map[string]string {
	t.Helper()
	files := make(map[string]string)
	entries, err := os.ReadDir(e.out)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, entry := range entries {
		b, err := os.ReadFile(filepath.Join(e.out, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name()] = string(bundle.DigestOf(b))
	}
	return files
}

// volumes returns the names of those files that have the name of a volume.
func volumes(files map[string]string) []string {
	var names []string
	for name := range files {
		if !strings.HasSuffix(name, partialSuffix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// check checks the ledger and returns the shipments to north.
func (e *env) check(t *testing.T) []ledger.Shipment {
	t.Helper()
	l, err := ledger.OpenOutside(filepath.Join(e.dir, ledgerFile))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Check(); err != nil {
		t.Errorf("the ledger is not right: %v", err)
	}
	shipments, err := l.Shipments("north")
	if err != nil {
		t.Fatal(err)
	}
	return shipments
}
