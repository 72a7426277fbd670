// Package gateway looks at bundles on their way, as a gateway officer does:
// with nothing but the volumes, and a root if there is one.
//
// What it says of a bundle is what the bundle says of itself. That is worth
// something only if the signatures satisfy a root, and, of the payload, only
// if every byte was read: [report.Bundle].Trusted and Verified.
//
// It needs no ledger and no network, and changes nothing.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/bundle/volume"
	"github.com/airgap-ferry/ferry/internal/term"
	"github.com/airgap-ferry/ferry/report"
	"github.com/airgap-ferry/ferry/verify/statement"
)

// InspectOptions says how closely Inspect looks.
type InspectOptions struct {
	Root     *statement.Root // whom to trust; nil: signatures are not checked
	Read     bool            // read and verify every byte of every volume
	Now      time.Time       // against which expiry is judged
	Progress *term.Progress
}

// RootOf returns a root that trusts key as the only packer, for any site and
// at any time: for those who have a public key and no root.
func RootOf(key statement.Key) *statement.Root {
	const ever = 1<<53 - 1
	if key.Name == "" {
		key.Name = "given key"
	}
	only := statement.Role{Keys: []string{key.ID}, Threshold: 1}
	return &statement.Root{
		Version: ever, Epoch: ever,
		Issued: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), Expires: time.Date(2999, 12, 31, 0, 0, 0, 0, time.UTC),
		Keys: []statement.Key{key}, Root: only, Packer: only,
		Policy: statement.Policy{MaxSeqStep: 1, MaxAge: time.Hour, Sites: []string{statement.AnySite}},
	}
}

// Inspect looks for volumes in paths, files or directories, and says which
// bundles they are. Files that are none, or can't be read, are skipped if they
// were found in a directory.
//
// It returns what it found out in any case, and all that is wrong joined: what
// o.Root does not trust is an [*statement.UntrustedError], and of such a
// bundle nothing is read beyond its statement; damage is a
// [*bundle.DamageError] or [*bundle.FormatError], and names file, volume and
// place. With o.Read a bundle of which volumes are missing is an error that
// names them and wraps [io.ErrUnexpectedEOF]; without, the report has them. No
// bundle at all is [volume.ErrNoVolume].
func Inspect(ctx context.Context, paths []string, o InspectOptions) ([]report.Bundle, []volume.Skipped, error) {
	found, skipped, err := volume.Scan(paths)
	if err != nil {
		return nil, skipped, err
	}
	if len(found) == 0 {
		return nil, skipped, fmt.Errorf("looking for volumes in %s: %w", quoted(paths), volume.ErrNoVolume)
	}
	reports := make([]report.Bundle, 0, len(found))
	var problems []error
	for _, b := range found {
		r := describe(b, o.Now)
		more, err := inspect(ctx, b, o, &r)
		skipped = append(skipped, more...)
		if err != nil {
			problems = append(problems, fmt.Errorf("bundle %s-%d-%d: %w", r.Site, r.Epoch, r.Seq, err))
		}
		reports = append(reports, r)
	}
	return reports, skipped, errors.Join(problems...)
}

// inspect looks at b in the fixed order: signatures, index, payload.
func inspect(ctx context.Context, b *volume.Bundle, o InspectOptions, r *report.Bundle) ([]volume.Skipped, error) {
	if err := checkTrust(b, o, r); err != nil {
		return nil, err
	}
	plan, _, skipped, err := b.Plan()
	if errors.Is(err, volume.ErrNoIndex) {
		r.Missing = []int{1}
		if n := int(r.Volumes); n > 1 {
			r.Missing = append(r.Missing, n)
		}
		if o.Read {
			return nil, fmt.Errorf("%w, so the others can't be checked: %w", err, io.ErrUnexpectedEOF)
		}
		return nil, nil
	}
	if err != nil {
		return skipped, err
	}
	addChanges(plan, r)
	have := b.Have()
	for n := 1; n <= int(r.Volumes); n++ {
		if !slices.Contains(have, n) {
			r.Missing = append(r.Missing, n)
		}
	}
	if !o.Read {
		return skipped, nil
	}
	if err := read(ctx, b, plan, r, o.Progress); err != nil {
		return skipped, err
	}
	if len(r.Missing) > 0 {
		return skipped, missingError(r, skipped)
	}
	r.Verified = true
	return skipped, nil
}

// describe returns what the statement says.
func describe(b *volume.Bundle, now time.Time) report.Bundle {
	s := b.Statement
	r := report.Bundle{
		Site: s.Site, SiteKey: s.SiteKey, Epoch: s.Epoch, Seq: s.Seq, Statement: b.Digest, Prev: s.Prev,
		Requires: append([]int64{}, s.Requires...), Root: s.RootVersion,
		Issued: s.Issued, Expires: s.Expires, Expired: !now.Before(s.Expires),
		Releases: []report.Release{}, Added: []report.Reference{}, Removed: []report.Reference{},
		Entries: s.Index.Entries, Bytes: s.Index.Bytes, Volumes: s.Layout.Volumes, Missing: []int{},
		Files: []report.Volume{}, Signatures: []report.Signer{}, Tool: s.Tool,
	}
	for _, release := range s.Releases {
		r.Releases = append(r.Releases, report.Release(release))
	}
	for _, name := range b.Files {
		v := report.Volume{Path: name}
		if info, err := os.Stat(name); err == nil {
			v.Bytes = info.Size()
		}
		r.Files = append(r.Files, v)
	}
	for _, sig := range b.Signatures {
		r.Signatures = append(r.Signatures, report.Signer{KeyID: sig.KeyID})
	}
	return r
}

// checkTrust checks the signatures of b against the root, if there is one.
func checkTrust(b *volume.Bundle, o InspectOptions, r *report.Bundle) error {
	if o.Root == nil {
		r.NoTrust = "no root and no key was given to check the signatures against"
		return nil
	}
	signers, err := statement.VerifySignatures(b.Text, b.Signatures, o.Root)
	if err == nil {
		err = checkRoot(b.Statement, o)
	}
	if err != nil {
		r.NoTrust = err.Error()
		return err
	}
	r.Trusted = true
	for i := range r.Signatures {
		nameSigner(&r.Signatures[i], "packer", signers.Packers)
		nameSigner(&r.Signatures[i], "officer", signers.Officers)
	}
	return nil
}

// checkRoot checks that the root is one to judge s by.
func checkRoot(s *bundle.Statement, o InspectOptions) error {
	switch {
	case o.Root.Version < s.RootVersion:
		return &statement.UntrustedError{
			Name: statement.RootTooOld,
			Msg:  fmt.Sprintf("shipment needs root version %d, this is version %d", s.RootVersion, o.Root.Version),
		}
	case !o.Now.Before(o.Root.Expires):
		return &statement.UntrustedError{
			Name: statement.RootExpired,
			Msg: fmt.Sprintf("root version %d expired at %s, now is %s",
				o.Root.Version, bundle.FormatTime(o.Root.Expires), bundle.FormatTime(o.Now)),
		}
	}
	return nil
}

func nameSigner(s *report.Signer, role string, keys []statement.Key) {
	i := slices.IndexFunc(keys, func(k statement.Key) bool { return k.ID == s.KeyID })
	if i >= 0 {
		s.Name, s.Role = keys[i].Name, role
	}
}

func addChanges(plan *bundle.Plan, r *report.Bundle) {
	for _, c := range plan.Index().Changes {
		ref := report.Reference{Name: c.Name, Digest: c.Digest}
		if c.Removed {
			r.Removed = append(r.Removed, ref)
		} else {
			r.Added = append(r.Added, ref)
		}
	}
}

// missingError names the volumes that are missing, and the files that might
// have been them.
func missingError(r *report.Bundle, skipped []volume.Skipped) error {
	numbers := make([]string, 0, len(r.Missing))
	for _, n := range r.Missing {
		numbers = append(numbers, strconv.Itoa(n))
	}
	err := fmt.Errorf("missing of %d volumes: %s: %w", r.Volumes, strings.Join(numbers, ", "), io.ErrUnexpectedEOF)
	for _, s := range skipped {
		err = errors.Join(err, fmt.Errorf("reading volume %q: %w", s.Path, s.Err))
	}
	return err
}

func quoted(paths []string) string {
	q := make([]string, 0, len(paths))
	for _, p := range paths {
		q = append(q, fmt.Sprintf("%.80q", p))
	}
	return strings.Join(q, ", ")
}
