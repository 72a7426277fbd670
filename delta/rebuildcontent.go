package delta

import (
	"github.com/airgap-ferry/ferry/delta/diff"
	"github.com/airgap-ferry/ferry/delta/nested"
)

// content makes the content of the entry under way.
func (w *plainWriter) content(op int64, kind contentKind, from ref, size int64) error {
	switch kind {
	case contentCopy:
		s, sp, err := w.span(from)
		if err != nil {
			return err
		}
		if err := w.ready(s, sp.content()+sp.size); err != nil {
			return err
		}
		w.add(item{source: s, off: sp.content(), n: size})
	case contentPatch:
		return w.patch(op, from, size)
	case contentNew:
		return w.newContent(op, size)
	case contentEmpty:
	}
	return nil
}

// patch reads what it takes to make a content by a patch.
func (w *plainWriter) patch(op int64, from ref, size int64) error {
	s, sp, err := w.span(from)
	if err != nil {
		return err
	}
	j := &applyJob{size: size, base: s.plain, baseOff: sp.content(), baseSize: sp.size, view: size}
	ops := &w.a.streams.r[streamOps]
	if op&opRange != 0 {
		d, err := ops.signed(MaxPlain)
		if err != nil {
			return err
		}
		j.baseOff += d
		if j.baseSize, err = ops.number(diff.MaxSize); err != nil {
			return err
		}
	}
	if j.baseOff < 0 || j.baseSize > diff.MaxSize || j.baseSize > s.size-j.baseOff || size > diff.MaxSize {
		return badOp("patch of %d bytes against %d", size, j.baseSize)
	}
	if err := w.ready(s, j.baseOff+j.baseSize); err != nil {
		return err
	}
	sizes := &w.a.streams.r[streamSizes]
	if op&opNested != 0 {
		if err := w.lists(j, 2); err != nil {
			return err
		}
	}
	mask, err := sizes.number(1<<diff.NumStreams - 1)
	if err != nil {
		return err
	}
	for k := range j.patch {
		if mask&(1<<k) == 0 {
			continue
		}
		n, err := sizes.number(maxView)
		if err != nil {
			return err
		}
		if j.patch[k], err = w.a.streams.r[streamDiff+k].take(n); err != nil {
			return err
		}
		w.size += n
	}
	return w.addJob(j)
}

// lists reads the size of the view and n lists of streams.
func (w *plainWriter) lists(j *applyJob, n int) (err error) {
	sizes := &w.a.streams.r[streamSizes]
	if j.view, err = sizes.number(maxView); err != nil {
		return err
	}
	j.nested = true
	for i := range n {
		k, err := sizes.number(maxView)
		if err != nil {
			return err
		}
		b, err := w.a.streams.r[streamNested].take(k)
		if err != nil {
			return err
		}
		if j.lists[i], err = nested.Parse(b, i == 0); err != nil {
			return badOp("%s", err)
		}
		w.size += listWeight * k
	}
	return nil
}

// addJob adds work to the batch.
func (w *plainWriter) addJob(j *applyJob) error {
	if n := j.need(); n > freeNeed && n > w.a.head.Memory {
		return badOp("file that takes %d bytes of memory", n)
	}
	w.jobs = append(w.jobs, j)
	w.size += j.size
	w.add(item{job: j})
	return nil
}

// newContent reads a content that has no base.
func (w *plainWriter) newContent(op, size int64) error {
	stream := streamText + int(op&opNewStream>>newStreamShift)
	if stream > streamPacked {
		return badOp("unknown stream of new contents")
	}
	r := &w.a.streams.r[stream]
	if op&opNested != 0 {
		j := &applyJob{size: size}
		if err := w.lists(j, 1); err != nil {
			return err
		}
		var err error
		if j.text, err = r.take(j.view); err != nil {
			return err
		}
		return w.addJob(j)
	}
	if size <= writeSize {
		b, err := r.take(size)
		w.size += size
		w.add(item{bytes: b})
		return err
	}
	return w.stream(r, size)
}

// stream writes a long new content without keeping it.
func (w *plainWriter) stream(r *streamReader, size int64) error {
	if err := w.finish(); err != nil {
		return err
	}
	w.pos += size
	for size > 0 {
		if err := r.more(); err != nil {
			return err
		}
		b, err := r.take(min(size, int64(len(r.cur))))
		if err != nil {
			return err
		}
		if err := w.write(b); err != nil {
			return err
		}
		size -= int64(len(b))
	}
	return nil
}
