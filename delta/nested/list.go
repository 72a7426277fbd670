package nested

import (
	"bytes"
	"encoding/binary"

	"github.com/airgap-ferry/ferry/delta/recipe"
)

// Ways to write a recipe.
const (
	recipeSame  = 0 // as before
	recipePlain = 1
	recipeFixed = 2 // with corrections
)

// Append appends the list in its binary form, with the recipes or without.
func Append(b []byte, streams []Stream, recipes bool) []byte {
	b = appendNumber(b, int64(len(streams)))
	text, end := 0, int64(0)
	var last recipe.Params
	for i := range streams {
		s := &streams[i]
		if s.Text != text {
			end = 0
		}
		b = appendNumber(b, int64(s.Text-text))
		b = appendNumber(b, s.Offset-end)
		b = appendNumber(b, s.Size)
		b = appendNumber(b, s.Plain)
		text, end = s.Text, s.Offset+s.Size
		if recipes {
			b = appendRecipe(b, s, last)
			last = s.Recipe
		}
	}
	return b
}

func appendRecipe(b []byte, s *Stream, last recipe.Params) []byte {
	switch {
	case len(s.Fix) > 0:
		b = append(b, recipeFixed)
	case s.Recipe == last:
		return append(b, recipeSame)
	default:
		b = append(b, recipePlain)
	}
	p := s.Recipe
	b = append(b, byte(p.Encoder), byte(p.Level), byte(p.Feed)) //nolint:gosec // levels are small
	b = appendNumber(b, int64(p.Block))
	if len(s.Fix) > 0 {
		b = append(appendNumber(b, int64(len(s.Fix))), s.Fix...)
	}
	return b
}

func appendNumber(b []byte, n int64) []byte {
	return binary.AppendUvarint(b, uint64(n)) //nolint:gosec // not negative
}

// Parse returns the list that b holds, all of b. Input that Append would not
// have written gives a [*FormatError].
func Parse(b []byte, recipes bool) ([]Stream, error) {
	p := parser{b: b}
	n := p.number(min(int64(len(b)/4), maxStreams))
	streams := make([]Stream, 0, n)
	text, end := 0, int64(0)
	var last recipe.Params
	for i := range n {
		d := p.number(i - int64(text))
		if d > 0 {
			text, end = text+int(d), 0
		}
		s := Stream{Text: text, Offset: end + p.number(maxSize), Size: p.number(maxSize), Plain: p.number(maxSize)}
		if end = s.Offset + s.Size; end > maxSize {
			p.fail("stream beyond the end")
		}
		if recipes {
			p.recipe(&s, last)
			last = s.Recipe
		}
		streams = append(streams, s)
	}
	if p.err == nil && len(p.b) > 0 {
		p.fail("%d bytes after the end", len(p.b))
	}
	if p.err != nil {
		return nil, p.err
	}
	return streams, nil
}

// A parser takes a list apart. After the first error it returns zeros.
type parser struct {
	b   []byte
	err error
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = bad(format, args...)
	}
	p.b = nil
}

func (p *parser) number(limit int64) int64 {
	u, n := binary.Uvarint(p.b)
	v := int64(u) //nolint:gosec // what does not fit becomes negative
	switch {
	case n == 0:
		p.fail("list is cut short")
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

func (p *parser) byte() byte {
	if len(p.b) == 0 {
		p.fail("list is cut short")
		return 0
	}
	c := p.b[0]
	p.b = p.b[1:]
	return c
}

func (p *parser) recipe(s *Stream, last recipe.Params) {
	way := p.byte()
	switch way {
	case recipeSame:
		s.Recipe = last
		return
	case recipePlain, recipeFixed:
	default:
		p.fail("recipe of kind %d", way)
		return
	}
	s.Recipe = recipe.Params{Encoder: recipe.ID(p.byte()), Level: int(p.byte()), Feed: recipe.Feed(p.byte())}
	s.Recipe.Block = int(p.number(maxSize))
	if way == recipePlain {
		if s.Recipe == last {
			p.fail("recipe is that of the stream before")
		}
		return
	}
	n := p.number(int64(len(p.b)))
	if n == 0 || n > int64(len(p.b)) {
		p.fail("no corrections")
		return
	}
	s.Fix = bytes.Clone(p.b[:n])
	p.b = p.b[n:]
}
