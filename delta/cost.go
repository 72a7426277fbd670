package delta

import (
	"cmp"
	"slices"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/delta/diff"
	"github.com/airgap-ferry/ferry/delta/entropy"
)

// A Cost says what a target adds to a patch.
type Cost struct {
	Bytes    int64           // coded, about
	Hopeless bool            // the target was not added: see [Options.GiveUp]
	Streams  []StreamCost    // by kind of stream, the most expensive first
	Bases    []bundle.Digest // that the target takes something from
	Largest  []FileCost      // ten files at most, the most expensive first
}

// A StreamCost says what one kind of stream adds to a patch.
type StreamCost struct {
	Name  string
	Plain int64 // bytes
	Coded int64 // bytes, about
}

// A FileCost says what one file adds to a patch.
type FileCost struct {
	Path  string
	Size  int64 // of its content
	New   bool  // it has nothing in common with what the site holds
	Coded int64 // bytes, about
}

const (
	// A part of each stream is coded to see how well it does.
	sampleEvery = 8 << 20
	sampleSize  = 256 << 10

	largestFiles = 10
	keptFiles    = 256
)

// A spending gathers what a target adds.
type spending struct {
	plain   [numStreams]int64
	samples [numStreams][]byte
	files   []fileSpending
}

type fileSpending struct {
	entry  int
	isNew  bool
	stream int // of new content
	sum    int64
	sizes  [diff.NumStreams]int32
}

// sample looks at bytes that a stream gets.
func (s *spending) sample(stream int, b []byte) {
	for len(b) > 0 {
		at := s.plain[stream] % sampleEvery
		n := min(int64(len(b)), sampleEvery-at)
		if at < sampleSize {
			n = min(n, sampleSize-at)
			s.samples[stream] = append(s.samples[stream], b[:n]...)
		}
		s.plain[stream] += n
		b = b[n:]
	}
}

// note notes what entry i took.
func (s *spending) note(i int, _ *entry, j *job) {
	f := fileSpending{entry: i, isNew: j.kind == contentNew, stream: j.stream, sum: j.patchSize, sizes: j.sizes}
	s.files = append(s.files, f)
	if len(s.files) == 2*keptFiles {
		s.keepLargest(keptFiles)
	}
}

func (s *spending) keepLargest(n int) {
	slices.SortStableFunc(s.files, func(a, b fileSpending) int { return cmp.Compare(b.sum, a.sum) })
	s.files = s.files[:min(n, len(s.files))]
}

// ratios codes the samples and returns the shares that remain.
func (s *spending) ratios() (r [numStreams]float64) {
	var e entropy.Encoder
	for i, b := range s.samples {
		if len(b) == 0 {
			continue
		}
		coded := 0
		for c := range slices.Chunk(b, sampleSize) {
			_, out := e.Encode(nil, c, kindOf(i), entropy.Fast)
			coded += len(out)
		}
		r[i] = float64(coded) / float64(len(b)) * gainOf(i, s.plain[i])
	}
	return r
}

// gainOf is by what share about n bytes of a stream become smaller than zstd
// makes them at its fastest, in the company of those of other targets.
func gainOf(stream int, n int64) float64 {
	switch {
	case stream == streamPacked:
		return 1
	case n <= smallStream:
		return 0.7
	case n > largeStream:
		return 0.65
	default:
		return 0.85
	}
}

// A small stream is coded with more effort, a large one finds much in itself.
const (
	smallStream = 64 << 10
	largeStream = 8 << 20
)

// cost adds up what the target costs. Its recipe is coded already, in so many
// bytes.
func (w *targetWriter) cost(recipeSize int64) Cost {
	ratios := w.spent.ratios()
	c := Cost{Bytes: recipeSize}
	for i, n := range w.spent.plain {
		if n == 0 {
			continue
		}
		coded := int64(float64(n) * ratios[i])
		c.Bytes += coded
		c.Streams = append(c.Streams, StreamCost{streamName(i), n, coded})
	}
	slices.SortStableFunc(c.Streams, func(a, b StreamCost) int { return cmp.Compare(b.Coded, a.Coded) })
	for _, s := range w.b.sources {
		if !s.target && s.last == w.number {
			c.Bases = append(c.Bases, s.digest)
		}
	}
	c.Largest = w.largest(ratios)
	return c
}

func (w *targetWriter) largest(ratios [numStreams]float64) []FileCost {
	w.spent.keepLargest(keptFiles)
	var all []FileCost
	h := headerReader{named: true}
	for i := range w.spent.files {
		f := &w.spent.files[i]
		e := &w.s.table.entries[f.entry]
		c := FileCost{Size: e.size, New: f.isNew}
		coded := 0.0
		if f.isNew {
			coded = float64(f.sum) * ratios[f.stream]
		}
		for k, n := range f.sizes {
			coded += float64(n) * ratios[streamDiff+k]
		}
		c.Coded = int64(coded)
		if part, err := w.s.window.bytes(e.off, int(e.head)); err == nil && len(part) > 0 {
			h.impliedSize(part)
			c.Path = string(h.name)
		}
		all = append(all, c)
	}
	slices.SortStableFunc(all, func(a, b FileCost) int { return cmp.Compare(b.Coded, a.Coded) })
	return all[:min(largestFiles, len(all))]
}
