package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// A document is docs/benchmarks.md in the making.
type document struct {
	machine  []string // facts about the machine
	left     []string // out of what is measured
	bars     [][]string
	sections bytes.Buffer
}

// bar notes a measurement that has a limit.
func (d *document) bar(what, limit, measured string, met bool) {
	verdict := "yes"
	if !met {
		verdict = "**no**"
	}
	d.bars = append(d.bars, []string{what, limit, measured, verdict})
}

// section begins a section.
func (d *document) section(title, text string) {
	fmt.Fprintf(&d.sections, "\n## %s\n\n%s\n", title, text)
}

// table adds a table. The first row is its head; all columns but the first
// hold numbers.
func (d *document) table(rows [][]string) {
	d.sections.WriteString("\n" + table(rows))
}

func table(rows [][]string) string {
	var b strings.Builder
	for i, row := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintf(&b, "|---%s|\n", strings.Repeat("|--:", len(row)-1))
		}
	}
	return b.String()
}

func (d *document) text() []byte {
	var b bytes.Buffer
	b.WriteString("# Benchmarks\n\nWritten by `make bench`; nothing here was typed by hand. All figures are of one run on one machine:\n\n")
	for _, fact := range d.machine {
		fmt.Fprintf(&b, "* %s\n", fact)
	}
	if len(d.left) > 0 {
		fmt.Fprintf(&b, "\nThis run left out: %s.\n", strings.Join(d.left, ", "))
	}
	b.WriteString("\n## Bars\n\n")
	b.WriteString(table(append([][]string{{"what", "bar", "measured", "met"}}, d.bars...)))
	b.Write(d.sections.Bytes())
	return b.Bytes()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func millis(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1e3) }

func mib(n int64) string { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) }

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// times says how often b fits into a.
func times(a, b int64) string { return fmt.Sprintf("%.3f", ratio(a, b)) }

// ratio says how often b fits into a.
func ratio(a, b int64) float64 { return float64(a) / float64(b) }

func percent(share float64) string { return fmt.Sprintf("%.2f %%", 100*share) }

func kilobytes(n int64) string { return fmt.Sprintf("%.1f kB", float64(n)/1e3) }

// perSecond returns how many of n were done in a second.
func perSecond(n int64, d time.Duration) float64 { return float64(n) / max(d.Seconds(), 1e-3) }

func rate(perSecond float64) string { return fmt.Sprintf("%.1f MB/s", perSecond/1e6) }
