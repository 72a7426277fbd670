// Hello-worker is a small batch program to ship in examples: it hashes what
// it reads until its input ends, one line at a time.
package main

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
)

// version is set when the image is built.
var version = "unknown"

func main() {
	fmt.Fprintf(os.Stderr, "hello-worker %s\n", version)
	if err := work(os.Stdout, os.Stdin); err != nil {
		fmt.Fprintf(os.Stderr, "hello-worker: error: %v\n", err)
		os.Exit(1)
	}
}

// work writes to w, for each line of r, its digest and the line.
func work(w io.Writer, r io.Reader) error {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if _, err := fmt.Fprintf(w, "%x  %s\n", sha256.Sum256(lines.Bytes()), lines.Bytes()); err != nil {
			return fmt.Errorf("writing digest: %w", err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading lines: %w", err)
	}
	return nil
}
