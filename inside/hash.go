package inside

import (
	"crypto/sha256"
	"hash"

	"github.com/airgap-ferry/ferry/bundle"
)

// A digestHash is a SHA-256 that gives a Digest.
type digestHash struct{ hash.Hash }

func newHash() digestHash { return digestHash{sha256.New()} }

func (h digestHash) digest() bundle.Digest {
	return bundle.DigestFromSum([sha256.Size]byte(h.Sum(nil)))
}
