package inside

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/bundle/volume"
	"github.com/airgap-ferry/ferry/ledger"
)

// missing returns the volumes that are not in have.
func missing(volumes int64, have map[int]bool) []int {
	out := []int{}
	for n := 1; n <= int(volumes); n++ {
		if !have[n] {
			out = append(out, n)
		}
	}
	return out
}

// volumeName returns what the ledger calls volume n of the bundle.
func (i *importing) volumeName(n int) string {
	st := i.b.Statement
	return bundle.VolumeName(st.Site, st.Epoch, st.Seq, n)
}

// staged returns the volumes that the ledger says are in staging.
func (i *importing) staged(row ledger.Bundle) map[int]bool {
	have := make(map[int]bool)
	for n := 1; n <= int(i.b.Statement.Layout.Volumes); n++ {
		if slices.Contains(row.Volumes, i.volumeName(n)) {
			have[n] = true
		}
	}
	return have
}

// receive brings the volumes at hand into staging, and reports whether all
// are there now. row is the bundle's in the ledger.
func (i *importing) receive(ctx context.Context, row ledger.Bundle) (complete bool, err error) {
	st := i.b.Statement
	if i.staging, err = openStaging(i.a.o.FS, i.a.path(stagingDir), i.b.Digest); err != nil {
		return false, err
	}
	if err := i.readIndex(); err != nil {
		return false, err
	}
	if err := i.checkPatches(ctx); err != nil {
		return false, err
	}
	if row.State == ledger.BundleSeen {
		if err := i.a.ledger.SetState(st.Epoch, st.Seq, ledger.BundleVerified, "", i.a.now); err != nil {
			return false, err
		}
		i.report.State = string(ledger.BundleVerified)
	}
	staged, err := i.survey(row)
	if err != nil {
		return false, err
	}
	i.a.o.Progress.Start(i.waiting(staged))
	defer i.a.o.Progress.Finish()
	for _, n := range i.b.Have() {
		if staged[n] {
			continue
		}
		if err := i.staging.receive(ctx, i.b, n, i.a.o.Progress); err != nil {
			return false, err
		}
		if err := i.a.ledger.StageVolume(st.Epoch, st.Seq, i.volumeName(n)); err != nil {
			return false, err
		}
		staged[n] = true
	}
	if i.report.Missing = missing(st.Layout.Volumes, staged); len(i.report.Missing) > 0 {
		i.report.State = string(ledger.BundleVerified)
		return false, nil
	}
	return true, i.repair(i.staging.check())
}

// waiting returns the payload of the volumes at hand that are not staged.
func (i *importing) waiting(staged map[int]bool) (size int64) {
	for _, n := range i.b.Have() {
		if staged[n] {
			continue
		}
		for _, p := range i.plan.VolumeParts(n) {
			size += p.Size
		}
	}
	return size
}

// survey returns the volumes that are staged, without those of which staging
// has lost something since, and makes sure that there is space for the rest.
func (i *importing) survey(row ledger.Bundle) (map[int]bool, error) {
	staged := i.staged(row)
	lost, need, err := i.staging.survey(staged)
	if err != nil {
		return nil, err
	}
	if len(lost) > 0 {
		i.a.o.Log.Warn("staging has lost content", slog.Int("entries", len(lost)))
		if err := i.forget(staged, lost); err != nil {
			return nil, err
		}
	}
	return staged, i.checkSpace(need)
}

// checkSpace compares what is to be staged with the space there is.
func (i *importing) checkSpace(need int64) error {
	free, err := i.a.freeSpace(i.a.path(stagingDir))
	if err != nil {
		return fmt.Errorf("asking for free space: %w", err)
	}
	if need > free {
		return &SpaceError{Dir: i.a.path(stagingDir), Need: need, Free: free}
	}
	return nil
}

// forget takes the volumes that brought entries out of staged, and out of what
// the ledger has as staged.
func (i *importing) forget(staged map[int]bool, entries []int) error {
	st := i.b.Statement
	for _, e := range entries {
		for _, p := range i.plan.Parts(e) {
			delete(staged, p.Volume)
		}
	}
	if err := i.a.ledger.ForgetVolumes(st.Epoch, st.Seq); err != nil {
		return err
	}
	for _, n := range sortedKeys(staged) {
		if err := i.a.ledger.StageVolume(st.Epoch, st.Seq, i.volumeName(n)); err != nil {
			return err
		}
	}
	return nil
}

// repair returns err. If err is that staging has lost an entry, its volumes
// are forgotten first, so that the next import reads them again.
func (i *importing) repair(err error) error {
	lost, ok := errors.AsType[*stagingError](err)
	if !ok {
		return err
	}
	row, errRow := i.a.ledger.Bundle(i.b.Statement.Epoch, i.b.Statement.Seq)
	if errRow != nil {
		return errors.Join(err, errRow)
	}
	if errForget := i.forget(i.staged(row), []int{lost.entry}); errForget != nil {
		return errors.Join(err, errForget)
	}
	return err
}

// readIndex takes the index from the volumes at hand, or from staging if an
// earlier volume brought it. Before anything of the bundle is written, the
// sizes in the statement are compared with the space there is.
func (i *importing) readIndex() error {
	text, err := i.staging.loadIndex()
	if err != nil {
		return fmt.Errorf("reading staging: %w", err)
	}
	if text != nil {
		if i.plan, err = bundle.PlanOf(i.b.Statement, text); err == nil {
			i.staging.plan = i.plan
			i.skipped, err = i.b.Identify(i.plan)
			return err
		}
	} else if err := i.checkSpace(i.b.Statement.Index.Size + i.b.Statement.Index.Bytes); err != nil {
		return err
	}
	i.plan, text, i.skipped, err = i.b.Plan()
	if errors.Is(err, volume.ErrNoIndex) {
		return fmt.Errorf("volume 1 or volume %d must come before the others: %w", i.b.Statement.Layout.Volumes, err)
	}
	if err != nil {
		return err
	}
	i.staging.plan = i.plan
	return i.staging.saveIndex(text)
}
