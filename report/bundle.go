package report

import (
	"fmt"
	"io"

	"github.com/airgap-ferry/ferry/internal/term"
)

// WriteText prints what a gateway officer decides by: for whom the bundle is,
// who signed it, what it changes, and what was checked of it.
func (r *Bundle) WriteText(w io.Writer, width int) error {
	p := &page{w: w, width: width}
	p.field("bundle", number(r.Site, r.Epoch, r.Seq))
	p.field("", string(r.Statement))
	for i, release := range r.Releases {
		p.field(labelOnce("release", i), release.String())
	}
	p.field("ships", fmt.Sprintf("%s in %s", term.Bytes(r.Bytes), entries(r.Entries)))
	if len(r.Requires) > 0 {
		p.field("leans on", "shipment "+numbers(r.Requires))
	}
	p.field("issued", when(r.Issued)+" by "+r.Tool)
	p.field("expires", when(r.Expires)+r.expired())
	if r.SiteKey != "" {
		p.field("site key", string(r.SiteKey))
	}
	r.trust(p)
	r.files(p)
	r.changes(p)
	return p.err
}

func entries(n int64) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

// labelOnce returns label for the first of several values.
func labelOnce(label string, i int) string {
	if i > 0 {
		return ""
	}
	return label
}

func (r *Bundle) expired() string {
	if r.Expired {
		return " - this is past: a site will refuse it"
	}
	return ""
}

// trust prints who signed, and what follows from it.
func (r *Bundle) trust(p *page) {
	if len(r.Signatures) == 0 {
		p.field("signed", "by nobody")
	}
	for i, s := range r.Signatures {
		by := "by key " + s.KeyID
		if s.Role != "" {
			by += fmt.Sprintf(", %s %q", s.Role, s.Name)
		}
		p.field(labelOnce("signed", i), by)
	}
	switch {
	case r.Trusted:
		p.field("trusted", "yes")
	case r.NoTrust != "":
		p.field("trusted", "no: "+r.NoTrust)
	default:
		p.field("trusted", "no")
	}
	if r.Verified {
		p.field("verified", "yes: every byte is as signed")
	} else {
		p.field("verified", "no: its content was not read in full")
	}
}

// files prints which volumes are at hand and which are not.
func (r *Bundle) files(p *page) {
	p.field("volumes", fmt.Sprintf("%d", r.Volumes))
	if len(r.Missing) > 0 {
		p.field("missing", "volume "+numbers(r.Missing))
	}
	p.line("")
	volumes(p, r.Files)
}

// changes prints the names that the site gets and loses.
func (r *Bundle) changes(p *page) {
	if len(r.Added)+len(r.Removed) == 0 {
		return
	}
	t := &table{indent: gutter, flexible: 1}
	for _, c := range r.Added {
		t.add("added", c.Name, c.Digest.Short())
	}
	for _, c := range r.Removed {
		t.add("removed", c.Name, c.Digest.Short())
	}
	p.line("")
	p.table(t)
}
