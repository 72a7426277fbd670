package main

import (
	_ "embed" // the scripts below
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/airgap-ferry/ferry/outside"
)

// completionFlag, as the last word, asks what could stand in place of the
// word before it. The scripts of the shells use it.
const completionFlag = "--generate-bash-completion"

//go:embed completion/ferry.bash
var bashScript string

//go:embed completion/ferry.zsh
var zshScript string

//go:embed completion/ferry.fish
var fishScript string

// values are what can stand behind a flag, where that is known.
var values = map[string][]string{
	"basis":       {outside.BasisShipped, outside.BasisAcked, outside.BasisNone},
	"volume-size": {"cd", "dvd", "bd25", "bd50", "bd100", "fat32"},
}

func (p *program) completionCommand() *cli.Command {
	scripts := []struct{ shell, text, example string }{
		{"bash", bashScript, "source <(ferry completion bash)"},
		{"zsh", zshScript, "source <(ferry completion zsh)"},
		{"fish", fishScript, "ferry completion fish | source"},
	}
	commands := make([]*cli.Command, 0, len(scripts))
	for _, s := range scripts {
		commands = append(commands, p.command(leaf{
			name: s.shell, usage: "print the completions for " + s.shell, examples: s.example,
			run: func(*cli.Context) error {
				_, err := io.WriteString(p.stdout, s.text)
				return err
			},
		}))
	}
	return group("completion", "print the completions for a shell", categoryTool, commands...)
}

// completionRequest returns the words that are asked about, the last of which
// is to be completed.
func completionRequest(args []string) (words []string, ok bool) {
	if n := len(args); n > 0 && args[n-1] == completionFlag && !slices.Contains(args, "--") {
		return args[:n-1], true
	}
	return nil, false
}

// complete prints what could stand in place of the last of words, one a line;
// nothing if that is a file, for which the shell knows better.
func (p *program) complete(app *cli.App, words []string) {
	if len(words) == 0 {
		words = []string{""}
	}
	last := words[len(words)-1]
	for _, candidate := range candidates(app, words[:len(words)-1], last) {
		if strings.HasPrefix(candidate, last) {
			fmt.Fprintln(p.stdout, candidate)
		}
	}
}

// candidates returns what could follow the words before, if it begins like
// last.
func candidates(app *cli.App, before []string, last string) []string {
	w := &walk{flags: app.Flags, commands: app.Commands}
	waits := "" // name of the flag whose value comes next
	for _, word := range before {
		switch {
		case word == "=": // bash takes --flag=value apart
		case waits != "":
			waits = ""
		case strings.HasPrefix(word, "-"):
			if f, _ := w.flag(app.Flags, word); f != nil && takesValue(f) && !strings.Contains(word, "=") {
				waits = f.Names()[0]
			}
		default:
			w.enter(word)
		}
	}
	switch {
	case waits != "":
		return values[waits]
	case strings.HasPrefix(last, "-"):
		var names []string
		for _, f := range slices.Concat(w.flags, app.Flags) {
			names = append(names, "--"+f.Names()[0])
		}
		slices.Sort(names)
		return slices.Compact(names)
	}
	names := make([]string, 0, len(w.commands))
	for _, c := range w.commands {
		names = append(names, c.Name)
	}
	if len(w.path) == 1 && w.path[0] == "help" {
		return candidates(app, nil, last)
	}
	return names
}
