package statement

import (
	"bytes"
	"slices"

	"github.com/airgap-ferry/ferry/bundle"
)

// rootSigner is a role whose threshold a new root has to meet.
type rootSigner struct {
	name string
	root *Root
}

// VerifyRootUpdate decides whether next may take the place of the root that is
// held, and returns it parsed.
//
// It may if its version is one more, if its epoch is not lower, and if it is
// signed by the threshold of root keys of held and by the threshold of its own
// root keys. Every signature must be good and by a root key of one of them. The
// very bytes of held, whatever the signatures, give held itself: nothing
// changes. Expiry is not looked at, since a chain of updates may lead through
// roots of the past; [CheckFit] refuses a root that is past its time.
//
// Bytes that are not a root give the errors of [ParseRoot]; a root that does not
// follow gives an [*UntrustedError] named [RootChain], or another one when a
// signature is at fault.
func VerifyRootUpdate(held *Root, next []byte, sigs []bundle.Signature) (*Root, error) {
	if held == nil {
		return nil, untrusted(RootChain, "there is no root to follow")
	}
	heldBytes, err := held.AppendText(nil)
	if err != nil {
		return nil, err
	}
	n, err := ParseRoot(next)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(heldBytes, next) {
		return held, nil
	}
	if n.Version == held.Version {
		return nil, untrusted(RootChain, "root version %d differs from the one held: %s, held is %s",
			n.Version, bundle.DigestOf(next), bundle.DigestOf(heldBytes))
	}
	if n.Version != held.Version+1 {
		return nil, untrusted(RootChain, "root version %d does not follow version %d", n.Version, held.Version)
	}
	if n.Epoch < held.Epoch {
		return nil, untrusted(RootChain, "root version %d has epoch %d, version %d has %d", n.Version, n.Epoch, held.Version, held.Epoch)
	}
	if err := verifyRootSignatures(next, sigs, rootSigner{"held", held}, rootSigner{"new", n}); err != nil {
		return nil, err
	}
	return n, nil
}

// verifyRootSignatures wants the threshold of root keys of each of signers.
func verifyRootSignatures(root []byte, sigs []bundle.Signature, signers ...rootSigner) error {
	both := &Root{Version: signers[0].root.Version}
	for _, s := range signers {
		for _, id := range s.root.Root.Keys {
			k, _ := s.root.key(id)
			other, ok := both.key(id)
			if ok && !bytes.Equal(other.SPKI, k.SPKI) {
				return untrusted(RootChain, "two different keys have the id %s", id)
			}
			if !ok {
				both.Keys = append(both.Keys, k)
			}
		}
	}
	keys, err := verifyAll(root, sigs, both)
	if err != nil {
		return err
	}
	for _, s := range signers {
		signed := 0
		for _, k := range keys {
			if slices.Contains(s.root.Root.Keys, k.ID) {
				signed++
			}
		}
		if signed < s.root.Root.Threshold {
			return untrusted(RootChain, "%d of %d needed signatures by root keys of the %s root", signed, s.root.Root.Threshold, s.name)
		}
	}
	return nil
}
