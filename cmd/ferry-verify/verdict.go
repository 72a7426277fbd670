package main

import (
	"errors"
	"io"
	"slices"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/bundle/volume"
	"github.com/airgap-ferry/ferry/verify/statement"
)

// Exit codes, as docs/exit-codes.md has them.
const (
	exitOK        = 0
	exitFailure   = 1
	exitMalformed = 10
	exitDamaged   = 11
	exitVersion   = 12
	exitUntrusted = 13
	exitMisfit    = 14
	exitUsage     = 64
)

// precedence orders the codes by what an officer has to know first.
var precedence = []int{exitUntrusted, exitMisfit, exitDamaged, exitMalformed, exitVersion, exitFailure}

const (
	verdictAccepted = "accepted"
	verdictRefused  = "refused"
	verdictPassed   = "passed over" // of a file that is no volume of a bundle
)

// A result is what was found out about one bundle, or about files that are
// none. Its JSON is an interface, as docs/json.md has it: fields are added,
// never renamed.
type result struct {
	Verdict  string   `json:"verdict"` // accepted, refused, passed over
	Code     int      `json:"code"`    // what ferry-verify would exit with for this alone
	Name     string   `json:"name,omitempty"`
	Message  string   `json:"message,omitempty"`
	Trusted  bool     `json:"trusted"`  // signed by whom the root wants: without that, nothing below is anybody's word
	Verified bool     `json:"verified"` // every byte was read and is as signed
	Already  bool     `json:"already"`  // it is the shipment that passed last
	Files    []string `json:"files"`

	Site      string        `json:"site,omitempty"`
	SiteKey   bundle.Digest `json:"siteKey,omitempty"`
	Epoch     int64         `json:"epoch,omitempty"`
	Seq       int64         `json:"seq,omitempty"`
	Statement bundle.Digest `json:"statement,omitempty"`

	// The rest is there if Trusted.
	Prev        bundle.Digest `json:"prev,omitempty"`
	Requires    []int64       `json:"requires"`
	RootVersion int64         `json:"rootVersion,omitempty"`
	Issued      time.Time     `json:"issued,omitzero"`
	Expires     time.Time     `json:"expires,omitzero"`
	Releases    []release     `json:"releases"`
	Added       []reference   `json:"added"`
	Removed     []reference   `json:"removed"`
	Entries     int64         `json:"entries"`
	Bytes       int64         `json:"bytes"`
	Volumes     int64         `json:"volumes"`
	Signatures  []signer      `json:"signatures"`
	Tool        string        `json:"tool,omitempty"`
}

type (
	release struct {
		Name    string        `json:"name"`
		Version string        `json:"version"`
		Digest  bundle.Digest `json:"digest"`
	}
	reference struct {
		Name   string        `json:"name"`
		Digest bundle.Digest `json:"digest"`
	}
	signer struct {
		KeyID string `json:"keyID"`
		Name  string `json:"name"`
		Role  string `json:"role"`
	}
)

// describe notes what a statement says that is signed well.
func (r *result) describe(s *bundle.Statement, by statement.Signers) {
	r.Trusted = true
	r.SiteKey, r.Prev, r.Requires, r.RootVersion = s.SiteKey, s.Prev, s.Requires, s.RootVersion
	r.Issued, r.Expires, r.Tool = s.Issued, s.Expires, s.Tool
	r.Entries, r.Bytes, r.Volumes = s.Index.Entries, s.Index.Bytes, s.Layout.Volumes
	for _, v := range s.Releases {
		r.Releases = append(r.Releases, release(v))
	}
	for _, k := range by.Packers {
		r.Signatures = append(r.Signatures, signer{k.ID, k.Name, "packer"})
	}
	for _, k := range by.Officers {
		r.Signatures = append(r.Signatures, signer{k.ID, k.Name, "officer"})
	}
}

func (r *result) change(changes []bundle.Change) {
	for _, c := range changes {
		if c.Removed {
			r.Removed = append(r.Removed, reference{c.Name, c.Digest})
		} else {
			r.Added = append(r.Added, reference{c.Name, c.Digest})
		}
	}
}

func (r *result) refuse(err error) {
	r.Verdict, r.Message = verdictRefused, err.Error()
	r.Code, r.Name = classify(err)
}

// resultOf returns the verdict on a file that is no volume of a bundle. One
// that never was one is passed over if there are bundles besides.
func resultOf(s volume.Skipped, besides bool) *result {
	r := &result{Files: []string{s.Path}}
	r.refuse(s.Err)
	if besides && errors.Is(s.Err, volume.ErrNoVolume) {
		r.Verdict, r.Code = verdictPassed, exitOK
	}
	return r
}

// exitOf returns the exit code for all results together.
func exitOf(results []*result) int {
	for _, code := range precedence {
		if slices.ContainsFunc(results, func(r *result) bool { return r.Code == code }) {
			return code
		}
	}
	return exitOK
}

// classify returns the exit code of a refusal and its stable name.
func classify(err error) (code int, name string) {
	if u, ok := errors.AsType[*statement.UntrustedError](err); ok {
		return exitUntrusted, u.Name
	}
	if m, ok := errors.AsType[*statement.MisfitError](err); ok {
		return exitMisfit, m.Name
	}
	if _, ok := errors.AsType[*bundle.DamageError](err); ok {
		return exitDamaged, "damaged"
	}
	if _, ok := errors.AsType[*bundle.VersionError](err); ok {
		return exitVersion, "newer-format"
	}
	if f, ok := errors.AsType[*bundle.FormatError](err); ok {
		switch f.Part {
		case "statement", "signature", "index":
			return exitMalformed, f.Part + "-form"
		case "volume":
			return exitMalformed, "not-a-bundle"
		case "root":
			return exitFailure, "root-form"
		}
		return exitFailure, ""
	}
	switch {
	case errors.Is(err, errUsage):
		return exitUsage, ""
	case errors.Is(err, volume.ErrNoVolume):
		return exitMalformed, "not-a-bundle"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, volume.ErrNoIndex):
		return exitDamaged, "incomplete"
	}
	return exitFailure, ""
}
