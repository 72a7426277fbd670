package inside

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/delta"
	"github.com/airgap-ferry/ferry/delta/recipe"
	"github.com/airgap-ferry/ferry/internal/scratch"
	"github.com/airgap-ferry/ferry/registry"
)

// workDir, in the directory of the agent, holds plain texts while patches are
// applied.
const workDir = "work"

// A rebuilder makes the blobs that a bundle brings as a patch, and gives them
// away one by one, to be pushed while it makes the next.
type rebuilder struct {
	a       *Agent
	scratch *scratch.Dir
	patch   *delta.Patch
	head    *delta.Head
	sources [][]string // repositories that have the bases, by base
	bases   []*openedBase
	slots   chan struct{} // for bases that wait to be used
	texts   []*rebuiltText
	push    pusherOf
}

// A rebuiltText is a plain text. It is there as long as somebody may read it:
// the patch for a later target, and whoever pushes the blob.
type rebuiltText struct {
	file  *scratch.File
	mu    sync.Mutex
	users int // guarded by mu
}

// leave says that one of the users is done.
func (t *rebuiltText) leave() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.users--; t.users > 0 {
		return nil
	}
	return t.file.Close()
}

// checkPatches makes sure that this ferry and this site can apply the patches
// of the bundle, before anything of it is stored.
func (i *importing) checkPatches(ctx context.Context) error {
	ix := i.plan.Index()
	for _, name := range ix.Encoders {
		if _, ok := recipe.ParseID(name); !ok {
			return &bundle.VersionError{Got: "encoder " + name}
		}
	}
	if len(ix.Bases) == 0 {
		return nil
	}
	digests := make([]bundle.Digest, 0, len(ix.Bases))
	for _, b := range ix.Bases {
		digests = append(digests, b.Digest)
	}
	held, err := i.a.ledger.Holds(digests)
	if err != nil {
		return err
	}
	repos := make([][]string, len(digests))
	for n, d := range digests {
		if repos[n], err = i.a.repositories(d); err != nil {
			return err
		}
	}
	var mu sync.Mutex
	var lacking []bundle.Digest
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(i.a.o.Parallel)
	for n, d := range digests {
		g.Go(func() error {
			there := false
			for _, repo := range repos[n] {
				if there || !held[n] {
					break
				}
				var err error
				if _, there, err = i.a.client.StatBlob(ctx, repo, d); err != nil {
					return err
				}
			}
			if !there {
				mu.Lock()
				defer mu.Unlock()
				lacking = append(lacking, d)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if len(lacking) > 0 {
		slices.Sort(lacking)
		return &MissingError{Digests: lacking, Owner: "patch", Base: true}
	}
	return nil
}

// A pusherOf takes a blob that was made, and pushes it at some time. It calls
// done when nothing of it is read any more.
type pusherOf func(d bundle.Digest, open func() (io.ReadCloser, error), done func() error)

// rebuild applies the patches of the bundle, and gives each blob to push when
// it can be read.
func (i *importing) rebuild(ctx context.Context, push pusherOf) error {
	var err error
	if i.work, err = scratch.Open(i.a.o.FS, i.a.path(workDir)); err != nil {
		return err
	}
	ix := i.plan.Index()
	var made []bundle.Blob
	for n, e := range ix.Entries {
		if !e.Patch {
			continue
		}
		head, err := i.apply(ctx, n, &rebuilder{a: i.a, scratch: i.work, push: push})
		if err != nil {
			return fmt.Errorf("applying patch %s: %w", e.Digest, err)
		}
		for _, t := range head.Targets {
			made = append(made, bundle.Blob{Digest: t.Digest, Size: t.Size})
		}
	}
	slices.SortFunc(made, func(a, b bundle.Blob) int { return cmp.Compare(a.Digest, b.Digest) })
	if !slices.Equal(made, ix.Rebuilt) {
		return &bundle.FormatError{Part: "index", Msg: "its patches make other blobs than it lists as rebuilt"}
	}
	return nil
}

// apply applies the patch that entry n is, and returns its head.
func (i *importing) apply(ctx context.Context, n int, r *rebuilder) (*delta.Head, error) {
	e := i.staging.entry(n)
	if err := i.staging.checkEntry(n); err != nil {
		return nil, err
	}
	f, err := i.staging.openFile(n)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	if r.patch, err = delta.Open(f, e.Size, delta.Limits{}); err != nil {
		return nil, err
	}
	r.head = r.patch.Head()
	if err := r.prepare(i.plan.Index()); err != nil {
		return nil, err
	}
	if err := r.checkSpace(); err != nil {
		return nil, err
	}
	i.a.o.Log.InfoContext(ctx, "applying patch", slog.String("digest", string(e.Digest)), slog.Int("targets", len(r.head.Targets)))
	wait := r.openBases(ctx)
	defer wait()
	err = r.patch.Apply(delta.ApplyOptions{
		Memory: i.a.o.Memory, Parallel: inParallel(ctx),
		Base:        func(k int) (io.ReaderAt, error) { return r.base(ctx, k) },
		ReleaseBase: func(k int) error { return r.bases[k].file.Close() },
		Temp:        r.create,
		Done:        func(k int, _ io.ReaderAt) error { return r.done(ctx, k) },

		ReleaseTarget: func(k int) error { return r.texts[k].leave() },
	})
	return r.head, err
}

// prepare holds the head of the patch against the index, and finds out where
// the bases can be had.
func (r *rebuilder) prepare(ix *bundle.Index) error {
	for _, t := range r.head.Targets {
		if !slices.Contains(ix.Rebuilt, bundle.Blob{Digest: t.Digest, Size: t.Size}) {
			return &bundle.FormatError{Part: "index", Msg: fmt.Sprintf("the patch makes %s, which is not listed as rebuilt", t.Digest)}
		}
	}
	for _, b := range r.head.Bases {
		if !slices.Contains(ix.Bases, bundle.Blob{Digest: b.Digest, Size: b.Size}) {
			return &bundle.FormatError{Part: "index", Msg: fmt.Sprintf("the patch needs %s, which is not listed as a base", b.Digest)}
		}
		repos, err := r.a.repositories(b.Digest)
		if err != nil {
			return err
		}
		r.sources = append(r.sources, repos)
	}
	for _, id := range r.head.Encoders {
		if id != 0 && !slices.Contains(ix.Encoders, id.String()) {
			return &bundle.FormatError{Part: "index", Msg: fmt.Sprintf("the patch needs encoder %s, which is not listed", id)}
		}
	}
	for range r.head.Bases {
		r.bases = append(r.bases, &openedBase{ready: make(chan struct{})})
	}
	r.slots = make(chan struct{}, basesAhead)
	r.texts = make([]*rebuiltText, len(r.head.Targets))
	return nil
}

// checkSpace compares the plain texts that are there at one time with the
// space that there is.
func (r *rebuilder) checkSpace() error {
	var most int64
	for n := range r.head.Targets {
		var now int64
		for k, t := range r.head.Targets[:n+1] {
			if t.LastUse >= n || k+pushAhead >= n {
				now += t.Plain
			}
		}
		for _, b := range r.head.Bases {
			if b.FirstUse <= n+basesAhead && n <= b.LastUse {
				now += b.Plain
			}
		}
		most = max(most, now)
	}
	free, err := r.a.freeSpace(r.scratch.Path())
	if err != nil {
		return fmt.Errorf("asking for free space: %w", err)
	}
	if most > free {
		return &SpaceError{Dir: r.scratch.Path(), Need: most, Free: free}
	}
	return nil
}

// pushAhead is how many plain texts may wait to be compressed and pushed while
// the next is made.
const pushAhead = 2

// basesAhead is how many bases may wait, opened, until the patch gets to them.
const basesAhead = 1

// An openedBase is the plain text of a base, once it is ready.
type openedBase struct {
	ready chan struct{} // closed when the rest is set
	file  *scratch.File
	err   error
}

// openBases opens the bases, one after another and a little before they are
// wanted. wait ends that, and returns when nothing of it runs any more.
func (r *rebuilder) openBases(ctx context.Context) (wait func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for k, b := range r.bases {
			select {
			case <-ctx.Done():
				return
			case r.slots <- struct{}{}:
			}
			b.file, b.err = r.openBase(ctx, k)
			close(b.ready)
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// base returns base k when it is open.
func (r *rebuilder) base(ctx context.Context, k int) (io.ReaderAt, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-r.bases[k].ready:
	}
	<-r.slots
	if err := r.bases[k].err; err != nil {
		return nil, err
	}
	return r.bases[k].file, nil
}

// openBase brings a base from the registry, and opens its compression.
func (r *rebuilder) openBase(ctx context.Context, k int) (*scratch.File, error) {
	b := r.head.Bases[k]
	var errs []error
	for _, repo := range r.sources[k] {
		f, err := r.readBase(ctx, repo, b)
		if err == nil {
			return f, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil && !errors.Is(err, registry.ErrNotFound) {
		return nil, err
	}
	return nil, &MissingError{Digests: []bundle.Digest{b.Digest}, Owner: "patch", Base: true}
}

func (r *rebuilder) readBase(ctx context.Context, repo string, b delta.HeadBase) (*scratch.File, error) {
	blob, err := r.a.client.Blob(ctx, repo, b.Digest, 0)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	hash := newHash()
	all := io.TeeReader(io.LimitReader(blob, b.Size+1), hash)
	plain, _, err := recipe.Plain(all)
	if err != nil {
		return nil, fmt.Errorf("reading from %q: base %s: %w", repo, b.Digest, err)
	}
	defer plain.Close()
	f, err := r.scratch.Create()
	if err != nil {
		return nil, err
	}
	n, err := io.Copy(f, io.LimitReader(plain, b.Plain+1))
	if err == nil {
		_, err = io.Copy(io.Discard, all) // what stands behind the last member
	}
	if got := hash.digest(); err == nil && (got != b.Digest || n != b.Plain) {
		err = fmt.Errorf("%w: it served %s", registry.ErrWrongContent, got)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading from %q: base %s: %w", repo, b.Digest, err), f.Close())
	}
	return f, nil
}

// create makes room for the plain text of target k.
func (r *rebuilder) create(k int) (delta.Temp, error) {
	f, err := r.scratch.Create()
	if err != nil {
		return nil, err
	}
	r.texts[k] = &rebuiltText{file: f, users: 1}
	return f, nil
}

// done gives away target k, whose plain text is whole.
func (r *rebuilder) done(ctx context.Context, k int) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	how, err := r.patch.Recipe(k)
	if err != nil {
		return err
	}
	t, text := r.head.Targets[k], r.texts[k]
	text.users++ // nobody else knows it yet
	open := func() (io.ReadCloser, error) {
		return replay(how, bundle.Blob{Digest: t.Digest, Size: t.Size}, io.NewSectionReader(text.file, 0, t.Plain)), nil
	}
	r.push(t.Digest, open, text.leave)
	return nil
}

// replay returns a reader of the blob b, which how makes of a plain text. It
// fails instead of giving the last bytes of what has not the digest of b.
// Whoever reads it must close it.
func replay(how *recipe.Recipe, b bundle.Blob, plain io.Reader) io.ReadCloser {
	r, w := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		out := &checkedWriter{w: w, b: b, hash: newHash()}
		err := recipe.Replay(how, plain, out)
		if err == nil {
			err = out.end()
		}
		w.CloseWithError(err)
	}()
	return &replayReader{r, ended}
}

// A replayReader waits, when it is closed, until nothing is written any more.
type replayReader struct {
	*io.PipeReader
	ended chan struct{}
}

func (r *replayReader) Close() error {
	err := r.PipeReader.Close()
	<-r.ended
	return err
}

// A checkedWriter holds back the last piece of b until it knows that all of it
// is right.
type checkedWriter struct {
	w    io.Writer
	b    bundle.Blob
	hash digestHash
	at   int64
	last []byte // what is held back
}

func (w *checkedWriter) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil // or it would take the place of what is held back
	}
	if w.at += int64(len(p)); w.at > w.b.Size {
		return 0, w.wrong()
	}
	_, _ = w.hash.Write(p) // never fails
	if _, err := w.w.Write(w.last); err != nil {
		return 0, err
	}
	w.last = append(w.last[:0], p...)
	return len(p), nil
}

// end gives the rest away.
func (w *checkedWriter) end() error {
	if w.at != w.b.Size || w.hash.digest() != w.b.Digest {
		return w.wrong()
	}
	_, err := w.w.Write(w.last)
	return err
}

func (w *checkedWriter) wrong() error { return &delta.MismatchError{Target: w.b.Digest} }

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
