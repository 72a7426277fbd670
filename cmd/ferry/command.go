package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/airgap-ferry/ferry/internal/term"
)

// Names of the flags that more than one command has.
const (
	flagDir          = "dir"
	flagJSON         = "json"
	flagQuiet        = "quiet"
	flagSite         = "site"
	flagKey          = "key"
	flagFingerprint  = "fingerprint"
	flagDryRun       = "dry-run"
	flagPasswordFile = "password-file"
)

// globalFlags are taken anywhere on the command line.
func globalFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: flagDir, Value: ".", Usage: "`DIR` that ferry init made", EnvVars: []string{"FERRY_DIR"}},
		&cli.BoolFlag{Name: flagJSON, Usage: "print results as JSON, one object a line", EnvVars: []string{"FERRY_JSON"}},
		&cli.BoolFlag{Name: flagQuiet, Aliases: []string{"q"}, Usage: "print nothing but results, warnings and errors", EnvVars: []string{"FERRY_QUIET"}},
	}
}

// A leaf is a command that does something.
type leaf struct {
	name     string
	usage    string // a sentence without capital and full stop
	args     string // such as "FILE|DIR..."
	min, max int    // of arguments; max < 0 for any number
	required []string
	flags    []cli.Flag
	examples string
	category string
	run      func(*cli.Context) error
}

const (
	categoryOutside = "Outside"
	categoryGateway = "Anywhere, offline"
	categoryInside  = "Inside"
	categoryBoth    = "Either side"
	categoryTool    = "The tool"
)

// command makes l a command of cli.
func (p *program) command(l leaf) *cli.Command {
	return &cli.Command{
		Name:            l.name,
		Usage:           l.usage,
		ArgsUsage:       usageLine(&l),
		Description:     l.examples,
		Category:        l.category,
		Flags:           l.flags,
		HideHelp:        true,
		HideHelpCommand: true,
		OnUsageError: func(_ *cli.Context, err error, _ bool) error {
			return &usageError{msg: err.Error(), command: l.name}
		},
		Action: func(c *cli.Context) error {
			p.json, p.quiet = c.Bool(flagJSON), c.Bool(flagQuiet)
			if err := l.check(c); err != nil {
				return err
			}
			return l.run(c)
		},
	}
}

// usageLine returns what follows the name of the command.
func usageLine(l *leaf) string {
	var words []string
	for _, f := range l.flags {
		if name := f.Names()[0]; slices.Contains(l.required, name) {
			words = append(words, "--"+name+" "+placeholder(f))
		}
	}
	if len(words) < len(l.flags) {
		words = append(words, "[flags]")
	}
	return strings.Join(append(words, l.args), " ")
}

// check looks whether the arguments and flags are there that l needs.
func (l *leaf) check(c *cli.Context) error {
	usage := func(format string, args ...any) error {
		return &usageError{msg: fmt.Sprintf(format, args...), command: c.Command.HelpName}
	}
	if c.NArg() < l.min {
		return usage("%s wants %s", c.Command.HelpName, l.args)
	}
	if l.max >= 0 && c.NArg() > l.max {
		return usage("%.80q is one argument too many", c.Args().Get(l.max))
	}
	for _, name := range l.required {
		if c.String(name) == "" {
			return usage("%s wants --%s", c.Command.HelpName, name)
		}
	}
	for _, arg := range c.Args().Slice() {
		if arg == "" {
			return usage("an argument is empty")
		}
	}
	return nil
}

// group makes a command that only has commands below it.
func group(name, usage, category string, commands ...*cli.Command) *cli.Command {
	return &cli.Command{
		Name: name, Usage: usage, Category: category, Subcommands: commands,
		HideHelp: true, HideHelpCommand: true,
	}
}

// progress returns what shows a transfer to the person watching, if any.
func (p *program) progress() *term.Progress {
	_, interactive := isTerminal(p.stderr)
	return term.NewProgress(p.stderr, term.Options{Quiet: p.quiet, JSON: p.json, Interactive: interactive})
}
