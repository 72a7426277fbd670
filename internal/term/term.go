// Package term holds what depends on whether a person is watching: progress,
// the width of a terminal, sizes as people read them, and asking for what must
// not be shown.
//
// Everything here goes to standard error, or to whatever writer takes its
// place; the result of a command never passes through this package.
package term

import (
	"fmt"
	"os"

	"golang.org/x/term"
)

// defaultWidth is assumed where nobody tells the width.
const defaultWidth = 80 // columns

// IsTerminal reports whether f is a terminal.
func IsTerminal(f *os.File) bool {
	return term.IsTerminal(int(f.Fd()))
}

// Width returns the columns of the terminal f, or 80 if it does not tell.
func Width(f *os.File) int {
	w, _, err := term.GetSize(int(f.Fd()))
	if err != nil || w <= 0 {
		return defaultWidth
	}
	return w
}

// Bytes returns n as people read it, in decimal units and with three digits:
// "12.3 MB". Anything below 1000 is exact: "999 B".
func Bytes(n int64) string {
	if n > -1000 && n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	sign, v := "", float64(n)
	if v < 0 {
		sign, v = "-", -v
	}
	units := []string{"kB", "MB", "GB", "TB", "PB", "EB"}
	v /= 1000
	for len(units) > 1 && v >= 999.5 {
		v, units = v/1000, units[1:]
	}
	digits := 2
	switch {
	case v >= 99.95:
		digits = 0
	case v >= 9.995:
		digits = 1
	}
	return fmt.Sprintf("%s%.*f %s", sign, digits, v, units[0])
}
