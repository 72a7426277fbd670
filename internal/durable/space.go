package durable

import "fmt"

// FreeSpace returns how many bytes this user can still write on the file
// system that holds name, which must exist. Where the system does not tell,
// the error is [errors.ErrUnsupported].
func FreeSpace(name string) (int64, error) {
	n, err := freeSpace(name)
	if err != nil {
		return 0, fmt.Errorf("asking for free space of %q: %w", name, err)
	}
	return n, nil
}
