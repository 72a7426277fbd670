package delta

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/delta/entropy"
	"github.com/airgap-ferry/ferry/delta/recipe"
)

// Options say how a patch is made. The zero Options are the default.
type Options struct {
	Memory   int64          // bytes that making the patch takes beyond the tables; 0 is [DefaultMemory]
	Effort   entropy.Effort // of coding
	Parallel Parallel       // nil is one after another

	// GiveUp leaves a target out, and says so in its Cost, if it has nothing in
	// common with anything, and samples say that its blob is about as small as the
	// patch would be. That is much faster than to find out.
	GiveUp bool

	// Scratch gives temporary files. Without it everything stays in memory.
	Scratch func() (Temp, error)
}

// A Base is a blob that the site holds.
type Base struct {
	Digest bundle.Digest
	Size   int64 // bytes of the blob
	Table  *Table

	// Open returns the plain text. It is called once at most, and only if a
	// target wants something of it; an error means that there is no such base.
	Open func() (io.ReaderAt, error)
}

// A Target is a blob that the patch shall rebuild.
type Target struct {
	Digest bundle.Digest
	Size   int64          // bytes of the blob
	Recipe *recipe.Recipe // how the plain text is compressed
	Table  *Table
	Plain  io.ReaderAt // must stay readable until Finish: later targets refer to it
}

// A Builder makes a patch. It is not for concurrent use.
type Builder struct {
	o       Options
	catalog catalog
	out     frameWriter
	shop    workshop
	sources []*source // by their number in the patch
	targets []*builtTarget
	cursor  cursor
	memory  int64 // that applying takes at least
	undo    *undo
	opened  bool // the scratch file is there
	done    bool
	heads   headerReader
}

// A builtTarget is what the head says of a target.
type builtTarget struct {
	source *source
	recipe int64 // bytes
	ids    []recipe.ID
}

// An undo is what Discard goes back to.
type undo struct {
	mark    *frameMark
	sources int
	lasts   []int // of the sources, by number
	memory  int64
}

// errBuilt says that a Builder has written its patch.
var errBuilt = errors.New("making a patch: the patch is finished")

// NewBuilder returns a Builder of a patch without targets.
func NewBuilder(o Options) *Builder {
	if o.Memory <= 0 {
		o.Memory = DefaultMemory
	}
	if o.Parallel == nil {
		o.Parallel = sequentially
	}
	if o.Scratch == nil {
		o.Scratch = func() (Temp, error) { return new(memoryTemp), nil }
	}
	b := &Builder{o: o}
	b.out.effort = o.Effort
	b.catalog.init()
	b.shop.gate = newGate(o.Memory * 5 / 8)
	b.shop.memory = o.Memory
	return b
}

// AddBase makes known a blob that the site holds. All bases come before the
// first target.
func (b *Builder) AddBase(base Base) error {
	if b.done || len(b.targets) > 0 {
		return errors.New("making a patch: a base after a target")
	}
	b.undo = nil
	return b.addSource(&source{
		digest: base.Digest, size: base.Size, table: base.Table, open: base.Open, number: -1,
	})
}

func (b *Builder) addSource(s *source) error {
	if int64(b.catalog.total)+int64(s.table.Len()) > math.MaxInt32 {
		return errors.New("making a patch: too many files")
	}
	s.window.end = s.table.Plain
	b.catalog.add(s)
	return nil
}

// AddTarget adds the operations that rebuild t, and says what they will cost.
// After an error the patch is as before, as it is after a Cost that is Hopeless.
func (b *Builder) AddTarget(t Target) (Cost, error) {
	if b.done {
		return Cost{}, errBuilt
	}
	encoded, err := t.Recipe.Append(nil)
	if err != nil {
		return Cost{}, fmt.Errorf("making a patch: %w", err)
	}
	if !b.opened {
		if b.out.scratch, err = b.o.Scratch(); err != nil {
			return Cost{}, fmt.Errorf("making a patch: %w", err)
		}
		b.opened = true
	}
	s := &source{digest: t.Digest, size: t.Size, table: t.Table, target: true, number: -1, window: window{r: t.Plain}}
	b.begin()
	if err := b.addSource(s); err != nil {
		b.undo = nil
		return Cost{}, err
	}
	if c, err := b.hopeless(s, int64(len(encoded))); err != nil || c.Hopeless {
		b.undo = nil
		b.catalog.removeLast()
		return c, err
	}
	b.targets = append(b.targets, &builtTarget{source: s, recipe: int64(len(encoded)), ids: t.Recipe.Encoders()})
	w := newTargetWriter(b, s)
	if err := w.write(); err != nil {
		b.Discard()
		return Cost{}, fmt.Errorf("making a patch of %s: %w", t.Digest, err)
	}
	b.out.write(streamRecipes, encoded)
	return w.cost(int64(len(encoded))), nil
}

// begin notes what Discard goes back to.
func (b *Builder) begin() {
	b.undo = &undo{mark: b.out.mark(), sources: len(b.sources), memory: b.memory}
	for _, s := range b.sources {
		b.undo.lasts = append(b.undo.lasts, s.last)
	}
}

// Discard takes the target back that was added last. There must be one, and
// nothing may have been called since AddTarget; otherwise it does nothing.
func (b *Builder) Discard() {
	u := b.undo
	if u == nil {
		return
	}
	b.undo = nil
	b.out.back(u.mark)
	for _, s := range b.sources[u.sources:] {
		s.number = -1
	}
	b.sources = b.sources[:u.sources]
	for i, last := range u.lasts {
		b.sources[i].last = last
	}
	b.memory = u.memory
	b.targets = b.targets[:len(b.targets)-1]
	b.catalog.removeLast()
}

// Targets returns how many targets the patch rebuilds.
func (b *Builder) Targets() int { return len(b.targets) }

// use gives s a number, if it has none, and notes that target t uses it.
func (b *Builder) use(s *source, t int) {
	if s.number < 0 {
		s.number, s.first = len(b.sources), t
		b.sources = append(b.sources, s)
	}
	s.last = t
}

// openBases opens the bases that choices refer to. It reports whether all
// could be opened.
func (b *Builder) openBases(choices []choice) bool {
	wanted := make([]bool, len(b.catalog.sources))
	for i := range choices {
		for _, p := range [...]place{choices[i].from, choices[i].head} {
			if p != none {
				wanted[p.source] = true
			}
		}
	}
	all := true
	for i, s := range b.catalog.sources {
		if !wanted[i] || s.window.r != nil {
			continue
		}
		r, err := s.open()
		if err != nil || r == nil {
			s.dead, all = true, false
			continue
		}
		s.window.r = r
	}
	return all
}

// coderMemory is about what coding a frame takes, besides a few times the frame.
const coderMemory = 32 << 20

// parallel codes the frames that wait, and does jobs, at the same time. The
// largest come first.
func (b *Builder) parallel(jobs []*job) error {
	frames := b.out.uncoded()
	order := slices.Clone(jobs)
	slices.SortStableFunc(order, func(x, y *job) int { return int(min(max(y.need()-x.need(), -1), 1)) })
	return b.o.Parallel(len(order)+len(frames), func(i int) error {
		if i < len(frames) {
			n := b.shop.gate.enter(coderMemory + 4*int64(frames[i].plain))
			defer b.shop.gate.leave(n)
			return b.out.code(frames[i])
		}
		return b.shop.do(order[i-len(frames)])
	})
}

// drain codes the frames that wait, if they are many.
func (b *Builder) drain() error {
	if b.out.waiting() < b.o.Memory/8 {
		return nil
	}
	return b.parallel(nil)
}

// Finish writes the patch to w and returns its head. The Builder is then done.
func (b *Builder) Finish(w io.Writer) (*Head, error) {
	if b.done {
		return nil, errBuilt
	}
	b.done, b.undo = true, nil
	for s := range b.out.pending {
		b.out.cut(s)
	}
	if err := b.parallel(nil); err != nil {
		return nil, fmt.Errorf("making a patch: %w", err)
	}
	frames := b.out.order()
	h := b.head(frames)
	if _, err := w.Write(h.append(nil)); err != nil {
		return nil, fmt.Errorf("writing a patch: %w", err)
	}
	for _, f := range frames {
		if _, err := io.Copy(w, io.NewSectionReader(b.out.scratch, f.at, int64(f.size))); err != nil {
			return nil, fmt.Errorf("writing a patch: %w", err)
		}
	}
	return h, b.close()
}

// Close frees what the Builder holds, if Finish has not done so.
func (b *Builder) Close() error {
	b.done = true
	return b.close()
}

func (b *Builder) close() error {
	if !b.opened {
		return nil
	}
	b.opened = false
	if err := b.out.scratch.Close(); err != nil {
		return fmt.Errorf("closing a temporary file: %w", err)
	}
	return nil
}

func (b *Builder) head(frames []*frame) *Head {
	h := &Head{Memory: b.memory}
	for _, s := range b.sources {
		if !s.target {
			h.Bases = append(h.Bases, HeadBase{
				Digest: s.digest, Size: s.size, Plain: s.table.Plain, FirstUse: s.first, LastUse: s.last,
			})
		}
	}
	for _, t := range b.targets {
		s := t.source
		h.Targets = append(h.Targets, HeadTarget{
			Digest: s.digest, Size: s.size, Plain: s.table.Plain, PlainDigest: s.table.Digest,
			Entries: s.table.Len(), Recipe: t.recipe, LastUse: s.last,
		})
		h.Encoders = append(h.Encoders, t.ids...)
	}
	slices.Sort(h.Encoders)
	h.Encoders = slices.Compact(h.Encoders)
	for _, f := range frames {
		h.frames = append(h.frames, headFrame{f.stream, f.coder, f.plain, f.size})
	}
	return h
}
