package delta

import (
	"hash"
)

const (
	// writeSize is how much plain text is written at a time.
	writeSize = 1 << 20

	// maxBatch bounds how many items wait for their work to be done.
	maxBatch = 1 << 16

	// listWeight is how much memory a list of streams takes at most, by its
	// size.
	listWeight = 32

	// freeNeed is what a file may take without the head saying so.
	freeNeed = 16 << 20
)

// A plainWriter rebuilds one plain text. It reads operations until it has a
// batch of work, has the work done, and writes what comes of it in order.
type plainWriter struct {
	a      *applier
	t      *HeadTarget
	temp   Temp
	sum    hash.Hash
	self   *applySource
	heads  headCoder
	header headerReader

	pos   int64 // end of what operations have been read for
	batch []item
	jobs  []*applyJob
	size  int64 // bytes that the jobs make

	written int64 // end of what is in temp or in buf
	buf     []byte
	part    []byte
	other   []byte
}

// An item is what comes next in the plain text: some bytes, a range of a
// source, or what a job makes; then zeros.
type item struct {
	bytes  []byte
	source *applySource
	off, n int64
	job    *applyJob
	zeros  int
}

// run rebuilds the plain text.
func (w *plainWriter) run() error {
	w.buf = make([]byte, 0, writeSize)
	for w.pos < w.t.Plain {
		if err := w.operation(); err != nil {
			return err
		}
		if len(w.batch) >= maxBatch || w.size >= w.a.o.Memory/8 {
			if err := w.finish(); err != nil {
				return err
			}
		}
	}
	if err := w.finish(); err != nil {
		return err
	}
	w.self.window.forget()
	w.self.window.end = w.t.Plain
	if len(w.self.spans) != w.t.Entries {
		return badOp("%d files, head says %d", len(w.self.spans), w.t.Entries)
	}
	return verify(w.t, w.sum)
}

// operation reads one operation.
func (w *plainWriter) operation() error {
	ops := &w.a.streams.r[streamOps]
	op, err := ops.number(maxEntries<<runShift | opLimit)
	if err != nil {
		return err
	}
	if op&opEntry == 0 {
		return w.run1(op)
	}
	if op > opLimit {
		return badOp("unknown operation %d", op)
	}
	if len(w.self.spans) >= w.t.Entries {
		return badOp("more files than the head says")
	}
	return w.entry(op)
}

// run1 copies a run of entries.
func (w *plainWriter) run1(op int64) error {
	n := int(op >> runShift)
	if n == 0 || n > w.t.Entries-len(w.self.spans) {
		return badOp("run of %d files", n)
	}
	c := &w.a.cursor
	r := c.guess()
	if op&runRef != 0 {
		var err error
		if r, err = c.readRef(&w.a.streams.r[streamOps], len(w.a.sources)); err != nil {
			return err
		}
	}
	s, err := w.source(r.source)
	if err != nil {
		return err
	}
	for n > 0 {
		// A run of the target itself may overtake what it copies.
		if r.entry < 0 || r.entry >= len(s.spans) {
			return badOp("file %d of %d", r.entry, len(s.spans))
		}
		k := min(n, len(s.spans)-r.entry)
		if err := w.copyEntries(s, r.entry, k); err != nil {
			return err
		}
		c.used(r, k)
		r.entry += k
		n -= k
	}
	return nil
}

// copyEntries copies n entries of s.
func (w *plainWriter) copyEntries(s *applySource, first, n int) error {
	from, to := s.spans[first].off, s.end(first+n-1)
	if s == w.self && first+n == len(s.spans) {
		to = w.pos
	}
	if err := w.room(to - from); err != nil {
		return err
	}
	if err := w.ready(s, to); err != nil {
		return err
	}
	shift := w.pos - from
	last := -1
	for _, sp := range s.spans[first : first+n] {
		if sp.head > 0 {
			last = len(w.self.spans)
		}
		w.self.spans = append(w.self.spans, span{sp.off + shift, sp.size, sp.head})
	}
	if last >= 0 {
		sp := w.self.spans[last]
		b, err := s.window.bytes(sp.off-shift, int(sp.head))
		if err != nil {
			return err
		}
		w.heads.skip(b)
	}
	w.add(item{source: s, off: from, n: to - from})
	return nil
}

// room checks that n more bytes belong to the plain text.
func (w *plainWriter) room(n int64) error {
	if n < 0 || n > w.t.Plain-w.pos {
		return badOp("more bytes than the plain text has")
	}
	return nil
}

// ready has everything written that stands before end, if s is what is being
// written.
func (w *plainWriter) ready(s *applySource, end int64) error {
	if s != w.self {
		return nil
	}
	if end > w.pos {
		return badOp("file refers to what follows it")
	}
	if end <= w.written-int64(len(w.buf)) {
		return nil
	}
	if err := w.finish(); err != nil {
		return err
	}
	s.window.forget()
	s.window.end = w.written
	return nil
}

func (w *plainWriter) add(it item) {
	if it.job != nil {
		w.pos += it.job.size
	}
	w.pos += int64(len(it.bytes)) + it.n + int64(it.zeros)
	w.batch = append(w.batch, it)
}

// source returns the source of a number.
func (w *plainWriter) source(n int) (*applySource, error) {
	if n < 0 {
		return nil, badOp("file is made from nothing")
	}
	s := w.a.sources[n]
	if s == nil {
		return nil, badOp("source %d is used after its last use", n)
	}
	return s, nil
}

// span returns the source and the entry that r names.
func (w *plainWriter) span(r ref) (*applySource, *span, error) {
	s, err := w.source(r.source)
	if err != nil {
		return nil, nil, err
	}
	if r.entry < 0 || r.entry >= len(s.spans) {
		return nil, nil, badOp("file %d of %d", r.entry, len(s.spans))
	}
	return s, &s.spans[r.entry], nil
}

// entry makes one entry.
func (w *plainWriter) entry(op int64) error {
	from, err := w.head(op)
	if err != nil {
		return err
	}
	kind := contentKind(op & opContent >> contentShift)
	sp := span{off: w.pos, head: uint32(len(w.part))} //nolint:gosec // bounded by head
	if err := w.room(int64(len(w.part))); err != nil {
		return err
	}
	w.add(item{bytes: append([]byte(nil), w.part...)})
	if op&opFrom != 0 {
		c := &w.a.cursor
		if from, err = c.readRef(&w.a.streams.r[streamOps], len(w.a.sources)); err != nil {
			return err
		}
		c.next[from.source] = from.entry + 1
	}
	if sp.size, err = w.contentSize(op, kind, from); err != nil {
		return err
	}
	pad := paddingOf(sp.size)
	if op&opPadding != 0 {
		if pad, err = w.a.streams.r[streamOps].number(blockSize - 1); err != nil {
			return err
		}
	}
	if err := w.room(sp.size + pad); err != nil {
		return err
	}
	if int64(sp.head)+sp.size+pad == 0 {
		return badOp("empty file")
	}
	if err := w.content(op, kind, from, sp.size); err != nil {
		return err
	}
	w.add(item{zeros: int(pad)})
	w.self.spans = append(w.self.spans, sp)
	return nil
}

// head decodes a header part and returns the entry it was coded against.
func (w *plainWriter) head(op int64) (ref, error) {
	ops := &w.a.streams.r[streamOps]
	r, other, err := w.headBase(op)
	if err != nil {
		return r, err
	}
	n := int64(len(other))
	if op&opHeadSize != 0 {
		if n, err = ops.number(maxHead + 2*blockSize); err != nil {
			return r, err
		}
	}
	if err := w.room(n); err != nil {
		return r, err
	}
	w.other = append(w.other[:0], other...)
	w.part, err = w.heads.decode(w.part[:0], &w.a.streams.r[streamHeads], &w.a.streams.r[streamHeadTexts], w.other, int(n))
	return r, err
}

// headBase returns the header part that the next is coded against, and the
// entry that it is of.
func (w *plainWriter) headBase(op int64) (ref, []byte, error) {
	if op&opBase == 0 {
		return ref{-1, -1}, w.heads.last, nil
	}
	c := &w.a.cursor
	r := c.guess()
	if op&opBaseRef != 0 {
		var err error
		if r, err = c.readRef(&w.a.streams.r[streamOps], len(w.a.sources)); err != nil {
			return r, nil, err
		}
	}
	s, sp, err := w.span(r)
	if err != nil {
		return r, nil, err
	}
	c.used(r, 1)
	if err := w.ready(s, sp.content()); err != nil {
		return r, nil, err
	}
	other, err := s.window.bytes(sp.off, int(sp.head))
	return r, other, err
}

// contentSize returns the bytes of the content of the entry under way.
func (w *plainWriter) contentSize(op int64, kind contentKind, from ref) (int64, error) {
	switch kind {
	case contentEmpty:
		return 0, nil
	case contentCopy:
		_, sp, err := w.span(from)
		if err != nil {
			return 0, err
		}
		return sp.size, nil
	case contentPatch, contentNew:
	}
	if op&opSize == 0 {
		return w.header.impliedSize(w.part), nil
	}
	return w.a.streams.r[streamOps].number(MaxPlain)
}
