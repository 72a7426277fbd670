package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

func (p *program) helpCommand(app *cli.App) *cli.Command {
	return p.command(leaf{
		name:     "help",
		usage:    "show the help of a command",
		args:     "[COMMAND]",
		max:      -1,
		category: categoryTool,
		examples: "ferry help pack",
		run:      func(c *cli.Context) error { return p.printHelp(app, c.Args().Slice()) },
	})
}

// printHelp prints the help of the command path, or of ferry if path is
// empty. The example comes first.
func (p *program) printHelp(app *cli.App, path []string) error {
	commands, found := app.Commands, (*cli.Command)(nil)
	for i, name := range path {
		w := &walk{path: path[:i], commands: commands}
		k := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.Name == name })
		if k < 0 {
			return w.unknownCommand(name)
		}
		found, commands = commands[k], commands[k].Subcommands
	}
	var b strings.Builder
	switch {
	case found == nil:
		helpApp(&b, app)
	case len(found.Subcommands) > 0:
		helpGroup(&b, found, strings.Join(path, " "))
	default:
		helpLeaf(&b, found, strings.Join(path, " "))
		b.WriteString("\nFlags of every command:\n")
		helpFlags(&b, app.Flags)
	}
	_, err := io.WriteString(p.stdout, b.String())
	return err
}

func helpApp(b *strings.Builder, app *cli.App) {
	fmt.Fprintf(b, "Example:\n%s\n\nusage: ferry [flags] COMMAND\n\nTo %s, signed and checked.\n", indent(app.Description), app.Usage)
	for _, category := range []string{categoryOutside, categoryGateway, categoryInside, categoryBoth, categoryTool} {
		fmt.Fprintf(b, "\n%s:\n", category)
		for _, c := range app.Commands {
			if c.Category == category {
				fmt.Fprintf(b, "  %-12s%s\n", c.Name, c.Usage)
			}
		}
	}
	b.WriteString("\nFlags of every command:\n")
	helpFlags(b, app.Flags)
	b.WriteString("\nRun \"ferry help COMMAND\" for its example and flags.\n")
}

func helpGroup(b *strings.Builder, c *cli.Command, name string) {
	b.WriteString("Example:\n")
	for _, sub := range c.Subcommands {
		b.WriteString(indent(sub.Description) + "\n")
	}
	fmt.Fprintf(b, "\nusage: ferry %s COMMAND\n\n", name)
	for _, sub := range c.Subcommands {
		fmt.Fprintf(b, "  %-12s%s\n", sub.Name, sub.Usage)
	}
	fmt.Fprintf(b, "\nRun \"ferry help %s COMMAND\" for its flags.\n", name)
}

func helpLeaf(b *strings.Builder, c *cli.Command, name string) {
	fmt.Fprintf(b, "Example:\n%s\n\nusage: ferry %s %s\n\nTo %s.\n", indent(c.Description), name, strings.TrimSpace(c.ArgsUsage), c.Usage)
	if len(c.Flags) > 0 {
		b.WriteString("\nFlags:\n")
		helpFlags(b, c.Flags)
	}
}

// helpFlags prints a table of flags: name and value, meaning, environment
// variable.
func helpFlags(b *strings.Builder, flags []cli.Flag) {
	const left = 26
	for _, f := range flags {
		d, ok := f.(cli.DocGenerationFlag)
		if !ok {
			continue
		}
		names := "--" + f.Names()[0]
		if len(f.Names()) > 1 {
			names = "-" + f.Names()[1] + ", " + names
		}
		if d.TakesValue() {
			names += " " + placeholder(f)
		}
		text := strings.ReplaceAll(d.GetUsage(), "`", "")
		if v := d.GetValue(); d.TakesValue() && v != "" {
			text += fmt.Sprintf(" (default %s)", v)
		}
		text += " [" + strings.Join(d.GetEnvVars(), ", ") + "]"
		if len(names) > left-2 {
			fmt.Fprintf(b, "  %s\n  %*s%s\n", names, left, "", text)
			continue
		}
		fmt.Fprintf(b, "  %-*s%s\n", left, names, text)
	}
}

func indent(text string) string {
	text = "    " + strings.ReplaceAll(text, "\n", "\n    ")
	return strings.ReplaceAll(text, "\n    \n", "\n\n")
}
