package delta

import (
	"io"

	"github.com/airgap-ferry/ferry/delta/diff"
	"github.com/airgap-ferry/ferry/delta/nested"
)

// An applyJob makes the content of one entry.
type applyJob struct {
	size     int64
	base     io.ReaderAt // nil for new content
	baseOff  int64
	baseSize int64
	view     int64 // bytes of the target's view
	nested   bool
	lists    [2][]nested.Stream // opened streams of the target and of the base
	patch    diff.Streams
	text     []byte // of the view of new content
	out      []byte
}

// need returns how much memory the job takes at least. Both sides agree on it.
func (j *applyJob) need() int64 {
	n := j.size + j.baseSize
	if j.nested {
		n += j.view + j.baseSize + nested.PlainSize(j.lists[1])
	}
	return n
}

// An applyBench is the memory of one applyJob.
type applyBench struct {
	applier diff.Applier
	closer  nested.Closer
	base    []byte
	views   [2][]byte
}

// apply does j.
func (w *workshop) apply(j *applyJob) error {
	n := w.gate.enter(j.need())
	defer w.gate.leave(n)
	if j.need() > smallJob {
		return j.run(new(applyBench))
	}
	b := w.takeApply()
	defer w.putApply(b)
	return j.run(b)
}

func (w *workshop) takeApply() *applyBench {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.applyBenches); n > 0 {
		b := w.applyBenches[n-1]
		w.applyBenches = w.applyBenches[:n-1]
		return b
	}
	return new(applyBench)
}

func (w *workshop) putApply(b *applyBench) {
	w.mu.Lock()
	w.applyBenches = append(w.applyBenches, b)
	w.mu.Unlock()
}

func (j *applyJob) run(b *applyBench) error {
	view := j.text
	if j.base != nil {
		var err error
		if view, err = j.makeView(b); err != nil {
			return err
		}
	}
	if j.nested {
		out, err := b.closer.Rebuild(nil, view, j.lists[0])
		if err != nil {
			return badOp("%s", err)
		}
		view = out
	}
	if int64(len(view)) != j.size {
		return badOp("content of %d bytes, %d are expected", len(view), j.size)
	}
	j.out = view
	j.patch, j.text = diff.Streams{}, nil
	return nil
}

// makeView applies the patch.
func (j *applyJob) makeView(b *applyBench) ([]byte, error) {
	b.base = resize(b.base, j.baseSize)
	if err := readAt(j.base, b.base, j.baseOff); err != nil {
		return nil, err
	}
	base := b.base
	if j.nested {
		var err error
		if b.views[1], err = nested.View(b.views[1][:0], base, j.lists[1], maxView); err != nil {
			return nil, badOp("%s", err)
		}
		base = b.views[1]
	}
	var dst []byte
	if j.nested {
		dst = b.views[0][:0]
	}
	view, err := b.applier.Apply(dst, base, &j.patch, int(j.view))
	if err != nil {
		return nil, badOp("%s", err)
	}
	if j.nested {
		b.views[0] = view
	}
	return view, nil
}
