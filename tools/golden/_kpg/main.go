// Command golden compresses files with the pinned originals and prints the
// digests of what they make, one line each: encoder, level, block size, file,
// SHA-256 of the raw deflate stream. The encoder's name is the first argument,
// files are the others. With OUT set it also keeps the streams there.
package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/klauspost/pgzip"
)

func main() {
	for _, name := range os.Args[2:] {
		plain, err := os.ReadFile(name)
		if err != nil {
			log.Fatal(err)
		}
		for _, block := range []int{1 << 20, 256 << 10} {
			stream := compress(plain, 5, block)
			fmt.Printf("%s 5 %d %s %x\n", os.Args[1], block, filepath.Base(name), sha256.Sum256(stream))
			if dir := os.Getenv("OUT"); dir != "" {
				out := fmt.Sprintf("%s/%s.5.%d.%s", dir, os.Args[1], block, filepath.Base(name))
				if err := os.WriteFile(out, stream, 0o644); err != nil {
					log.Fatal(err)
				}
			}
		}
	}
}

func compress(plain []byte, level, block int) []byte {
	var b bytes.Buffer
	w, err := pgzip.NewWriterLevel(&b, level)
	if err != nil {
		log.Fatal(err)
	}
	if err := w.SetConcurrency(block, 2); err != nil {
		log.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		log.Fatal(err)
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}
	return b.Bytes()[10 : b.Len()-8]
}
