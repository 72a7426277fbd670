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
		p.field("ships", fmt.Sprintf("%s%s", Count{r.NewBlobs, r.NewBytes}.amount(), r.share()))
	}
	if len(r.Requires) > 0 {
		p.field("leans on", fmt.Sprintf("shipment %s, not acknowledged so far", numbers(r.Requires)))
	}
	if r.Lock != "" {
		p.field("lock", r.Lock)
	}
}

// share returns how the plan compares with a full export.
func (r *Plan) share() string {
	if r.Bytes == 0 || r.NewBytes == r.Bytes {
		return ""
	}
	return fmt.Sprintf("; a full export is %s (%.1f %%)", term.Bytes(r.Bytes), 100*float64(r.NewBytes)/float64(r.Bytes))
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
