package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/airgap-ferry/ferry/internal/testtool"
	"github.com/airgap-ferry/ferry/registry/registrytest"
	"github.com/airgap-ferry/ferry/report"
)

// A world is a directory with a vendor, a site called north and a release,
// and the registries of both ends.
type world struct {
	tb     testing.TB
	dir    string // every command runs in it
	source string // host of the vendor's registry
	site   string // host of the site's registry
	store  string // directory of the site's registry, "" if that is not ours
	epoch  int64  // seconds since 1970: when bundles are issued
}

// payload is how large the largest layer of a release is.
type payload int // bytes

// newWorld returns a world in which nothing was shipped so far. site is the
// host of the site's registry, "" for a "ferry serve" of its own.
func newWorld(tb testing.TB, size payload, site string) *world {
	tb.Helper()
	w := &world{tb: tb, dir: tb.TempDir(), site: site, epoch: time.Now().Unix()}
	w.source = serve(tb, tb.TempDir())
	if w.site == "" {
		w.store = tb.TempDir()
		w.site = serve(tb, w.store)
	}
	w.ferry("init", "outside", "vendor")
	w.ferry("init", "inside", "north", "--site", "north", "--registry", w.site)
	w.ferry("--dir", "north", "trust", "init", "vendor/trust/root.json", "--fingerprint", fingerprint(tb, w.path("vendor/trust/root.json")))
	w.ferry("--dir", "vendor", "site", "add", "north", "--key", "north/keys/site.pub")
	w.writeRelease("1.0", size)
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.dir, filepath.FromSlash(name)) }

// env are the settings of commands: the clock of pack stands still.
func (w *world) env() []string {
	return []string{"SOURCE_DATE_EPOCH=" + strconv.FormatInt(w.epoch, 10)}
}

// ferry runs ferry, which has to succeed, and returns its standard output.
func (w *world) ferry(args ...string) string {
	w.tb.Helper()
	return mustExecute(w.tb, w.dir, w.env(), ferry(w.tb), args...)
}

// tryFerry runs ferry.
func (w *world) tryFerry(args ...string) result {
	w.tb.Helper()
	return execute(w.tb, w.dir, w.env(), ferry(w.tb), args...)
}

// json runs ferry with --json and reads its result into v.
func (w *world) json(v any, args ...string) {
	w.tb.Helper()
	out := w.ferry(append([]string{"--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), v); err != nil {
		w.tb.Fatalf("ferry %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// pack packs the release for north into outbox.
func (w *world) pack(flags ...string) *report.Packed {
	w.tb.Helper()
	r := new(report.Packed)
	w.json(r, append(packLine(), flags...)...)
	if len(r.Volumes) == 0 {
		w.tb.Fatal("pack wrote no volume")
	}
	return r
}

func packLine() []string {
	return []string{"--dir", "vendor", "pack", "--site", "north", "release.yaml", "-o", "outbox"}
}

// deliver packs the release and imports it.
func (w *world) deliver() (*report.Packed, *report.Import) {
	w.tb.Helper()
	packed := w.pack()
	imported := new(report.Import)
	w.json(imported, "--dir", "north", "import", "outbox")
	if imported.State != "imported" {
		w.tb.Fatalf("state is %q, want imported", imported.State)
	}
	return packed, imported
}

// The repositories of the release.
const (
	apiRepository = "shop/api"
	webRepository = "shop/web"
	jobRepository = "shop/job"
)

// writeRelease pushes images and writes release.yaml and what it names: a
// plain image with a signature and a layer of size, an index of three
// platforms with a referrer, an image for arm64, a chart, files and manifests.
func (w *world) writeRelease(version string, size payload) {
	w.tb.Helper()
	api := w.source + "/" + apiRepository
	big := registrytest.Layer(w.tb, registrytest.File{Path: "data/noise", Content: noise(version, int(size))})
	small := registrytest.Layer(w.tb, registrytest.File{Path: "etc/version", Content: []byte(version)})
	d := registrytest.Push(w.tb, api+":"+version, registrytest.Image(w.tb, "linux/amd64", big, small))
	registrytest.PushSignature(w.tb, api, d)
	web := w.source + "/" + webRepository
	d = registrytest.PushIndex(w.tb, web+":"+version, "web "+version, "linux/amd64", "linux/arm64", "linux/arm/v7")
	registrytest.PushReferrer(w.tb, web, d, "application/spdx+json", "sbom of "+version)
	registrytest.Push(w.tb, w.source+"/"+jobRepository+":"+version, registrytest.SmallImage(w.tb, "linux/arm64", "job"))

	w.write("release.yaml", fmt.Sprintf(`apiVersion: ferry/v1
kind: Release
name: shop
version: %[1]q
images:
  - %[2]s:%[1]s
  - %[3]s:%[1]s
  - %[4]s:%[1]s
charts:
  - ./chart
files:
  - path: files
    to: etc
manifests:
  - deploy/*.yaml
`, version, api, web, w.source+"/"+jobRepository))
	w.write("chart/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 0.1.0\n")
	w.write("chart/templates/job.yaml", "apiVersion: batch/v1\nkind: Job\n")
	w.write("files/shop.conf", "version = "+version+"\n")
	w.write("files/empty", "")
	w.write("deploy/api.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api, labels: {version: \""+version+"\"}}\n")
}

func (w *world) write(name, content string) {
	w.tb.Helper()
	path := w.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		w.tb.Fatal(err)
	}
}

// clone returns a copy of w with a registry of its own at the site, which
// holds nothing.
func (w *world) clone(tb testing.TB) *world {
	tb.Helper()
	c := *w
	c.tb, c.dir, c.store = tb, tb.TempDir(), tb.TempDir()
	c.site = serve(tb, c.store)
	if err := os.CopyFS(c.dir, os.DirFS(w.dir)); err != nil {
		tb.Fatal(err)
	}
	// CopyFS makes files that everybody may read; a ledger is private.
	for _, name := range []string{"vendor/ledger.db", "north/ledger.db"} {
		if err := os.Chmod(c.path(name), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	site, err := os.ReadFile(c.path("north/site.yaml"))
	if err != nil {
		tb.Fatal(err)
	}
	c.write("north/site.yaml", string(bytes.ReplaceAll(site, []byte(w.site), []byte(c.site))))
	return &c
}

// noise returns n bytes that no compressor makes smaller. The same name gives
// the same bytes.
func noise(name string, n int) []byte {
	var seed [32]byte
	copy(seed[:], name)
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(seed).Read(b) // never fails
	return b
}

// fingerprint returns the fingerprint of a root as sha256sum tells it.
func fingerprint(tb testing.TB, file string) string {
	tb.Helper()
	sum, _, _ := strings.Cut(mustExecute(tb, filepath.Dir(file), nil, "sha256sum", file), " ")
	return sum
}

// serve starts "ferry serve" and returns its host. It runs until the test
// ends.
func serve(tb testing.TB, store string) string {
	tb.Helper()
	cmd := command(tb, store, nil, ferry(tb), "serve", "--store", store, "--listen", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // that it was killed is known
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	host := strings.TrimSpace(line)
	if err != nil {
		tb.Fatalf("ferry serve ended before it listened: %v", err)
	}
	if _, _, err := net.SplitHostPort(host); err != nil {
		tb.Fatalf("ferry serve printed %q, want where it listens", line)
	}
	return host
}

// serveDebian starts distribution 2.8 and returns its host.
func serveDebian(tb testing.TB) string {
	tb.Helper()
	testtool.Find(tb, "docker-registry")
	return registrytest.StartDebian(tb, registrytest.Options{}).Host
}
