package delta

import (
	"crypto/sha256"
	"fmt"
	"io"
	"sync"

	"github.com/airgap-ferry/ferry/delta/diff"
	"github.com/airgap-ferry/ferry/delta/entropy"
	"github.com/airgap-ferry/ferry/delta/nested"
	"github.com/airgap-ferry/ferry/delta/recipe"
)

const (
	// maxView bounds a file with its opened streams, in bytes.
	maxView = diff.MaxSize

	// openLimit is the longest file that streams are looked for in.
	openLimit = maxContent

	// smallJob is what a worker may keep in memory from one file to the next.
	smallJob = 16 << 20

	// leastStreamed is the shortest new content that is not kept in memory,
	// if it holds no streams, and streamSize how much of it is read at a time.
	leastStreamed = 4 << 20

	// leastSpared is from which size of both files on memory is spared.
	leastSpared = 32 << 20

	streamSize = 1 << 20
)

// A job makes the content of one entry.
type job struct {
	entry int // of the target
	kind  contentKind
	size  int64

	target    io.ReaderAt
	off       int64
	base      io.ReaderAt // nil for new content
	baseOff   int64
	baseSize  int64
	whole     bool // both sides are whole files, which may hold streams
	stream    int  // of new content
	streamed  bool // new content stays where it is until it is written
	view      []byte
	viewSize  int
	lists     [2][]byte // opened streams of the target and of the base
	nested    bool
	patch     diff.Streams
	patchSize int64
	applying  int64 // bytes of memory that applying takes at least
	encoders  []recipe.ID
	sizes     [diff.NumStreams]int32 // of patch, for the cost
}

// need guesses how much memory j takes.
func (j *job) need() int64 {
	if j.base == nil {
		return 3 * j.size
	}
	if m := j.size + j.baseSize; m >= leastSpared {
		return 2*m + j.baseSize
	}
	return 4*j.size + 5*j.baseSize
}

// A workshop has a bench for each job that is done at the same time.
type workshop struct {
	gate   *gate
	memory int64

	mu           sync.Mutex
	benches      []*bench
	applyBenches []*applyBench
}

// A bench is the memory of one job.
type bench struct {
	differ diff.Differ
	opener nested.Opener
	target []byte
	base   []byte
	views  [2][]byte
}

func (w *workshop) take() *bench {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.benches); n > 0 {
		b := w.benches[n-1]
		w.benches = w.benches[:n-1]
		return b
	}
	return new(bench)
}

func (w *workshop) put(b *bench) {
	w.mu.Lock()
	w.benches = append(w.benches, b)
	w.mu.Unlock()
}

// do does j.
func (w *workshop) do(j *job) error {
	n := w.gate.enter(j.need())
	defer w.gate.leave(n)
	if j.need() > smallJob {
		return j.run(new(bench), w.memory)
	}
	b := w.take()
	defer w.put(b)
	return j.run(b, w.memory)
}

func (j *job) run(b *bench, memory int64) error {
	if ok, err := j.canStream(); ok || err != nil {
		return err
	}
	if j.kind == contentPatch {
		if err := j.makePatch(b, memory); err != nil {
			return err
		}
		if j.worthwhile() {
			return nil
		}
		j.kind, j.patch, j.lists, j.nested, j.encoders = contentNew, diff.Streams{}, [2][]byte{}, false, nil
		if ok, err := j.canStream(); ok || err != nil {
			return err
		}
	}
	b.target = resize(b.target, j.size)
	if err := readAt(j.target, b.target, j.off); err != nil {
		return err
	}
	return j.makeNew(b)
}

// canStream reports whether j is new content that need not be read now, and
// chooses its stream.
func (j *job) canStream() (bool, error) {
	if j.kind != contentNew || j.size < leastStreamed {
		return false, nil
	}
	var s sampler
	if err := s.read(j.target, j.off, j.size); err != nil {
		return false, err
	}
	if j.whole && j.size <= openLimit && s.mayHold {
		return false, nil
	}
	j.streamed, j.stream = true, newStream(s.b)
	if s.noise() {
		j.stream = streamPacked
	}
	return true, nil
}

func resize(b []byte, n int64) []byte {
	if int64(cap(b)) < n {
		return make([]byte, n)
	}
	return b[:n]
}

// makePatch makes the patch of the target against the base.
func (j *job) makePatch(b *bench, memory int64) error {
	if j.baseSize+j.size >= leastSpared && !j.whole {
		return j.sparePatch(b, memory)
	}
	b.target = resize(b.target, j.size)
	if err := readAt(j.target, b.target, j.off); err != nil {
		return err
	}
	b.base = resize(b.base, j.baseSize)
	if err := readAt(j.base, b.base, j.baseOff); err != nil {
		return err
	}
	base, target := b.base, b.target
	if j.whole && j.size <= openLimit && j.baseSize <= openLimit &&
		(nested.MayHold(b.target) || nested.MayHold(b.base)) {
		var err error
		if base, target, err = j.openBoth(b); err != nil {
			return err
		}
	}
	if j.baseSize+j.size >= leastSpared && !j.nested {
		b.base, b.target = nil, nil
		return j.sparePatch(b, memory)
	}
	j.applying += j.size + j.baseSize
	b.differ.Diff(&j.patch, base, target, j.options(len(base), len(target), memory))
	j.patched(len(target))
	return nil
}

// sparePatch makes the patch of large contents, which are read again as often
// as that saves memory.
func (j *job) sparePatch(b *bench, memory int64) error {
	j.applying = j.size + j.baseSize
	err := b.differ.DiffSparing(&j.patch,
		diff.File{Size: int(j.baseSize), Read: func(b []byte) error { return readAt(j.base, b, j.baseOff) }},
		diff.File{Size: int(j.size), Read: func(b []byte) error { return readAt(j.target, b, j.off) }},
		j.options(int(j.baseSize), int(j.size), memory))
	j.patched(int(j.size))
	return err
}

func (j *job) options(base, target int, memory int64) diff.Options {
	return diff.Options{Stride: strideFor(base, memory), Plain: 3*int64(base+target) > 2*memory}
}

// patched notes the sizes of a patch.
func (j *job) patched(view int) {
	j.viewSize = view
	for _, s := range j.patch {
		j.patchSize += int64(len(s))
	}
}

// strideFor returns how densely a base of n bytes is indexed: the index takes
// half a byte to a byte of memory per byte at a stride of 8.
func strideFor(n int, memory int64) int {
	const usual = 8
	stride := 0
	for s := int64(usual); s < 64 && int64(n)*usual/s > memory/4; s *= 2 {
		stride = int(2 * s)
	}
	return stride
}

// openBoth opens the streams of both sides that are not equal.
func (j *job) openBoth(b *bench) (base, target []byte, err error) {
	closed := make(map[[sha256.Size]byte]bool)
	b.opener.Each(b.base, func(stream []byte) { closed[sha256.Sum256(stream)] = false })
	ts := b.opener.Find(b.target, func(stream []byte) bool {
		sum := sha256.Sum256(stream)
		_, same := closed[sum]
		if same {
			closed[sum] = true
		}
		return same
	}, nested.Options{Recipes: true})
	bs := b.opener.Find(b.base, func(stream []byte) bool { return closed[sha256.Sum256(stream)] }, nested.Options{})
	if len(ts) == 0 {
		bs = nil
	}
	if len(bs) == 0 && len(ts) == 0 {
		return b.base, b.target, nil
	}
	if b.views[0], err = nested.View(b.views[0][:0], b.target, ts, maxView); err != nil {
		return nil, nil, fmt.Errorf("opening streams: %w", err)
	}
	if b.views[1], err = nested.View(b.views[1][:0], b.base, bs, maxView); err != nil {
		return nil, nil, fmt.Errorf("opening streams: %w", err)
	}
	j.nested = true
	j.applying += int64(len(b.views[0])) + j.baseSize + nested.PlainSize(bs)
	j.encoders = nested.Encoders(ts)
	j.lists[0] = nested.Append(nil, ts, true)
	j.lists[1] = nested.Append(nil, bs, false)
	return b.views[1], b.views[0], nil
}

// worthwhile reports whether the patch is better than the content itself.
func (j *job) worthwhile() bool {
	own := j.patchSize + int64(len(j.patch[diff.Sparse])+len(j.patch[diff.SparseCode]))
	return own < int64(j.viewSize)*9/10
}

// makeNew makes new content of the target.
func (j *job) makeNew(b *bench) error {
	j.view = b.target
	j.stream = newStream(b.target)
	b.target = nil
	if !j.whole || j.size > openLimit || !nested.MayHold(j.view) {
		return nil
	}
	ts := b.opener.Find(j.view, nil, nested.Options{Recipes: true})
	if len(ts) == 0 {
		return nil
	}
	view, err := nested.View(nil, j.view, ts, maxView)
	if err != nil {
		return fmt.Errorf("opening streams: %w", err)
	}
	j.view, j.nested, j.encoders = view, true, nested.Encoders(ts)
	j.lists[0] = nested.Append(nil, ts, true)
	if j.stream == streamPacked {
		j.stream = streamText
	}
	return nil
}

// newStream chooses the stream of new content by how it begins.
func newStream(b []byte) int {
	if len(b) < 8 {
		return streamText
	}
	switch {
	case string(b[:4]) == "\x7fELF", string(b[:2]) == "MZ", string(b[:4]) == "\x00asm",
		string(b[:8]) == "!<arch>\n", string(b[:4]) == "\xcf\xfa\xed\xfe", string(b[:4]) == "\xca\xfe\xba\xbe":
		return streamCode
	}
	for _, magic := range packedMagic {
		if len(b) >= len(magic) && string(b[:len(magic)]) == magic {
			return streamPacked
		}
	}
	if entropy.IsNoise(b) {
		return streamPacked
	}
	return streamText
}

// packedMagic is how files begin that hardly compress.
var packedMagic = []string{
	"\x1f\x8b\x08", "\x28\xb5\x2f\xfd", "\xfd7zXZ\x00", "BZh", "PK\x03\x04", "\x89PNG\r\n\x1a\n", "\xff\xd8\xff",
	"GIF8", "wOF2", "wOFF", "OggS", "7z\xbc\xaf\x27\x1c", "\x04\x22\x4d\x18",
}
