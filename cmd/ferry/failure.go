package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/airgap-ferry/ferry/inside"
	"github.com/airgap-ferry/ferry/internal/strictyaml"
	"github.com/airgap-ferry/ferry/release"
	"github.com/airgap-ferry/ferry/report"
	"github.com/airgap-ferry/ferry/verify/statement"
)

// printFailure says what went wrong and what to do about it: in lines, or
// with --json as one object.
func (p *program) printFailure(err error) {
	if p.json {
		_ = p.writeJSON(p.stderr, p.failure(err)) // if that fails there is nobody left to tell
		return
	}
	s := split(err)
	if len(s.parts) == 0 {
		p.errorLines(err)
	} else {
		p.say("error", "%s", headline(s))
		for _, part := range s.parts {
			p.errorLines(part)
		}
	}
	if h := hint(err); h != "" {
		p.say("hint", "%s", h)
	}
}

// headline counts the problems below it, and names the file if they are all
// in one.
func headline(s splitError) string {
	text := fmt.Sprintf("%d problems", len(s.parts))
	files := make(map[string]bool)
	for _, part := range s.parts {
		files[fileOf(part)] = true
	}
	for file := range files {
		if len(files) == 1 && file != "" {
			text += " in " + file
		}
	}
	if s.prefix != "" {
		text = s.prefix + ": " + text
	}
	return text
}

// fileOf returns the file that a person has written and err is a mistake in,
// or "".
func fileOf(err error) string {
	if e, ok := errors.AsType[*release.Error](err); ok {
		return e.File
	}
	if e, ok := errors.AsType[*strictyaml.Error](err); ok {
		return e.File
	}
	return ""
}

// errorLines prints one error, and behind a refusal what that may mean.
func (p *program) errorLines(err error) {
	for line := range strings.Lines(err.Error()) {
		p.say("error", "%s", strings.TrimSuffix(line, "\n"))
	}
	name, means := refusal(err)
	if name == "" {
		return
	}
	p.say("refused", "%s", means)
	p.say("refused", "nothing of it was acted on, and nothing of it was imported")
	p.say("refused", "read on in docs/exit-codes.md under %q", name)
}

// refusal returns the stable name of a refusal and what may have happened, or
// "" if err is none.
func refusal(err error) (name, means string) {
	if errors.Is(err, inside.ErrNoTrust) || errors.Is(err, errNoTrust) {
		return "", ""
	}
	if e, ok := errors.AsType[*statement.UntrustedError](err); ok {
		return e.Name, meaning[e.Name]
	}
	if e, ok := errors.AsType[*statement.MisfitError](err); ok {
		return e.Name, meaning[e.Name]
	}
	return "", ""
}

// isRefusal reports whether err has a refusal in it. That is worth saying even
// if somebody interrupts.
func isRefusal(err error) bool {
	return is[*statement.UntrustedError](err) || is[*statement.MisfitError](err)
}

// meaning says, for each stable name of a refusal, what may have happened.
var meaning = map[string]string{
	statement.Unsigned:           "it may not come from the sender at all",
	statement.NoTrustedSignature: "it may come from somebody else, or the sender has new keys of which this side was not told",
	statement.Threshold:          "somebody who has to agree has not signed yet, or one key is used by somebody who may not do so alone",
	statement.RevokedKey:         "the key was withdrawn, perhaps because it was stolen",
	statement.BadSignature:       "the statement or the signature was changed after it was signed, or damaged",
	statement.KeyType:            "the key is of a kind that ferry does not use",
	statement.WrongMagic:         "something else was signed and put in its place",
	statement.RootChain:          "somebody may want this side to trust other keys",
	statement.RootTooOld:         "the keys have changed and this side was not told, or somebody offers it an old root",
	statement.RootExpired:        "nobody has renewed the root, or the clock of this machine is wrong",
	statement.RootFingerprint:    "the root may have been exchanged on the way, or the fingerprint was mistyped",
	statement.WrongSite:          "the media of two sites were mixed up",
	statement.Gap:                "an earlier shipment is still on its way, or lost",
	statement.Rollback:           "an old medium was read again, or somebody wants old content back",
	statement.Fork:               "two ledgers, or two senders, use the same numbers",
	statement.SeqStep:            "many shipments are missing, or the number is made up",
	statement.EpochNotAuthorised: "the numbering was started again without a root that allows it",
	statement.Expired:            "it was on its way for too long, or the clock of this machine is wrong",
	statement.WrongClock:         "one of the two clocks is wrong",
}

// failure returns err for programs.
func (p *program) failure(err error) *report.Failure {
	f := &report.Failure{Code: exitCode(err), Message: err.Error(), Hint: hint(err)}
	f.Name, _ = refusal(err)
	s := split(err)
	if len(s.parts) > 0 {
		f.Message = headline(s)
	}
	for _, part := range s.parts {
		f.Problems = append(f.Problems, part.Error())
		if name, _ := refusal(part); f.Name == "" {
			f.Name = name
		}
	}
	if e, ok := errors.AsType[*statement.MisfitError](err); ok {
		f.Need = e.Need
	}
	for _, skipped := range p.skipped {
		f.Skipped = append(f.Skipped, report.Skipped{Path: skipped.Path, Message: skipped.Err.Error()})
	}
	return f
}

// say prints a line "ferry: kind: …" on standard error. What comes from
// outside may be in it: nothing of that gets to move the cursor.
func (p *program) say(kind, format string, args ...any) {
	text := strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, fmt.Sprintf(format, args...))
	if kind != "" {
		kind += ": "
	}
	fmt.Fprintf(p.stderr, "ferry: %s%s\n", kind, text)
}
