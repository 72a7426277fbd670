package outside

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sync/errgroup"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/durable"
	"github.com/airgap-ferry/ferry/internal/oci"
	"github.com/airgap-ferry/ferry/internal/scratch"
	"github.com/airgap-ferry/ferry/registry"
)

// LayerOptions says where layers are read, for [Explain] and [Diff]. The zero
// value reads files, and images from registries that speak TLS.
type LayerOptions struct {
	Platform  string   // of images for several; "" for linux/amd64
	PlainHTTP []string // hosts that may be spoken to in plain HTTP
	Memory    int64    // bytes; 0 for delta.DefaultMemory
	For       string   // ForBytes or ""
	Temp      string   // directory for temporary files; it is made, and removed at the end
}

// A layer is a blob that was brought to this machine.
type layer struct {
	name   string // for people
	blob   bundle.Blob
	bytes  io.ReaderAt
	opened *openedBlob
	why    string // opened is nil
}

// A layerSource brings layers to this machine.
type layerSource struct {
	o       LayerOptions
	client  *registry.Client
	scratch *scratch.Dir
	files   []*os.File
}

func newLayerSource(o LayerOptions) (*layerSource, error) {
	if o.Platform == "" {
		o.Platform = "linux/amd64"
	}
	client, err := registry.New(registry.Options{PlainHTTP: o.PlainHTTP, UserAgent: "ferry"})
	if err != nil {
		return nil, err
	}
	dir, err := scratch.Open(durable.OS, o.Temp)
	if err != nil {
		return nil, err
	}
	return &layerSource{o: o, client: client, scratch: dir}, nil
}

func (s *layerSource) close() error {
	s.client.Close()
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(append(errs, s.scratch.Remove())...)
}

// layers returns what name stands for: a file, or the layers of an image.
func (s *layerSource) layers(ctx context.Context, name string) ([]*layer, error) {
	info, err := os.Stat(name)
	switch {
	case err == nil && info.Mode().IsRegular():
		return s.file(name, info.Size())
	case err == nil:
		return nil, fmt.Errorf("%q is not a file; want a file, or an image in a registry", name)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	ref, err := oci.ParseReference(name)
	if err != nil {
		return nil, fmt.Errorf("%q is neither a file nor the reference of an image: %w", name, err)
	}
	return s.image(ctx, ref)
}

func (s *layerSource) file(name string, size int64) ([]*layer, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	s.files = append(s.files, f)
	return []*layer{{name: name, blob: bundle.Blob{Size: size}, bytes: f}}, nil
}

// image returns the layers of the image that ref names, for the platform that
// is wanted.
func (s *layerSource) image(ctx context.Context, ref oci.Reference) ([]*layer, error) {
	d, err := s.client.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	m, err := s.manifest(ctx, ref.Repository, d.Digest)
	if err != nil {
		return nil, err
	}
	for oci.IsIndexType(m.MediaType) {
		child, err := s.choose(ref, m)
		if err != nil {
			return nil, err
		}
		if m, err = s.manifest(ctx, ref.Repository, child); err != nil {
			return nil, err
		}
	}
	layers := make([]*layer, 0, len(m.Layers))
	for _, l := range m.Layers {
		layers = append(layers, &layer{name: fmt.Sprintf("%s layer %s", ref, l.Digest.Short()), blob: bundle.Blob{Digest: l.Digest, Size: l.Size}})
	}
	return layers, s.fetch(ctx, ref.Repository, layers)
}

func (s *layerSource) manifest(ctx context.Context, repository string, d bundle.Digest) (*oci.Manifest, error) {
	desc, raw, err := s.client.Manifest(ctx, repository, d)
	if err != nil {
		return nil, err
	}
	return oci.ParseManifest(desc.MediaType, raw)
}

func (s *layerSource) choose(ref oci.Reference, index *oci.Manifest) (bundle.Digest, error) {
	for _, c := range index.Children {
		if oci.PlatformMatches(s.o.Platform, c.Platform) {
			return c.Digest, nil
		}
	}
	return "", fmt.Errorf("%q has nothing for platform %q", ref.String(), s.o.Platform)
}

func (s *layerSource) fetch(ctx context.Context, repository string, layers []*layer) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(s.client.Parallel())
	for _, l := range layers {
		g.Go(func() error {
			f, err := s.scratch.Create()
			if err != nil {
				return err
			}
			l.bytes = f
			err = copyBlob(ctx, f, l.blob, func() (io.ReadCloser, error) {
				return s.client.Blob(ctx, repository, l.blob.Digest, 0)
			}, func(int64) {})
			if err != nil {
				return fmt.Errorf("reading from %q: blob %s: %w", repository, l.blob.Digest, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// open opens the compression of layers.
func (s *layerSource) open(ctx context.Context, layers []*layer) error {
	return inParallel(ctx)(len(layers), func(i int) (err error) {
		l := layers[i]
		if l.blob.Digest == "" {
			if l.blob.Digest, err = digestOf(l.bytes, l.blob.Size); err != nil {
				return err
			}
		}
		if l.opened, l.why, err = openBlob(s.scratch, l.bytes, l.blob.Size); err != nil {
			return fmt.Errorf("opening %q: %w", l.name, err)
		}
		return nil
	})
}
