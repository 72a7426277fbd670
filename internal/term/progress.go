package term

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/cheggaaa/pb/v3"
)

// barTemplate is the one line that a transfer shows. There is no colour in it.
const barTemplate = `ferry: {{counters .}} {{bar . "[" "=" ">" " " "]"}} {{percent . "%.0f%%" "-"}} ` +
	`{{speed . "%s/s" "-"}} {{rtime . "%s left" "in %s" "-"}}{{with string . "blobs"}} {{.}}{{end}}`

// Options says who is watching. The zero value prints stage lines only.
type Options struct {
	Quiet       bool // print nothing at all
	JSON        bool // a program reads standard error as well: print nothing
	Interactive bool // the writer is a terminal with a person before it: show the bar
}

// A Progress shows what a transfer does. On a terminal it draws one bar for
// the whole (bytes, rate, time left) and names the blobs in flight; elsewhere
// it prints the stage lines and nothing else.
//
// Its methods are safe for concurrent use. A nil *Progress is silent.
type Progress struct {
	w     *screen
	o     Options
	width int // columns, 0 to ask at each Start

	mu     sync.Mutex // guards what follows
	bar    *pb.ProgressBar
	flight []*Item
}

// An Item is a blob in flight. A nil *Item is silent.
type Item struct {
	p    *Progress
	name string
	size int64 // bytes
}

// NewProgress returns a Progress that writes to w.
func NewProgress(w io.Writer, o Options) *Progress {
	return &Progress{w: &screen{w: w}, o: o}
}

// Stage prints a line "ferry: …" about what comes next.
func (p *Progress) Stage(format string, args ...any) {
	if p == nil || p.o.Quiet || p.o.JSON {
		return
	}
	p.w.line(fmt.Sprintf("ferry: "+format, args...))
}

// Start begins a transfer of total bytes, ending the one before.
func (p *Progress) Start(total int64) {
	if p == nil || !p.o.Interactive || p.o.Quiet || p.o.JSON {
		return
	}
	p.Finish()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bar = pb.New64(total).SetTemplateString(barTemplate).SetWriter(p.w).SetWidth(p.columns()).
		Set(pb.Bytes, true).Set(pb.SIBytesPrefix, true).
		Set(pb.Terminal, true).Set(pb.ReturnSymbol, "\r").Set(pb.Color, false).Start()
}

// Finish ends the transfer, leaving its line with the time it took. Without a
// transfer it does nothing.
func (p *Progress) Finish() {
	if p == nil {
		return
	}
	p.mu.Lock()
	bar := p.bar
	p.bar, p.flight = nil, nil
	p.mu.Unlock()
	if bar != nil {
		bar.Set("blobs", "").Finish()
		p.w.end()
	}
}

// Blob adds a blob to those in flight. The caller calls Done on the result.
func (p *Progress) Blob(name string, size int64) *Item {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	i := &Item{p: p, name: name, size: size}
	if p.bar != nil {
		p.flight = append(p.flight, i)
		p.show()
	}
	return i
}

// Add notes that n more bytes of the blob have passed. When a transfer starts
// over, n is negative.
func (i *Item) Add(n int64) {
	if i == nil {
		return
	}
	i.p.mu.Lock()
	defer i.p.mu.Unlock()
	if i.p.bar != nil {
		i.p.bar.Add64(n)
	}
}

// Done takes the blob out of those in flight.
func (i *Item) Done() {
	if i == nil {
		return
	}
	i.p.mu.Lock()
	defer i.p.mu.Unlock()
	for k, other := range i.p.flight {
		if other == i {
			i.p.flight = append(i.p.flight[:k], i.p.flight[k+1:]...)
			break
		}
	}
	i.p.show()
}

// show tells the bar the blobs in flight: the oldest by name and size, and
// how many there are besides. The caller holds p.mu.
func (p *Progress) show() {
	if p.bar == nil {
		return
	}
	text := ""
	if len(p.flight) > 0 {
		first := p.flight[0]
		text = shorten(first.name, p.bar.Width()/4) + " " + Bytes(first.size)
	}
	if n := len(p.flight) - 1; n > 0 {
		text += fmt.Sprintf(" +%d", n)
	}
	p.bar.Set("blobs", text)
}

func (p *Progress) columns() int {
	if p.width > 0 {
		return p.width
	}
	if f, ok := p.w.w.(*os.File); ok {
		return Width(f)
	}
	return defaultWidth
}

// shorten keeps the end of name, which tells more than its start, and drops
// what could move the cursor.
func shorten(name string, columns int) string {
	r := []rune(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, name))
	if columns < 2 || len(r) <= columns {
		return string(r)
	}
	return "…" + string(r[len(r)-columns+1:])
}

// A screen is a writer that the bar and the stage lines share.
type screen struct {
	w io.Writer

	mu    sync.Mutex // guards what follows, and w
	drawn int        // characters of the bar that stand on the current line
}

// Write writes what the bar draws: each time the whole line after a return.
func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drawn = utf8.RuneCount(bytes.TrimSpace(b))
	return s.w.Write(b)
}

// line prints a line of its own, in place of the bar, which comes back below
// it when it is drawn next.
func (s *screen) line(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drawn > 0 {
		text = "\r" + strings.Repeat(" ", s.drawn) + "\r" + text
		s.drawn = 0
	}
	fmt.Fprintln(s.w, text)
}

// end says that no bar is on the screen any more.
func (s *screen) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drawn = 0
}
