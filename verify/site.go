package verify

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/airgap-ferry/ferry/bundle"
)

// maxSiteKeySize bounds a line that holds a site key. The longest is 134.
const maxSiteKeySize = 256 // bytes

// A SiteKey is the private key of a site, with which it signs receipts.
type SiteKey struct {
	signer note.Signer
	public *PublicSiteKey
}

// A PublicSiteKey is the public key of a site.
type PublicSiteKey struct {
	line     string
	verifier note.Verifier
}

// GenerateSiteKey makes the key of a site, as two lines of text without
// newline: the private one stays inside, the public one is carried out once.
// Both hold the name of the site, which is part of the key. They are keys of
// golang.org/x/mod/sumdb/note.
func GenerateSiteKey(rand io.Reader, site string) (private, public string, err error) {
	if !bundle.ValidSiteName(site) {
		return "", "", siteKeyError("site %.80q: want 1 to 63 of a-z, 0-9 and '-'", site)
	}
	private, public, err = note.GenerateKey(rand, site)
	if err != nil {
		return "", "", fmt.Errorf("generating the key of site %q: %w", site, err)
	}
	return private, public, nil
}

// ParseSiteKey parses the private line that GenerateSiteKey made; one newline
// at its end is allowed. Errors are of type [*bundle.FormatError] and hold no
// part of the key.
func ParseSiteKey(private string) (*SiteKey, error) {
	private = strings.TrimSuffix(private, "\n")
	if len(private) > maxSiteKeySize {
		return nil, siteKeyError("%d bytes, at most %d are allowed", len(private), maxSiteKeySize)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		return nil, siteKeyError("not a private site key")
	}
	// A signer does not give its public key away. It has accepted the form:
	// PRIVATE+KEY+name+hash+base64, where the last is a byte and the seed.
	fields := strings.SplitN(private, "+", 5)
	seed, err := base64.StdEncoding.DecodeString(fields[4])
	if err != nil || len(seed) != 1+ed25519.SeedSize {
		return nil, siteKeyError("not a private site key")
	}
	key, ok := ed25519.NewKeyFromSeed(seed[1:]).Public().(ed25519.PublicKey)
	if !ok {
		return nil, siteKeyError("not a private site key")
	}
	line, err := note.NewEd25519VerifierKey(signer.Name(), key)
	if err != nil {
		return nil, siteKeyError("%v", err)
	}
	public, err := ParsePublicSiteKey(line)
	if err != nil {
		return nil, err
	}
	return &SiteKey{signer: signer, public: public}, nil
}

// Public returns the public half of k.
func (k *SiteKey) Public() *PublicSiteKey { return k.public }

// ParsePublicSiteKey parses the public line that GenerateSiteKey made; one
// newline at its end is allowed. It accepts one spelling of each key, so that
// a key has one digest. Errors are of type [*bundle.FormatError].
func ParsePublicSiteKey(line string) (*PublicSiteKey, error) {
	line = strings.TrimSuffix(line, "\n")
	if len(line) > maxSiteKeySize {
		return nil, siteKeyError("%d bytes, at most %d are allowed", len(line), maxSiteKeySize)
	}
	if strings.HasPrefix(line, "PRIVATE+KEY+") {
		return nil, siteKeyError("this is the private key, which stays inside; want the public one")
	}
	v, err := note.NewVerifier(line)
	if err != nil {
		return nil, siteKeyError("%v", err)
	}
	if !bundle.ValidSiteName(v.Name()) {
		return nil, siteKeyError("site %.80q: want 1 to 63 of a-z, 0-9 and '-'", v.Name())
	}
	key, err := base64.StdEncoding.DecodeString(strings.SplitN(line, "+", 3)[2])
	if err != nil {
		return nil, siteKeyError("%v", err)
	}
	again, err := note.NewEd25519VerifierKey(v.Name(), key[1:])
	if err != nil || again != line {
		return nil, siteKeyError("not in canonical form")
	}
	return &PublicSiteKey{line: line, verifier: v}, nil
}

// Site returns the name of the site.
func (k *PublicSiteKey) Site() string { return k.verifier.Name() }

// Digest returns the digest of the public line without newline, which binds a
// statement to the site: it is Statement.SiteKey.
func (k *PublicSiteKey) Digest() bundle.Digest { return bundle.DigestOf([]byte(k.line)) }

// String returns the public line without newline.
func (k *PublicSiteKey) String() string { return k.line }

func siteKeyError(format string, args ...any) error {
	return &bundle.FormatError{Part: "site key", Msg: fmt.Sprintf(format, args...)}
}
