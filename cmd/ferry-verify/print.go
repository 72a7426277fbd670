package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/airgap-ferry/ferry/bundle"
)

// screenful is how many names of each kind are printed without --all.
const screenful = 12

// A printer prints results. Names that come out of bundles are printed as they
// are: their form allows neither control characters nor anything beyond ASCII.
// Names of files are quoted.
type printer struct {
	w     io.Writer
	trust *trust
	all   bool // names, however many
	json  bool
	err   error // the first
}

func (p *printer) print(results []*result) error {
	for i, r := range results {
		switch {
		case p.json:
			p.object(r)
		case r.Trusted:
			p.separate(i)
			p.screen(r)
			p.verdict(r)
		default:
			p.separate(i)
			p.verdict(r)
		}
	}
	return p.err
}

func (p *printer) object(r *result) {
	text, err := json.Marshal(r)
	if err != nil && p.err == nil {
		p.err = err
	}
	p.printf("%s\n", text)
}

func (p *printer) separate(i int) {
	if i > 0 {
		p.printf("\n")
	}
}

// screen prints what a trusted statement says.
func (p *printer) screen(r *result) {
	p.field("site", r.Site+p.unchecked(p.trust.site == "", "any site would do: --site was not given"))
	p.field("shipment", fmt.Sprintf("%d/%d", r.Epoch, r.Seq)+p.unchecked(!p.trust.chained, "any would do: --after was not given"))
	p.field("statement", string(r.Statement))
	p.field("follows", orNone(string(r.Prev)))
	if len(r.Requires) > 0 {
		p.field("leans on", "shipments "+strings.Trim(fmt.Sprint(r.Requires), "[]")+", which nobody acknowledged")
	}
	for i, s := range r.Signatures {
		p.field(first(i, "signed by"), fmt.Sprintf("%s %q, key %s", s.Role, s.Name, s.KeyID))
	}
	if p.trust.fingerprint != "" {
		p.field("root", fmt.Sprintf("version %d; fingerprint", p.trust.root.Version))
		p.field("", p.trust.fingerprint)
	}
	p.field("issued", bundle.FormatTime(r.Issued)+" by "+r.Tool)
	p.field("expires", bundle.FormatTime(r.Expires)+"; now is "+bundle.FormatTime(p.trust.now))
	for i, v := range r.Releases {
		p.field(first(i, "releases"), v.Name+" "+v.Version)
	}
	p.field("carries", fmt.Sprintf("%d bytes in %d manifests and blobs", r.Bytes, r.Entries))
	p.field("volumes", fmt.Sprintf("%d; here are %d files", r.Volumes, len(r.Files)))
	for _, f := range r.Files {
		p.field("", fmt.Sprintf("%q", f))
	}
	p.names("adds", r.Added)
	p.names("removes", r.Removed)
}

func (p *printer) names(label string, refs []reference) {
	for i, ref := range refs {
		if i == screenful && !p.all {
			p.field("", fmt.Sprintf("and %d more: --all shows them", len(refs)-i))
			return
		}
		p.field(first(i, label), ref.Name)
	}
}

func (p *printer) verdict(r *result) {
	what := "file"
	switch {
	case r.Site != "":
		what = fmt.Sprintf("bundle %s-%d-%d", r.Site, r.Epoch, r.Seq)
	case len(r.Files) > 0:
		what = fmt.Sprintf("%q", r.Files[0])
	}
	switch {
	case r.Verdict == verdictPassed:
		p.field("PASSED OVER", what+" is no volume of a bundle: nobody vouches for it")
	case r.Verdict == verdictRefused:
		p.field("REFUSED", what+": "+printable(r.Message))
		p.field("", fmt.Sprintf("%s, exit code %d (docs/exit-codes.md)", orNone(r.Name), r.Code))
	case r.Already:
		p.field("ACCEPTED", what+": it is the shipment that passed last, and every byte is as signed")
	default:
		p.field("ACCEPTED", what+": every byte of it is as signed")
	}
}

// unchecked returns a remark if something was not checked.
func (p *printer) unchecked(skip bool, remark string) string {
	if skip {
		return "    (" + remark + ")"
	}
	return ""
}

func (p *printer) field(label, value string) {
	p.printf("%-11s  %s\n", label, value)
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

// fail reports what kept all bundles from being judged, and returns the exit
// code.
func fail(o *options, stderr io.Writer, err error) int {
	code, name := classify(err)
	if !o.json {
		fmt.Fprintf(stderr, "ferry-verify: error: %s\n", printable(err.Error()))
		return code
	}
	text, errJSON := json.Marshal(struct {
		Code    int    `json:"code"`
		Name    string `json:"name,omitempty"`
		Message string `json:"message"`
	}{code, name, err.Error()})
	if errJSON != nil {
		return exitFailure
	}
	fmt.Fprintf(stderr, "%s\n", text)
	return code
}

// printable returns s without what a terminal might act on: errors of the
// operating system quote no file names.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// first returns label for the first of several values.
func first(i int, label string) string {
	if i > 0 {
		return ""
	}
	return label
}
