package report

import (
	"fmt"
	"io"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/term"
)

// Encoding says how a blob was compressed.
type Encoding struct {
	Name    string        `json:"name"` // file, or image and layer
	Digest  bundle.Digest `json:"digest"`
	Size    int64         `json:"size"`                          // bytes
	Rung    string        `json:"rung"`                          // RungRecipe and so on
	Why     string        `json:"why,omitempty"`                 // no recipe was found
	Plain   int64         `json:"plain"`                         // bytes without compression
	DiffID  bundle.Digest `json:"diffID,omitempty"`              // of the bytes without compression
	Entries int64         `json:"entries"`                       // of the archive in it
	Rebuild int64         `json:"rebuildMilliseconds,omitempty"` // that one core will take, about
	Groups  []Group       `json:"groups"`                        // in the order of the blob
	Tail    int64         `json:"tail"`                          // bytes after the last member
}

// Group is a row of members of a blob that were compressed alike.
type Group struct {
	Frame       string `json:"frame"`             // gzip, zstd or stored
	Encoder     string `json:"encoder,omitempty"` // name of docs/formats/recipe-v1.md
	Level       int    `json:"level"`
	Block       int64  `json:"block"`       // bytes of plain text in a block, 0 if it is not cut
	Members     int64  `json:"members"`     // how many
	Plain       int64  `json:"plain"`       // bytes of plain text in all of them
	Header      string `json:"header"`      // of each member, in hex, its first 32 bytes
	Corrections int64  `json:"corrections"` // bytes that say where the encoder did otherwise
}

// WriteText prints how the blob was compressed.
func (r *Encoding) WriteText(w io.Writer, width int) error {
	p := &page{w: w, width: width}
	p.field("blob", r.Name)
	p.field("digest", string(r.Digest))
	if r.Rung == RungWhole {
		p.field("travels", "whole: "+r.Why)
		p.field("size", term.Bytes(r.Size))
		return p.err
	}
	p.field("size", fmt.Sprintf("%s of %s in %s", term.Bytes(r.Size), term.Bytes(r.Plain), entries(r.Entries)))
	p.field("diffID", string(r.DiffID))
	p.field("rung", r.Rung)
	for i := range r.Groups {
		p.field("encoder", r.Groups[i].String())
	}
	if r.Tail > 0 {
		p.field("tail", term.Bytes(r.Tail))
	}
	p.field("rebuild", fmt.Sprintf("%.1f s on one core", float64(r.Rebuild)/1000))
	return p.err
}

// String returns g in one line.
func (g *Group) String() string {
	text := g.Frame
	if g.Encoder != "" {
		text += fmt.Sprintf(", %s level %d", g.Encoder, g.Level)
	}
	if g.Block > 0 {
		text += fmt.Sprintf(", blocks of %s", term.Bytes(g.Block))
	}
	text += ", " + plural(g.Members, "member")
	if g.Corrections > 0 {
		text += fmt.Sprintf(", corrected by %s", term.Bytes(g.Corrections))
	}
	return text
}

// Diff says what a patch from one image to another would cost.
type Diff struct {
	From    string   `json:"from"`
	To      string   `json:"to"`
	Whole   int64    `json:"whole"`   // bytes of the layers that are new
	Bytes   int64    `json:"bytes"`   // of the patch, and of the layers that it leaves out
	Layers  []Patch  `json:"layers"`  // that are new
	Streams []Stream `json:"streams"` // of the patch, the largest first
	Largest []Change `json:"largest"` // files that cost most, ten at most
}

// Stream is one kind of content of a patch.
type Stream struct {
	Name  string `json:"name"`  // of docs/formats/patch-v1.md
	Plain int64  `json:"plain"` // bytes before coding
	Bytes int64  `json:"bytes"` // that travel, about
}

// Change is a file that costs something.
type Change struct {
	Path  string `json:"path"`
	Size  int64  `json:"size"`          // bytes
	New   bool   `json:"new,omitempty"` // nothing like it is held
	Bytes int64  `json:"bytes"`         // that travel, about
}

// WriteText prints the comparison.
func (r *Diff) WriteText(w io.Writer, width int) error {
	p := &page{w: w, width: width}
	p.field("from", r.From)
	p.field("to", r.To)
	if len(r.Layers) == 0 {
		p.field("patch", "nothing: it has all layers")
		return p.err
	}
	p.field("patch", fmt.Sprintf("%s instead of %s (%.1f %%)", term.Bytes(r.Bytes), term.Bytes(r.Whole), 100*float64(r.Bytes)/float64(max(r.Whole, 1))))
	(&Plan{Patches: r.Layers}).patches(p)
	p.line("")
	streams := &table{indent: gutter, flexible: 0, right: []int{1, 2}}
	streams.add("content of the patch", "plain", "travels")
	for _, s := range r.Streams {
		streams.add(s.Name, term.Bytes(s.Plain), term.Bytes(s.Bytes))
	}
	p.table(streams)
	if len(r.Largest) == 0 {
		return p.err
	}
	p.line("")
	files := &table{indent: gutter, flexible: 0, right: []int{1, 2}}
	files.add("files that cost most", "size", "travels")
	for _, f := range r.Largest {
		files.add(f.Path, term.Bytes(f.Size), term.Bytes(f.Bytes), note(f.New))
	}
	p.table(files)
	return p.err
}

func note(isNew bool) string {
	if isNew {
		return "new"
	}
	return ""
}
