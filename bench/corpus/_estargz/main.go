// Estargz writes the tar that its argument names as an eStargz blob, with the
// library that BuildKit does it with.
package main

import (
	"io"
	"log"
	"os"

	"github.com/containerd/stargz-snapshotter/estargz"
)

func main() {
	f, err := os.Open(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		log.Fatal(err)
	}
	blob, err := estargz.Build(io.NewSectionReader(f, 0, info.Size()))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := io.Copy(os.Stdout, blob); err != nil {
		log.Fatal(err)
	}
}
