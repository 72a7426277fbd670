// Command golden compresses files with the pinned original and prints the
// digests of what it makes, one line each: encoder, level, how the input
// arrived, file, first byte and number of bytes of it, the header of the frame
// in hexadecimal, SHA-256 of the frame. The encoder's name is the first
// argument, files are the others.
package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

func main() {
	for _, name := range os.Args[2:] {
		plain, err := os.ReadFile(name)
		if err != nil {
			log.Fatal(err)
		}
		for level := zstd.SpeedFastest; level <= zstd.SpeedDefault; level++ {
			w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level))
			if err != nil {
				log.Fatal(err)
			}
			show := func(how string, at, n int, frame []byte) {
				var h zstd.Header
				if err := h.Decode(frame); err != nil {
					log.Fatal(err)
				}
				fmt.Printf("%s %d %s %s %d %d %x %x\n", os.Args[1], level, how, filepath.Base(name), at, n, frame[:h.HeaderSize], sha256.Sum256(frame))
			}
			show("stream", 0, len(plain), stream(w, plain, 0))
			if len(plain) > 8 {
				show("sniff", 0, len(plain), stream(w, plain, 8))
			}
			if len(plain) > 0 {
				show("all", 0, len(plain), w.EncodeAll(plain, nil))
			}
			// Frames of one block, as zstd:chunked has them.
			for at, n := 0, 20; at+n <= len(plain) && n < 128<<10; at, n = at+n, n*3 {
				show("all", at, n, w.EncodeAll(plain[at:at+n], nil))
			}
		}
	}
}

// stream compresses plain, and flushes what is before the byte at.
func stream(w *zstd.Encoder, plain []byte, at int) []byte {
	var b bytes.Buffer
	w.Reset(&b)
	if _, err := w.Write(plain[:at]); err != nil {
		log.Fatal(err)
	}
	if at > 0 {
		if err := w.Flush(); err != nil {
			log.Fatal(err)
		}
	}
	if _, err := w.Write(plain[at:]); err != nil {
		log.Fatal(err)
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}
	return b.Bytes()
}
