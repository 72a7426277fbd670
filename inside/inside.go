// Package inside is the agent on the far side of the gap: it receives bundles,
// verifies and stages them, brings their releases into the registry of the
// site, writes their files, and gives a receipt.
//
// # Directory
//
// An agent lives in one directory, which [Init] makes:
//
//	site.yaml         who this site is, its registry, and what lands where
//	ledger.db         what was accepted, and what the site holds (package ledger)
//	floor             the highest epoch, seq and time accepted, beside the ledger
//	keys/site.key     signs receipts
//	keys/site.pub     its public half, carried outside once
//	trust/root.json   whom the site trusts, put there by [InitTrust]
//	staging/          verified bytes of bundles that are not imported yet
//	receipts/         one signed receipt per imported bundle
//
// # Order of an import
//
// Nothing is acted upon before all of it is verified:
//
//  1. statement and signatures against the root; then site, epoch, seq,
//     previous statement, expiry, root version;
//  2. the sizes in the statement against the free space;
//  3. the index;
//  4. chunks, each hashed and only then written to staging, volume by volume,
//     in whatever order these come; until the last one came the bundle waits;
//  5. the releases: everything they need is staged or held, and no two of
//     their repositories land in one place;
//  6. blobs are pushed, then manifests, each read back, then tags: of
//     signatures before what they sign, of the release last;
//  7. files are written;
//  8. the ledger records the holdings, and then in one transaction the bundle
//     as imported, its releases and the new floor; then the floor file is
//     written and the receipt signed.
//
// Each step can be repeated. Whatever ended an import, the same command run
// again finishes it. What is staged is compared with its digest once more when
// it is used; what is not right any more is read again from its volumes.
//
// The registry is asked for each blob before it is sent one; what another
// repository of it holds is mounted. The medium is read once: what happens
// after step 4 goes by staging alone.
package inside

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/durable"
	"github.com/airgap-ferry/ferry/internal/term"
	"github.com/airgap-ferry/ferry/ledger"
	"github.com/airgap-ferry/ferry/registry"
	"github.com/airgap-ferry/ferry/verify"
	"github.com/airgap-ferry/ferry/verify/statement"
)

// Names in the directory of an agent.
const (
	siteFile     = "site.yaml"
	ledgerFile   = "ledger.db"
	floorFile    = "floor"
	keysDir      = "keys"
	siteKeyFile  = "site.key"
	sitePubFile  = "site.pub"
	trustDir     = "trust"
	rootFile     = "root.json"
	stagingDir   = "staging"
	receiptsDir  = "receipts"
	defaultFiles = "files"
)

// Options says how an Agent works. Now must be set; everything else may be
// zero.
type Options struct {
	Progress *term.Progress
	Log      *slog.Logger     // nil: nothing is logged
	Now      func() time.Time // the clock, read once per command
	Parallel int              // transfers at a time, 0 for 8
	Memory   int64            // bytes that applying patches may take, 0 for delta.DefaultMemory
	FS       durable.FS       // nil: the file system of the system
}

// An Agent imports into one site. It holds the ledger: only one Agent of a
// directory is open at a time. Its methods must not be called concurrently.
type Agent struct {
	dir     string
	o       Options
	site    *Site
	ledger  *ledger.Inside
	client  *registry.Client
	key     *verify.SiteKey
	mapping Mapping
	now     time.Time

	freeSpace func(dir string) (int64, error) // bytes
}

// ErrNoTrust says that nobody has told this site yet whom to trust.
var ErrNoTrust = errors.New("this site trusts nobody yet")

const defaultParallel = 8

// Open opens the agent in dir. The caller must call Close.
func Open(dir string, o Options) (*Agent, error) {
	if o.FS == nil {
		o.FS = durable.OS
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Parallel <= 0 {
		o.Parallel = defaultParallel
	}
	a := &Agent{dir: dir, o: o, now: o.Now().UTC().Truncate(time.Second), freeSpace: durable.FreeSpace}
	var err error
	if a.site, err = ReadSite(a.path(siteFile)); err != nil {
		return nil, err
	}
	a.mapping = a.site.mapping()
	if a.key, err = a.readKey(); err != nil {
		return nil, err
	}
	if a.client, err = a.newClient(); err != nil {
		return nil, err
	}
	if a.ledger, err = ledger.OpenInside(a.path(ledgerFile)); err != nil {
		return nil, err
	}
	if err := a.checkLedger(); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// Close lets go of the ledger.
func (a *Agent) Close() error {
	a.client.Close()
	return a.ledger.Close()
}

func (a *Agent) path(names ...string) string {
	return filepath.Join(append([]string{a.dir}, names...)...)
}

func (a *Agent) readKey() (*verify.SiteKey, error) {
	b, err := durable.ReadFile(a.o.FS, a.path(keysDir, siteKeyFile))
	if err != nil {
		return nil, fmt.Errorf("reading the site's key: %w", err)
	}
	key, err := verify.ParseSiteKey(string(b))
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", a.path(keysDir, siteKeyFile), err)
	}
	return key, nil
}

func (a *Agent) newClient() (*registry.Client, error) {
	o := registry.Options{Parallel: a.o.Parallel}
	if a.site.PlainHTTP {
		o.PlainHTTP = []string{a.site.Registry}
	}
	if a.site.CA != "" {
		o.CAFiles = []string{a.relative(a.site.CA)}
	}
	return registry.New(o)
}

// relative returns a path of site.yaml, which is relative to its directory.
func (a *Agent) relative(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return a.path(path)
}

// Root returns the root that the site in dir trusts, or [ErrNoTrust].
func Root(dir string) (*statement.Root, error) {
	b, err := durable.ReadFile(durable.OS, filepath.Join(dir, trustDir, rootFile))
	if errors.Is(err, errNotExist) {
		return nil, ErrNoTrust
	}
	if err != nil {
		return nil, fmt.Errorf("reading the root: %w", err)
	}
	root, err := statement.ParseRoot(b)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", filepath.Join(dir, trustDir, rootFile), err)
	}
	return root, nil
}

// siteKeyDigest returns what statements call the site's key.
func (a *Agent) siteKeyDigest() bundle.Digest { return a.key.Public().Digest() }
