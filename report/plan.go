package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/airgap-ferry/ferry/internal/term"
)

// WriteText prints the plan: what is shipped, and for each content of the
// release whether it is new.
func (r *Plan) WriteText(w io.Writer, width int) error {
	p := &page{w: w, width: width}
	r.head(p)
	r.contents(p)
	r.patches(p)
	return p.err
}

// WriteText prints the plan and the bundle that came of it.
func (r *Packed) WriteText(w io.Writer, width int) error {
	p := &page{w: w, width: width}
	r.head(p)
	p.field("bundle", string(r.Statement))
	p.field("issued", when(r.Issued))
	p.field("expires", when(r.Expires))
	p.field("signed", signedBy(r.Signers)...)
	r.contents(p)
	r.patches(p)
	p.line("")
	volumes(p, r.Volumes)
	return p.err
}

func signedBy(keys []string) []string {
	lines := make([]string, 0, len(keys))
	for _, k := range keys {
		lines = append(lines, "by key "+k)
	}
	return lines
}

func (r *Plan) head(p *page) {
	p.field("release", r.Release.String())
	if r.Seq == 0 {
		p.field("ships", fmt.Sprintf("nothing: %s holds all of it (%s)", r.Site, Count{r.Blobs, r.Bytes}.amount()))
	} else {
		p.field("for", number(r.Site, r.Epoch, r.Seq))
		p.field("ships", r.ships())
	}
	if len(r.Requires) > 0 {
		p.field("leans on", fmt.Sprintf("shipment %s, not acknowledged so far", numbers(r.Requires)))
	}
	if r.Lock != "" {
		p.field("lock", r.Lock)
	}
}

// ships returns what travels, and how that compares with a full export.
func (r *Plan) ships() string {
	text := Count{r.NewBlobs, r.NewBytes}.amount()
	if r.Payload != r.NewBytes {
		text = fmt.Sprintf("%s for %s", term.Bytes(r.Payload), text)
	}
	if r.Bytes == 0 || r.Payload == r.Bytes {
		return text
	}
	return fmt.Sprintf("%s; a full export is %s (%.1f %%)", text, term.Bytes(r.Bytes), 100*float64(r.Payload)/float64(r.Bytes))
}

// patches prints a table of the blobs that are patched, or could have been.
func (r *Plan) patches(p *page) {
	if len(r.Patches) == 0 {
		return
	}
	t := &table{indent: gutter, flexible: 2, right: []int{3, 4}}
	t.add("", "", "", "whole", "travels")
	for i := range r.Patches {
		b := &r.Patches[i]
		t.add(b.Rung, b.Digest.Short(), b.Owner, term.Bytes(b.Size), term.Bytes(b.Bytes), b.note())
	}
	p.line("")
	p.table(t)
}

// note returns from what b is rebuilt and how, or why it is not.
func (b *Patch) note() string {
	if b.Rung == RungWhole {
		return b.Why
	}
	from := "no base"
	switch n := len(b.Bases); {
	case n == 1:
		from = "from " + b.Bases[0].Short()
	case n > 1:
		from = fmt.Sprintf("from %s and %d more", b.Bases[0].Short(), n-1)
	}
	return fmt.Sprintf("%s, %s, %.1f s", from, b.Encoder, float64(b.Rebuild)/1000)
}

// contents prints a table of what the release consists of.
func (r *Plan) contents(p *page) {
	if len(r.Contents) == 0 {
		return
	}
	t := &table{indent: gutter, flexible: 2, right: []int{3, 4}}
	t.add("", "", "", "new", "size")
	for i := range r.Contents {
		c := &r.Contents[i]
		t.add(c.Verdict, c.Kind, c.Name, sizeOr(c.NewBytes, "-"), term.Bytes(c.Bytes), c.note())
	}
	p.line("")
	p.table(t)
}

// note returns what else there is to say of c.
func (c *Content) note() string {
	var notes []string
	if len(c.Platforms) > 0 {
		notes = append(notes, strings.Join(c.Platforms, " "))
	}
	if c.Signed > 0 {
		notes = append(notes, plural(c.Signed, "attachment"))
	}
	if len(c.Missing) > 0 {
		notes = append(notes, fmt.Sprintf("%d missing", len(c.Missing)))
	}
	return strings.Join(notes, ", ")
}

func sizeOr(n int64, none string) string {
	if n == 0 {
		return none
	}
	return term.Bytes(n)
}

// volumes prints a table of files.
func volumes(p *page, files []Volume) {
	t := &table{flexible: 0, right: []int{1}}
	for _, v := range files {
		t.add(v.Path, term.Bytes(v.Bytes))
	}
	p.table(t)
}
