package outside

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/delta"
	"github.com/airgap-ferry/ferry/report"
)

// Explain says how each of the blobs that names stand for was compressed: of
// files, and of the layers of images.
func Explain(ctx context.Context, names []string, o LayerOptions) (blobs []report.Encoding, err error) {
	s, err := newLayerSource(o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	for _, name := range names {
		layers, err := s.layers(ctx, name)
		if err != nil {
			return nil, err
		}
		if err := s.open(ctx, layers); err != nil {
			return nil, err
		}
		for _, l := range layers {
			blobs = append(blobs, explain(l))
			if l.opened != nil {
				if err := l.opened.text.Close(); err != nil {
					return nil, err
				}
			}
		}
	}
	return blobs, nil
}

func explain(l *layer) report.Encoding {
	e := report.Encoding{Name: l.name, Digest: l.blob.Digest, Size: l.blob.Size, Rung: report.RungWhole, Why: l.why, Groups: []report.Group{}}
	if l.opened == nil {
		return e
	}
	how, table := l.opened.recipe, l.opened.table
	e.Rung, e.Plain, e.DiffID, e.Entries = rungOf(how), table.Plain, table.Digest, int64(table.Len())
	e.Rebuild, e.Tail = rebuildTime(how).Milliseconds(), int64(len(how.Tail))
	for _, g := range how.Groups {
		row := report.Group{
			Frame: g.Frame.String(), Encoder: g.Encoder.String(), Level: g.Level, Block: int64(g.Block),
			Members: int64(len(g.Plain)), Header: fmt.Sprintf("%x", g.Header[:min(len(g.Header), 32)]), Corrections: int64(len(g.Fix)),
		}
		if g.Encoder == 0 {
			row.Encoder = ""
		}
		for _, n := range g.Plain {
			row.Plain += n
		}
		e.Groups = append(e.Groups, row)
	}
	return e
}

// Diff says what a patch from one image, or file, to another would cost, and
// where the bytes go.
func Diff(ctx context.Context, from, to string, o LayerOptions) (r *report.Diff, err error) {
	s, err := newLayerSource(o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	bases, err := s.layers(ctx, from)
	if err != nil {
		return nil, err
	}
	targets, err := s.layers(ctx, to)
	if err != nil {
		return nil, err
	}
	if err := s.open(ctx, slices.Concat(bases, targets)); err != nil {
		return nil, err
	}
	d := &diffing{s: s, report: &report.Diff{From: from, To: to, Layers: []report.Patch{}, Streams: []report.Stream{}, Largest: []report.Change{}}}
	return d.report, d.run(ctx, bases, targets)
}

// A diffing is a call of Diff.
type diffing struct {
	s      *layerSource
	report *report.Diff
}

func (d *diffing) run(ctx context.Context, bases, targets []*layer) error {
	b := delta.NewBuilder(delta.Options{
		Memory: d.s.o.Memory, Effort: link{goal: d.s.o.For}.effort(), Parallel: inParallel(ctx),
		Scratch: func() (delta.Temp, error) { return d.s.scratch.Create() },
	})
	defer b.Close() //nolint:errcheck // a temporary file, which goes with its directory
	held := make(map[bundle.Digest]bool)
	for _, l := range bases {
		if held[l.blob.Digest] || l.opened == nil {
			continue
		}
		held[l.blob.Digest] = true
		err := b.AddBase(delta.Base{
			Digest: l.blob.Digest, Size: l.blob.Size, Table: l.opened.table,
			Open: func() (io.ReaderAt, error) { return l.opened.text, nil },
		})
		if err != nil {
			return err
		}
	}
	any := false
	for _, l := range targets {
		if held[l.blob.Digest] {
			continue
		}
		held[l.blob.Digest] = true
		d.report.Whole += l.blob.Size
		took, err := d.add(ctx, b, l)
		if err != nil {
			return err
		}
		any = any || took
	}
	if !any {
		return nil
	}
	return d.finish(b)
}

// add adds a layer to the patch, and reports whether it did.
func (d *diffing) add(ctx context.Context, b *delta.Builder, l *layer) (bool, error) {
	p := report.Patch{Digest: l.blob.Digest, Owner: l.name, Size: l.blob.Size, Bases: []bundle.Digest{}}
	if l.opened == nil {
		p.Rung, p.Why, p.Bytes = report.RungWhole, l.why, l.blob.Size
		d.report.Bytes += l.blob.Size
		d.report.Layers = append(d.report.Layers, p)
		return false, ctx.Err()
	}
	cost, err := b.AddTarget(delta.Target{
		Digest: l.blob.Digest, Size: l.blob.Size, Recipe: l.opened.recipe, Table: l.opened.table, Plain: l.opened.text,
	})
	if err != nil {
		return false, fmt.Errorf("making the patch for %q: %w", l.name, err)
	}
	p.Rung, p.Encoder, p.Bytes = rungOf(l.opened.recipe), l.opened.recipe.Groups[0].String(), cost.Bytes
	p.Bases, p.Rebuild = append(p.Bases, cost.Bases...), rebuildTime(l.opened.recipe).Milliseconds()
	d.report.Layers = append(d.report.Layers, p)
	d.count(&cost)
	return true, ctx.Err()
}

// largest is how many files a report names.
const largest = 10

// count adds what a layer costs.
func (d *diffing) count(cost *delta.Cost) {
	for _, s := range cost.Streams {
		i := slices.IndexFunc(d.report.Streams, func(r report.Stream) bool { return r.Name == s.Name })
		if i < 0 {
			i = len(d.report.Streams)
			d.report.Streams = append(d.report.Streams, report.Stream{Name: s.Name})
		}
		d.report.Streams[i].Plain += s.Plain
		d.report.Streams[i].Bytes += s.Coded
	}
	for _, f := range cost.Largest {
		d.report.Largest = append(d.report.Largest, report.Change{Path: f.Path, Size: f.Size, New: f.New, Bytes: f.Coded})
	}
	slices.SortStableFunc(d.report.Streams, func(a, b report.Stream) int { return int(min(max(b.Bytes-a.Bytes, -1), 1)) })
	slices.SortStableFunc(d.report.Largest, func(a, b report.Change) int { return int(min(max(b.Bytes-a.Bytes, -1), 1)) })
	d.report.Largest = d.report.Largest[:min(len(d.report.Largest), largest)]
}

// finish writes the patch to see how large it is.
func (d *diffing) finish(b *delta.Builder) error {
	var size int64
	_, err := b.Finish(countingWriter(func(n int64) { size += n }))
	if err != nil {
		return fmt.Errorf("making the patch: %w", err)
	}
	d.report.Bytes += size
	return nil
}
