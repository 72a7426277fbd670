package statement

import (
	"errors"
	"fmt"
)

// Stable names of refusals for want of trust, for UntrustedError.Name.
const (
	Unsigned           = "unsigned"             // there is no signature
	NoTrustedSignature = "no-trusted-signature" // a signature by a key that the root does not know, or not for this
	Threshold          = "threshold"            // not enough distinct keys of a role
	RevokedKey         = "revoked-key"          // a signature by a key that the root lists without a role
	BadSignature       = "bad-signature"        // a signature that is not canonical or does not verify
	KeyType            = "key-type"             // a key that is not ECDSA P-256
	WrongMagic         = "magic"                // the signed bytes are something else
	RootChain          = "root-chain"           // a root that does not follow from the one held
	RootFingerprint    = "root-fingerprint"     // a root other than the one whose fingerprint was read out
	RootTooOld         = "root-too-old"         // a statement or a site that needs a newer root
	RootExpired        = "root-expired"         // a root past its time
)

// Stable names of refusals for want of fit, for MisfitError.Name.
const (
	WrongSite          = "wrong-site"           // for another site, or for other keys of this one
	Gap                = "gap"                  // shipments before this one are missing
	Rollback           = "rollback"             // older than what was accepted
	Fork               = "fork"                 // another history than the accepted one
	SeqStep            = "seq-step"             // too far ahead to be waited for
	EpochNotAuthorised = "epoch-not-authorised" // numbering that the root does not allow
	Expired            = "expired"              // past its time
	WrongClock         = "clock"                // issued in the future
)

// ErrAlreadyImported says that the very same statement was accepted before.
// There is nothing to do and nothing wrong.
var ErrAlreadyImported = errors.New("already imported")

// An UntrustedError reports bytes that nobody trusted vouches for.
type UntrustedError struct {
	Name string // one of the stable names above
	Msg  string // what differs, in one line
}

func (e *UntrustedError) Error() string {
	return fmt.Sprintf("not trusted (%s): %s", e.Name, e.Msg)
}

// A MisfitError reports a statement that is signed well but is not for this
// site at this time.
type MisfitError struct {
	Name string  // one of the stable names above
	Msg  string  // what differs, in one line
	Need []int64 // for Gap: the shipments to bring first, ascending
}

func (e *MisfitError) Error() string {
	return fmt.Sprintf("does not fit (%s): %s", e.Name, e.Msg)
}

func untrusted(name, format string, args ...any) error {
	return &UntrustedError{Name: name, Msg: fmt.Sprintf(format, args...)}
}

func misfit(name, format string, args ...any) error {
	return &MisfitError{Name: name, Msg: fmt.Sprintf(format, args...)}
}
