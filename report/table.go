package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/term"
)

const (
	// labelWidth is the column of field labels. With it a digest in full is as
	// wide as the usual terminal.
	labelWidth = 9

	// minFlexible is how narrow a column that gives way may get. Below that
	// a line is rather too long than unreadable.
	minFlexible = 16

	gutter = 2 // blanks between columns
)

// A page collects the lines of a report and keeps the first error of writing
// them. Everything it prints passes through printable: names in a report come
// from outside.
type page struct {
	w     io.Writer
	width int // columns, 0 for as many as it takes
	err   error
}

// line prints one line. Blanks at its end are left out.
func (p *page) line(text string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, strings.TrimRight(printable(text), " ")+"\n")
	}
}

// field prints a label and what it says. Further values go below the first;
// empty ones are left out.
func (p *page) field(label string, values ...string) {
	for _, v := range values {
		if v != "" {
			p.line(fmt.Sprintf("%-*s%s", labelWidth, label, v))
			label = ""
		}
	}
}

// A table is rows of cells in columns, without lines between them.
type table struct {
	indent   int
	right    []int // columns whose cells stand on the right
	flexible int   // the column that gives way when the page is narrow; after it the last
	rows     [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// table prints t. Columns in which no row has anything are left out.
func (p *page) table(t *table) {
	widths := t.widths()
	total := t.indent
	for _, w := range widths {
		if w > 0 {
			total += w + gutter
		}
	}
	if over := total - gutter - p.width; p.width > 0 && over > 0 {
		over -= narrow(widths, t.flexible, over)
		narrow(widths, len(widths)-1, over)
	}
	for _, row := range t.rows {
		p.line(t.row(row, widths))
	}
}

// narrow takes up to n from the width of column i and returns how much it
// took.
func narrow(widths []int, i, n int) int {
	n = max(0, min(n, widths[i]-minFlexible))
	widths[i] -= n
	return n
}

func (t *table) widths() []int {
	var widths []int
	for _, row := range t.rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

func (t *table) row(cells []string, widths []int) string {
	right := make(map[int]bool)
	for _, c := range t.right {
		right[c] = true
	}
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", t.indent))
	for i, cell := range cells {
		if widths[i] == 0 {
			continue
		}
		if i == t.flexible {
			cell = shorten(cell, widths[i])
		} else if r := []rune(cell); len(r) > widths[i] {
			cell = string(r[:widths[i]-1]) + "…"
		}
		pad := strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(cell)))
		if right[i] {
			cell = pad + cell
		} else {
			cell += pad
		}
		b.WriteString(cell)
		b.WriteString(strings.Repeat(" ", gutter))
	}
	return b.String()
}

// shorten keeps the end of s, which tells more than its start: the name and
// the tag of a reference.
func shorten(s string, width int) string {
	r := []rune(s)
	if len(r) <= width {
		return s
	}
	return "…" + string(r[len(r)-width+1:])
}

// printable replaces what could move the cursor or turn the direction of the
// text, so that a name can't pass for another.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r != '…' && r != '→' && !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// plural returns "1 blob", "2 blobs".
func plural(n int64, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// amount returns "6 blobs, 4.22 MB".
func (c Count) amount() string {
	if c.Blobs == 0 {
		return "nothing"
	}
	return plural(c.Blobs, "blob") + ", " + term.Bytes(c.Bytes)
}

// String returns "platform 1.1".
func (r Release) String() string { return r.Name + " " + r.Version }

// names returns the names of releases, or "none".
func names(releases []Release) string {
	if len(releases) == 0 {
		return "none"
	}
	s := make([]string, 0, len(releases))
	for _, r := range releases {
		s = append(s, r.String())
	}
	return strings.Join(s, ", ")
}

// numbers returns "1, 2, 5".
func numbers[N int | int64](list []N) string {
	s := make([]string, 0, len(list))
	for _, n := range list {
		s = append(s, strconv.FormatInt(int64(n), 10))
	}
	return strings.Join(s, ", ")
}

// number returns the words for a shipment: "north 1/2".
func number(site string, epoch, seq int64) string {
	return fmt.Sprintf("%s %d/%d", site, epoch, seq)
}

// when returns a time as everywhere in ferry, "" for none.
func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return bundle.FormatTime(t)
}
