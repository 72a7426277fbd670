package outside

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
	"github.com/airgap-ferry/ferry/ledger"
	"github.com/airgap-ferry/ferry/registry"
	"github.com/airgap-ferry/ferry/release"
)

// attachmentTags are what cosign adds to the digest of an image to make the
// tags of its signatures, attestations and SBOMs.
var attachmentTags = []string{".sig", ".att", ".sbom"}

// questionsPerImage is how many requests about one image are sent at a time:
// one for each kind of attachment, and one for referrers.
const questionsPerImage = 4

// A source is the registries, seen through the ledger's cache: what is named
// by digest is asked for once in the life of a ledger. It implements
// [release.Source].
type source struct {
	client *registry.Client

	mu     sync.Mutex // guards what follows; a ledger is for one goroutine
	ledger *ledger.Outside
	fresh  map[bundle.Digest]ledger.Manifest // to be kept
	hosts  map[string]bool                   // that were asked for referrers
}

func (a *Agent) newSource() *source {
	return &source{
		client: a.client, ledger: a.ledger,
		fresh: make(map[bundle.Digest]ledger.Manifest), hosts: make(map[string]bool),
	}
}

// save keeps what was read for the next run.
func (s *source) save(a *Agent) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for host := range s.hosts {
		a.hosts.learn(s.client, host, a.now())
	}
	if err := a.hosts.save(a.o.FS); err != nil {
		return fmt.Errorf("keeping what was learned about registries: %w", err)
	}
	if len(s.fresh) == 0 {
		return nil
	}
	list := make([]ledger.Manifest, 0, len(s.fresh))
	for _, m := range s.fresh {
		list = append(list, m)
	}
	clear(s.fresh)
	return s.ledger.PutManifests(list)
}

// Resolve implements [release.Source].
func (s *source) Resolve(ctx context.Context, ref oci.Reference) (oci.Descriptor, error) {
	return s.client.Resolve(ctx, ref)
}

// Manifest implements [release.Source].
func (s *source) Manifest(ctx context.Context, repository string, d bundle.Digest) (string, []byte, error) {
	if m, ok, err := s.kept(d); ok || err != nil {
		return m.MediaType, m.Raw, err
	}
	desc, raw, err := s.client.Manifest(ctx, repository, d)
	if err != nil {
		return "", nil, err
	}
	s.keep(ledger.Manifest{Digest: d, MediaType: desc.MediaType, Raw: raw})
	return desc.MediaType, raw, nil
}

// Blob implements [release.Source]. Blobs that are as small as manifests are
// kept with them.
func (s *source) Blob(ctx context.Context, repository string, d bundle.Digest, size int64) ([]byte, error) {
	if m, ok, err := s.kept(d); ok || err != nil {
		return m.Raw, err
	}
	r, err := s.client.Blob(ctx, repository, d, 0)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, size+1))
	if err != nil {
		return nil, fmt.Errorf("reading from %q: blob %s: %w", repository, d, err)
	}
	if int64(len(b)) != size {
		return nil, wrongContent(repository, d, fmt.Sprintf("it served %d bytes or more, want %d", len(b), size))
	}
	if got := bundle.DigestOf(b); got != d {
		return nil, wrongContent(repository, d, fmt.Sprintf("it served %s", got))
	}
	if size <= oci.MaxManifestSize {
		s.keep(ledger.Manifest{Digest: d, Raw: b})
	}
	return b, nil
}

// Attachments implements [release.Source]. Where a registry has no referrers
// API, and that is known, it costs HEAD requests only.
func (s *source) Attachments(ctx context.Context, repository string, subject bundle.Digest) ([]release.Attachment, error) {
	found := make([][]release.Attachment, questionsPerImage)
	g, ctx := errgroup.WithContext(ctx)
	base := oci.FallbackTag(subject)
	for i, suffix := range attachmentTags {
		g.Go(func() error {
			d, ok, err := s.client.StatManifest(ctx, repository, base+suffix)
			if ok {
				found[i] = []release.Attachment{{
					Subject: subject, Digest: d.Digest, MediaType: d.MediaType, Size: d.Size, Tag: base + suffix,
				}}
			}
			return err
		})
	}
	g.Go(func() error {
		list, err := s.referrers(ctx, repository, subject)
		for _, d := range list {
			found[questionsPerImage-1] = append(found[questionsPerImage-1], release.Attachment{
				Subject: subject, Digest: d.Digest, MediaType: d.MediaType, Size: d.Size, ArtifactType: d.ArtifactType,
			})
		}
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var all []release.Attachment
	for _, list := range found {
		all = append(all, list...)
	}
	return all, nil
}

// referrers returns what has subject as its subject.
func (s *source) referrers(ctx context.Context, repository string, subject bundle.Digest) ([]oci.Descriptor, error) {
	host, _, _ := strings.Cut(repository, "/")
	s.mu.Lock()
	s.hosts[host] = true
	s.mu.Unlock()
	if !s.client.NoReferrersAPI(host) {
		return s.client.Referrers(ctx, repository, subject)
	}
	// The index is named by a tag, and its bytes by a digest that a HEAD
	// tells: they may be known.
	d, ok, err := s.client.StatManifest(ctx, repository, oci.FallbackTag(subject))
	if err != nil || !ok {
		return nil, err
	}
	mediaType, raw, err := s.Manifest(ctx, repository, d.Digest)
	if err != nil {
		return nil, err
	}
	index, err := oci.ParseManifest(mediaType, raw)
	if err != nil {
		return nil, fmt.Errorf("reading from %q: index of referrers %s: %w", repository, d.Digest, err)
	}
	return index.Children, nil
}

// Tags implements [release.Source].
func (s *source) Tags(ctx context.Context, repository string) ([]string, error) {
	return s.client.Tags(ctx, repository)
}

// kept returns what was read before.
func (s *source) kept(d bundle.Digest) (ledger.Manifest, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m, ok := s.fresh[d]; ok {
		return m, true, nil
	}
	m, err := s.ledger.Manifest(d)
	if errors.Is(err, ledger.ErrNotFound) {
		return ledger.Manifest{}, false, nil
	}
	return m, err == nil, err
}

func (s *source) keep(m ledger.Manifest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fresh[m.Digest] = m
}

// wrongContent returns the error that a registry served something else than
// the blob d.
func wrongContent(repository string, d bundle.Digest, why string) error {
	host, path, _ := strings.Cut(repository, "/")
	return &registry.Error{
		Side: "reading from", Host: host, Repository: path, Ref: string(d),
		Err: fmt.Errorf("%w: %s", registry.ErrWrongContent, why),
	}
}
