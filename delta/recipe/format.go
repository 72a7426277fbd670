package recipe

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
)

const (
	formatV1 = 1

	// MaxSize is the longest recipe there is, in bytes. It bounds what Parse
	// keeps of input that is no recipe.
	MaxSize = 64 << 20

	maxTail = 64 << 10

	// maxPlain bounds the plain text of one recipe.
	maxPlain = 1 << 46

	// maxHeaders bounds what the headers of all members come to: they are
	// what a short recipe can make long output of.
	maxHeaders = 64 << 20

	minBlock = 1 << 10

	// maxMember and maxGroup bound what Parse allocates for short members.
	maxMember = 1 << 20
	maxGroup  = 1 << 17
)

// Append appends r in its binary form. It fails if r is not valid.
func (r *Recipe) Append(b []byte) ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("writing a recipe: %w", err)
	}
	start := len(b)
	b = append(b, formatV1)
	b = appendNumber(b, int64(len(r.Groups)))
	for i := range r.Groups {
		g := &r.Groups[i]
		b = append(b, byte(g.Frame), byte(g.Encoder), byte(g.Level), byte(g.Feed)) //nolint:gosec // levels are checked
		b = appendNumber(b, int64(g.Block))
		b = appendNumber(b, int64(len(g.Header)))
		b = append(b, g.Header...)
		b = appendNumber(b, int64(len(g.Fix)))
		b = append(b, g.Fix...)
		b = appendNumber(b, int64(len(g.Plain)))
		for _, n := range g.Plain {
			b = appendNumber(b, n)
		}
	}
	b = appendNumber(b, int64(len(r.Tail)))
	b = append(b, r.Tail...)
	if len(b)-start > MaxSize {
		return nil, fmt.Errorf("writing a recipe: %d bytes are more than %d", len(b)-start, MaxSize)
	}
	return b, nil
}

// appendNumber appends n, which is not negative.
func appendNumber(b []byte, n int64) []byte {
	return binary.AppendUvarint(b, uint64(n)) //nolint:gosec // not negative
}

// Parse returns the recipe that b holds, all of b. Input that Append would not
// have written gives a [*FormatError].
func Parse(b []byte) (*Recipe, error) {
	if len(b) > MaxSize {
		return nil, badRecipe("more than %d bytes", MaxSize)
	}
	p := parser{b: b}
	if v := p.byte(); p.err == nil && v != formatV1 {
		return nil, badRecipe("version %d is not supported", v)
	}
	r := new(Recipe)
	for range p.count(9) {
		if len(r.Groups) == maxGroup {
			p.fail("more than %d groups", maxGroup)
			break
		}
		r.Groups = append(r.Groups, p.group())
	}
	r.Tail = p.bytes()
	if p.err == nil && len(p.b) > 0 {
		p.err = badRecipe("%d bytes after the end", len(p.b))
	}
	if p.err == nil {
		p.err = r.check()
	}
	if p.err != nil {
		return nil, fmt.Errorf("reading a recipe: %w", p.err)
	}
	return r, nil
}

func badRecipe(format string, args ...any) error {
	return &FormatError{"recipe", fmt.Sprintf(format, args...)}
}

// A parser takes a recipe apart. After the first error it returns zeros.
type parser struct {
	b   []byte
	err error
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = badRecipe(format, args...)
	}
	p.b = nil
}

func (p *parser) group() Group {
	g := Group{Frame: Frame(p.byte())}
	g.Encoder, g.Level, g.Feed = ID(p.byte()), int(p.byte()), Feed(p.byte())
	g.Block = int(p.number(1 << 30))
	g.Header = p.bytes()
	g.Fix = p.bytes()
	n := p.count(1)
	if n > maxMember {
		p.fail("more than %d members", maxMember)
		n = 0
	}
	for range n {
		g.Plain = append(g.Plain, p.number(maxPlain))
	}
	return g
}

func (p *parser) byte() byte {
	if len(p.b) == 0 {
		p.fail("cut short")
		return 0
	}
	v := p.b[0]
	p.b = p.b[1:]
	return v
}

// number reads a number of at most limit, in the fewest bytes.
func (p *parser) number(limit int64) int64 {
	u, n := binary.Uvarint(p.b)
	v := int64(u) //nolint:gosec // what does not fit becomes negative
	switch {
	case n == 0:
		p.fail("cut short")
	case n < 0 || v < 0 || v > limit:
		p.fail("number above %d", limit)
	case n > 1 && p.b[n-1] == 0:
		p.fail("number with needless bytes")
	default:
		p.b = p.b[n:]
		return v
	}
	return 0
}

// count reads how many things follow that take at least size bytes each.
func (p *parser) count(size int) int { return int(p.number(int64(len(p.b) / size))) }

func (p *parser) bytes() []byte {
	n := p.count(1)
	if n > len(p.b) {
		p.fail("cut short")
		return nil
	}
	if n == 0 {
		return nil
	}
	b := bytes.Clone(p.b[:n])
	p.b = p.b[n:]
	return b
}

// check says what keeps r from being a recipe.
func (r *Recipe) check() error {
	if len(r.Groups) == 0 {
		return badRecipe("no members")
	}
	if len(r.Groups) > maxGroup {
		return badRecipe("%d groups, at most %d are possible", len(r.Groups), maxGroup)
	}
	if r.Groups[0].Frame == Stored && (len(r.Groups) > 1 || len(r.Tail) > 0) {
		return badRecipe("more than what is stored")
	}
	if len(r.Tail) > maxTail {
		return badRecipe("%d bytes after the last member, at most %d are possible", len(r.Tail), maxTail)
	}
	var plain, headers int64
	members := 0
	for i := range r.Groups {
		g := &r.Groups[i]
		if err := g.check(); err != nil {
			return err
		}
		if i > 0 && g.sameAs(&r.Groups[i-1]) {
			return badRecipe("group %d is made like the one before", i)
		}
		if members += len(g.Plain); members > maxMember {
			return badRecipe("more than %d members", maxMember)
		}
		headers += int64(len(g.Header)) * int64(len(g.Plain))
		for _, n := range g.Plain {
			if n < 0 || n > maxPlain {
				return badRecipe("plain text of %d bytes", n)
			}
			if plain += n; plain > maxPlain {
				return badRecipe("more than %d bytes of plain text", int64(maxPlain))
			}
		}
	}
	if headers > maxHeaders {
		return badRecipe("headers of %d bytes, at most %d are possible", headers, maxHeaders)
	}
	return nil
}

// sameAs reports whether the members of g and h are one group.
func (g *Group) sameAs(h *Group) bool {
	return g.Frame == h.Frame && g.Params == h.Params && bytes.Equal(g.Header, h.Header) && g.Fix == nil && h.Fix == nil
}

func (g *Group) check() error {
	if len(g.Plain) == 0 {
		return badRecipe("group without members")
	}
	if len(g.Fix) > 0 && len(g.Plain) > 1 {
		return badRecipe("corrections of more than one member")
	}
	if g.Frame == Stored {
		if len(g.Header) > 0 || g.Params != (Params{}) || len(g.Fix) > 0 || len(g.Plain) > 1 {
			return badRecipe("stored in more than one way")
		}
		return nil
	}
	if err := g.checkHeader(); err != nil {
		return err
	}
	if err := g.Params.check(); err != nil {
		return err
	}
	switch {
	case g.Encoder.isZstd() != (g.Frame == Zstd):
		return badRecipe("%s does not make %s", g.Encoder, g.Frame)
	case g.Encoder == Tokens && len(g.Fix) == 0:
		return badRecipe("%s without corrections", g.Encoder)
	case g.Frame == Zstd && len(g.Fix) > 0:
		return badRecipe("corrections of zstd")
	case g.Frame == Zstd:
		return checkZstd(g)
	}
	return nil
}

// checkHeader checks the header of frames of deflate streams.
func (g *Group) checkHeader() error {
	ok := false
	switch g.Frame {
	case Gzip:
		ok = gzipHeader(g.Header) == len(g.Header) && 0 < len(g.Header) && len(g.Header) <= maxHeader
	case Zlib:
		ok = zlibHeader(g.Header) == len(g.Header) && len(g.Header) > 0
	case Raw:
		ok = len(g.Header) == 0
	case Zstd, Stored:
		return nil
	default:
		return badRecipe("%s is not known", g.Frame)
	}
	if !ok {
		return badRecipe("header is not one of %s", g.Frame)
	}
	return nil
}

func (p Params) check() error {
	e := p.Encoder.info()
	switch {
	case e == nil:
		return badRecipe("%s is not known to this version", p.Encoder)
	case !slices.Contains(e.levels, p.Level):
		return badRecipe("%s has no level %d", p.Encoder, p.Level)
	case p.Block < e.blockMin || p.Block > e.blockMax || p.Block%minBlock != 0:
		return badRecipe("%s has no blocks of %d bytes", p.Encoder, p.Block)
	case p.Feed > Tar || p.Feed != Whole && (!e.feeds || p.Level == 1):
		return badRecipe("%s has no feed %d", p.Encoder, p.Feed)
	}
	return nil
}
