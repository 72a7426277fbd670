package outside

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/delta"
	"github.com/airgap-ferry/ferry/delta/recipe"
	"github.com/airgap-ferry/ferry/internal/scratch"
	"github.com/airgap-ferry/ferry/ledger"
	"github.com/airgap-ferry/ferry/release"
)

const (
	// maxBaseEntries bounds the files of held layers that are compared with
	// what is new: the tables of so many take some hundred megabytes.
	maxBaseEntries = 2 << 20

	// maxBaseLookups bounds the holdings of which the ledger is asked.
	maxBaseLookups = 200_000
)

// bases are the layers that a site holds, and that a patch may build on.
type bases struct {
	a       *Agent
	cache   *blobCache
	scratch *scratch.Dir
	list    []*base
	wanted  []*base // those that the new release has replaced
	byBlob  map[bundle.Digest]*base
}

// A base is a layer that the site holds.
type base struct {
	blob       bundle.Blob
	repository string // where its bytes can be read, "" if nowhere
	table      *delta.Table
	text       *scratch.File // its plain text, nil until it is wanted
	err        error         // why it can't be had
}

// findBases finds the layers that the site holds on the basis of the plan, the
// latest first. What is not known of layers of the release before is found out
// and returned, to be kept.
func (x *patcher) findBases(ctx context.Context) ([]ledger.Layer, error) {
	all := &bases{a: x.p.a, cache: x.cache, scratch: x.scratch, byBlob: make(map[bundle.Digest]*base)}
	holdings, err := x.p.heldBlobs()
	if err != nil {
		return nil, err
	}
	near, err := x.p.near()
	if err != nil {
		return nil, err
	}
	var learned []ledger.Layer
	entries := 0
	for _, blob := range holdings {
		if entries >= maxBaseEntries {
			break
		}
		b := &base{blob: blob, repository: near[blob.Digest]}
		known, err := all.look(b)
		if err != nil {
			return nil, err
		}
		if !known {
			if b.repository == "" {
				continue
			}
			layer, err := all.learn(ctx, b)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if err != nil {
				x.p.a.o.Log.InfoContext(ctx, "layer is no base", slog.String("digest", string(blob.Digest)), slog.Any("error", err))
				continue
			}
			learned = append(learned, layer)
		}
		entries += b.table.Len()
		all.list = append(all.list, b)
		all.byBlob[blob.Digest] = b
		if _, ok := near[blob.Digest]; ok && !x.p.held[blob.Digest] {
			all.wanted = append(all.wanted, b)
		}
	}
	x.bases = all
	return learned, nil
}

// heldBlobs returns what the site holds and a patch could build on, the latest
// first.
func (p *Plan) heldBlobs() ([]bundle.Blob, error) {
	if p.basis == ledger.BasisNone {
		return nil, nil
	}
	var all []ledger.Holding
	err := p.a.ledger.Holdings(p.o.Site, func(h ledger.Holding) error {
		if h.Size >= minPatched {
			all = append(all, h)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	latest := func(h ledger.Holding) ledger.Carrier { return h.Carriers[len(h.Carriers)-1] }
	slices.SortStableFunc(all, func(a, b ledger.Holding) int {
		return cmp.Or(cmp.Compare(latest(b).Epoch, latest(a).Epoch), cmp.Compare(latest(b).Seq, latest(a).Seq))
	})
	all = all[:min(len(all), maxBaseLookups)]
	digests := make([]bundle.Digest, 0, len(all))
	for _, h := range all {
		digests = append(digests, h.Digest)
	}
	held, err := p.a.ledger.Holds(p.o.Site, p.basis, digests)
	if err != nil {
		return nil, err
	}
	var blobs []bundle.Blob
	for i, h := range all {
		if held[i] {
			blobs = append(blobs, bundle.Blob(h.Blob))
		}
	}
	return blobs, nil
}

// near returns the blobs of the release before that stand in repositories of
// this one, with the repository.
func (p *Plan) near() (map[bundle.Digest]string, error) {
	near := make(map[bundle.Digest]string)
	old, err := p.previous()
	if err != nil || old == nil {
		return near, err
	}
	now := make(map[string]bool)
	for _, a := range p.resolution.Artifacts() {
		now[a.Repository] = true
	}
	for _, a := range old.Artifacts() {
		if !now[a.Repository] {
			continue
		}
		pushes, err := release.Closure(a, func(d bundle.Digest) (string, []byte, error) {
			m, err := p.a.ledger.Manifest(d)
			return m.MediaType, m.Raw, err
		})
		if errors.Is(err, ledger.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("listing the content of release %q version %q: %w", old.Name, old.Version, err)
		}
		for _, push := range pushes {
			for _, b := range push.Blobs {
				near[b.Digest] = a.Repository
			}
		}
	}
	return near, nil
}

// look reports whether the ledger knows what is in b, and fills it in.
func (s *bases) look(b *base) (bool, error) {
	l, err := s.a.ledger.Layer(b.blob.Digest)
	if errors.Is(err, ledger.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if b.repository == "" {
		b.repository = l.Repository
	}
	b.table, err = delta.ParseTable(l.Table)
	return err == nil, nil // a table of another ferry is none
}

// learn finds out what is in b.
func (s *bases) learn(ctx context.Context, b *base) (ledger.Layer, error) {
	text, err := s.open(ctx, b)
	if err != nil {
		return ledger.Layer{}, err
	}
	info, err := text.Stat()
	if err != nil {
		return ledger.Layer{}, err
	}
	if b.table, err = delta.Walk(io.NewSectionReader(text, 0, info.Size())); err != nil {
		return ledger.Layer{}, err
	}
	table, err := b.table.MarshalBinary()
	return ledger.Layer{Digest: b.blob.Digest, Repository: b.repository, Table: table}, err
}

// open returns the plain text of b.
func (s *bases) open(ctx context.Context, b *base) (*scratch.File, error) {
	if b.text == nil && b.err == nil {
		b.text, b.err = s.inflate(ctx, b)
	}
	return b.text, b.err
}

// inflate reads b where it can be had, and opens its compression.
func (s *bases) inflate(ctx context.Context, b *base) (*scratch.File, error) {
	blob, err := s.cache.fetch(ctx, b.blob, func() (io.ReadCloser, error) {
		if b.repository == "" {
			return nil, errors.New("nobody knows where it is")
		}
		return s.a.client.Blob(ctx, b.repository, b.blob.Digest, 0)
	}, func(int64) {})
	if err != nil {
		return nil, fmt.Errorf("reading base %s: %w", b.blob.Digest, err)
	}
	defer blob.Close() //nolint:errcheck // only read
	plain, _, err := recipe.Plain(io.NewSectionReader(blob, 0, b.blob.Size))
	if err != nil {
		return nil, fmt.Errorf("reading base %s: %w", b.blob.Digest, err)
	}
	defer plain.Close()
	text, err := s.scratch.Create()
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(text, &contextReader{ctx, plain}); err != nil {
		return nil, errors.Join(fmt.Errorf("reading base %s: %w", b.blob.Digest, err), text.Close())
	}
	return text, nil
}
