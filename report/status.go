package report

import (
	"fmt"
	"io"
	"strconv"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/term"
)

// WriteText prints each site with its releases and shipments, and what would
// be shipped if a release was named.
func (r *OutsideStatus) WriteText(w io.Writer, width int) error {
	p := &page{w: w, width: width}
	if len(r.Sites) == 0 {
		p.line("no sites")
	}
	for i := range r.Sites {
		if i > 0 {
			p.line("")
		}
		r.Sites[i].write(p)
	}
	if r.Wanted != nil {
		p.line("")
		r.Wanted.head(p)
		r.Wanted.contents(p)
	}
	return p.err
}

func (s *SiteStatus) write(p *page) {
	p.field("site", fmt.Sprintf("%s, epoch %d", s.Site, s.Epoch))
	if s.SiteKey != "" {
		p.field("site key", string(s.SiteKey))
	}
	p.field("releases", names(s.Releases))
	p.field("holds", s.Holdings.amount())
	holdsRoot(p, s.Inventory)
	if len(s.Shipments) == 0 {
		return
	}
	t := &table{indent: gutter, flexible: 2, right: []int{0, 4}}
	t.add("seq", "state", "release", "issued", "bytes", "")
	for i := range s.Shipments {
		h := &s.Shipments[i]
		t.add(strconv.FormatInt(h.Seq, 10), h.State, names(h.Releases), when(h.Issued), term.Bytes(h.Bytes), plural(int64(len(h.Volumes)), "volume"))
	}
	p.line("")
	p.table(t)
	means := make([]meaning, 0, len(s.Shipments))
	for i := range s.Shipments {
		means = append(means, meaning{s.Shipments[i].State, s.Shipments[i].Means})
	}
	explain(p, means)
}

// WriteText prints what the site holds and what is under way.
func (r *InsideStatus) WriteText(w io.Writer, width int) error {
	p := &page{w: w, width: width}
	p.field("site", r.Site)
	p.field("registry", r.Registry)
	if r.Seq == 0 {
		p.field("imported", "nothing")
	} else {
		p.field("imported", "up to "+number(r.Site, r.Epoch, r.Seq))
		p.field("", string(r.Head))
	}
	p.field("holds", r.Holdings.amount())
	holdsRoot(p, r.Inventory)
	if r.Probed {
		p.field("probed", r.probed())
	}
	r.bundles(p)
	for i := range r.Releases {
		r.Releases[i].write(p)
	}
	return p.err
}

// holdsRoot prints what the two ends can compare.
func holdsRoot(p *page, root bundle.Digest) {
	if root != "" {
		p.field("", string(root))
	}
}

func (r *InsideStatus) probed() string {
	if r.Missing == 0 {
		return "the registry has all of it"
	}
	return "the registry lacks " + plural(r.Missing, "blob")
}

func (r *InsideStatus) bundles(p *page) {
	if len(r.Bundles) == 0 {
		return
	}
	t := &table{indent: gutter, flexible: 2}
	t.add("bundle", "state", "release", "since", "")
	means := make([]meaning, 0, len(r.Bundles))
	for i := range r.Bundles {
		b := &r.Bundles[i]
		missing := ""
		if len(b.Missing) > 0 {
			missing = "volume " + numbers(b.Missing) + " missing"
		}
		t.add(fmt.Sprintf("%d/%d", b.Epoch, b.Seq), b.State, names(b.Releases), when(b.Since), missing)
		means = append(means, meaning{b.State, b.Means})
	}
	p.line("")
	p.table(t)
	explain(p, means)
}

func (s *ReleaseStatus) write(p *page) {
	p.line("")
	current := ""
	if s.Current {
		current = ", current"
	}
	p.field("release", fmt.Sprintf("%s%s, by shipment %d, imported %s", s.Release, current, s.Seq, when(s.Imported)))
	if len(s.Contents) == 0 {
		return
	}
	t := &table{indent: gutter, flexible: 2, right: []int{3}}
	for i := range s.Contents {
		c := &s.Contents[i]
		t.add(c.Verdict, c.Kind, c.Name, term.Bytes(c.Bytes), c.note())
	}
	p.table(t)
}

// A meaning is a state in words.
type meaning struct{ state, means string }

// explain prints each different meaning once, below a table of states.
func explain(p *page, list []meaning) {
	seen := make(map[meaning]bool)
	for _, m := range list {
		if m.means != "" && !seen[m] {
			p.line(fmt.Sprintf("  %s: %s", m.state, m.means))
		}
		seen[m] = true
	}
}
