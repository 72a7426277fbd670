package inside

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/durable"
	"github.com/airgap-ferry/ferry/ledger"
	"github.com/airgap-ferry/ferry/verify"
	"github.com/airgap-ferry/ferry/verify/statement"
)

var errNotExist = fs.ErrNotExist

// InitOptions says how Init makes an agent's directory.
type InitOptions struct {
	Site      string // name of the site, as the outside will call it
	Registry  string // host of the site's registry, with the port if there is one
	PlainHTTP bool   // the registry does not speak TLS
	Rand      io.Reader
	Now       time.Time
}

// Initialized is what Init made.
type Initialized struct {
	Dir       string
	SiteFile  string        // to be looked at, and completed
	SiteKey   string        // public line, to be carried outside
	KeyFile   string        // that holds the public line
	KeyDigest bundle.Digest // of the public line, as statements name it
}

// ErrInitialized says that a directory belongs to an agent already.
var ErrInitialized = errors.New("there is an agent in this directory already")

// Init makes the directory dir with a new site key and an empty ledger. The
// site trusts nobody until [InitTrust]. A directory in which an earlier Init
// was interrupted is completed; a complete one gives [ErrInitialized].
func Init(dir string, o InitOptions) (*Initialized, error) {
	fsys := durable.OS
	if !bundle.ValidSiteName(o.Site) {
		return nil, fmt.Errorf("site name %.80q: want 1 to 63 of a-z, 0-9 and '-'", o.Site)
	}
	text, err := newSiteFile(o)
	if err != nil {
		return nil, err
	}
	if _, err := fsys.Stat(filepath.Join(dir, siteFile)); err == nil {
		return nil, fmt.Errorf("%q: %w", dir, ErrInitialized)
	}
	for _, d := range []string{keysDir, trustDir, stagingDir, receiptsDir} {
		if err := durable.MkdirAll(fsys, filepath.Join(dir, d), 0o700); err != nil {
			return nil, err
		}
	}
	public, err := initKey(dir, o)
	if err != nil {
		return nil, err
	}
	name := filepath.Join(dir, ledgerFile)
	if _, err := fsys.Stat(name); errors.Is(err, errNotExist) {
		err = ledger.CreateInside(name, ledger.Self{Site: o.Site, Key: public.Digest()})
		if err != nil {
			return nil, err
		}
	}
	// The file that makes the directory an agent's comes last.
	if err := durable.CreateExclusive(fsys, filepath.Join(dir, siteFile), 0o644, text); err != nil {
		return nil, err
	}
	return &Initialized{
		Dir: dir, SiteFile: filepath.Join(dir, siteFile), SiteKey: public.String(),
		KeyFile: filepath.Join(dir, keysDir, sitePubFile), KeyDigest: public.Digest(),
	}, nil
}

// initKey makes the site's key, or takes the one that is there.
func initKey(dir string, o InitOptions) (*verify.PublicSiteKey, error) {
	fsys, name := durable.OS, filepath.Join(dir, keysDir, siteKeyFile)
	private, err := durable.ReadFile(fsys, name)
	if errors.Is(err, errNotExist) {
		line, _, err := verify.GenerateSiteKey(o.Rand, o.Site)
		if err != nil {
			return nil, err
		}
		private = []byte(line + "\n")
		if err := durable.CreateExclusive(fsys, name, 0o600, private); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	key, err := verify.ParseSiteKey(string(private))
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", name, err)
	}
	if key.Public().Site() != o.Site {
		return nil, fmt.Errorf("%q is the key of site %q, not of %q", name, key.Public().Site(), o.Site)
	}
	public := key.Public()
	return public, durable.CreateIdempotent(fsys, filepath.Join(dir, keysDir, sitePubFile), 0o644, []byte(public.String()+"\n"))
}

// InitTrust makes the site in dir trust the root in the file name, if its
// fingerprint is the one that somebody outside has read out. Nothing is
// written before it was compared. A site that trusts a root already keeps it:
// the same root again is fine, another one is not taken.
func InitTrust(dir, name, fingerprint string) error {
	fsys := durable.OS
	if _, err := fsys.Stat(filepath.Join(dir, siteFile)); err != nil {
		return fmt.Errorf("looking for a site: %w", err)
	}
	b, err := readRoot(name)
	if err != nil {
		return fmt.Errorf("reading root %q: %w", name, err)
	}
	if !statement.MatchFingerprint(b, fingerprint) {
		return &statement.UntrustedError{Name: statement.RootFingerprint, Msg: fmt.Sprintf(
			"the fingerprint of %q is %s, not the one given", name, statement.Fingerprint(b))}
	}
	root, err := statement.ParseRoot(b)
	if err != nil {
		return fmt.Errorf("reading root %q: %w", name, err)
	}
	err = durable.CreateIdempotent(fsys, filepath.Join(dir, trustDir, rootFile), 0o644, b)
	if errors.Is(err, durable.ErrDiffers) {
		return &statement.UntrustedError{Name: statement.RootChain, Msg: fmt.Sprintf(
			"this site trusts another root already; version %d can only follow it, signed by its keys", root.Version)}
	}
	return err
}

// readRoot reads the file of a root, no further than one can be long.
func readRoot(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, statement.MaxRootSize+1))
}
