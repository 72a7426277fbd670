package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"strings"

	"github.com/airgap-ferry/ferry/bundle/volume"
	"github.com/airgap-ferry/ferry/delta"
	"github.com/airgap-ferry/ferry/inside"
	"github.com/airgap-ferry/ferry/ledger"
	"github.com/airgap-ferry/ferry/outside"
	"github.com/airgap-ferry/ferry/registry"
	"github.com/airgap-ferry/ferry/verify"
	"github.com/airgap-ferry/ferry/verify/statement"
)

// A hintedError carries its own hint, where the type of the error does not
// tell enough.
type hintedError struct {
	err  error
	hint string
}

func (e *hintedError) Error() string { return e.err.Error() }
func (e *hintedError) Unwrap() error { return e.err }

// hint returns what to do about err, or "" if there is nothing to say beyond
// the message itself.
func hint(err error) string {
	if s := split(err); len(s.parts) > 0 {
		return jointHint(s.parts, exitCode(err))
	}
	if is[*interruptedError](err) {
		return codeHint(err)
	}
	if h, ok := errors.AsType[*hintedError](err); ok {
		return h.hint
	}
	if e, ok := errors.AsType[*statement.UntrustedError](err); ok {
		return untrustedHint(e)
	}
	if e, ok := errors.AsType[*statement.MisfitError](err); ok {
		return misfitHint(e)
	}
	if e, ok := errors.AsType[*registry.Error](err); ok && codeOf(err) == exitRegistry {
		return registryHint(e)
	}
	if e, ok := errors.AsType[*delta.MemoryError](err); ok {
		return fmt.Sprintf("let it take that much: --memory %dMiB", e.Need>>20+1)
	}
	if is[*delta.MismatchError](err) {
		return "run the same command again; if it stays like this, a base in the registry is not what it was: ferry pack --no-patch needs none"
	}
	if is[*inside.CollisionError](err) {
		return "change the rules in site.yaml: without a rule a source keeps its host in the path, and none meet"
	}
	if fileOf(err) != "" {
		return "correct what is named and run the same command again; nothing was written"
	}
	for _, h := range hints {
		if errors.Is(err, h.err) {
			return h.text
		}
	}
	return codeHint(err)
}

// hints are what to do about the errors that packages name.
var hints = []struct {
	err  error
	text string
}{
	{verify.ErrPassword, "check COSIGN_PASSWORD or --password-file; without both, ferry asks on a terminal"},
	{inside.ErrNoTrust, `carry the root inside and run: ferry trust init root.json --fingerprint "HEX", with the fingerprint as told by telephone`},
	{volume.ErrNoIndex, "import volume 1 or the last one first, then this one again"},
	{inside.ErrNoBundle, "bundles are files such as north-1-1.v001.tar; ferry inspect shows what a file is"},
	{outside.ErrLock, "review what differs; ferry pack without --locked writes the lock file anew"},
	{outside.ErrOccupied, "write to an empty directory with -o; nothing of the shipment was lost"},
	{outside.ErrUnfinished, "bring its volumes back to where they were written, and run the same command again"},
	{outside.ErrWhichSite, "name it with --site"},
	{ledger.ErrNotFound, "ferry status lists the sites; ferry site add adds one"},
	{ledger.ErrExists, "ferry status shows what is there"},
	{ledger.ErrDamaged, "restore the directory from a copy; do not go on with this one"},
	{fs.ErrPermission, "check who owns the file and as whom ferry runs"},
}

// jointHint returns the hint of the first of parts that led to the code.
func jointHint(parts []error, code int) string {
	for _, part := range parts {
		if h := hint(part); h != "" && codeOf(part) == code {
			return h
		}
	}
	return ""
}

// codeHint returns the hint that all errors with a code share.
func codeHint(err error) string {
	switch codeOf(err) {
	case exitUsage:
		if e, ok := errors.AsType[*usageError](err); ok {
			return strings.TrimSpace("ferry help " + strings.TrimPrefix(e.command, "ferry "))
		}
	case exitPart:
		return "import the missing volumes when they come; what is staged is not needed again"
	case exitMalformed:
		return "check that this is the bundle, and not a receipt, a parity file or an archive of it"
	case exitDamaged:
		return "copy the volumes that are named again, from the medium or from the sender; the others stay good"
	case exitVersion:
		return "install on this side the ferry that made it, or a newer one"
	case exitMisfit:
		if is[*inside.FloorError](err) {
			return "restore a newer copy of the ledger; with this one old bundles could come in"
		}
		if e, ok := errors.AsType[*inside.MissingError](err); ok && e.Base {
			return "bring the base back into the registry, or ask the sender for a bundle that needs none: ferry pack --no-patch --basis none"
		}
		return "ask the sender for a bundle that carries what is missing: ferry pack --basis none"
	case exitBusy:
		return "wait for the other ferry command, or see who it is with fuser(1)"
	case exitSpace:
		return "make room on that file system and run the same command again: it goes on where it stopped"
	case exitInterrupted:
		return "run the same command again: it goes on where it stopped"
	}
	return ""
}

// untrustedHint says what a refusal for want of trust may mean to do.
func untrustedHint(e *statement.UntrustedError) string {
	switch e.Name {
	case statement.RootFingerprint:
		return "ask the sender for the fingerprint again, by a way that the root did not come by; do not take it from the message above"
	case statement.RootTooOld, statement.RootExpired:
		return "ask the sender for the newest root"
	case statement.KeyType:
		return "make a key with ferry init outside, or with cosign generate-key-pair"
	}
	return "do not import it; tell whoever is responsible for security, and compare fingerprints with the sender"
}

func misfitHint(e *statement.MisfitError) string {
	switch e.Name {
	case statement.WrongSite:
		return "this bundle belongs somewhere else; look for the one for this site with: ferry inspect"
	case statement.Gap:
		return "import the shipments that are named first; this one can stay where it is"
	case statement.Rollback:
		return "this site is further than that; nothing has to be done unless the sender says otherwise"
	case statement.Fork:
		return "two bundles have one number: ask the sender whether two ledgers are in use outside"
	case statement.Expired:
		return "ask the sender to pack it again; compare the clock of this machine first"
	case statement.WrongClock:
		return "compare the clock of this machine with a good one, then run the same command again"
	case statement.EpochNotAuthorised:
		return "ask the sender for the root that goes with this bundle"
	}
	return "ask the sender for a bundle that follows the last one imported: ferry status"
}

// registryHint puts into words what a registry or the network said.
func registryHint(e *registry.Error) string {
	var unknown x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verification *tls.CertificateVerificationError
	var dns *net.DNSError
	switch {
	case errors.Is(e, registry.ErrUnauthorized):
		return fmt.Sprintf("log in with an account that may do this: docker login %s", e.Host)
	case errors.Is(e, registry.ErrReadOnly):
		return "end the maintenance of the registry, then run the same command again"
	case errors.Is(e, registry.ErrQuota):
		return "raise the quota of the project, then run the same command again: what is there already is not sent again"
	case errors.Is(e, registry.ErrSparseRefused):
		return `list every platform of the image in the release ("platforms: [all]"), or let the registry take sparse indexes`
	case errors.Is(e, registry.ErrNotFound):
		return "check the name and the tag; a registry also says so of what one may not see"
	case errors.Is(e, registry.ErrWrongContent):
		return "the registry, or something before it, changes content: check its storage and any proxy"
	case errors.Is(e, registry.ErrPlainHTTP):
		return "if this registry has no TLS, say so: plainHTTP in ferry.yaml outside, or in site.yaml inside"
	case errors.As(e, &unknown), errors.As(e, &hostname), errors.As(e, &invalid), errors.As(e, &verification):
		return "name the CA of the registry in ferry.yaml outside, or in site.yaml inside"
	case e.Status == http.StatusTooManyRequests:
		return "the registry limits the rate: wait, or log in for a higher limit, then run the same command again"
	case errors.As(e, &dns):
		return fmt.Sprintf("check the name %q and the name server", e.Host)
	case errors.Is(e, registry.ErrUnavailable), e.Status == 0:
		return fmt.Sprintf("check that the registry %s runs and can be reached, then run the same command again", e.Host)
	}
	return "run the same command again; if it stays like this, look into the log of the registry"
}
