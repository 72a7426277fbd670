package inside

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/bundle/volume"
	"github.com/airgap-ferry/ferry/internal/durable"
	"github.com/airgap-ferry/ferry/ledger"
	"github.com/airgap-ferry/ferry/registry"
	"github.com/airgap-ferry/ferry/registry/registrytest"
	"github.com/airgap-ferry/ferry/release"
	"github.com/airgap-ferry/ferry/report"
	"github.com/airgap-ferry/ferry/verify"
	"github.com/airgap-ferry/ferry/verify/statement"
)

// A place is a site of these tests: the directory of its agent, and its
// registry.
type place struct {
	tb       testing.TB
	dir      string
	registry *registrytest.Registry
	client   *registry.Client
	key      *verify.PublicSiteKey

	fs  durable.FS // of the next agents, nil for the system's
	now time.Time  // their clock
}

// newPlace makes the site "north", which trusts s, with the registry r.
func newPlace(tb testing.TB, s *supplier, r *registrytest.Registry) *place {
	tb.Helper()
	p := &place{tb: tb, dir: filepath.Join(tb.TempDir(), "north"), registry: r, client: registrytest.Client(tb), now: testTime}
	made, err := Init(p.dir, InitOptions{Site: "north", Registry: r.Host, PlainHTTP: true, Rand: rand.Reader, Now: testTime})
	if err != nil {
		tb.Fatal(err)
	}
	if p.key, err = verify.ParsePublicSiteKey(made.SiteKey); err != nil {
		tb.Fatal(err)
	}
	root := filepath.Join(tb.TempDir(), "root.json")
	if err := os.WriteFile(root, s.root(), 0o600); err != nil {
		tb.Fatal(err)
	}
	if err := InitTrust(p.dir, root, statement.Fingerprint(s.root())); err != nil {
		tb.Fatal(err)
	}
	return p
}

// setUp returns a supplier, and a site with an embedded registry.
func setUp(tb testing.TB) (*supplier, *place) {
	tb.Helper()
	s := newSupplier(tb)
	return s, newPlace(tb, s, registrytest.Start(tb, registrytest.Options{}))
}

// open opens the agent. The caller closes it.
func (p *place) open() *Agent {
	p.tb.Helper()
	a, err := Open(p.dir, Options{Now: func() time.Time { return p.now }, FS: p.fs})
	if err != nil {
		p.tb.Fatal(err)
	}
	a.client.Close()
	a.client = registrytest.Client(p.tb)
	return a
}

// with opens the agent, lets do use it, and closes it.
func (p *place) with(do func(a *Agent)) {
	p.tb.Helper()
	a := p.open()
	defer func() {
		if err := a.Close(); err != nil {
			p.tb.Error(err)
		}
	}()
	do(a)
}

// tryImport imports what is in paths with an agent of its own.
func (p *place) tryImport(paths ...string) (reports []report.Import, skipped []volume.Skipped, err error) {
	p.tb.Helper()
	p.with(func(a *Agent) {
		reports, skipped, err = a.Import(p.tb.Context(), ImportOptions{Paths: paths})
	})
	return reports, skipped, err
}

// mustImport imports one bundle, of which everything is in paths.
func (p *place) mustImport(paths ...string) report.Import {
	p.tb.Helper()
	r := p.mustReceive(paths...)
	if r.State != "imported" || len(r.Missing) > 0 {
		p.tb.Fatalf("Import: state %q, missing volumes %v, want it imported", r.State, r.Missing)
	}
	return r
}

// mustReceive imports what is there of one bundle.
func (p *place) mustReceive(paths ...string) report.Import {
	p.tb.Helper()
	reports, _, err := p.tryImport(paths...)
	if err != nil {
		p.tb.Fatal(err)
	}
	if len(reports) != 1 {
		p.tb.Fatalf("Import gave %d reports, want 1", len(reports))
	}
	p.check()
	return reports[0]
}

// check checks the ledger.
func (p *place) check() {
	p.tb.Helper()
	p.with(func(a *Agent) {
		if err := a.ledger.Check(); err != nil {
			p.tb.Error(err)
		}
	})
}

// status returns the status.
func (p *place) status(probe bool) (s *report.InsideStatus) {
	p.tb.Helper()
	p.with(func(a *Agent) {
		var err error
		if s, err = a.Status(p.tb.Context(), StatusOptions{Probe: probe}); err != nil {
			p.tb.Fatal(err)
		}
	})
	return s
}

// inside returns where a repository of the supplier's registry lands.
func (p *place) inside(repo string) string {
	host, path, ok := strings.Cut(repo, "/")
	if !ok {
		p.tb.Fatalf("%q has no host", repo)
	}
	return p.registry.Repository(strings.ReplaceAll(host, ":", "-") + "/" + path)
}

// audits returns the verdicts in the audit.
func (p *place) audits() (verdicts []string) {
	p.tb.Helper()
	p.with(func(a *Agent) {
		err := a.ledger.Audits(func(_ int64, row ledger.AuditRow) error {
			verdicts = append(verdicts, row.Verdict)
			return nil
		})
		if err != nil {
			p.tb.Fatal(err)
		}
	})
	return verdicts
}

// writes returns the requests that could have changed the registry.
func (p *place) writes() []registrytest.Request {
	var writes []registrytest.Request
	for _, r := range p.registry.Requests() {
		if r.Method != "GET" && r.Method != "HEAD" {
			writes = append(writes, r)
		}
	}
	return writes
}

// files returns the files of the agent with their digests and modes, without
// the ledger and, unless staging is set, without what is staged.
func (p *place) files(staging bool) map[string]string {
	p.tb.Helper()
	return tree(p.tb, p.dir, func(name string) bool {
		return name == ledgerFile || !staging && strings.HasPrefix(name, stagingDir+"/")
	})
}

// store returns what is in the registry: the files of its store, without
// uploads that were given up.
func (p *place) store() map[string]string {
	p.tb.Helper()
	return tree(p.tb, p.registry.Store, func(name string) bool { return strings.Contains(name, "/_uploads/") })
}

// tree returns the files below dir, with mode and digest.
func tree(tb testing.TB, dir string, skip func(name string) bool) map[string]string {
	tb.Helper()
	files := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the registry has just cleaned up
		}
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || skip(filepath.ToSlash(name)) {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(name)] = fmt.Sprintf("%v %x", info.Mode(), sha256.Sum256(b))
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

// ledgerText returns all that the ledger says, with INSIDE for the host of the
// registry.
func (p *place) ledgerText() string {
	p.tb.Helper()
	var b strings.Builder
	p.with(func(a *Agent) {
		head, err := a.ledger.Head()
		if err != nil {
			p.tb.Fatal(err)
		}
		fmt.Fprintln(&b, head)
		bundles, err := a.ledger.Bundles()
		if err != nil {
			p.tb.Fatal(err)
		}
		releases, err := a.ledger.Releases()
		if err != nil {
			p.tb.Fatal(err)
		}
		fmt.Fprintln(&b, bundles, releases)
		err = a.ledger.Holdings(func(h ledger.Blob, repos []string) error {
			_, err := fmt.Fprintln(&b, h, repos)
			return err
		})
		if err != nil {
			p.tb.Fatal(err)
		}
		if err := a.ledger.Check(); err != nil {
			p.tb.Error(err)
		}
	})
	return strings.ReplaceAll(b.String(), p.registry.Host, "INSIDE")
}

// checkDelivered compares the registry with what b brings: each manifest,
// each blob, and the tags, which name what want gives for the tag's manifest.
func (p *place) checkDelivered(b *shipment, want func(bundle.Digest) bundle.Digest) {
	p.tb.Helper()
	ctx := p.tb.Context()
	for _, a := range b.Artifacts() {
		repo := p.registry.Repository(a.Repository)
		if strings.Contains(a.Repository, ":") {
			repo = p.inside(a.Repository)
		}
		pushes, err := release.Closure(a, b.ManifestBytes)
		if err != nil {
			p.tb.Fatal(err)
		}
		for _, m := range pushes {
			named := want(m.Digest)
			if named == m.Digest {
				if _, raw, err := p.client.Manifest(ctx, repo, m.Digest); err != nil || !bytes.Equal(raw, m.Raw) {
					p.tb.Errorf("%s: manifest %s: %v, or other bytes", a.Name, m.Digest, err)
				}
			}
			for _, tag := range m.Tags {
				if got, ok, err := p.client.StatManifest(ctx, repo, tag); err != nil || !ok || got.Digest != named {
					p.tb.Errorf("%s: tag %q names %q, %v, want %s", a.Name, tag, got.Digest, err, named)
				}
			}
			for _, blob := range m.Blobs {
				if raw, err := (source{p.client}).Blob(ctx, repo, blob.Digest, blob.Size); err != nil || bundle.DigestOf(raw) != blob.Digest {
					p.tb.Errorf("%s: blob %s: %v, or other bytes", a.Name, blob.Digest, err)
				}
			}
		}
	}
}

// same says that a tag names the manifest that it named outside.
func same(d bundle.Digest) bundle.Digest { return d }

// harm changes a file as change says.
func harm(tb testing.TB, name string, change func([]byte) []byte) {
	tb.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(name, change(b), 0o600); err != nil {
		tb.Fatal(err)
	}
}

// copyTo copies files to a new directory and returns that.
func copyTo(tb testing.TB, files ...string) string {
	tb.Helper()
	dir := tb.TempDir()
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), b, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// canceled returns a context that has ended.
func canceled(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	cancel()
	return ctx
}
