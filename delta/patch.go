package delta

import (
	"fmt"
	"io"
	"sync"

	"github.com/airgap-ferry/ferry/delta/entropy"
	"github.com/airgap-ferry/ferry/delta/recipe"
)

// Limits bound what a patch may ask for. A zero field is the format's limit.
type Limits struct {
	Plain   int64 // bytes of all plain texts together
	Entries int   // of one plain text
}

// A Patch is a patch whose head has been read. Its methods may be used
// concurrently.
type Patch struct {
	r       io.ReaderAt
	head    *Head
	offsets []int64 // of the frames
	streams [numStreams][]int

	mu       sync.Mutex
	decoders []*entropy.Decoder // that nobody uses now; guarded by mu
}

// Open reads and checks the head of the patch of size bytes that r holds. A
// file that is no patch, or is not as long as its head says, gives a
// [*FormatError].
func Open(r io.ReaderAt, size int64, l Limits) (*Patch, error) {
	b := make([]byte, min(size, int64(len(patchMagic)+5)))
	if err := readAt(r, b, 0); err != nil {
		return nil, fmt.Errorf("opening a patch: %w", err)
	}
	p := parser{part: "head", b: b}
	if m := p.bytes(int64(len(patchMagic))); p.err != nil || string(m) != patchMagic {
		return nil, &FormatError{"head", "not a patch of version 1"}
	}
	n := p.number(maxHeadSize)
	if p.err != nil {
		return nil, p.err
	}
	start := int64(len(b) - len(p.b))
	if n > size-start {
		return nil, &FormatError{"head", "cut short"}
	}
	b = make([]byte, n)
	if err := readAt(r, b, start); err != nil {
		return nil, fmt.Errorf("opening a patch: %w", err)
	}
	h, err := parseHead(b)
	if err != nil {
		return nil, err
	}
	q := &Patch{r: r, head: h}
	off := start + n
	for i, f := range h.frames {
		q.offsets = append(q.offsets, off)
		q.streams[f.stream] = append(q.streams[f.stream], i)
		off += int64(f.size)
	}
	if off != size {
		return nil, &FormatError{"head", fmt.Sprintf("file of %d bytes, %d are expected", size, off)}
	}
	return q, h.within(l)
}

// within checks h against limits.
func (h *Head) within(l Limits) error {
	if l.Plain > 0 && h.Plain() > l.Plain {
		return &FormatError{"head", fmt.Sprintf("plain texts of %d bytes, at most %d are allowed", h.Plain(), l.Plain)}
	}
	for i := range h.Targets {
		if n := h.Targets[i].Entries; l.Entries > 0 && n > l.Entries {
			return &FormatError{"head", fmt.Sprintf("plain text with %d files, at most %d are allowed", n, l.Entries)}
		}
	}
	return nil
}

// Head returns the patch's head. It may not be changed.
func (p *Patch) Head() *Head { return p.head }

// frame reads and decodes a frame.
func (p *Patch) frame(dst []byte, i int) ([]byte, error) {
	f := p.head.frames[i]
	coded := make([]byte, f.size)
	if err := readAt(p.r, coded, p.offsets[i]); err != nil {
		return nil, fmt.Errorf("reading a patch: %w", err)
	}
	d := p.decoder()
	b, err := d.Decode(dst, coded, f.coder, f.plain)
	p.mu.Lock()
	p.decoders = append(p.decoders, d)
	p.mu.Unlock()
	if err != nil {
		return nil, &FormatError{"frame", fmt.Sprintf("%s: %s", streamName(f.stream), err)}
	}
	return b, nil
}

func (p *Patch) decoder() *entropy.Decoder {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.decoders); n > 0 {
		d := p.decoders[n-1]
		p.decoders = p.decoders[:n-1]
		return d
	}
	return new(entropy.Decoder)
}

// Recipe returns how the plain text of target i is compressed.
func (p *Patch) Recipe(i int) (*recipe.Recipe, error) {
	var off int64
	for _, t := range p.head.Targets[:i] {
		off += t.Recipe
	}
	end := off + p.head.Targets[i].Recipe
	var b []byte
	var at int64
	for _, k := range p.streams[streamRecipes] {
		n := int64(p.head.frames[k].plain)
		if at < end && at+n > off {
			f, err := p.frame(nil, k)
			if err != nil {
				return nil, err
			}
			b = append(b, f[max(off-at, 0):min(end-at, n)]...)
		}
		at += n
	}
	if int64(len(b)) != end-off {
		return nil, &FormatError{"head", "recipes are cut short"}
	}
	r, err := recipe.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("reading the recipe of %s: %w", p.head.Targets[i].Digest, err)
	}
	if r.PlainSize() != p.head.Targets[i].Plain {
		return nil, &FormatError{"head", "recipe for another plain text"}
	}
	return r, nil
}
