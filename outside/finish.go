package outside

import (
	"context"
	"errors"
	"fmt"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/ledger"
)

// finish completes a sealed shipment, whose bytes are all there since before
// it was sealed: its volumes get their names and its blobs become holdings. It
// returns [ErrUnfinished] if they are not.
func (a *Agent) finish(ctx context.Context, s ledger.Shipment) error {
	name := shipmentName(s.Site, s.Epoch, s.Seq)
	unfinished := func(why error) error {
		return fmt.Errorf("finishing shipment %d for site %q: %w: %w", s.Seq, s.Site, ErrUnfinished, why)
	}
	r, err := a.readRecord(name)
	if err != nil {
		return unfinished(err)
	}
	st, plan, err := r.layout()
	if err != nil {
		return unfinished(err)
	}
	if bundle.DigestOf(r.statement) != s.Statement || int64(len(s.Volumes)) != st.Layout.Volumes {
		return unfinished(errors.New("the archive has another shipment under its name"))
	}
	for i, path := range s.Volumes {
		err := checkVolume(ctx, a.o.FS, path, r, st.Layout, i+1)
		if err != nil && ctx.Err() == nil {
			err = checkVolume(ctx, a.o.FS, path+partialSuffix, r, st.Layout, i+1)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return unfinished(fmt.Errorf("volume %d: %w", i+1, err))
		}
	}
	if err := publish(a.o.FS, s.Volumes); err != nil {
		return err
	}
	if err := a.ship(s, plan.Index(), r); err != nil {
		return err
	}
	a.o.Progress.Stage("finished shipment %d for site %s, which an earlier run was stopped in", s.Seq, s.Site)
	return nil
}
