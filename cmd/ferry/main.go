// Command ferry carries container releases across an air gap as signed
// bundles that hold only what the site lacks.
//
// Output goes by three rules:
//
//   - What a command was asked for goes to standard output, and nothing else:
//     as text, or with --json as one object a line.
//   - Everything meant for the person at the keyboard goes to standard error,
//     one line each, as "ferry: …", without a capital or a full stop.
//   - A failure ends with "ferry: error: what: which: why" and, where there
//     is something to do about it, "ferry: hint: …". With --json it is one
//     object on standard error.
//
// This package has the flags, the printing, the hints and the exit codes. It
// decides nothing: that is done by the packages outside and inside, and by
// gateway.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends the context, after which signals do again what
	// they do without us: the second one kills.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is main without the process: it returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{stdin: stdin, stdout: stdout, stderr: stderr, now: time.Now, rand: rand.Reader}
	return p.run(ctx, args)
}

// A program is one run of ferry: everything of the process that it uses.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	now            func() time.Time
	rand           io.Reader

	json, quiet bool // by the global flags
	skipped     []skippedFile
}

func (p *program) run(ctx context.Context, args []string) int {
	app := p.app()
	if words, ok := completionRequest(args); ok {
		p.complete(app, words)
		return exitOK
	}
	fromEnv, _ := strconv.ParseBool(os.Getenv("FERRY_JSON"))
	p.json = fromEnv || slices.Contains(args, "--json") // until the flags have been read
	line, err := parseLine(app, args)
	if err == nil && line.help {
		err = p.printHelp(app, line.path)
	} else if err == nil {
		err = app.RunContext(ctx, append([]string{app.Name}, line.args...))
	}
	if err != nil && ctx.Err() != nil && !isRefusal(err) {
		err = &interruptedError{err}
	}
	if err != nil {
		p.printFailure(err)
	}
	return exitCode(err)
}

// app returns the commands and their flags. Help, completion and the texts of
// usage errors are ours; the rest of the command line is cli's.
func (p *program) app() *cli.App {
	app := &cli.App{
		Name:                   "ferry",
		Usage:                  "carry container releases over an air gap",
		Description:            story,
		Writer:                 p.stdout,
		ErrWriter:              p.stderr,
		HideHelp:               true,
		HideVersion:            true,
		UseShortOptionHandling: false,
		ExitErrHandler:         func(*cli.Context, error) {},
		OnUsageError:           func(_ *cli.Context, err error, _ bool) error { return &usageError{msg: err.Error()} },
		Flags:                  globalFlags(),
		Commands: []*cli.Command{
			p.initCommand(), p.siteCommand(), p.trustCommand(),
			p.packCommand(), p.verifyCommand(), p.inspectCommand(), p.importCommand(), p.statusCommand(),
			p.deltaCommand(), p.serveCommand(), p.completionCommand(), p.versionCommand(),
		},
	}
	app.Commands = append(app.Commands, p.helpCommand(app))
	app.Action = func(*cli.Context) error { return errors.New("internal error: no command") } // parseLine sees to it
	return app
}

// story is the example that leads the help.
const story = `ferry init outside vendor                              # once, outside
ferry init inside north --site north --registry HOST   # once, inside
ferry --dir vendor site add north --key "LINE"
ferry --dir north trust init root.json --fingerprint "HEX"

ferry --dir vendor pack --site north release.yaml -o outbox/
ferry --dir north import inbox/
ferry --dir north status`
