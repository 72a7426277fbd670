package diff

import "fmt"

// FormatError reports that a patch is not one, or not one of this base.
type FormatError struct {
	Msg string // what is wrong
}

func (e *FormatError) Error() string { return "malformed patch of a file: " + e.Msg }

func malformed(format string, args ...any) error {
	return &FormatError{Msg: fmt.Sprintf(format, args...)}
}
