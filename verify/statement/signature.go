package statement

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/airgap-ferry/ferry/bundle"
)

// statementMagic begins every statement, of any version. A key that signs
// other things too, such as images, cannot have signed a statement by that.
const statementMagic = "ferry-statement-"

// orderP256 is n, the number of points of P-256, big-endian.
var orderP256 = []byte{
	0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
}

// Signers are the keys whose signatures a statement bears.
type Signers struct {
	Packers  []Key // sorted by id
	Officers []Key // sorted by id
}

// VerifySignatures checks the signatures of a statement against the roles and
// thresholds of root, and returns who signed.
//
// Thresholds count distinct public keys. Every signature must be good: by a
// key that root lists as packer or officer, in canonical DER, and verifying.
// One that is not is refused even when the thresholds are met without it, so
// that no byte of the signature files is free. (ECDSA itself leaves one twin to
// each signature, n-s for s; it says the same about the same statement.)
//
// Whoever signed, what is signed must be a statement by its first line. Form is
// the matter of [bundle.ParseStatement].
//
// Errors are of type [*UntrustedError]. A nil or zero root refuses everything.
func VerifySignatures(statement []byte, sigs []bundle.Signature, root *Root) (Signers, error) {
	if root == nil {
		return Signers{}, untrusted(NoTrustedSignature, "there is no root to check signatures against")
	}
	if !bytes.HasPrefix(statement, []byte(statementMagic)) {
		return Signers{}, untrusted(WrongMagic, "signed bytes begin with %.40q, want %q", statement[:min(40, len(statement))], statementMagic)
	}
	keys, err := verifyAll(statement, sigs, root)
	if err != nil {
		return Signers{}, err
	}
	var s Signers
	for _, k := range keys {
		switch {
		case slices.Contains(root.Packer.Keys, k.ID):
			s.Packers = append(s.Packers, k)
		case slices.Contains(root.Officer.Keys, k.ID):
			s.Officers = append(s.Officers, k)
		case slices.Contains(root.Root.Keys, k.ID):
			return Signers{}, untrusted(NoTrustedSignature, "key %s may sign roots, not statements", k)
		default:
			return Signers{}, untrusted(RevokedKey, "key %s has no role any more in root version %d", k, root.Version)
		}
	}
	if err := checkThreshold("packer", root.Packer, s.Packers); err != nil {
		return Signers{}, err
	}
	// Only a root that never went through ParseRoot can ask for no packer.
	if len(s.Packers) == 0 {
		return Signers{}, untrusted(Threshold, "no signature by a packer")
	}
	if err := checkThreshold("officer", root.Officer, s.Officers); err != nil {
		return Signers{}, err
	}
	return s, nil
}

// verifyAll verifies each of sigs over message and returns their keys, sorted
// by id. All must be by keys of root, no two by the same.
func verifyAll(message []byte, sigs []bundle.Signature, root *Root) ([]Key, error) {
	if len(sigs) == 0 {
		return nil, untrusted(Unsigned, "there is no signature")
	}
	if len(sigs) > bundle.MaxSignatures {
		return nil, untrusted(BadSignature, "%d signatures, at most %d are allowed", len(sigs), bundle.MaxSignatures)
	}
	sum := sha256.Sum256(message)
	var keys []Key
	for _, sig := range sigs {
		k, ok := root.key(sig.KeyID)
		if !ok {
			return nil, untrusted(NoTrustedSignature, "key %.40q is not in root version %d", sig.KeyID, root.Version)
		}
		if slices.ContainsFunc(keys, func(other Key) bool { return bytes.Equal(other.SPKI, k.SPKI) }) {
			return nil, untrusted(Threshold, "key %s signed twice; a threshold counts each key once", k)
		}
		if err := verifyOne(sum[:], sig.DER, k); err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b Key) int { return strings.Compare(a.ID, b.ID) })
	return keys, nil
}

func verifyOne(sum, der []byte, k Key) error {
	pub, err := k.public()
	if err != nil {
		return err
	}
	if err := checkDER(der); err != nil {
		return untrusted(BadSignature, "signature by key %s: %v", k, err)
	}
	if !ecdsa.VerifyASN1(pub, sum, der) {
		return untrusted(BadSignature, "signature by key %s does not verify: it is over other bytes or by another key", k)
	}
	return nil
}

func checkThreshold(name string, role Role, signed []Key) error {
	if len(signed) < role.Threshold {
		return untrusted(Threshold, "%d of %d needed signatures by keys of role %s", len(signed), role.Threshold, name)
	}
	return nil
}

// checkDER reports what keeps der from being the one DER encoding of a
// signature: a SEQUENCE of two INTEGERs from 1 to n-1 and nothing else.
func checkDER(der []byte) error {
	// 72 bytes are the most, so that lengths have one byte.
	if len(der) < 2 || len(der) > 72 || der[0] != 0x30 || int(der[1]) != len(der)-2 {
		return errors.New("not a DER sequence")
	}
	rest, err := cutScalar(der[2:])
	if err != nil {
		return fmt.Errorf("r: %w", err)
	}
	if rest, err = cutScalar(rest); err != nil {
		return fmt.Errorf("s: %w", err)
	}
	if len(rest) != 0 {
		return fmt.Errorf("%d bytes after s", len(rest))
	}
	return nil
}

// cutScalar takes one INTEGER off b and returns what follows it.
func cutScalar(b []byte) (rest []byte, err error) {
	if len(b) < 2 || b[0] != 0x02 || b[1] == 0 || int(b[1]) > len(b)-2 {
		return nil, errors.New("not a DER integer")
	}
	n, rest := b[2:2+int(b[1])], b[2+int(b[1]):]
	if n[0]&0x80 != 0 {
		return nil, errors.New("negative")
	}
	if len(n) > 1 && n[0] == 0 && n[1]&0x80 == 0 {
		return nil, errors.New("leading zero byte")
	}
	n = bytes.TrimLeft(n, "\x00")
	if len(n) == 0 {
		return nil, errors.New("zero")
	}
	if len(n) > len(orderP256) || len(n) == len(orderP256) && bytes.Compare(n, orderP256) >= 0 {
		return nil, errors.New("not below the order of the curve")
	}
	return rest, nil
}
