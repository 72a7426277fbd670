package inside

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
	"github.com/airgap-ferry/ferry/internal/term"
	"github.com/airgap-ferry/ferry/registry"
	"github.com/airgap-ferry/ferry/release"
	"github.com/airgap-ferry/ferry/report"
)

// An artifact is an image, a chart or a release with all that belongs to it,
// for one repository of the inside registry.
type artifact struct {
	name   string        // as in the release
	target string        // repository inside, with its host
	digest bundle.Digest // of the one of pushes that the others belong to
	pushes []release.Push

	// only is the one platform's manifest that travelled of an index that is
	// sparse, or "". Registries that refuse such an index get the tag there.
	only bundle.Digest
}

// maxMounts bounds the repositories that the registry is asked to take a blob
// from: where several have lost it, the others will have.
const maxMounts = 8

// A pusher brings artifacts into the inside registry, in the order that its
// invariants demand: blobs, then manifests, each read back, then tags.
type pusher struct {
	client   *registry.Client
	progress *term.Progress
	parallel int

	// open returns the staged bytes of a blob, or nil if it isn't staged: it
	// is held then, and can be had from one of the repositories that known
	// names.
	open  func(bundle.Digest) func(offset int64) (io.ReadCloser, error)
	known func(bundle.Digest) ([]string, error)

	mu       sync.Mutex
	uploaded report.Count
	mounted  report.Count
	present  report.Count
	placed   map[bundle.Digest][]string // repositories that have it now
	refused  map[string]bool            // target@digest of sparse indexes that the registry refused
}

// need is a blob and the repositories that must have it.
type need struct {
	blob  oci.Descriptor
	owner string   // the first artifact that needs it, for people
	repos []string // that must have it
	held  []string // repositories that have it already, as far as is known

	// open gives the bytes of a blob that a patch has made, nil for others.
	open func(offset int64) (io.ReadCloser, error)
}

// blobsOf returns each blob once with all repositories that need it, the
// largest first: so that the last worker isn't left with it.
func blobsOf(artifacts []artifact) []need {
	at := make(map[bundle.Digest]int)
	var needs []need
	for _, a := range artifacts {
		for _, p := range a.pushes {
			for _, b := range p.Blobs {
				i, seen := at[b.Digest]
				if !seen {
					i = len(needs)
					at[b.Digest] = i
					needs = append(needs, need{blob: b, owner: a.name})
				}
				if !slices.Contains(needs[i].repos, a.target) {
					needs[i].repos = append(needs[i].repos, a.target)
				}
			}
		}
	}
	slices.SortStableFunc(needs, func(a, b need) int { return cmp.Compare(b.blob.Size, a.blob.Size) })
	return needs
}

// A making makes blobs from patches.
type making struct {
	made    map[bundle.Digest]bool // what it makes
	rebuild func(ctx context.Context, push pusherOf) error
}

// pushBlobs makes the registry have every blob in every repository that needs
// it. Blobs that m makes are pushed while it makes the next.
func (p *pusher) pushBlobs(ctx context.Context, artifacts []artifact, m making) error {
	needs := blobsOf(artifacts)
	var total int64
	for i := range needs { // here, as one goroutine at a time may ask the ledger
		var err error
		if needs[i].held, err = p.known(needs[i].blob.Digest); err != nil {
			return err
		}
		total += needs[i].blob.Size
	}
	p.progress.Start(total)
	defer p.progress.Finish()
	made, err := p.wanted(ctx, needs, m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(p.parallel)
	for _, n := range needs {
		if _, later := made[n.blob.Digest]; !later {
			g.Go(func() error { return p.pushBlob(ctx, n) })
		}
	}
	if len(made) > 0 {
		err = m.rebuild(ctx, func(d bundle.Digest, open func() (io.ReadCloser, error), done func() error) {
			g.Go(func() error { return errors.Join(p.pushMade(ctx, made[d], open), done()) })
		})
	}
	if err != nil {
		cancel()
	}
	if errPush := g.Wait(); err == nil || errors.Is(err, context.Canceled) {
		return errors.Join(errPush, err)
	}
	return err
}

// wanted returns which of needs must be made: all that can be made, or none if
// the registry has them all.
func (p *pusher) wanted(ctx context.Context, needs []need, m making) (map[bundle.Digest]need, error) {
	made := make(map[bundle.Digest]need)
	lacking := false
	for _, n := range needs {
		if !m.made[n.blob.Digest] {
			continue
		}
		made[n.blob.Digest] = n
		for _, repo := range n.repos {
			if lacking {
				break
			}
			_, ok, err := p.client.StatBlob(ctx, repo, n.blob.Digest)
			if err != nil && !errors.Is(err, registry.ErrUnauthorized) {
				return nil, err
			}
			lacking = !ok
		}
	}
	if !lacking {
		return nil, nil
	}
	return made, nil
}

// pushMade pushes a blob that a patch has made. n is the zero need if nobody
// asked for it.
func (p *pusher) pushMade(ctx context.Context, n need, open func() (io.ReadCloser, error)) error {
	if len(n.repos) == 0 {
		return nil
	}
	n.open = func(offset int64) (io.ReadCloser, error) {
		r, err := open()
		if err != nil {
			return nil, err
		}
		if _, err := io.CopyN(io.Discard, r, offset); err != nil {
			return nil, errors.Join(err, r.Close())
		}
		return r, nil
	}
	return p.pushBlob(ctx, n)
}

// pushBlob brings one blob to its first repository, and from there to the
// others.
func (p *pusher) pushBlob(ctx context.Context, n need) error {
	item := p.progress.Blob(n.blob.Digest.Short(), n.blob.Size)
	defer item.Done()
	var sent int64
	held := n.held
	for _, repo := range n.repos {
		open := n.open
		from := slices.DeleteFunc(slices.Clone(held), func(r string) bool { return r == repo })
		if open == nil {
			open = p.source(ctx, n.blob.Digest, n.owner, from)
		}
		how, err := p.client.PushBlob(ctx, registry.Upload{
			Repository: repo, Digest: n.blob.Digest, Size: n.blob.Size,
			MountFrom: from[:min(len(from), maxMounts)],
			Open:      open,
			Progress: func(n int64) {
				sent += n
				item.Add(n)
			},
		})
		if err != nil {
			return err
		}
		p.count(how, n.blob.Size)
		p.place(repo, n.blob.Digest)
		held = slices.Insert(held, 0, repo) // which is certain, while the ledger may be wrong
	}
	item.Add(n.blob.Size - sent)
	return nil
}

// source returns what gives the bytes of a blob that owner needs: staging, or
// one of the repositories that hold it.
func (p *pusher) source(ctx context.Context, d bundle.Digest, owner string, held []string) func(int64) (io.ReadCloser, error) {
	if open := p.open(d); open != nil {
		return open
	}
	return func(offset int64) (io.ReadCloser, error) {
		for _, repo := range held {
			r, err := p.client.Blob(ctx, repo, d, offset)
			if err == nil || !errors.Is(err, registry.ErrNotFound) {
				return r, err
			}
		}
		return nil, &MissingError{Digests: []bundle.Digest{d}, Owner: owner}
	}
}

// A MissingError reports content that a release or a patch needs, that the
// bundle does not carry because the site is believed to hold it, and that the
// registry no longer has.
type MissingError struct {
	Digests []bundle.Digest
	Owner   string // what needs it, "" if unknown
	Base    bool   // a patch does, to rebuild something else from it
}

func (e *MissingError) Error() string {
	if e.Base {
		return e.base()
	}
	text := fmt.Sprintf("%s is neither in the bundle nor held", e.Digests[0])
	if n := len(e.Digests); n > 1 {
		text = fmt.Sprintf("%s and %d more are neither in the bundle nor held", e.Digests[0], n-1)
	}
	if e.Owner != "" {
		text = fmt.Sprintf("%s: %s", e.Owner, text)
	}
	return text
}

func (e *MissingError) base() string {
	if n := len(e.Digests); n > 1 {
		return fmt.Sprintf("base %s of a patch and %d more bases are not held any more", e.Digests[0], n-1)
	}
	return fmt.Sprintf("base %s of a patch is not held any more", e.Digests[0])
}

func (p *pusher) count(how registry.How, size int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := map[registry.How]*report.Count{
		registry.Uploaded: &p.uploaded, registry.Mounted: &p.mounted, registry.Present: &p.present,
	}[how]
	c.Blobs++
	c.Bytes += size
}

// pushManifests pushes the manifests of all artifacts and reads back those
// that the registry did not have before.
func (p *pusher) pushManifests(ctx context.Context, artifacts []artifact) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(p.parallel)
	for _, a := range artifacts {
		g.Go(func() error {
			for _, m := range a.pushes {
				if err := p.pushManifest(ctx, a, m); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

func (p *pusher) pushManifest(ctx context.Context, a artifact, m release.Push) error {
	ok, err := p.complete(ctx, a.target, m)
	if err != nil && !errors.Is(err, registry.ErrUnauthorized) {
		return err
	}
	if ok {
		p.count(registry.Present, int64(len(m.Raw)))
		p.place(a.target, m.Digest)
		return nil
	}
	err = p.client.PushManifest(ctx, a.target, string(m.Digest), m.MediaType, m.Raw)
	if errors.Is(err, registry.ErrSparseRefused) && m.Sparse {
		return p.refuse(a, m, err)
	}
	if err != nil {
		return err
	}
	if _, _, err := p.client.Manifest(ctx, a.target, m.Digest); err != nil {
		return fmt.Errorf("reading back: %w", err)
	}
	p.count(registry.Uploaded, int64(len(m.Raw)))
	p.place(a.target, m.Digest)
	return nil
}

// complete reports whether repo has m and, if m has a subject, lists it as
// referring to that: an import may have been interrupted between the two.
func (p *pusher) complete(ctx context.Context, repo string, m release.Push) (bool, error) {
	_, ok, err := p.client.StatManifest(ctx, repo, string(m.Digest))
	if !ok || err != nil {
		return false, err
	}
	return listed(ctx, p.client, repo, m)
}

// listed reports whether repo lists m, which it has, among the referrers of
// the subject of m, if that has one.
func listed(ctx context.Context, c *registry.Client, repo string, m release.Push) (bool, error) {
	parsed, err := oci.ParseManifest(m.MediaType, m.Raw)
	if err != nil || parsed.Subject == nil {
		return err == nil, err
	}
	all, err := c.Referrers(ctx, repo, parsed.Subject.Digest)
	return slices.ContainsFunc(all, func(d oci.Descriptor) bool { return d.Digest == m.Digest }), err
}

// refuse takes note that the registry does not take the sparse index m, which
// err says. With one platform that came there is something in its place to
// tag; the index is held all the same, as the ledger keeps its bytes.
func (p *pusher) refuse(a artifact, m release.Push, err error) error {
	if a.only == "" || m.Digest != a.digest {
		return fmt.Errorf("%q: of its platforms several travel but not all, and this registry "+
			"takes all of them or one: %w", a.name, err)
	}
	p.mu.Lock()
	p.refused[a.target+"@"+string(m.Digest)] = true
	p.mu.Unlock()
	p.place(a.target, m.Digest)
	return nil
}

// place records that repo has d now.
func (p *pusher) place(repo string, d bundle.Digest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.placed[d] = append(p.placed[d], repo)
}

// pushTags sets the tags, when everything that they name is there, and
// returns those that changed. An artifact's own tag comes after those of its
// signatures, and that of a release after those of all its artifacts: whoever
// sees a tag finds what belongs to it.
func (p *pusher) pushTags(ctx context.Context, artifacts, releases []artifact) ([]report.TagChange, error) {
	changes, err := p.tagAll(ctx, artifacts)
	if err != nil {
		return changes, err
	}
	last, err := p.tagAll(ctx, releases)
	return append(changes, last...), err
}

func (p *pusher) tagAll(ctx context.Context, artifacts []artifact) ([]report.TagChange, error) {
	changes := make([][]report.TagChange, len(artifacts))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(p.parallel)
	for i, a := range artifacts {
		g.Go(func() (err error) {
			changes[i], err = p.tagArtifact(ctx, a)
			return err
		})
	}
	err := g.Wait()
	return slices.Concat(changes...), err
}

func (p *pusher) tagArtifact(ctx context.Context, a artifact) (changes []report.TagChange, err error) {
	for _, m := range slices.Backward(a.pushes) { // what is attached stands after its subject
		for _, tag := range m.Tags {
			c, err := p.pushTag(ctx, a, m, tag)
			if err != nil {
				return changes, err
			}
			if c != nil {
				changes = append(changes, *c)
			}
		}
	}
	return changes, nil
}

// pushTag makes tag name m, unless it does, and returns what that changed.
func (p *pusher) pushTag(ctx context.Context, a artifact, m release.Push, tag string) (*report.TagChange, error) {
	note := ""
	p.mu.Lock()
	sparse := p.refused[a.target+"@"+string(m.Digest)]
	p.mu.Unlock()
	if sparse {
		m = a.pushes[slices.IndexFunc(a.pushes, func(o release.Push) bool { return o.Digest == a.only })]
		note = "the registry refuses an index without all its platforms: the tag names the one platform that came"
	}
	before, ok, err := p.client.StatManifest(ctx, a.target, tag)
	if err != nil {
		return nil, err
	}
	if ok && before.Digest == m.Digest {
		return nil, nil
	}
	if err := p.client.PushManifest(ctx, a.target, tag, m.MediaType, m.Raw); err != nil {
		return nil, err
	}
	after, ok, err := p.client.StatManifest(ctx, a.target, tag)
	if err != nil {
		return nil, fmt.Errorf("reading back: %w", err)
	}
	if !ok || after.Digest != m.Digest {
		return nil, fmt.Errorf("reading back: tag %q of %q names %q, want %s", tag, a.target, after.Digest, m.Digest)
	}
	return &report.TagChange{Name: a.name, Target: a.target + ":" + tag, Before: before.Digest, After: m.Digest, Note: note}, nil
}
