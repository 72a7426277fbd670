package inside

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/bundle/volume"
	"github.com/airgap-ferry/ferry/internal/scratch"
	"github.com/airgap-ferry/ferry/ledger"
	"github.com/airgap-ferry/ferry/report"
	"github.com/airgap-ferry/ferry/verify/statement"
)

// ImportOptions says what to import.
type ImportOptions struct {
	Paths  []string // volumes, or directories that hold them
	DryRun bool     // verify all, stage nothing, act on nothing
}

// ErrNoBundle says that there is nothing to import.
var ErrNoBundle = errors.New("no volume of a bundle is here")

// Import imports the bundles in o.Paths, in the order of their numbers. It
// returns a report for each that it got to, and the files that it passed over.
// It stops at the first bundle that can't be imported.
//
// A bundle of which volumes are missing is staged as far as it came, and
// reported with the volumes that are still to come; that is no error. Bundles
// for other sites are passed over as long as there is one for this site.
//
// Refusals are of type [*statement.UntrustedError],
// [*statement.MisfitError] or [*FloorError]; damage, of a volume or of what was
// staged earlier, is [*bundle.DamageError] or [io.ErrUnexpectedEOF];
// [volume.ErrNoIndex], [*SpaceError], [*MissingError], [*CollisionError] and
// [*registry.Error] say what their names do.
func (a *Agent) Import(ctx context.Context, o ImportOptions) ([]report.Import, []volume.Skipped, error) {
	root, err := Root(a.dir)
	if err != nil {
		return nil, nil, err
	}
	bundles, skipped, err := volume.Scan(o.Paths)
	if err != nil {
		return nil, skipped, err
	}
	bundles, others := a.forThisSite(bundles)
	skipped = append(skipped, others...)
	if len(bundles) == 0 {
		return nil, skipped, fmt.Errorf("looking for bundles in %q: %w", o.Paths, noBundle(skipped))
	}
	var reports []report.Import
	for _, b := range bundles {
		i := &importing{a: a, root: root, b: b}
		err := i.run(ctx, o.DryRun)
		reports = append(reports, i.report)
		skipped = append(skipped, i.skipped...)
		if err != nil {
			return reports, skipped, fmt.Errorf("importing bundle %d/%d: %w", b.Statement.Epoch, b.Statement.Seq, err)
		}
	}
	return reports, skipped, nil
}

// noBundle returns why there is none: the error of the only file that could
// have been one, or that there was none.
func noBundle(skipped []volume.Skipped) error {
	for _, s := range skipped {
		if !errors.Is(s.Err, volume.ErrNoVolume) {
			return fmt.Errorf("%q: %w", s.Path, s.Err)
		}
	}
	return ErrNoBundle
}

// forThisSite takes the bundles for other sites out, unless that leaves none:
// then the first is kept, so that its refusal says so.
func (a *Agent) forThisSite(bundles []*volume.Bundle) (ours []*volume.Bundle, others []volume.Skipped) {
	for _, b := range bundles {
		if b.Statement.Site == a.site.Name {
			ours = append(ours, b)
			continue
		}
		for _, name := range b.Files {
			others = append(others, volume.Skipped{Path: name, Err: fmt.Errorf("is for site %q", b.Statement.Site)})
		}
	}
	if len(ours) == 0 && len(bundles) > 0 {
		return bundles[:1], nil
	}
	return ours, others
}

// importing is the import of one bundle under way.
type importing struct {
	a       *Agent
	root    *statement.Root
	b       *volume.Bundle
	staging *staging
	plan    *bundle.Plan
	work    *scratch.Dir // while patches are applied
	report  report.Import
	skipped []volume.Skipped
}

// run takes the bundle through all steps that it has not gone yet.
func (i *importing) run(ctx context.Context, dryRun bool) error {
	st := i.b.Statement
	i.report = report.Import{
		Site: st.Site, Epoch: st.Epoch, Seq: st.Seq, Statement: i.b.Digest,
		DryRun: dryRun, Releases: releases(st.Releases), Changes: []report.TagChange{}, Files: []string{}, Missing: []int{},
	}
	err := i.accept()
	switch {
	case errors.Is(err, statement.ErrAlreadyImported):
		i.report.State, i.report.Already = string(ledger.BundleImported), true
		if dryRun {
			return nil
		}
		return i.finish()
	case err != nil && dryRun:
		i.report.State = string(ledger.BundleRefused)
		return err
	case err != nil:
		return i.refuse(err)
	case dryRun:
		return i.dryRun(ctx)
	}
	row, err := i.see()
	if err != nil {
		return err
	}
	i.report.State = string(row.State)
	complete, err := i.receive(ctx, row)
	if err != nil || !complete {
		return err
	}
	if err := i.deliver(ctx); err != nil {
		return i.repair(err)
	}
	return i.finish()
}

// see records the bundle in the ledger and returns its row. Another statement
// under the same number, of which something was staged, is another history.
func (i *importing) see() (ledger.Bundle, error) {
	st := i.b.Statement
	row, err := i.a.ledger.SeeBundle(ledger.Bundle{
		Epoch: st.Epoch, Seq: st.Seq, Statement: i.b.Digest, Issued: st.Issued, Releases: st.Releases,
		Requires: st.Requires, VolumeCount: st.Layout.Volumes, Entries: st.Index.Entries, Bytes: st.Index.Bytes, Seen: i.a.now,
	})
	if errors.Is(err, ledger.ErrConflict) {
		return row, i.refuse(&statement.MisfitError{Name: statement.Fork, Msg: fmt.Sprintf("this is statement %s: %v", i.b.Digest, err)})
	}
	return row, err
}

// accept checks everything that can be decided by the statement alone.
func (i *importing) accept() error {
	if _, err := statement.VerifySignatures(i.b.Text, i.b.Signatures, i.root); err != nil {
		return err
	}
	state, err := i.a.state()
	if err != nil {
		return err
	}
	return statement.CheckFit(i.b.Statement, i.b.Digest, i.root, state)
}

// state returns what the site knows. The floor file is the second place of the
// floor: it may know more than a ledger that was restored from a copy.
func (a *Agent) state() (statement.State, error) {
	head, err := a.ledger.Head()
	if err != nil {
		return statement.State{}, err
	}
	floor, err := a.readFloor()
	if err != nil {
		return statement.State{}, err
	}
	if floor.newer(head) {
		return statement.State{}, &FloorError{Floor: floor, Head: head}
	}
	return statement.State{
		Site: a.site.Name, SiteKey: a.siteKeyDigest(),
		Epoch: head.Epoch, Seq: head.Seq, Head: head.Statement,
		Floor: later(head.Floor, floor.Floor), Now: a.now, RootVersion: 0,
		Accepted: func(epoch, seq int64) (bundle.Digest, bool) {
			d, ok, err := a.ledger.Accepted(epoch, seq)
			return d, ok && err == nil
		},
	}, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// refuse records a refusal in the audit and returns it.
func (i *importing) refuse(err error) error {
	i.report.State = string(ledger.BundleRefused)
	verdict := "refused"
	if u, ok := errors.AsType[*statement.UntrustedError](err); ok {
		verdict = u.Name
	}
	if m, ok := errors.AsType[*statement.MisfitError](err); ok {
		verdict = m.Name
	}
	if errAudit := i.audit(verdict, err.Error()); errAudit != nil {
		return errors.Join(err, errAudit)
	}
	return err
}

func (i *importing) audit(verdict, text string) error {
	return i.a.ledger.Audit(ledger.AuditRow{Time: i.a.now, Statement: string(i.b.Digest), Verdict: verdict, Text: text})
}

// dryRun verifies every byte that is at hand, and writes nothing.
func (i *importing) dryRun(ctx context.Context) error {
	plan, _, skipped, err := i.b.Plan()
	i.skipped = append(i.skipped, skipped...)
	if err != nil {
		return err
	}
	i.plan = plan
	if err := i.checkPatches(ctx); err != nil {
		return err
	}
	digester := volume.NewDigester(plan)
	buf := make([]byte, plan.Layout.ChunkSize)
	for _, n := range i.b.Have() {
		err := i.b.Read(plan, n, buf, func(c bundle.Chunk) error { return errors.Join(ctx.Err(), digester.Add(c)) })
		if err != nil {
			return err
		}
	}
	i.report.State = string(ledger.BundleVerified)
	have := make(map[int]bool)
	for _, n := range i.b.Have() {
		have[n] = true
	}
	i.report.Missing = missing(plan.Layout.Volumes, have)
	return nil
}

func releases(infos []bundle.ReleaseInfo) []report.Release {
	out := make([]report.Release, 0, len(infos))
	for _, r := range infos {
		out = append(out, report.Release{Name: r.Name, Version: r.Version, Digest: r.Digest})
	}
	return out
}
