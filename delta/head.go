package delta

import (
	"math"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/delta/entropy"
	"github.com/airgap-ferry/ferry/delta/recipe"
)

const (
	patchMagic = "ferry patch v1\n"

	// maxHeadSize bounds what Open reads of a file that is no patch.
	maxHeadSize = 64 << 20

	maxSources = 1 << 16
)

// A Head says what a patch needs and what it makes.
type Head struct {
	Bases    []HeadBase   // in the order of their first use
	Targets  []HeadTarget // in the order in which they are made
	Encoders []recipe.ID  // that recipes and opened streams need, ascending
	Memory   int64        // bytes that applying takes at least, beyond a few megabytes

	frames []headFrame
}

// A HeadBase is a blob that must be at hand.
type HeadBase struct {
	Digest   bundle.Digest
	Size     int64 // bytes of the blob
	Plain    int64 // bytes of its plain text
	FirstUse int   // target that needs it first
	LastUse  int   // target that needs it last
}

// A HeadTarget is a blob that the patch rebuilds.
type HeadTarget struct {
	Digest      bundle.Digest
	Size        int64         // bytes of the blob
	Plain       int64         // bytes of its plain text
	PlainDigest bundle.Digest // of its plain text
	Entries     int           // of its plain text
	Recipe      int64         // bytes of its recipe
	LastUse     int           // target that needs its plain text last; its own number if none does
}

type headFrame struct {
	stream int
	coder  entropy.Coder
	plain  int
	size   int
}

// Plain returns the bytes of all plain texts that the patch makes.
func (h *Head) Plain() int64 {
	var n int64
	for i := range h.Targets {
		n += h.Targets[i].Plain
	}
	return n
}

// append appends magic, size and h.
func (h *Head) append(b []byte) []byte {
	var body []byte
	body = appendNumber(body, len(h.Targets))
	for i := range h.Targets {
		t := &h.Targets[i]
		body = appendDigest(body, t.Digest)
		body = appendNumber(body, t.Size)
		body = appendDigest(body, t.PlainDigest)
		body = appendNumber(body, t.Plain)
		body = appendNumber(body, t.Entries)
		body = appendNumber(body, t.Recipe)
		body = appendNumber(body, t.LastUse-i)
	}
	body = appendNumber(body, len(h.Bases))
	first := 0
	for i := range h.Bases {
		s := &h.Bases[i]
		body = appendDigest(body, s.Digest)
		body = appendNumber(body, s.Size)
		body = appendNumber(body, s.Plain)
		body = appendNumber(body, s.FirstUse-first)
		body = appendNumber(body, s.LastUse-s.FirstUse)
		first = s.FirstUse
	}
	body = appendNumber(body, len(h.Encoders))
	for _, id := range h.Encoders {
		body = append(body, byte(id))
	}
	body = appendNumber(body, h.Memory)
	body = appendNumber(body, len(h.frames))
	for _, f := range h.frames {
		body = append(body, byte(f.stream), byte(f.coder)) //nolint:gosec // less than numStreams
		body = appendNumber(body, f.plain)
		body = appendNumber(body, f.size)
	}
	b = append(b, patchMagic...)
	b = appendNumber(b, len(body))
	return append(b, body...)
}

func appendDigest(b []byte, d bundle.Digest) []byte {
	sum := d.Sum()
	return append(b, sum[:]...)
}

// parseHead reads what append wrote behind the size.
func parseHead(b []byte) (*Head, error) {
	p := parser{part: "head", b: b}
	h := new(Head)
	n := int(p.number(min(int64(len(b)/(2*32)), maxSources)))
	for i := range n {
		t := HeadTarget{
			Digest: p.digest(), Size: p.number(math.MaxInt64 / 2), PlainDigest: p.digest(), Plain: p.number(MaxPlain),
			Entries: int(p.number(maxEntries)), Recipe: p.number(recipe.MaxSize), LastUse: i,
		}
		t.LastUse += p.index(n - i)
		h.Targets = append(h.Targets, t)
	}
	first := 0
	for range p.number(min(int64(len(b)/32), maxSources)) {
		s := HeadBase{Digest: p.digest(), Size: p.number(math.MaxInt64 / 2), Plain: p.number(MaxPlain)}
		s.FirstUse = first + p.index(n-first)
		s.LastUse = s.FirstUse + p.index(n-s.FirstUse)
		first = s.FirstUse
		h.Bases = append(h.Bases, s)
	}
	last := -1
	for range p.number(256) {
		id := int(p.uint(1)) //nolint:gosec // one byte
		if id <= last {
			p.fail("encoders are not in order")
		}
		last = id
		h.Encoders = append(h.Encoders, recipe.ID(id)) //nolint:gosec // one byte
	}
	h.Memory = p.number(math.MaxInt64 / 2)
	for range p.number(int64(len(p.b) / 4)) {
		h.frames = append(h.frames, p.frame())
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	return h, nil
}

func (p *parser) frame() headFrame {
	f := headFrame{stream: int(p.uint(1)), coder: entropy.Coder(p.uint(1))} //nolint:gosec // one byte
	if f.stream >= numStreams {
		p.fail("stream %d is not known", f.stream)
		return headFrame{}
	}
	f.plain = int(p.number(int64(frameLimit(f.stream))))
	f.size = int(p.number(int64(f.plain)))
	if f.plain == 0 && p.err == nil {
		p.fail("empty frame")
	}
	if p.err == nil && (f.coder == entropy.Stored) != (f.size == f.plain) {
		p.fail("frame of %d bytes for %d", f.size, f.plain)
	}
	return f
}
