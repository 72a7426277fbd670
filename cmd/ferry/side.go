package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"
)

// A side is the end that a directory belongs to.
type side string

const (
	sideNone    side = ""
	sideOutside side = "outside"
	sideInside  side = "inside"
)

// Files that tell which side a directory is.
const (
	outsideFile = "ferry.yaml"
	insideFile  = "site.yaml"
)

// sideOf returns which side dir is.
func sideOf(dir string) (side, error) {
	found := sideNone
	for name, s := range map[string]side{outsideFile: sideOutside, insideFile: sideInside} {
		_, err := os.Stat(filepath.Join(dir, name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return sideNone, fmt.Errorf("looking for ferry's directory: %w", err)
		case found != sideNone:
			return sideNone, fmt.Errorf("directory %q has both %s and %s: one of them does not belong there", dir, outsideFile, insideFile)
		}
		found = s
	}
	return found, nil
}

// directory returns the directory that the command line names. It must be of
// the side want, or of either if want is sideNone.
func directory(c *cli.Context, want side) (string, side, error) {
	dir := c.String(flagDir)
	got, err := sideOf(dir)
	if err != nil {
		return "", sideNone, err
	}
	if got == sideNone {
		return "", sideNone, &hintedError{
			err:  fmt.Errorf("directory %q is not one that ferry init made: neither %s nor %s is in it", dir, outsideFile, insideFile),
			hint: initHint(want),
		}
	}
	if want != sideNone && got != want {
		return "", sideNone, &hintedError{
			err:  fmt.Errorf("directory %q is %s; %s works %s", dir, got, c.Command.HelpName, want),
			hint: fmt.Sprintf("name the %s directory with --dir or FERRY_DIR", want),
		}
	}
	return dir, got, nil
}

func initHint(want side) string {
	const (
		outside = "ferry init outside DIR"
		inside  = "ferry init inside DIR --site NAME --registry HOST"
	)
	how := outside + ", or " + inside
	switch want {
	case sideOutside:
		how = outside
	case sideInside:
		how = inside
	case sideNone:
	}
	return "name the directory with --dir or FERRY_DIR, or make one: " + how
}
