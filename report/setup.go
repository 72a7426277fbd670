package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/airgap-ferry/ferry/bundle"
)

// OutsideInit is the result of init outside.
type OutsideInit struct {
	Dir         string `json:"dir"`
	Root        string `json:"root"`        // file of the root, to be carried inside
	PublicKey   string `json:"publicKey"`   // file of the public key, for gateway officers
	Fingerprint string `json:"fingerprint"` // of the root, to be told by another way
}

// WriteText prints what was made and what is to be carried where.
func (r *OutsideInit) WriteText(w io.Writer, width int) error {
	p := &page{w: w, width: width}
	p.field("outside", r.Dir)
	p.field("root", r.Root)
	p.field("key", r.PublicKey)
	p.line("")
	p.line("fingerprint of the root, to be told inside by another way than the root itself:")
	p.line("  " + r.Fingerprint)
	return p.err
}

// InsideInit is the result of init inside.
type InsideInit struct {
	Dir       string        `json:"dir"`
	Site      string        `json:"site"`
	Registry  string        `json:"registry"`
	SiteFile  string        `json:"siteFile"`  // the configuration
	SiteKey   string        `json:"siteKey"`   // the public line, to be carried outside
	KeyDigest bundle.Digest `json:"keyDigest"` // of that line
}

// WriteText prints what was made and what is to be carried where.
func (r *InsideInit) WriteText(w io.Writer, width int) error {
	p := &page{w: w, width: width}
	p.field("inside", r.Dir)
	p.field("site", r.Site)
	p.field("registry", r.Registry)
	p.field("config", r.SiteFile)
	p.line("")
	p.line("key of the site, to be told outside:")
	p.line("  " + r.SiteKey)
	return p.err
}

// SiteAdded is the result of site add.
type SiteAdded struct {
	Site    string `json:"site"`
	SiteKey string `json:"siteKey,omitempty"` // the public line that bundles will be bound to
}

// WriteText prints the site that bundles can be packed for.
func (r *SiteAdded) WriteText(w io.Writer, width int) error {
	p := &page{w: w, width: width}
	p.field("site", r.Site)
	if r.SiteKey == "" {
		p.field("bound", "by its name alone")
	} else {
		p.field("bound", "to "+r.SiteKey)
	}
	return p.err
}

// Trusted is the result of trust init: the root that the site now trusts.
type Trusted struct {
	Dir     string   `json:"dir"`
	Version int64    `json:"rootVersion"`
	Expires string   `json:"expires"` // RFC 3339, UTC
	Packers []Signer `json:"packers"`
}

// WriteText prints whom the site trusts, and until when.
func (r *Trusted) WriteText(w io.Writer, width int) error {
	p := &page{w: w, width: width}
	p.field("trusted", fmt.Sprintf("root version %d, until %s", r.Version, r.Expires))
	for i, s := range r.Packers {
		p.field(labelOnce("packer", i), fmt.Sprintf("key %s, %q", s.KeyID, s.Name))
	}
	return p.err
}

// Served is printed by serve once it listens.
type Served struct {
	Address string `json:"address"` // host and port
	Store   string `json:"store"`
}

// WriteText prints the address alone, for scripts.
func (r *Served) WriteText(w io.Writer, width int) error {
	p := &page{w: w, width: width}
	p.line(r.Address)
	return p.err
}

// Version is the result of version.
type Version struct {
	Version string   `json:"version"`
	Commit  string   `json:"commit"`
	Go      string   `json:"go"`
	OS      string   `json:"os"`
	Arch    string   `json:"arch"`
	Reads   []string `json:"reads"`  // formats, with their versions
	Writes  []string `json:"writes"` // formats, with their versions
}

// WriteText prints the version and the formats.
func (r *Version) WriteText(w io.Writer, width int) error {
	p := &page{w: w, width: width}
	p.line("ferry " + r.Version)
	p.field("commit", r.Commit)
	p.field("go", fmt.Sprintf("%s %s/%s", r.Go, r.OS, r.Arch))
	p.field("reads", strings.Join(r.Reads, ", "))
	p.field("writes", strings.Join(r.Writes, ", "))
	return p.err
}
