// Klauspost compresses standard input with the libraries that skopeo, buildah
// and podman of today are built with:
//
//	klauspost pgzip KIB      blocks of so many KiB: they use 1024, umoci 256
//	klauspost zstd LEVEL     fastest, default, better, best
package main

import (
	"fmt"
	"io"
	"log"
	"os"
	"strconv"

	"github.com/klauspost/compress/zstd"
	"github.com/klauspost/pgzip"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: klauspost pgzip KIB | zstd LEVEL")
	}
	z, err := writer(os.Args[1], os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	if _, err := io.Copy(z, os.Stdin); err != nil {
		log.Fatal(err)
	}
	if err := z.Close(); err != nil {
		log.Fatal(err)
	}
}

func writer(format, arg string) (io.WriteCloser, error) {
	switch format {
	case "pgzip":
		kib, err := strconv.Atoi(arg)
		if err != nil {
			return nil, err
		}
		z := pgzip.NewWriter(os.Stdout)
		return z, z.SetConcurrency(kib<<10, 2)
	case "zstd":
		ok, level := zstd.EncoderLevelFromString(arg)
		if !ok {
			return nil, fmt.Errorf("no level %q", arg)
		}
		return zstd.NewWriter(os.Stdout, zstd.WithEncoderLevel(level))
	}
	return nil, fmt.Errorf("no format %q", format)
}
