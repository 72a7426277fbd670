package delta

import (
	"slices"

	"github.com/airgap-ferry/ferry/delta/diff"
)

// writeEntry writes the operation that makes entry e by itself.
func (w *targetWriter) writeEntry(i int, e *entry, ch *choice, j *job) error {
	kind := ch.kind
	if j != nil {
		kind = j.kind
	}
	op := int64(opEntry) | int64(kind)<<contentShift
	w.args = w.args[:0]
	flags, err := w.writeHead(ch)
	if err != nil {
		return err
	}
	op |= flags
	if kind == contentCopy || kind == contentPatch {
		if ch.from != ch.head {
			op |= opFrom
			w.args = w.b.cursor.appendRef(w.args, w.ref(ch.from))
		}
		if r := w.ref(ch.from); ch.from != ch.head {
			w.b.cursor.next[r.source] = r.entry + 1
		}
	}
	if kind == contentPatch || kind == contentNew {
		if w.b.heads.impliedSize(w.part) != e.size {
			op |= opSize
			w.args = appendNumber(w.args, e.size)
		}
	}
	if pad := w.s.table.end(i) - e.content() - e.size; pad != paddingOf(e.size) {
		op |= opPadding
		w.args = appendNumber(w.args, pad)
	}
	switch kind {
	case contentPatch:
		op |= w.writePatch(j, ch)
	case contentNew:
		flags, err := w.writeNew(j)
		if err != nil {
			return err
		}
		op |= flags
	case contentEmpty, contentCopy:
	}
	w.ops = append(appendNumber(w.ops, op), w.args...)
	if j != nil {
		ids := &w.b.targets[w.number].ids
		*ids = append(*ids, j.encoders...)
		w.spent.note(i, e, j)
	}
	return nil
}

// paddingOf returns how many bytes tar has after a content.
func paddingOf(size int64) int64 { return -size & (blockSize - 1) }

// writeHead writes the header part of e, and returns flags.
func (w *targetWriter) writeHead(ch *choice) (int64, error) {
	var flags int64
	c, other := &w.b.cursor, w.heads.last
	if ch.head != none {
		flags |= opBase
		r := w.ref(ch.head)
		if c.guess() != r {
			flags |= opBaseRef
			w.args = c.appendRef(w.args, r)
		}
		c.used(r, 1)
		s := w.b.catalog.sources[ch.head.source]
		oe := &s.table.entries[ch.head.entry]
		var err error
		if other, err = s.window.bytes(oe.off, int(oe.head)); err != nil {
			return 0, err
		}
	}
	if len(other) != len(w.part) {
		flags |= opHeadSize
		w.args = appendNumber(w.args, len(w.part))
	}
	w.head, w.texts = w.heads.encode(w.head, w.texts, other, w.part)
	return flags, nil
}

// writePatch writes how the patch j is applied, and returns flags.
func (w *targetWriter) writePatch(j *job, ch *choice) (flags int64) {
	be := &w.b.catalog.sources[ch.from.source].table.entries[ch.from.entry]
	if j.baseOff != be.content() || j.baseSize != be.size {
		flags |= opRange
		w.args = appendSigned(w.args, j.baseOff-be.content())
		w.args = appendNumber(w.args, j.baseSize)
	}
	if j.nested {
		flags |= opNested
		w.sizes = appendNumber(w.sizes, j.viewSize)
		w.writeLists(j.lists[:])
	}
	mask := 0
	for k := range j.patch {
		if len(j.patch[k]) > 0 {
			mask |= 1 << k
		}
	}
	w.sizes = appendNumber(w.sizes, mask)
	for k, s := range j.patch {
		if len(s) > 0 {
			w.sizes = appendNumber(w.sizes, len(s))
			w.b.out.write(streamDiff+k, s)
			w.spent.sample(streamDiff+k, s)
			j.sizes[k] = int32(len(s)) //nolint:gosec // views are shorter
		}
	}
	w.b.memory = max(w.b.memory, j.applying)
	j.patch = diff.Streams{}
	return flags
}

// writeLists writes lists of opened streams.
func (w *targetWriter) writeLists(lists [][]byte) {
	for _, l := range lists {
		w.sizes = appendNumber(w.sizes, len(l))
		w.nested = append(w.nested, l...)
	}
}

// writeNew writes the new content that j made, and returns flags.
func (w *targetWriter) writeNew(j *job) (flags int64, err error) {
	flags = int64(j.stream-streamText) << newStreamShift
	if j.streamed {
		return flags, w.writeStreamed(j)
	}
	if j.nested {
		flags |= opNested
		w.sizes = appendNumber(w.sizes, len(j.view))
		w.writeLists(j.lists[:1])
		w.b.memory = max(w.b.memory, int64(len(j.view))+j.size)
	}
	for c := range slices.Chunk(j.view, packedFrame) {
		w.b.out.write(j.stream, c)
		w.spent.sample(j.stream, c)
		if err := w.b.drain(); err != nil {
			return 0, err
		}
	}
	j.patchSize = int64(len(j.view))
	j.view = nil
	return flags, nil
}

// writeStreamed writes new content that was not read yet.
func (w *targetWriter) writeStreamed(j *job) error {
	j.patchSize = j.size
	buf := make([]byte, min(j.size, streamSize))
	for at := int64(0); at < j.size; at += int64(len(buf)) {
		buf = buf[:min(j.size-at, int64(len(buf)))]
		if err := readAt(j.target, buf, j.off+at); err != nil {
			return err
		}
		w.b.out.write(j.stream, buf)
		w.spent.sample(j.stream, buf)
		if err := w.b.drain(); err != nil {
			return err
		}
	}
	return nil
}

// flush hands over what the small streams have gathered.
func (w *targetWriter) flush() {
	for _, s := range [...]struct {
		stream int
		b      *[]byte
	}{
		{streamOps, &w.ops},
		{streamHeads, &w.head},
		{streamHeadTexts, &w.texts},
		{streamSizes, &w.sizes},
		{streamNested, &w.nested},
	} {
		w.b.out.write(s.stream, *s.b)
		w.spent.sample(s.stream, *s.b)
		*s.b = (*s.b)[:0]
	}
}
