package nested

import (
	"bytes"

	"github.com/airgap-ferry/ferry/delta/recipe"
)

// Options say what Find looks for. The zero Options are the default.
type Options struct {
	Recipes bool  // only streams that can be made again, with their recipes
	Limit   int64 // bytes of all plain texts; 0 is 128 MiB
}

const (
	defaultLimit = 128 << 20

	// hopeless is after how many streams without recipe a text is given up
	// that had none with one.
	hopeless = 6
)

// An Opener finds streams, and keeps what it needs for that. The zero Opener
// is ready. It is not for concurrent use.
type Opener struct {
	codec recipe.Codec
	z     inflater
	src   bytes.Reader
	last  recipe.Params
}

// Find returns the streams of file that skip, if there is one, does not report
// to stay closed. See [Opener.Find].
func Find(file []byte, skip func(stream []byte) bool, o Options) []Stream {
	return new(Opener).Find(file, skip, o)
}

// MayHold reports whether it is worthwhile to look for streams in file.
func MayHold(file []byte) bool {
	if len(file) < leastSize {
		return false
	}
	switch {
	case string(file[:3]) == gzipMagic, string(file[:4]) == localMagic, zipEnd(file) >= 0:
		return true
	}
	return len(elfSections(file)) > 0
}

// Find returns the streams of file that skip, if there is one, does not report
// to stay closed.
func (o *Opener) Find(file []byte, skip func(stream []byte) bool, opt Options) []Stream {
	if opt.Limit <= 0 {
		opt.Limit = defaultLimit
	}
	f := finder{Opener: o, o: opt, skip: skip, left: opt.Limit}
	f.text(0, file, 0)
	for n := 1; n <= len(f.streams); n++ {
		if s := &f.streams[n-1]; f.depths[n-1] < maxDepth && MayHold(s.plain) {
			f.text(n, s.plain, f.depths[n-1])
		}
	}
	return f.streams
}

// Each calls f with each stream that stands in file itself.
func (o *Opener) Each(file []byte, f func(stream []byte)) {
	for _, c := range o.candidates(file) {
		if c.end > 0 {
			f(file[c.start:c.end])
		}
	}
}

// A finder is one call of Find.
type finder struct {
	*Opener
	o       Options
	skip    func([]byte) bool
	streams []Stream
	depths  []int
	left    int64 // bytes of plain text that may still be opened
}

// text finds the streams of text n.
func (f *finder) text(n int, b []byte, depth int) {
	hits, misses := 0, 0
	end := 0
	for _, c := range f.candidates(b) {
		if c.start < end || hits == 0 && misses == hopeless || len(f.streams) == maxStreams {
			continue
		}
		s, known := f.open(b, c)
		switch {
		case s == nil:
		case !known:
			misses++
		default:
			hits++
			s.Text = n
			end = int(s.Offset + s.Size)
			f.left -= s.Plain
			f.streams = append(f.streams, *s)
			f.depths = append(f.depths, depth+1)
		}
	}
}

// open opens the stream c of b, if that is wanted and can be done. It reports
// whether there is a recipe for it.
func (f *finder) open(b []byte, c candidate) (s *Stream, known bool) {
	if c.end > 0 && (c.end-c.start < leastSize || f.skip != nil && f.skip(b[c.start:c.end])) {
		return nil, false
	}
	limit := len(b)
	if c.end > 0 {
		limit = c.end
	}
	f.z.start(b[c.start:limit])
	plain, err := f.z.all(nil, f.left)
	if err != nil {
		return nil, false
	}
	size := limit - c.start - f.z.src.Len()
	if c.end == 0 && (size < leastSize || f.skip != nil && f.skip(b[c.start:c.start+size])) || c.end > 0 && c.start+size != c.end {
		return nil, false
	}
	s = &Stream{Offset: int64(c.start), Size: int64(size), Plain: int64(len(plain)), plain: plain}
	if !f.o.Recipes {
		return s, true
	}
	return s, f.recipe(s, b[c.start:c.start+size])
}

// recipe finds how to make the stream s again.
func (f *finder) recipe(s *Stream, stream []byte) bool {
	f.src.Reset(stream)
	r, err := f.codec.Find(&f.src, int64(len(stream)), recipe.Options{Frame: recipe.Raw, Likely: f.last})
	if err != nil || len(r.Groups) != 1 || len(r.Groups[0].Plain) != 1 || len(r.Tail) > 0 {
		return false
	}
	g := &r.Groups[0]
	if len(g.Fix) > len(stream)/4 {
		return false
	}
	s.Recipe, s.Fix = g.Params, g.Fix
	if len(g.Fix) == 0 {
		f.last = g.Params
	}
	return true
}
