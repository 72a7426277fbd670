package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/bundle/volume"
	"github.com/airgap-ferry/ferry/delta"
	"github.com/airgap-ferry/ferry/inside"
	"github.com/airgap-ferry/ferry/ledger"
	"github.com/airgap-ferry/ferry/registry"
	"github.com/airgap-ferry/ferry/verify/statement"
)

// Exit codes are an interface: docs/exit-codes.md lists them, and a number,
// once released, keeps its meaning. 2 is left out because a Go program that
// panics exits with it.
const (
	exitOK          = 0
	exitFailure     = 1  // anything without a code of its own
	exitPart        = 3  // done in part: a bundle waits for volumes
	exitMalformed   = 10 // not a bundle
	exitDamaged     = 11 // a bundle, but not all of it or not as it was
	exitVersion     = 12 // of a newer format
	exitUntrusted   = 13 // nobody trusted vouches for it
	exitMisfit      = 14 // not for this site at this time
	exitRegistry    = 15 // a registry does not do what was asked
	exitBusy        = 17 // the ledger is in use
	exitSpace       = 18 // no space
	exitUsage       = 64
	exitInterrupted = 130
)

// precedence orders the codes by what a person has to know first, for
// failures that consist of several.
var precedence = []int{
	exitUntrusted, exitMisfit, exitDamaged, exitMalformed, exitVersion,
	exitSpace, exitBusy, exitFailure, exitRegistry, exitInterrupted, exitPart,
}

// A usageError reports a command line that was wrong.
type usageError struct {
	msg     string
	command string // to look up in the help, with or without "ferry"; "" for ferry itself
}

func (e *usageError) Error() string { return e.msg }

// An interruptedError reports a run that a signal ended.
type interruptedError struct{ err error }

func (e *interruptedError) Error() string {
	if errors.Is(e.err, context.Canceled) {
		return "interrupted"
	}
	return "interrupted: " + e.err.Error()
}

func (e *interruptedError) Unwrap() error { return e.err }

// A waitingError reports bundles of which volumes are still to come. What
// came is kept.
type waitingError struct{ bundles []string }

func (e *waitingError) Error() string { return strings.Join(e.bundles, "; ") }

// exitCode returns the code for err. If err joins several errors with
// different codes, it is the first of precedence.
func exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	parts := split(err).parts
	if len(parts) == 0 {
		return codeOf(err)
	}
	codes := make(map[int]bool)
	for _, part := range parts {
		codes[codeOf(part)] = true
	}
	for _, code := range precedence {
		if codes[code] {
			return code
		}
	}
	return codeOf(parts[0])
}

// codeOf returns the code for one error.
func codeOf(err error) int {
	switch {
	case is[*interruptedError](err):
		return exitInterrupted
	case is[*usageError](err):
		return exitUsage
	case is[*statement.UntrustedError](err), errors.Is(err, inside.ErrNoTrust):
		return exitUntrusted
	case is[*statement.MisfitError](err), is[*inside.MissingError](err), is[*inside.FloorError](err):
		return exitMisfit
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return exitSpace
	case errors.Is(err, ledger.ErrLocked):
		return exitBusy
	case is[*registry.Error](err):
		return exitRegistry
	case is[*bundle.DamageError](err), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, volume.ErrNoIndex), is[*delta.MismatchError](err):
		return exitDamaged
	case is[*bundle.VersionError](err):
		return exitVersion
	case malformedBundle(err), is[*delta.FormatError](err), errors.Is(err, volume.ErrNoVolume), errors.Is(err, inside.ErrNoBundle):
		return exitMalformed
	case is[*waitingError](err):
		return exitPart
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	return exitFailure
}

// malformedBundle reports whether err is about the form of a bundle, and not
// of a key or a root.
func malformedBundle(err error) bool {
	e, ok := errors.AsType[*bundle.FormatError](err)
	return ok && slices.Contains([]string{"statement", "signature", "index", "volume"}, e.Part)
}

// is reports whether err is or wraps an error of type E.
func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// A splitError is an error that joins several, taken apart.
type splitError struct {
	prefix string  // what was being done
	parts  []error // nil if there is but one
}

// split takes err apart if it joins several errors, which are then on lines of
// their own. An error that merely wraps two is one.
func split(err error) splitError {
	text := err.Error()
	if !strings.Contains(text, "\n") {
		return splitError{}
	}
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		joined, ok := inner.(interface{ Unwrap() []error })
		if !ok {
			continue
		}
		prefix, ok := strings.CutSuffix(text, inner.Error())
		if !ok {
			break
		}
		return splitError{strings.TrimSuffix(prefix, ": "), flatten(joined.Unwrap())}
	}
	return splitError{}
}

// flatten replaces each of list that joins several errors by those.
func flatten(list []error) []error {
	var flat []error
	for _, err := range list {
		s := split(err)
		if len(s.parts) == 0 {
			flat = append(flat, err)
			continue
		}
		for _, part := range s.parts {
			if s.prefix != "" {
				part = fmt.Errorf("%s: %w", s.prefix, part)
			}
			flat = append(flat, part)
		}
	}
	return slices.Clip(flat)
}
