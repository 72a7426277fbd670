package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

const (
	// patchMemoryBar is what patches may take on either side, however large a
	// layer is, and of how many files.
	patchMemoryBar = 512 << 20 // bytes

	places = 7 // where the large file changes

	changedFiles = 100 // one in so many small files changes,
	movedFiles   = 500 // and one in so many gets another name
	filesInDir   = 1000
	smallest     = 16  // bytes of a small file
	largest      = 500 // likewise
)

// largePatches ships updates of layers that are hard on memory.
func (b *bench) largePatches(ctx context.Context) error {
	rows := [][]string{{"layer", "of", "travels", "`ferry pack`", "its memory", "`ferry import`", "its memory"}}
	for i, l := range []struct {
		name  string
		write func(w *tar.Writer, changed bool) error
	}{
		{"one file of " + mib(b.sizes.file), func(w *tar.Writer, changed bool) error { return largeFile(w, b.sizes.file, changed) }},
		{fmt.Sprintf("%d small files", b.sizes.files), func(w *tar.Writer, changed bool) error { return smallFiles(w, b.sizes.files, changed) }},
	} {
		layers, shipments, err := b.shipLarge(ctx, fmt.Sprintf("memory%d", i), l.write)
		if err != nil {
			return err
		}
		var pack, imports usage
		for j, s := range shipments {
			rows = append(rows, []string{
				l.name + []string{", all of it new", ", changed"}[j], megabytes(layers[j].size), megabytes(s.plan.Payload),
				seconds(s.packed.wall), s.packed.memory(), seconds(s.imported.wall), s.imported.memory(),
			})
			pack, imports = pack.add(s.packed), imports.add(s.imported)
		}
		for _, m := range []struct {
			name string
			u    usage
		}{{"pack", pack}, {"import", imports}} {
			b.doc.bar(fmt.Sprintf("memory of `ferry %s` with patches, a layer of %s", m.name, l.name),
				"≤ "+mib(patchMemoryBar), m.u.memory(), m.u.peak <= patchMemoryBar)
		}
	}
	b.doc.section("Patches of large layers", fmt.Sprintf(
		"Two releases of an image with one layer: a large file of text that changes in %d places, and many small files, of which one in %d changes. Go's gzip made the layers, at its lowest level.",
		places, changedFiles))
	b.doc.table(rows)
	return nil
}

// shipLarge ships two versions of a layer.
func (b *bench) shipLarge(ctx context.Context, name string, write func(w *tar.Writer, changed bool) error) ([]*layer, []*shipment, error) {
	e, err := b.newEnds(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	defer e.close()
	var layers []*layer
	var shipments []*shipment
	for i, tag := range []string{"1", "2"} {
		blob := name + "/layer.tar.gz"
		l, err := makeLayer(filepath.Join(b.dir, blob), "", gzip.BestSpeed, func(w *tar.Writer) error { return write(w, i > 0) })
		if err != nil {
			return nil, nil, err
		}
		repository := e.source.host + "/bench/" + name
		if _, err := b.pushImage(ctx, repository, tag, l); err != nil {
			return nil, nil, err
		}
		if err := b.remove(blob); err != nil {
			return nil, nil, err
		}
		fmt.Fprintf(b.log, "bench: delivering release %s, %s\n", tag, name)
		s, err := e.ship(ctx, version{name: tag, images: []string{repository + ":" + tag}})
		if err != nil {
			return nil, nil, err
		}
		layers, shipments = append(layers, l), append(shipments, s)
	}
	e.close()
	return layers, shipments, b.remove(name)
}

// largeFile adds a large file; changed, it has a line more in some places.
func largeFile(w *tar.Writer, size int64, changed bool) error {
	text := prose("large")
	if !changed {
		return writeFile(w, "srv/large", size, text)
	}
	var parts []io.Reader
	rest := size
	for i := range places {
		line := fmt.Sprintf("\nplace %d has changed\n", i)
		parts = append(parts, io.LimitReader(text, rest/int64(places-i)), strings.NewReader(line))
		rest -= rest / int64(places-i)
		size += int64(len(line))
	}
	return writeFile(w, "srv/large", size, io.MultiReader(parts...))
}

// smallFiles adds n small files, some of which are others when changed.
func smallFiles(w *tar.Writer, n int, changed bool) error {
	text := make([]byte, 1<<20) // that contents are cut out of
	if _, err := io.ReadFull(prose("small"), text); err != nil {
		return err
	}
	for i := range n {
		name := fmt.Sprintf("srv/%d/%d", i/filesInDir, i)
		size := smallest + i*7919%(largest-smallest)
		at := i * 104729 % (len(text) - largest)
		content := text[at : at+size]
		switch {
		case changed && i%movedFiles == 1:
			name += "-moved"
		case changed && i%changedFiles == 0:
			content = append([]byte("has changed\n"), content...)
		}
		if err := writeFile(w, name, int64(len(content)), bytes.NewReader(content)); err != nil {
			return err
		}
	}
	return nil
}

// prose returns endless words that follow from a name.
func prose(name string) io.Reader {
	const letters = "etaoinshrdlucmfw"
	p := &proseReader{noise: noise(name)}
	for i := range p.words {
		for j := range 2 + i%7 {
			p.words[i] = append(p.words[i], letters[(i*31+j*j*17+i*j*7)%len(letters)])
		}
		p.words[i] = append(p.words[i], ' ')
	}
	return p
}

type proseReader struct {
	noise io.Reader
	words [256][]byte
	drawn [4096]byte
	left  []byte // of drawn
	word  []byte // what is left of it
}

func (p *proseReader) Read(b []byte) (n int, err error) {
	for n < len(b) {
		if len(p.word) == 0 {
			if len(p.left) == 0 {
				if _, err := io.ReadFull(p.noise, p.drawn[:]); err != nil {
					return n, err
				}
				p.left = p.drawn[:]
			}
			p.word, p.left = p.words[p.left[0]], p.left[1:]
		}
		k := copy(b[n:], p.word)
		n, p.word = n+k, p.word[k:]
	}
	return n, nil
}
