package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/airgap-ferry/ferry/bundle/volume"
	"github.com/airgap-ferry/ferry/internal/term"
)

// A result is what a command was asked for.
type result interface {
	WriteText(w io.Writer, width int) error
}

// print prints results on standard output: as text, with an empty line in
// between, or as JSON, one object a line.
func (p *program) print(results ...result) error {
	for i, r := range results {
		var err error
		switch {
		case p.json:
			err = p.writeJSON(p.stdout, r)
		case i > 0:
			_, err = fmt.Fprintln(p.stdout)
			fallthrough
		default:
			if err == nil {
				err = r.WriteText(p.stdout, p.width())
			}
		}
		if err != nil {
			return fmt.Errorf("printing the result: %w", err)
		}
	}
	return nil
}

func (p *program) writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// width returns the columns of standard output, 0 if it is no terminal.
func (p *program) width() int {
	if f, ok := isTerminal(p.stdout); ok {
		return term.Width(f)
	}
	return 0
}

// isTerminal returns the file that v is, if that is a terminal.
func isTerminal(v any) (*os.File, bool) {
	f, ok := v.(*os.File)
	return f, ok && term.IsTerminal(f)
}

// next tells a person what to do next. Programs are not told.
func (p *program) next(format string, args ...any) {
	if !p.quiet && !p.json {
		p.say("next", format, args...)
	}
}

func (p *program) warn(format string, args ...any) {
	if !p.json {
		p.say("warning", format, args...)
	}
}

// A skippedFile is one that was found and not used.
type skippedFile = volume.Skipped

// skip tells of files that were left aside.
func (p *program) skip(list []skippedFile) {
	p.skipped = append(p.skipped, list...)
	for _, s := range list {
		p.warn("skipping %q: %v", s.Path, s.Err)
	}
}
