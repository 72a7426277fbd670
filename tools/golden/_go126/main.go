// Command golden prints the digests of what compress/flate of Go 1.26 makes of
// files: encoder, level, block size 0, file, SHA-256 of the deflate stream.
package main

import (
	"compress/flate"
	"crypto/sha256"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

func main() {
	if v := runtime.Version(); !strings.HasPrefix(v, "go1.26") {
		log.Fatalf("%s is not the original", v)
	}
	for _, name := range os.Args[1:] {
		plain, err := os.ReadFile(name)
		if err != nil {
			log.Fatal(err)
		}
		for level := 1; level <= 9; level++ {
			h := sha256.New()
			w, err := flate.NewWriter(h, level)
			if err != nil {
				log.Fatal(err)
			}
			if _, err := w.Write(plain); err != nil {
				log.Fatal(err)
			}
			if err := w.Close(); err != nil {
				log.Fatal(err)
			}
			fmt.Printf("go126 %d 0 %s %x\n", level, filepath.Base(name), h.Sum(nil))
		}
	}
}
