package outside

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/term"
	"github.com/airgap-ferry/ferry/release"
)

// A fetcher brings the payload of a plan into its volumes.
type fetcher struct {
	p        *Plan
	s        *staging
	buffers  chan []byte // as many as there are transfers at a time
	progress *term.Progress
}

// fetch brings every entry into the volumes, and completes the index with the
// digests of chunks. Entries that an earlier run left there are kept if they
// are right. The largest come first, so that the last to end is not one of
// them.
func (p *Plan) fetch(ctx context.Context, s *staging) error {
	parallel := p.a.config.parallel
	f := &fetcher{p: p, s: s, buffers: make(chan []byte, parallel), progress: p.a.o.Progress}
	for range parallel {
		f.buffers <- nil
	}
	order := make([]int, len(p.index.Entries))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(p.index.Entries[b].Size, p.index.Entries[a].Size)
	})
	f.progress.Start(p.report.Payload)
	defer f.progress.Finish()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, i := range order {
		g.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return f.entry(ctx, i)
		})
	}
	return g.Wait()
}

// entry brings entry i into the volumes.
func (f *fetcher) entry(ctx context.Context, i int) error {
	item := f.p.items[i]
	shown := f.progress.Blob(item.Owner, item.Size)
	defer shown.Done()
	if f.s.whole(i) {
		shown.Add(item.Size)
		return nil // findWhole has seen to it, and to the digests of chunks
	}
	buf := <-f.buffers
	if buf == nil {
		buf = make([]byte, block+f.s.plan.Layout.ChunkSize+block)
	}
	defer func() { f.buffers <- buf }()
	if !f.s.fresh(i) && f.keep(ctx, i, buf) {
		shown.Add(item.Size)
		return f.s.putFrame(i)
	}
	if r := f.p.a.kept(item); r != nil {
		if ok, err := f.bring(ctx, i, r, buf, shown); ok || err != nil {
			return err
		}
	}
	r, err := f.p.a.openItem(ctx, item)
	if err != nil {
		return err
	}
	defer r.Close()
	got, err := f.pour(ctx, i, r, buf, f.s.put, shown)
	if err != nil {
		return readError(item, err)
	}
	if got.digest != item.Digest {
		return contentError(item, got.digest)
	}
	f.p.index.Entries[i].Chunks = got.chunks
	return nil
}

// bring brings entry i into the volumes from what is kept of it, and reports
// whether that was right.
func (f *fetcher) bring(ctx context.Context, i int, r io.ReadCloser, buf []byte, shown *term.Item) (bool, error) {
	defer r.Close()
	got, err := f.pour(ctx, i, r, buf, f.s.put, shown)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil || got.digest != f.p.items[i].Digest {
		return false, nil
	}
	f.p.index.Entries[i].Chunks = got.chunks
	return true, nil
}

// keep reports whether entry i stands in the files already as it should.
func (f *fetcher) keep(ctx context.Context, i int, buf []byte) bool {
	if !f.s.begun(i) {
		return false
	}
	got, err := f.pour(ctx, i, f.s.reader(i), buf, nil, nil)
	if err != nil || got.digest != f.p.index.Entries[i].Digest {
		return false
	}
	f.p.index.Entries[i].Chunks = got.chunks
	return true
}

// openItem opens the bytes of an item where they come from.
func (a *Agent) openItem(ctx context.Context, item release.Item) (io.ReadCloser, error) {
	switch {
	case item.IsManifest:
		return io.NopCloser(bytes.NewReader(item.Raw)), nil
	case item.Open != nil:
		return item.Open()
	case item.Size == 0:
		return io.NopCloser(bytes.NewReader(nil)), nil
	}
	return a.client.Blob(ctx, item.Repository, item.Digest, 0)
}

// poured is what went by.
type poured struct {
	digest bundle.Digest
	chunks []bundle.Digest // nil if there is one
}

// errLonger says that there is more content than there should be.
var errLonger = errors.New("it is longer than it should be")

// pour reads the content of entry i from r, chunk by chunk through buf, and
// hashes it. put, if not nil, gets each chunk with its place.
func (f *fetcher) pour(
	ctx context.Context, i int, r io.Reader, buf []byte, put func(part bundle.Part, at int64, buf []byte, n int) error, shown *term.Item,
) (poured, error) {
	chunk := f.s.plan.Layout.ChunkSize
	several := bundle.ChunkCount(f.p.index.Entries[i].Size, chunk) > 1
	whole := sha256.New()
	var got poured
	for _, part := range f.s.plan.Parts(i) {
		for at := int64(0); at < part.Size || at == 0; at += chunk {
			if err := ctx.Err(); err != nil {
				return got, err
			}
			data := buf[block:][:min(chunk, part.Size-at)]
			n, err := io.ReadFull(r, data)
			if err != nil && len(data) > 0 {
				return got, err
			}
			whole.Write(data)
			if several {
				got.chunks = append(got.chunks, bundle.DigestOf(data))
			}
			if put != nil {
				if err := put(part, at, buf, n); err != nil {
					return got, err
				}
			}
			shown.Add(int64(n))
		}
	}
	var more [1]byte
	if n, err := io.ReadFull(r, more[:]); n > 0 {
		return got, errLonger
	} else if !errors.Is(err, io.EOF) {
		return got, err
	}
	got.digest = bundle.DigestFromSum([sha256.Size]byte(whole.Sum(nil)))
	return got, nil
}

// readError says what went wrong with an item while it was read or written.
func readError(item release.Item, err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return sizeError(item, "it ended early")
	case errors.Is(err, errLonger):
		return sizeError(item, errLonger.Error())
	}
	return err
}

// contentError says that the bytes of an item are not those that its digest
// names.
func contentError(item release.Item, got bundle.Digest) error {
	if item.Repository == "" {
		return fmt.Errorf("reading %q: changed since the release was resolved: digest was %s, is %s",
			item.Owner, item.Digest, got)
	}
	return wrongContent(item.Repository, item.Digest, fmt.Sprintf("it served %s", got))
}

// sizeError says that there are more or fewer bytes of an item than there
// should be.
func sizeError(item release.Item, why string) error {
	if item.Repository == "" {
		return fmt.Errorf("reading %q: changed since the release was resolved: %s, want %d bytes", item.Owner, why, item.Size)
	}
	return wrongContent(item.Repository, item.Digest, fmt.Sprintf("%s, want %d bytes", why, item.Size))
}
