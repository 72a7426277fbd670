package release

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
	"github.com/airgap-ferry/ferry/internal/strictyaml"
)

const defaultParallel = 8

// ResolveOptions say how to resolve. The zero value is the default.
type ResolveOptions struct {
	Parallel int          // requests at a time; 0 for 8
	HTTP     *http.Client // for HTTP chart repositories; nil for http.DefaultClient
	Dir      string       // where relative paths start; "" for the folder of release.yaml

	// VerifyImage is called for each image that names a key, once it is
	// resolved with its attachments. key is a path, with Dir before it if it
	// was relative. Without VerifyImage such images are an error. It is called
	// concurrently.
	VerifyImage func(ctx context.Context, image Image, key string) error
}

// Resolve pins everything that r names. Files are read once, to hash them;
// the Resolution opens them again when asked. Nothing is written.
//
// All problems are returned, joined in the order of the release, each an
// [*Error] that wraps what the source returned. If ctx ends, the error wraps
// that of ctx instead.
func Resolve(ctx context.Context, r *Release, src Source, o ResolveOptions) (*Resolution, error) {
	v := newResolver(r, src, o)
	jobs, err := imageJobs(r)
	if err != nil {
		return nil, err
	}
	g := new(errgroup.Group)
	g.SetLimit(cmp.Or(max(0, o.Parallel), defaultParallel))
	images := make([]Image, len(jobs))
	for i, j := range jobs {
		g.Go(func() error {
			var err error
			if images[i], err = v.resolveImage(ctx, j); err != nil {
				v.problems.Add(j.line, v.errorOf(j.line, "image", j.ref.String(), err))
			}
			return nil
		})
	}
	charts := make([]Chart, len(r.Charts))
	for i, w := range r.Charts {
		g.Go(func() error {
			var err error
			if charts[i], err = v.resolveChart(ctx, w); err != nil {
				v.problems.Add(w.Line, v.errorOf(w.Line, "chart", w.Chart, err))
			}
			return nil
		})
	}
	var files, manifests fileSet
	g.Go(func() error { files = v.resolveFiles(ctx, r.Files); return nil })
	g.Go(func() error { manifests = v.resolveManifests(ctx, r.Manifests); return nil })
	_ = g.Wait() // what went wrong is in v.problems
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("resolving release %q: %w", r.Name, err)
	}
	if err := v.problems.Err(); err != nil {
		return nil, err
	}
	return v.finish(&Resolved{
		Name: r.Name, Version: r.Version, Images: images, Charts: charts, Files: files.sorted(), Manifests: manifests.sorted(),
	})
}

// A resolver gathers what is found on the way.
type resolver struct {
	release  *Release
	source   Source
	options  ResolveOptions
	problems *strictyaml.Problems
	repos    chartRepos

	mu        sync.Mutex
	manifests map[bundle.Digest]storedManifest // guarded by mu
	local     map[bundle.Digest]localBlob      // guarded by mu
}

func newResolver(r *Release, src Source, o ResolveOptions) *resolver {
	if o.HTTP == nil {
		o.HTTP = http.DefaultClient
	}
	if o.Dir == "" {
		o.Dir = filepath.Dir(r.Path)
	}
	return &resolver{
		release: r, source: src, options: o,
		problems:  strictyaml.NewProblems(r.Path),
		manifests: make(map[bundle.Digest]storedManifest),
		local:     make(map[bundle.Digest]localBlob),
	}
}

// finish puts the parts into order and together.
func (v *resolver) finish(r *Resolved) (*Resolution, error) {
	slices.SortFunc(r.Images, func(a, b Image) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(r.Charts, compareCharts)
	r.Charts = slices.CompactFunc(r.Charts, func(a, b Chart) bool {
		return compareCharts(a, b) == 0 && a.Digest == b.Digest
	})
	if err := r.checkTags(); err != nil {
		return nil, &Error{File: v.release.Path, Err: err}
	}
	text, manifest, err := r.Manifest()
	if err != nil {
		return nil, &Error{File: v.release.Path, Err: err}
	}
	v.keep(bundle.DigestOf(manifest), oci.MediaTypeManifest, manifest)
	v.addLocal(bundle.DigestOf(text), int64(len(text)), openBytes(text))
	v.addLocal(bundle.DigestOf(emptyBlob), int64(len(emptyBlob)), openBytes(emptyBlob))
	out := &Resolution{
		Resolved: r.withLists(), Text: text, Manifest: manifest, manifests: v.manifests, local: v.local,
	}
	if err := out.list(); err != nil {
		return nil, &Error{File: v.release.Path, Err: err}
	}
	return out, nil
}

// errorOf says which part of the release err is about.
func (v *resolver) errorOf(line int, what, name string, err error) *Error {
	return &Error{File: v.release.Path, Line: line, Msg: fmt.Sprintf("%s %.300q", what, name), Err: err}
}

// path returns where a path of the release lies.
func (v *resolver) path(p string) string {
	p = filepath.FromSlash(p)
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(v.options.Dir, p)
}

func (v *resolver) keep(d bundle.Digest, mediaType string, raw []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.manifests[d] = storedManifest{mediaType, raw}
}

func (v *resolver) kept(d bundle.Digest) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, ok := v.manifests[d]
	return ok
}

func (v *resolver) addLocal(d bundle.Digest, size int64, open opener) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.local[d]; !ok {
		v.local[d] = localBlob{size, open}
	}
}
