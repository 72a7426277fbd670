// Layers makes layers as the builders of images make them, for measuring:
//
//	layers tar DIR       the plain text of a layer that holds a folder
//	layers gzip LEVEL    the blob of the plain text on standard input
//	layers retar LEVEL   the same, but each header written anew on the way
//	layers zstd LEVEL    the same with zstd: fastest, default, better, best
//
// The result goes to standard output. The tar is the one that containerd and
// BuildKit write, header for header, and the gzip is theirs too; zstd is as
// klauspost/compress writes it in one stream, and BuildKit with it. Command
// bench/corpus/make.sh makes the corpora of the benchmarks with this.
package main

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/klauspost/compress/zstd"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "layers: error: %v\n", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

// run is main without the process.
func run(args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) != 2 {
		return fmt.Errorf("%d arguments; usage: layers tar DIR | gzip LEVEL | retar LEVEL | zstd LEVEL", len(args))
	}
	out := bufio.NewWriterSize(stdout, 1<<20)
	var err error
	switch command, arg := args[0], args[1]; command {
	case "tar":
		err = writeTar(out, arg)
	case "gzip":
		err = writeGzip(out, arg, stdin)
	case "retar":
		err = writeGzip(out, arg, retar{stdin})
	case "zstd":
		err = writeZstd(out, stdin, arg)
	default:
		err = fmt.Errorf("no command %q; there are tar, gzip, retar, zstd", command)
	}
	if err != nil {
		return err
	}
	return out.Flush()
}

// writeGzip compresses as the standard library does at a level, with a header
// that names no file and no time.
func writeGzip(w io.Writer, level string, r io.Reader) error {
	n, err := strconv.Atoi(level)
	if err != nil {
		return fmt.Errorf("level %q is not a number", level)
	}
	z, err := gzip.NewWriterLevel(w, n)
	if err != nil {
		return err
	}
	// The copy knows WriterTo, by which the source decides how it is written.
	if _, err := io.Copy(z, r); err != nil {
		return err
	}
	return z.Close()
}

// writeZstd compresses at a level of klauspost/compress, named as there.
func writeZstd(w io.Writer, r io.Reader, level string) error {
	ok, l := zstd.EncoderLevelFromString(level)
	if !ok {
		return fmt.Errorf("no zstd level %q; there are fastest, default, better, best", level)
	}
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(l))
	if err != nil {
		return err
	}
	if _, err := io.Copy(z, r); err != nil {
		return err
	}
	return z.Close()
}
