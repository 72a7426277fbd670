package gateway

import (
	"context"
	"fmt"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/bundle/volume"
	"github.com/airgap-ferry/ferry/internal/term"
	"github.com/airgap-ferry/ferry/report"
)

// read reads the volumes that are at hand, in order, and compares every byte
// with what is signed. An entry is compared as a whole if all of it is here.
func read(ctx context.Context, b *volume.Bundle, plan *bundle.Plan, r *report.Bundle, progress *term.Progress) error {
	progress.Start(r.Bytes)
	defer progress.Finish()
	s := sieve{ctx: ctx, digester: volume.NewDigester(plan), entry: -1}
	buf := make([]byte, plan.Layout.ChunkSize)
	for _, n := range b.Have() {
		s.item = progress.Blob(fmt.Sprintf("volume %d", n), volumeBytes(plan, n))
		err := b.Read(plan, n, buf, s.add)
		s.item.Done()
		if err != nil {
			return err
		}
	}
	return nil
}

// A sieve gives each chunk to the digester once. Chunks come in the order of
// the entries; after damage in one copy of a volume some come again from the
// next.
type sieve struct {
	ctx      context.Context //nolint:containedctx // of the one call of read that made it
	digester *volume.Digester
	item     *term.Item
	entry    int   // of the last chunk
	offset   int64 // of the last chunk
}

func (s *sieve) add(c bundle.Chunk) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	if c.Entry < s.entry || c.Entry == s.entry && c.Offset <= s.offset {
		return nil
	}
	s.entry, s.offset = c.Entry, c.Offset
	s.item.Add(int64(len(c.Data)))
	return s.digester.Add(c)
}

func volumeBytes(plan *bundle.Plan, n int) int64 {
	var sum int64
	for _, part := range plan.VolumeParts(n) {
		sum += part.Size
	}
	return sum
}
