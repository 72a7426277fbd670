package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

const digestPrefix = "sha256:"

// A Digest names bytes: "sha256:" and 64 lower-case hex digits. It is the
// digest of the bytes as stored. The zero value names nothing.
//
// SHA-256 is the only algorithm of format v1.
type Digest string

// ParseDigest returns s as a Digest if it is one.
func ParseDigest(s string) (Digest, error) {
	h, ok := strings.CutPrefix(s, digestPrefix)
	if !ok || len(h) != 2*sha256.Size || strings.Trim(h, "0123456789abcdef") != "" {
		return "", fmt.Errorf("digest %.80q: want sha256: and 64 lower-case hex digits", s)
	}
	return Digest(s), nil
}

// DigestOf returns the digest of b.
func DigestOf(b []byte) Digest { return DigestFromSum(sha256.Sum256(b)) }

// DigestFromSum returns the digest with the given 32 bytes.
func DigestFromSum(sum [sha256.Size]byte) Digest {
	return Digest(digestPrefix + hex.EncodeToString(sum[:]))
}

// Sum returns the 32 bytes of d. It panics if d is not a valid digest.
func (d Digest) Sum() (sum [sha256.Size]byte) {
	if n, err := hex.Decode(sum[:], []byte(d.Hex())); err != nil || n != len(sum) {
		panic(fmt.Sprintf("bundle: internal error: %q is not a digest", string(d)))
	}
	return sum
}

// Hex returns the 64 hex digits of d.
func (d Digest) Hex() string { return strings.TrimPrefix(string(d), digestPrefix) }

// Short returns the first 12 hex digits, for progress and tables. Errors and
// records carry digests in full.
func (d Digest) Short() string {
	h := d.Hex()
	return h[:min(12, len(h))]
}
