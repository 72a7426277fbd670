package delta

import (
	"bytes"
)

const (
	// A round of work ends after so many entries or jobs, so that their
	// results need not all stand in memory.
	maxRoundEntries = 1 << 16
	maxRoundJobs    = 1 << 13
)

// A targetWriter writes the operations of one target.
type targetWriter struct {
	b       *Builder
	s       *source
	number  int // of the target among targets
	choices []choice
	jobs    []*job
	heads   headCoder
	spent   spending

	run  ref // where the run under way begins
	runs int // how many entries it has

	part   []byte // header part of the entry under way
	ops    []byte
	args   []byte
	head   []byte
	texts  []byte
	sizes  []byte
	nested []byte
}

func newTargetWriter(b *Builder, s *source) *targetWriter {
	return &targetWriter{b: b, s: s, number: len(b.targets) - 1}
}

func (w *targetWriter) write() error {
	for {
		w.choices = w.b.catalog.plan()
		if w.b.openBases(w.choices) {
			break
		}
	}
	w.useBases()
	w.b.cursor.grow(len(w.b.sources))
	w.b.cursor.reset()
	for from := 0; from < w.s.table.Len(); {
		to, err := w.round(from)
		if err != nil {
			return err
		}
		from = to
	}
	w.endRun()
	w.flush()
	return nil
}

// useBases gives numbers to the sources that are needed, the target last.
func (w *targetWriter) useBases() {
	used := make([]bool, len(w.b.catalog.sources))
	for i := range w.choices {
		for _, p := range [...]place{w.choices[i].from, w.choices[i].head} {
			if p != none {
				used[p.source] = true
			}
		}
	}
	for i, s := range w.b.catalog.sources {
		if used[i] && s != w.s {
			w.b.use(s, w.number)
		}
	}
	w.b.use(w.s, w.number)
}

// round writes some entries from the one given on, and returns where it ended.
func (w *targetWriter) round(from int) (int, error) {
	limit := w.b.o.Memory / 8
	var size int64
	to := from
	jobs := make([]*job, 0, 64)
	for ; to < w.s.table.Len() && to-from < maxRoundEntries && len(jobs) < maxRoundJobs && size < limit; to++ {
		if j := w.job(to); j != nil {
			jobs = append(jobs, j)
			size += j.size
		}
	}
	if err := w.b.parallel(jobs); err != nil {
		return 0, err
	}
	w.jobs = jobs
	for i := from; i < to; i++ {
		if err := w.entry(i); err != nil {
			return 0, err
		}
		w.b.out.clock++
	}
	w.flush()
	return to, nil
}

// job returns the work that entry i takes, if it takes any.
func (w *targetWriter) job(i int) *job {
	ch, e := &w.choices[i], &w.s.table.entries[i]
	if ch.kind != contentPatch && ch.kind != contentNew {
		return nil
	}
	j := &job{
		entry: i, kind: ch.kind, size: e.size, target: w.s.window.r, off: e.content(),
		whole: e.head > 0 || w.s.table.Len() == 1,
	}
	if ch.kind == contentPatch {
		o := w.b.catalog.sources[ch.from.source]
		be := &o.table.entries[ch.from.entry]
		j.base, j.baseOff, j.baseSize = o.window.r, be.content(), be.size
		if e.size >= pieceSize && (e.head == 0 || be.head == 0 || be.size == pieceSize) {
			j.widen(o.table.Plain)
		}
	}
	return j
}

// widen makes the base of a piece of a long file reach to both sides of the
// piece that stands at the same place.
func (j *job) widen(plain int64) {
	from := max(j.baseOff-pieceSize/2, 0)
	to := min(j.baseOff+j.baseSize+pieceSize/2, plain)
	j.baseOff, j.baseSize, j.whole = from, to-from, false
}

// entry writes entry i.
func (w *targetWriter) entry(i int) error {
	e, ch := &w.s.table.entries[i], &w.choices[i]
	part, err := w.s.window.bytes(e.off, int(e.head))
	if err != nil {
		return err
	}
	w.part = append(w.part[:0], part...)
	same, err := w.same(i, e, ch)
	if err != nil {
		return err
	}
	if same {
		w.extendRun(ch)
		return nil
	}
	w.endRun()
	var j *job
	if len(w.jobs) > 0 && w.jobs[0].entry == i {
		j, w.jobs = w.jobs[0], w.jobs[1:]
	}
	return w.writeEntry(i, e, ch, j)
}

// origin returns the entry that all of an entry may be a copy of.
func origin(ch *choice) place {
	switch {
	case ch.kind == contentCopy && (ch.head == ch.from || ch.head == none):
		return ch.from
	case ch.kind == contentEmpty:
		return ch.head
	}
	return none
}

// same reports whether entry e is in all a copy of another one.
func (w *targetWriter) same(i int, e *entry, ch *choice) (bool, error) {
	p := origin(ch)
	if p == none {
		return false, nil
	}
	o := w.b.catalog.sources[p.source]
	oe := &o.table.entries[p.entry]
	if oe.head != e.head || oe.size != e.size ||
		o.table.end(int(p.entry))-oe.off != w.s.table.end(i)-e.off {
		return false, nil
	}
	part, err := o.window.bytes(oe.off, int(oe.head))
	if err != nil {
		return false, err
	}
	return bytes.Equal(part, w.part), nil
}

func (w *targetWriter) extendRun(ch *choice) {
	p := origin(ch)
	r := ref{w.b.catalog.sources[p.source].number, int(p.entry)}
	if w.runs == 0 || r.source != w.run.source || r.entry != w.run.entry+w.runs {
		w.endRun()
		w.run = r
	}
	w.runs++
	w.heads.skip(w.part)
}

// endRun writes the run under way.
func (w *targetWriter) endRun() {
	if w.runs == 0 {
		return
	}
	c := &w.b.cursor
	op := int64(w.runs) << runShift
	if c.guess() != w.run {
		w.ops = appendNumber(w.ops, op|runRef)
		w.ops = c.appendRef(w.ops, w.run)
	} else {
		w.ops = appendNumber(w.ops, op)
	}
	c.used(w.run, w.runs)
	w.runs = 0
}

func (w *targetWriter) ref(p place) ref {
	return ref{w.b.catalog.sources[p.source].number, int(p.entry)}
}
