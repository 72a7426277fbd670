// Package outside is the agent on the connected side: it plans what a site
// lacks, packs that into a bundle, and keeps the ledger right.
//
// # Directory
//
// An agent lives in one directory, which [Init] makes:
//
//	ferry.yaml           configuration: registries, and how to pack
//	ledger.db            what each site holds, and the shipments (package ledger)
//	keys/cosign.key      signs bundles; encrypted under a password
//	keys/cosign.pub
//	trust/root.json      what the inside must trust; its fingerprint goes by telephone
//	archive/             statement, signatures, index and lock file of every shipment
//	cache/               what was learned about registries; may be removed
//
// # Life of a shipment
//
// [Agent.Plan] resolves a release, compares it with what the site holds and
// lays out the bundle. [Plan.Execute] does what the plan says, in this order:
//
//  1. the ledger consumes a seq: the shipment is planned, with its time;
//  2. the payload is streamed from the registries to its final place in
//     *.partial files, and hashed on the way;
//  3. index, statement and signatures are written and all volumes synced;
//  4. the archive gets statement, signatures, index and lock file, and the lock
//     file is written beside the release file;
//  5. the ledger knows the statement: the shipment is sealed;
//  6. the volumes get their names, the first one last;
//  7. the ledger records the holdings: the shipment is shipped.
//
// Everything that a bundle consists of follows from the plan and the time in
// the ledger. So whatever stopped Execute, and wherever, planning and
// executing the same thing again goes on: payload that is there already and
// right is kept, the same seq is used, and the same bytes come out. Before
// step 6 nothing has the name of a volume, so nobody can have carried anything
// away, and another plan may take the seq.
//
// # What is written
//
// Plan writes neither lock file nor volumes and consumes no seq. It keeps what
// it read from registries in the ledger's cache, and it completes a sealed
// shipment of another plan, of which all volumes are there. Execute writes a
// byte of payload once.
//
// # Errors
//
// Errors of a registry are of type [*registry.Error], those of a release file
// a join of [*release.Error], a wrong password is [verify.ErrPassword], a full
// disk [syscall.ENOSPC], and a busy ledger [ledger.ErrLocked].
//
// The agent decides nothing about trust beyond what release.yaml asks for: it
// believes the registries that the release names.
package outside

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/airgap-ferry/ferry/internal/durable"
	"github.com/airgap-ferry/ferry/internal/term"
	"github.com/airgap-ferry/ferry/ledger"
	"github.com/airgap-ferry/ferry/registry"
	"github.com/airgap-ferry/ferry/verify"
)

// Names in the agent's directory.
const (
	configFile     = "ferry.yaml"
	ledgerFile     = "ledger.db"
	keysDir        = "keys"
	privateKeyFile = "keys/cosign.key"
	publicKeyFile  = "keys/cosign.pub"
	trustDir       = "trust"
	rootFile       = "trust/root.json"
	archiveDir     = "archive"
	cacheDir       = "cache"

	// insideFile makes a directory one of the other side.
	insideFile = "site.yaml"
)

// Errors that callers may test for with errors.Is.
var (
	// ErrNoAgent says that a directory is not one that Init made.
	ErrNoAgent = errors.New("no agent of the outside is in this directory")

	// ErrInitialized says that a directory belongs to an agent already.
	ErrInitialized = errors.New("there is an agent in this directory already")

	// ErrLock says that the lock file is missing, or is not what the release
	// resolves to now.
	ErrLock = errors.New("lock file does not fit the release")

	// ErrOccupied says that there are files under the names of the volumes.
	ErrOccupied = errors.New("a volume of that name is there already")

	// ErrUnfinished says that another shipment to the site was sealed, and
	// that its volumes are not to be found.
	ErrUnfinished = errors.New("it was sealed, but its volumes are not all there")
)

// Options says how an Agent works. Now, Password and Tool must be set to
// pack; everything else may be zero.
type Options struct {
	Progress *term.Progress
	Log      *slog.Logger           // nil: nothing is logged
	Now      func() time.Time       // the clock
	Password func() ([]byte, error) // opens keys/cosign.key; called when a bundle is to be signed
	Tool     string                 // program and version, for the statement
	Parallel int                    // transfers at a time; 0: as ferry.yaml says
	FS       durable.FS             // nil: the file system of the system; the ledger does not use it
}

// An Agent packs for sites. It holds the ledger: only one Agent of a directory
// is open at a time. Its methods must not be called concurrently.
type Agent struct {
	dir    string
	o      Options
	config *config
	ledger *ledger.Outside
	client *registry.Client
	hosts  *hosts
	patch  *patcher // of the last plan; nil if it had none

	// Of the machine; tests put others in their place.
	freeSpace  func(dir string) (int64, error)
	loadSigner func(privatePEM, password []byte) (verify.Signer, error)
}

// Open opens the agent in dir. The caller must call Close. It returns
// [ErrNoAgent] if there is none.
func Open(dir string, o Options) (*Agent, error) {
	if o.FS == nil {
		o.FS = durable.OS
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = func() time.Time { return time.Time{} }
	}
	c, err := readConfig(o.FS, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%q has no %s: %w", dir, configFile, ErrNoAgent)
	}
	if err != nil {
		return nil, err
	}
	if o.Parallel > 0 {
		c.parallel = min(o.Parallel, maxParallel)
	}
	client, err := registry.New(registry.Options{
		PlainHTTP: c.plainHTTP, CAFiles: c.caFiles, UserAgent: "ferry", Parallel: questionsPerImage * c.parallel,
	})
	if err != nil {
		return nil, err
	}
	l, err := ledger.OpenOutside(filepath.Join(dir, ledgerFile))
	if err != nil {
		return nil, err
	}
	a := &Agent{
		dir: dir, o: o, config: c, ledger: l, client: client,
		freeSpace: durable.FreeSpace, loadSigner: verify.LoadSigner,
	}
	a.hosts = readHosts(o.FS, a.path(cacheDir), a.now())
	a.hosts.teach(client)
	return a, nil
}

// Close removes what its plan left to be packed, and lets go of the ledger.
func (a *Agent) Close() error {
	a.client.Close()
	return errors.Join(a.patch.close(), a.ledger.Close())
}

// path returns where a file of the agent is.
func (a *Agent) path(name string) string { return filepath.Join(a.dir, filepath.FromSlash(name)) }

// now returns the time in whole seconds, as statements have it.
func (a *Agent) now() time.Time { return a.o.Now().UTC().Truncate(time.Second) }
