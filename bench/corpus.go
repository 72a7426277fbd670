package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/airgap-ferry/ferry/internal/durable"
)

// corpusVariable names the folder of the corpus, if it is not in the user's
// cache.
const corpusVariable = "FERRY_BENCH_CORPUS"

// pairNames are the pairs that bench/corpus/make.sh makes.
var pairNames = []string{"coredns", "caddy", "node_exporter", "debbase", "debapp", "debjava", "next", "vite"}

// A pair is a layer before and after an update.
type pair struct {
	name     string
	old, new *stored
}

// A stored layer has its bytes, and those of its tar, in files.
type stored struct {
	*layer
	blob, tar string // files
}

// newStored returns the layer in two files.
func newStored(blob, plain string) (*stored, error) {
	packed, unpacked := newDigester(), newDigester()
	for _, f := range []struct {
		name string
		to   *digester
	}{{blob, packed}, {plain, unpacked}} {
		if err := readFile(f.name, f.to); err != nil {
			return nil, err
		}
	}
	return &stored{&layer{packed.digest(), unpacked.digest(), packed.n, unpacked.n, fileOpener(blob)}, blob, plain}, nil
}

// readFile copies a file to w.
func readFile(name string, w io.Writer) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return errors.Join(err, f.Close())
}

// fileOpener returns a function that opens a file at an offset.
func fileOpener(name string) func(offset int64) (io.ReadCloser, error) {
	return func(offset int64) (io.ReadCloser, error) {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		if _, err := f.Seek(offset, io.SeekStart); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return f, nil
	}
}

// loadCorpus sets b.pairs, and makes the corpus before if it is not there. It
// is read once.
func (b *bench) loadCorpus(ctx context.Context) error {
	if b.pairs != nil {
		return nil
	}
	dir, err := b.findCorpus(ctx)
	if err != nil {
		return fmt.Errorf("looking for the corpus: %w", err)
	}
	for _, name := range b.names {
		var sides [2]*stored
		for i, side := range []string{"old", "new"} {
			plain := filepath.Join(dir, name, side+".tar")
			if sides[i], err = newStored(plain+".gz", plain); err != nil {
				return fmt.Errorf("reading pair %q of the corpus: %w", name, err)
			}
		}
		b.pairs = append(b.pairs, pair{name, sides[0], sides[1]})
	}
	if len(b.pairs) == 0 {
		return errors.New("reading the corpus: no pair is asked for")
	}
	for _, name := range pairNames {
		if !b.quick && !slices.Contains(b.names, name) {
			b.doc.left = append(b.doc.left, "the pair "+name)
		}
	}
	return nil
}

// findCorpus returns the folder of a corpus that has all pairs.
func (b *bench) findCorpus(ctx context.Context) (string, error) {
	if b.quick {
		return b.smallCorpus()
	}
	dir := os.Getenv(corpusVariable)
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(cache, "ferry-bench-corpus")
	}
	missing := slices.DeleteFunc(slices.Clone(b.names), func(name string) bool {
		_, err := durable.OS.Stat(filepath.Join(dir, name, "new.tar.gz"))
		return err == nil
	})
	if len(missing) == 0 {
		return dir, nil
	}
	fmt.Fprintf(b.log, "bench: making the pairs %s, which takes a while and a network\n", strings.Join(missing, ", "))
	root, err := moduleRoot(ctx)
	if err != nil {
		return "", err
	}
	script := b.command(ctx, filepath.Join(root, "bench/corpus/make.sh"), append([]string{dir}, missing...)...)
	script.Env = os.Environ()
	_, err = output(script)
	return dir, err
}

// smallCorpus makes pairs of next to nothing.
func (b *bench) smallCorpus() (string, error) {
	dir := filepath.Join(b.dir, "corpus")
	b.names = []string{"small", "smaller"}
	for i, name := range b.names {
		if err := durable.MkdirAll(durable.OS, filepath.Join(dir, name), 0o755); err != nil {
			return "", err
		}
		for _, side := range []string{"old", "new"} {
			plain := filepath.Join(dir, name, side+".tar")
			_, err := makeLayer(plain+".gz", plain, gzip.DefaultCompression, func(w *tar.Writer) error {
				return smallFiles(w, 400/(i+1), side == "new")
			})
			if err != nil {
				return "", err
			}
		}
	}
	return dir, nil
}

// makeLayer writes a layer with the files that write adds. If plain is not "",
// its tar is kept there.
func makeLayer(blob, plain string, level int, write func(*tar.Writer) error) (*layer, error) {
	packed, unpacked := newDigester(), newDigester()
	writeBlob := func(text io.Writer) error {
		return durable.Replace(durable.OS, blob, 0o644, func(f io.Writer) error {
			z, err := gzip.NewWriterLevel(io.MultiWriter(f, packed), level)
			if err != nil {
				return err
			}
			w := tar.NewWriter(io.MultiWriter(z, unpacked, text))
			return errors.Join(write(w), w.Close(), z.Close())
		})
	}
	var err error
	if plain == "" {
		err = writeBlob(io.Discard)
	} else {
		err = durable.Replace(durable.OS, plain, 0o644, writeBlob)
	}
	return &layer{packed.digest(), unpacked.digest(), packed.n, unpacked.n, fileOpener(blob)}, err
}
