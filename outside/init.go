package outside

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/airgap-ferry/ferry/internal/durable"
	"github.com/airgap-ferry/ferry/ledger"
	"github.com/airgap-ferry/ferry/verify"
	"github.com/airgap-ferry/ferry/verify/statement"
)

const (
	defaultKeyName = "packer"

	// The policy of a new root.
	newMaxSeqStep = 100
	newMaxAge     = 30 * day
	newClockSkew  = day
)

// InitOptions says how Init makes an agent's directory.
type InitOptions struct {
	Password []byte    // under which the private key is encrypted
	Now      time.Time // when the root is issued
	KeyName  string    // of the key in the root, for people; "" for "packer"

	// Tests put others in the place of these: keys are slow on purpose.
	fs       durable.FS
	generate func(password []byte) (privatePEM, publicPEM []byte, err error)
	load     func(privatePEM, password []byte) (verify.Signer, error)
}

// Initialized is what Init made.
type Initialized struct {
	Dir           string
	RootFile      string // to be carried inside
	PublicKeyFile string // for gateway officers
	Fingerprint   string // of the root, to be told inside by telephone
}

// Init makes the directory dir, with a new key pair, an empty ledger and a
// root that trusts the key: for any site, with epoch 1, valid for a year.
//
// A directory in which an earlier Init was interrupted is completed: keys,
// root and ledger that are there stay, also those that somebody put there. If
// the password does not open the key the error is [verify.ErrPassword]. A
// complete directory gives [ErrInitialized].
func Init(dir string, o InitOptions) (*Initialized, error) {
	if o.fs == nil {
		o.fs = durable.OS
	}
	if o.generate == nil {
		o.generate, o.load = verify.GenerateKeyPair, verify.LoadSigner
	}
	for _, name := range []string{configFile, insideFile} {
		if _, err := o.fs.Stat(filepath.Join(dir, name)); err == nil {
			return nil, fmt.Errorf("%q has a %s: %w", dir, name, ErrInitialized)
		}
	}
	for _, d := range []string{keysDir, trustDir, archiveDir} {
		if err := durable.MkdirAll(o.fs, filepath.Join(dir, d), 0o700); err != nil {
			return nil, err
		}
	}
	public, err := initKeys(dir, o)
	if err != nil {
		return nil, err
	}
	root, err := initRoot(dir, o, public)
	if err != nil {
		return nil, err
	}
	if err := ledger.CreateOutside(filepath.Join(dir, ledgerFile)); err != nil && !errors.Is(err, ledger.ErrExists) {
		return nil, err
	}
	// The file that makes the directory an agent's comes last.
	if err := durable.CreateExclusive(o.fs, filepath.Join(dir, configFile), 0o644, []byte(newConfig)); err != nil {
		return nil, err
	}
	return &Initialized{
		Dir:           dir,
		RootFile:      filepath.Join(dir, rootFile),
		PublicKeyFile: filepath.Join(dir, publicKeyFile),
		Fingerprint:   statement.Fingerprint(root),
	}, nil
}

// initKeys makes the key pair, or takes the private key that is there, and
// returns the public one.
func initKeys(dir string, o InitOptions) (publicPEM []byte, err error) {
	name := filepath.Join(dir, privateKeyFile)
	private, err := durable.ReadFile(o.fs, name)
	if errors.Is(err, fs.ErrNotExist) {
		private, _, err = o.generate(o.Password)
		if err == nil {
			err = durable.CreateExclusive(o.fs, name, 0o600, private)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("making the key pair: %w", err)
	}
	signer, err := o.load(private, o.Password)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", name, err)
	}
	publicPEM = signer.PublicKeyPEM()
	return publicPEM, durable.CreateIdempotent(o.fs, filepath.Join(dir, publicKeyFile), 0o644, publicPEM)
}

// initRoot makes the root, or takes the one that is there if it trusts the key,
// and returns its bytes.
func initRoot(dir string, o InitOptions, publicPEM []byte) ([]byte, error) {
	key, err := statement.ParsePublicKey(publicPEM)
	if err != nil {
		return nil, err
	}
	name := filepath.Join(dir, rootFile)
	text, err := durable.ReadFile(o.fs, name)
	if err == nil {
		_, err := parseRoot(name, text, key.ID)
		return text, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("making the root: %w", err)
	}
	if key.Name = o.KeyName; key.Name == "" {
		key.Name = defaultKeyName
	}
	text, err = newRoot(key, o.Now).AppendText(nil)
	if err != nil {
		return nil, fmt.Errorf("making the root: %w", err)
	}
	return text, durable.CreateExclusive(o.fs, name, 0o644, text)
}

// newRoot returns a root in which key alone is root and packer.
func newRoot(key statement.Key, now time.Time) *statement.Root {
	now = now.UTC().Truncate(time.Second)
	only := statement.Role{Keys: []string{key.ID}, Threshold: 1}
	return &statement.Root{
		Version: 1, Epoch: 1, Issued: now, Expires: now.AddDate(1, 0, 0),
		Keys: []statement.Key{key}, Root: only, Packer: only,
		Policy: statement.Policy{
			MaxSeqStep: newMaxSeqStep, MaxAge: newMaxAge, ClockSkew: newClockSkew, Sites: []string{statement.AnySite},
		},
	}
}

// readRoot reads the root of the agent, in which the key with this id must be
// a packer.
func readRoot(fsys durable.FS, dir, keyID string) (*statement.Root, error) {
	name := filepath.Join(dir, rootFile)
	text, err := durable.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("reading root: %w", err)
	}
	return parseRoot(name, text, keyID)
}

func parseRoot(name string, text []byte, keyID string) (*statement.Root, error) {
	root, err := statement.ParseRoot(text)
	if err == nil && !slices.Contains(root.Packer.Keys, keyID) {
		err = &statement.UntrustedError{
			Name: statement.NoTrustedSignature,
			Msg:  fmt.Sprintf("key %s of this agent is not a packer in root version %d", keyID, root.Version),
		}
	}
	if err != nil {
		return nil, fmt.Errorf("reading root %q: %w", name, err)
	}
	return root, nil
}

// readPublicKey reads the public half of the agent's key.
func readPublicKey(fsys durable.FS, dir string) (statement.Key, error) {
	name := filepath.Join(dir, publicKeyFile)
	text, err := durable.ReadFile(fsys, name)
	if err != nil {
		return statement.Key{}, fmt.Errorf("reading public key: %w", err)
	}
	key, err := statement.ParsePublicKey(bytes.TrimSpace(text))
	if err != nil {
		return statement.Key{}, fmt.Errorf("reading public key %q: %w", name, err)
	}
	return key, nil
}
