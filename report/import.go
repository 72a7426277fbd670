package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/airgap-ferry/ferry/bundle"
)

// WriteText prints what became of a bundle inside: its state, what was
// pushed, which tags moved, and the receipt.
func (r *Import) WriteText(w io.Writer, width int) error {
	p := &page{w: w, width: width}
	p.field("bundle", number(r.Site, r.Epoch, r.Seq))
	p.field("", string(r.Statement))
	p.field("release", names(r.Releases))
	p.field("state", r.state())
	if r.Already {
		return p.err
	}
	r.counts(p)
	p.field("files", r.Files...)
	r.tags(p)
	if r.Receipt != "" {
		p.line("")
		p.field("receipt", r.ReceiptAt)
		for line := range strings.Lines(r.Receipt) {
			p.line("  " + strings.TrimSuffix(line, "\n"))
		}
	}
	return p.err
}

func (r *Import) state() string {
	switch {
	case r.Already:
		return r.State + " before: there is nothing to do"
	case len(r.Missing) > 0:
		return fmt.Sprintf("%s, waiting for volume %s", r.State, numbers(r.Missing))
	case r.DryRun:
		return r.State + ": this is what an import would do"
	}
	return r.State
}

// counts prints the blobs by what was done with them. Without any, nothing
// has come to the registry yet.
func (r *Import) counts(p *page) {
	for _, c := range []struct {
		label string
		count Count
	}{{"uploaded", r.Uploaded}, {"mounted", r.Mounted}, {"present", r.Present}} {
		if c.count.Blobs > 0 {
			p.field(c.label, c.count.amount())
		}
	}
}

func (r *Import) tags(p *page) {
	if len(r.Changes) == 0 {
		return
	}
	t := &table{indent: gutter, flexible: 1}
	for _, c := range r.Changes {
		t.add(c.verdict(), c.Target, arrow(c.Before, c.After), c.Note)
	}
	p.line("")
	p.table(t)
}

// verdict says in a word what became of the tag.
func (c *TagChange) verdict() string {
	switch c.Before {
	case "":
		return "new"
	case c.After:
		return "same"
	}
	return "moved"
}

func arrow(before, after bundle.Digest) string {
	if before == "" || before == after {
		return after.Short()
	}
	return before.Short() + " → " + after.Short()
}
