package outside

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/delta"
	"github.com/airgap-ferry/ferry/internal/durable"
	"github.com/airgap-ferry/ferry/internal/scratch"
	"github.com/airgap-ferry/ferry/ledger"
	"github.com/airgap-ferry/ferry/release"
	"github.com/airgap-ferry/ferry/report"
)

const (
	// workDir holds what patches are made of, while they are.
	workDir = "work"

	// DefaultMemory is what patches take where nobody says otherwise.
	DefaultMemory = delta.DefaultMemory // bytes

	// minPatched is the smallest blob that is worth a place in a patch.
	minPatched = 2 << 10 // bytes

	// A patch must be smaller than the blob by this, or the blob goes whole:
	// one part in gainShare, and at least minGain.
	gainShare = 32
	minGain   = 512 // bytes
)

// A patcher makes the patch of a plan: one file that rebuilds as many of the
// blobs that the site lacks as is worth it.
type patcher struct {
	p       *Plan
	cache   *blobCache
	scratch *scratch.Dir
	link    link
	bases   *bases
	targets []*target
}

// A target is a blob that the site lacks.
type target struct {
	item   release.Item
	blob   durable.File // compressed, as it is
	plain  *openedBlob  // nil if it goes whole
	report report.Patch
}

// whole says that t is shipped as it is, and why.
func (t *target) whole(why string) {
	t.report.Rung, t.report.Why, t.report.Bytes = report.RungWhole, why, t.item.Size
	t.report.Bases, t.report.Encoder = []bundle.Digest{}, ""
	t.plain = nil
}

// makePatch makes a patch, where that is better than blobs.
func (p *Plan) makePatch(ctx context.Context) error {
	a := p.a
	if err := a.patch.close(); err != nil {
		return err
	}
	a.patch = nil
	if p.o.NoPatch {
		return nil
	}
	x := &patcher{p: p, link: link{p.o.Link, p.o.For, runtime.GOMAXPROCS(0)}}
	x.collect()
	if !slices.ContainsFunc(x.targets, func(t *target) bool { return t.report.Rung != report.RungWhole }) {
		x.tell()
		return nil
	}
	var err error
	if x.scratch, err = scratch.Open(a.o.FS, a.path(workDir)); err != nil {
		return err
	}
	a.patch = x
	if x.cache, err = a.newBlobCache(p.o.CacheSize); err != nil {
		return err
	}
	return x.run(ctx)
}

// run takes the targets through all steps.
func (x *patcher) run(ctx context.Context) error {
	if err := x.fetch(ctx); err != nil {
		return err
	}
	learned, err := x.findBases(ctx)
	if err != nil {
		return err
	}
	layers, err := x.open(ctx)
	if err != nil {
		return err
	}
	if err := x.p.a.ledger.PutLayers(append(layers, learned...)); err != nil {
		return err
	}
	head, file, err := x.build(ctx)
	if err != nil {
		return err
	}
	x.tell()
	if file != nil {
		x.p.patched, err = newPatched(head, file)
	}
	return err
}

// tell puts the verdicts into the plan.
func (x *patcher) tell() {
	for _, t := range x.targets {
		x.p.patches = append(x.p.patches, t.report)
	}
}

// close removes everything but the blobs that are kept. x may be nil.
func (x *patcher) close() error {
	if x == nil {
		return nil
	}
	var errs []error
	for _, t := range x.targets {
		if t.blob != nil {
			errs = append(errs, t.blob.Close())
			t.blob = nil
		}
	}
	if x.cache != nil {
		errs = append(errs, x.cache.trim())
	}
	return errors.Join(append(errs, x.scratch.Remove())...)
}

// kept returns the bytes of a blob that were read to make a patch of, nil if
// there are none.
func (a *Agent) kept(item release.Item) io.ReadCloser {
	if a.patch == nil || item.IsManifest {
		return nil
	}
	for _, t := range a.patch.targets {
		if t.blob != nil && t.item.Digest == item.Digest {
			return io.NopCloser(io.NewSectionReader(t.blob, 0, item.Size))
		}
	}
	return nil
}

// collect finds the blobs for which a patch may be better, the largest first:
// so inside the last one to be compressed again, by one core, is a small one.
func (x *patcher) collect() {
	for _, item := range x.p.resolution.Items() {
		if x.p.held[item.Digest] || item.IsManifest || item.MediaType == release.MediaTypeRelease {
			continue
		}
		t := &target{item: item, report: report.Patch{Digest: item.Digest, Owner: item.Owner, Size: item.Size}}
		if why := x.link.hopeless(item); why != "" {
			t.whole(why)
		}
		if item.Size >= minPatched {
			x.targets = append(x.targets, t)
		}
	}
	slices.SortStableFunc(x.targets, func(a, b *target) int { return cmp.Compare(b.item.Size, a.item.Size) })
}

// fetch brings the blobs to this machine.
func (x *patcher) fetch(ctx context.Context) error {
	a := x.p.a
	var total int64
	for _, t := range x.targets {
		total += t.item.Size
	}
	a.o.Progress.Stage("reading what site %s lacks", x.p.o.Site)
	a.o.Progress.Start(total)
	defer a.o.Progress.Finish()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(a.config.parallel)
	for _, t := range x.targets {
		if t.report.Rung == report.RungWhole {
			continue
		}
		g.Go(func() (err error) {
			shown := a.o.Progress.Blob(t.item.Owner, t.item.Size)
			defer shown.Done()
			t.blob, err = x.cache.fetch(ctx, bundle.Blob{Digest: t.item.Digest, Size: t.item.Size},
				func() (io.ReadCloser, error) { return a.openItem(ctx, t.item) }, shown.Add)
			if wrong, ok := errors.AsType[*wrongDigestError](err); ok {
				return contentError(t.item, wrong.got)
			}
			return readError(t.item, err)
		})
	}
	return g.Wait()
}

// open finds out how each blob was compressed, and what is in it. At the same
// time it opens the bases that will be wanted. The largest come first, so that
// the last to end is not one of them.
func (x *patcher) open(ctx context.Context) ([]ledger.Layer, error) {
	x.p.a.o.Progress.Stage("opening %d blobs", len(x.targets))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, work := range x.opening(ctx) {
		g.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return work.do()
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var layers []ledger.Layer
	for _, t := range x.targets {
		if t.plain == nil {
			continue
		}
		table, err := t.plain.table.MarshalBinary()
		if err != nil {
			return nil, fmt.Errorf("reading blob %s: %w", t.item.Digest, err)
		}
		layers = append(layers, ledger.Layer{Digest: t.item.Digest, Repository: t.item.Repository, Table: table})
	}
	return layers, nil
}

// An opening is the work of opening one blob.
type opening struct {
	size int64 // bytes of the blob
	do   func() error
}

// opening returns what is to be opened, the largest first.
func (x *patcher) opening(ctx context.Context) []opening {
	var all []opening
	for _, t := range x.targets {
		if t.blob != nil {
			all = append(all, opening{t.item.Size, func() error { return x.openTarget(t) }})
		}
	}
	for _, b := range x.bases.wanted {
		all = append(all, opening{b.blob.Size / 3, func() error { // which needs no recipe
			_, _ = x.bases.open(ctx, b) // it remembers why it could not
			return ctx.Err()
		}})
	}
	slices.SortStableFunc(all, func(a, b opening) int { return cmp.Compare(b.size, a.size) })
	return all
}

func (x *patcher) openTarget(t *target) error {
	var why string
	var err error
	if t.plain, why, err = openBlob(x.scratch, t.blob, t.item.Size); err != nil {
		return fmt.Errorf("opening blob %s: %w", t.item.Digest, err)
	}
	if t.plain == nil {
		t.whole(why)
		return nil
	}
	t.report.Encoder, t.report.Rung = t.plain.recipe.Groups[0].String(), rungOf(t.plain.recipe)
	return nil
}

// build makes the patch and proves it. file is nil if none is worth it.
func (x *patcher) build(ctx context.Context) (*delta.Head, *scratch.File, error) {
	b := delta.NewBuilder(delta.Options{
		Memory: x.p.o.Memory, Effort: x.link.effort(), GiveUp: true, Parallel: inParallel(ctx),
		Scratch: func() (delta.Temp, error) { return x.scratch.Create() },
	})
	defer b.Close() //nolint:errcheck // a temporary file, which goes with its directory
	for _, base := range x.bases.list {
		err := b.AddBase(delta.Base{
			Digest: base.blob.Digest, Size: base.blob.Size, Table: base.table,
			Open: func() (io.ReaderAt, error) { return x.bases.open(ctx, base) },
		})
		if err != nil {
			return nil, nil, err
		}
	}
	x.p.a.o.Progress.Stage("comparing with what site %s holds", x.p.o.Site)
	any := false
	for _, t := range x.targets {
		if t.plain == nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		any = x.add(b, t) || any
	}
	if !any {
		return nil, nil, nil
	}
	return x.finish(ctx, b)
}

// add adds a target to the patch, unless it is better shipped whole.
func (x *patcher) add(b *delta.Builder, t *target) bool {
	cost, err := b.AddTarget(delta.Target{
		Digest: t.item.Digest, Size: t.item.Size, Recipe: t.plain.recipe, Table: t.plain.table, Plain: t.plain.text,
	})
	if err != nil {
		x.p.a.o.Log.Error("blob can't be patched", slog.String("digest", string(t.item.Digest)), slog.Any("error", err))
		t.whole(fmt.Sprintf("no patch: %.100s", err))
		return false
	}
	t.report.Bytes, t.report.Bases = cost.Bytes, append([]bundle.Digest{}, cost.Bases...)
	if cost.Hopeless {
		t.whole("no base")
		return false
	}
	rebuild := rebuildTime(t.plain.recipe)
	t.report.Rebuild = rebuild.Milliseconds()
	switch why := x.link.better(t.item.Size, cost.Bytes, rebuild); {
	case why != "":
		b.Discard()
		t.whole(why)
	case t.item.Size-cost.Bytes < max(t.item.Size/gainShare, minGain):
		b.Discard()
		if len(cost.Bases) == 0 {
			t.whole("no base")
		} else {
			t.whole("its patch is as large")
		}
	default:
		return true
	}
	return false
}

// finish writes the patch, and applies it to see that it makes what it should.
func (x *patcher) finish(ctx context.Context, b *delta.Builder) (*delta.Head, *scratch.File, error) {
	file, err := x.scratch.Create()
	if err != nil {
		return nil, nil, err
	}
	head, err := b.Finish(io.NewOffsetWriter(file, 0))
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("making the patch: %w", err), file.Close())
	}
	x.p.a.o.Progress.Stage("proving the patch")
	err = x.prove(ctx, head, file)
	if err == nil || ctx.Err() != nil {
		return head, file, err
	}
	x.p.a.o.Log.ErrorContext(ctx, "patch is not proven", slog.Any("error", err))
	for _, t := range x.targets {
		if t.plain != nil {
			t.whole(fmt.Sprintf("its patch is not proven: %.100s", err))
		}
	}
	return nil, nil, file.Close()
}

// prove applies the patch as the site will do. That the recipes make the blobs
// from their plain texts was seen when they were found; here it is seen that
// the patch makes the plain texts.
func (x *patcher) prove(ctx context.Context, head *delta.Head, file *scratch.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	patch, err := delta.Open(file, info.Size(), delta.Limits{})
	if err != nil {
		return err
	}
	temps := make([]delta.Temp, len(head.Targets))
	return patch.Apply(delta.ApplyOptions{
		Memory: x.p.o.Memory, Parallel: inParallel(ctx),
		Base: func(i int) (io.ReaderAt, error) { return x.bases.open(ctx, x.bases.byBlob[head.Bases[i].Digest]) },
		Temp: func(i int) (delta.Temp, error) {
			t, err := x.scratch.Create()
			temps[i] = t
			return t, err
		},
		Done:          func(int, io.ReaderAt) error { return ctx.Err() },
		ReleaseTarget: func(i int) error { return temps[i].Close() },
	})
}

// inParallel runs work on all cores, until ctx ends.
func inParallel(ctx context.Context) delta.Parallel {
	return func(n int, work func(i int) error) error {
		var g errgroup.Group
		g.SetLimit(runtime.GOMAXPROCS(0))
		for i := range n {
			if ctx.Err() != nil {
				break
			}
			g.Go(func() error { return work(i) })
		}
		return errors.Join(g.Wait(), ctx.Err())
	}
}

// A patched is a patch, and what it stands for in a plan. nil is none.
type patched struct {
	item     release.Item // the patch
	rebuilt  []bundle.Blob
	bases    []bundle.Blob
	encoders []string
	made     map[bundle.Digest]bool
}

func newPatched(head *delta.Head, file *scratch.File) (*patched, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the patch: %w", err)
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(io.NewSectionReader(file, 0, info.Size())), nil }
	digest, err := digestOf(file, info.Size())
	if err != nil {
		return nil, fmt.Errorf("reading the patch: %w", err)
	}
	p := &patched{
		item: release.Item{
			Digest: digest, Size: info.Size(), Owner: "patch", Open: open,
		},
		made: make(map[bundle.Digest]bool),
	}
	for _, t := range head.Targets {
		p.rebuilt = append(p.rebuilt, bundle.Blob{Digest: t.Digest, Size: t.Size})
		p.made[t.Digest] = true
	}
	for _, b := range head.Bases {
		p.bases = append(p.bases, bundle.Blob{Digest: b.Digest, Size: b.Size})
	}
	for _, id := range head.Encoders {
		if id != 0 { // what is stored needs none
			p.encoders = append(p.encoders, id.String())
		}
	}
	return p, nil
}

// digestOf returns the digest of the first size bytes of r.
func digestOf(r io.ReaderAt, size int64) (bundle.Digest, error) {
	hash := sha256.New()
	if _, err := io.Copy(hash, io.NewSectionReader(r, 0, size)); err != nil {
		return "", err
	}
	return bundle.DigestFromSum([sha256.Size]byte(hash.Sum(nil))), nil
}

// is reports whether d is the patch.
func (p *patched) is(d bundle.Digest) bool { return p != nil && p.item.Digest == d }

// makes reports whether the patch makes d.
func (p *patched) makes(d bundle.Digest) bool { return p != nil && p.made[d] }

// list puts into the index what the patch makes, and what it needs for that.
func (p *patched) list(ix *bundle.Index) {
	if p != nil {
		ix.Rebuilt, ix.Bases, ix.Encoders = slices.Clone(p.rebuilt), slices.Clone(p.bases), slices.Clone(p.encoders)
	}
}
