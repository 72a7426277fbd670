package term

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// Ask writes question to w and returns the line that a person types at the
// terminal in, which is not shown. When ctx ends first, the terminal shows
// again what is typed, and the error is that of ctx; the read itself goes on
// until the process ends.
func Ask(ctx context.Context, w io.Writer, in *os.File, question string) ([]byte, error) {
	fd := int(in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	type answer struct {
		line []byte
		err  error
	}
	answers := make(chan answer, 1)
	fmt.Fprint(w, question)
	defer fmt.Fprintln(w)
	go func() {
		line, err := term.ReadPassword(fd)
		answers <- answer{line, err}
	}()
	select {
	case a := <-answers:
		return a.line, a.err
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), term.Restore(fd, before))
	}
}
