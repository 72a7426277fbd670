package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/airgap-ferry/ferry/internal/term"
)

const (
	// passwordVariable is cosign's, since the key is.
	passwordVariable = "COSIGN_PASSWORD"

	// maxPassword bounds what is read of a file that is no password.
	maxPassword = 4 << 10 // bytes
)

func passwordFlag() cli.Flag {
	return &cli.StringFlag{Name: flagPasswordFile, Usage: "`FILE` with the password of the signing key in its first line", EnvVars: []string{"FERRY_PASSWORD_FILE"}}
}

// password returns the password of the signing key: from the file that was
// named, else from the environment, else from a person. It is never taken
// from the command line, where everybody on the machine can read it. A new
// password is asked for twice.
func (p *program) password(ctx context.Context, file string, isNew bool) ([]byte, error) {
	if file != "" {
		return readPassword(file)
	}
	if v, ok := os.LookupEnv(passwordVariable); ok {
		return []byte(v), nil
	}
	in, ok := isTerminal(p.stdin)
	if !ok {
		return nil, &hintedError{
			err:  errors.New("the signing key needs a password, and there is no terminal to ask for it"),
			hint: fmt.Sprintf("set %s, or name a file with --%s", passwordVariable, flagPasswordFile),
		}
	}
	first, err := p.ask(ctx, in, "password of the signing key: ")
	if err != nil || !isNew {
		return first, err
	}
	second, err := p.ask(ctx, in, "the same password again: ")
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(first, second) {
		return nil, errors.New("the two passwords differ")
	}
	return first, nil
}

// ask asks a person at the terminal in for a line that is not shown.
func (p *program) ask(ctx context.Context, in *os.File, question string) ([]byte, error) {
	line, err := term.Ask(ctx, p.stderr, in, "ferry: "+question)
	if err != nil {
		return nil, fmt.Errorf("asking for the password: %w", err)
	}
	return line, nil
}

// readPassword returns the first line of a file.
func readPassword(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading the password: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPassword+1))
	if err != nil {
		return nil, fmt.Errorf("reading the password: %w", err)
	}
	line, rest, _ := bytes.Cut(b, []byte("\n"))
	if len(line) > maxPassword || len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("reading the password: %q has more than one line, or a very long one", name)
	}
	return bytes.TrimSuffix(line, []byte("\r")), nil
}
