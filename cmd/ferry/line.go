package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// A line is a command line in the order in which cli wants it: global flags,
// command, its flags, arguments. People write flags where they come to mind,
// such as behind the arguments.
type line struct {
	path []string // of the command
	args []string
	help bool // -h or --help was there
}

// parseLine sorts args. Everything it complains about is a [*usageError].
func parseLine(app *cli.App, args []string) (*line, error) {
	w := &walk{flags: app.Flags, commands: app.Commands}
	var global, own, rest []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			rest = append(rest, args[i+1:]...)
			break
		}
		if len(arg) < 2 || arg[0] != '-' {
			if w.enter(arg) {
				continue
			}
			if len(w.commands) > 0 {
				return nil, w.unknownCommand(arg)
			}
			rest = append(rest, arg)
			continue
		}
		if arg == "-h" || arg == "--help" {
			return &line{path: w.path, help: true}, nil
		}
		f, isGlobal := w.flag(app.Flags, arg)
		if f == nil {
			return nil, w.unknownFlag(app.Flags, arg)
		}
		words := []string{arg}
		if takesValue(f) && !strings.Contains(arg, "=") {
			next := args[i+1:]
			if len(next) == 0 {
				return nil, w.usage("flag %s wants %s", arg, placeholder(f))
			}
			words = append(words, next[0])
			i++
		}
		if isGlobal {
			global = append(global, words...)
		} else {
			own = append(own, words...)
		}
	}
	if len(w.commands) > 0 {
		return nil, w.incomplete()
	}
	sorted := slices.Concat(global, w.path, own, []string{"--"}, rest)
	return &line{path: w.path, args: sorted}, nil
}

// A walk goes down the tree of commands, word by word.
type walk struct {
	path     []string
	commands []*cli.Command // that may come next
	flags    []cli.Flag     // of the command come to; at the start the global ones
}

// enter goes to the command name, if it is one that may come next.
func (w *walk) enter(name string) bool {
	for _, c := range w.commands {
		if c.Name == name {
			w.path = append(w.path, name)
			w.commands, w.flags = c.Subcommands, c.Flags
			return true
		}
	}
	return false
}

// flag returns the flag that word is, of the command come to or a global one.
func (w *walk) flag(global []cli.Flag, word string) (f cli.Flag, isGlobal bool) {
	name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(word, "-"), "-"), "=")
	for _, f := range global {
		if slices.Contains(f.Names(), name) {
			return f, true
		}
	}
	for _, f := range w.flags {
		if slices.Contains(f.Names(), name) {
			return f, false
		}
	}
	return nil, false
}

func (w *walk) usage(format string, args ...any) error {
	return &usageError{msg: fmt.Sprintf(format, args...), command: strings.Join(w.path, " ")}
}

func (w *walk) unknownCommand(name string) error {
	var names []string
	for _, c := range w.commands {
		names = append(names, c.Name)
	}
	full := strings.Join(append(slices.Clone(w.path), name), " ")
	return w.usage("unknown command %.80q%s", full, meant(name, names, ""))
}

func (w *walk) unknownFlag(global []cli.Flag, word string) error {
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	var names []string
	for _, f := range slices.Concat(w.flags, global) {
		names = append(names, f.Names()[0])
	}
	word, _, _ = strings.Cut(word, "=")
	return w.usage("unknown flag %.80q%s", word, meant(name, names, "--"))
}

// incomplete says what may come next.
func (w *walk) incomplete() error {
	if len(w.path) == 0 {
		return w.usage("no command")
	}
	var names []string
	for _, c := range w.commands {
		names = append(names, c.Name)
	}
	return w.usage("ferry %s wants one of: %s", strings.Join(w.path, " "), strings.Join(names, ", "))
}

func takesValue(f cli.Flag) bool {
	d, ok := f.(cli.DocGenerationFlag)
	return ok && d.TakesValue()
}

// placeholder returns the word in back quotes in the usage of f: what its
// value stands for.
func placeholder(f cli.Flag) string {
	d, ok := f.(cli.DocGenerationFlag)
	if !ok {
		return ""
	}
	_, after, found := strings.Cut(d.GetUsage(), "`")
	word, _, _ := strings.Cut(after, "`")
	if !found {
		return "a value"
	}
	return word
}

// meant returns a question for the one of names that is nearest to name, or
// "" if none is near.
func meant(name string, names []string, prefix string) string {
	best, distance := "", max(2, len(name)/3)+1
	for _, n := range names {
		if d := editDistance(name, n); d < distance {
			best, distance = n, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", prefix+best)
}

// editDistance counts the letters to insert, delete or change to make b of a.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
