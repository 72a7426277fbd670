package delta

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/airgap-ferry/ferry/bundle"
)

// ApplyOptions say how a patch is applied, and give what it takes.
type ApplyOptions struct {
	Memory   int64    // bytes that applying may take; 0 is [DefaultMemory]
	Parallel Parallel // nil is one after another

	// Base returns the plain text of base i of the head. It is called once
	// for each, when the first target needs it.
	Base func(i int) (io.ReaderAt, error)

	// Temp returns where the plain text of target i is put. It is not closed.
	Temp func(i int) (Temp, error)

	// Done is called when the plain text of target i is whole and right. It
	// may keep it for as long as it likes, but must not change it.
	Done func(i int, plain io.ReaderAt) error

	// ReleaseBase and ReleaseTarget are called when nothing will be read any
	// more of the plain text of base i, or of target i.
	ReleaseBase   func(i int) error
	ReleaseTarget func(i int) error
}

// A MemoryError says that applying a patch takes more memory than it may.
type MemoryError struct {
	Need    int64 // bytes
	Allowed int64 // bytes
}

func (e *MemoryError) Error() string {
	return fmt.Sprintf("applying takes %d MiB of memory, %d MiB are allowed", e.Need>>20+1, e.Allowed>>20)
}

// An applySource is a plain text that entries are taken from.
type applySource struct {
	plain  io.ReaderAt
	size   int64
	spans  []span
	window window
}

// end returns where entry i ends, padding and all.
func (s *applySource) end(i int) int64 {
	if i+1 < len(s.spans) {
		return s.spans[i+1].off
	}
	return s.size
}

// An applier is one call of Apply.
type applier struct {
	*Patch
	o       ApplyOptions
	streams streamSet
	shop    workshop
	cursor  cursor
	sources []*applySource // by their number
	bases   int            // of the head's, that are numbered
	numbers []int          // of the targets, among the sources
}

// Apply rebuilds the plain texts of all targets, one after another. It reads
// the patch from front to back. A hostile or damaged patch gives a
// [*FormatError], a base that cannot be read a [*BaseError], other bytes than
// the wanted ones a [*MismatchError].
func (p *Patch) Apply(o ApplyOptions) error {
	if o.Memory <= 0 {
		o.Memory = DefaultMemory
	}
	if o.Parallel == nil {
		o.Parallel = sequentially
	}
	if p.head.Memory > o.Memory {
		return &MemoryError{p.head.Memory, o.Memory}
	}
	a := &applier{Patch: p, o: o}
	a.streams.open(p, &a.o)
	a.shop.gate = newGate(o.Memory * 5 / 8)
	a.shop.memory = o.Memory
	for i := range p.head.Targets {
		if err := a.target(i); err != nil {
			return fmt.Errorf("rebuilding %s: %w", p.head.Targets[i].Digest, err)
		}
	}
	return a.streams.end()
}

// target rebuilds target i.
func (a *applier) target(i int) error {
	if err := a.openBases(i); err != nil {
		return err
	}
	t := &a.head.Targets[i]
	if err := a.roomFor(t.Entries); err != nil {
		return err
	}
	temp, err := a.o.Temp(i)
	if err != nil {
		return err
	}
	w := &plainWriter{a: a, t: t, temp: temp, sum: sha256.New()}
	w.self = &applySource{plain: temp, size: t.Plain, window: window{r: temp, end: t.Plain}}
	a.numbers = append(a.numbers, len(a.sources))
	a.sources = append(a.sources, w.self)
	a.cursor.grow(len(a.sources))
	a.cursor.reset()
	if err := w.run(); err != nil {
		return err
	}
	if err := a.o.Done(i, temp); err != nil {
		return err
	}
	return a.release(i)
}

// roomFor checks that there is memory to know where n more entries stand.
func (a *applier) roomFor(n int) error {
	const spanSize = 24
	need := int64(n) * spanSize
	for _, s := range a.sources {
		if s != nil {
			need += int64(len(s.spans)) * spanSize
		}
	}
	if need > a.o.Memory {
		return &MemoryError{need, a.o.Memory}
	}
	return nil
}

// openBases opens the bases that target i is the first to need.
func (a *applier) openBases(i int) error {
	for ; a.bases < len(a.head.Bases) && a.head.Bases[a.bases].FirstUse == i; a.bases++ {
		b := &a.head.Bases[a.bases]
		s, err := a.openBase(a.bases, b)
		if err != nil {
			return &BaseError{b.Digest, err}
		}
		a.sources = append(a.sources, s)
	}
	return nil
}

func (a *applier) openBase(i int, b *HeadBase) (*applySource, error) {
	r, err := a.o.Base(i)
	if err != nil {
		return nil, err
	}
	w := newSpanWalker()
	n, err := io.Copy(w, io.NewSectionReader(r, 0, b.Plain+1))
	if err != nil {
		return nil, err
	}
	if n != b.Plain {
		return nil, errors.New("plain text is of another size")
	}
	if _, err := w.Table(); err != nil {
		return nil, err
	}
	return &applySource{plain: r, size: b.Plain, spans: w.spans, window: window{r: r, end: b.Plain}}, nil
}

// release lets go of what no target after i needs.
func (a *applier) release(i int) error {
	number := 0
	k := 0
	for t := 0; t <= i; t++ {
		for ; k < a.bases && a.head.Bases[k].FirstUse == t; k++ {
			if err := a.releaseSource(number, a.head.Bases[k].LastUse == i, k, a.o.ReleaseBase); err != nil {
				return err
			}
			number++
		}
		if err := a.releaseSource(number, a.head.Targets[t].LastUse == i, t, a.o.ReleaseTarget); err != nil {
			return err
		}
		number++
	}
	return nil
}

func (a *applier) releaseSource(number int, last bool, i int, f func(int) error) error {
	if !last {
		return nil
	}
	a.sources[number] = nil
	if f == nil {
		return nil
	}
	return f(i)
}

// verify compares the digest of a plain text with the wanted one.
func verify(t *HeadTarget, sum hash.Hash) error {
	if bundle.DigestFromSum([sha256.Size]byte(sum.Sum(nil))) != t.PlainDigest {
		return &MismatchError{t.Digest}
	}
	return nil
}
