package delta

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// A sampleFile is a file of a tar for tests.
type sampleFile struct {
	name    string
	content []byte
	mtime   int64
	header  tar.Header // what is not zero goes into the header
}

// makeTar returns a tar of files as Go writes it.
func makeTar(tb testing.TB, files ...sampleFile) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := f.header
		h.Name, h.Size, h.ModTime = f.name, int64(len(f.content)), time.Unix(f.mtime, 0)
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if err := w.WriteHeader(&h); err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write(f.content); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// makeText returns n bytes of text, the same for the same seed.
func makeText(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 7))
	words := strings.Fields("base target patch recipe layer blob digest site bundle statement ledger holding volume parity")
	var b []byte
	for len(b) < n {
		b = append(b, words[r.IntN(len(words))]...)
		b = append(b, " \n,."[r.IntN(4)])
	}
	return b[:n]
}

// makeNoise returns n bytes that nothing makes shorter.
func makeNoise(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 8))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// edit returns b with a few bytes changed and some put in.
func edit(seed uint64, b []byte) []byte {
	r := rand.New(rand.NewPCG(seed, 9))
	b = slices.Clone(b)
	for range 1 + len(b)/2000 {
		at := r.IntN(len(b))
		b[at]++
		b = slices.Insert(b, r.IntN(len(b)), makeText(seed, r.IntN(40))...)
	}
	return b
}

func gzipped(tb testing.TB, b []byte) []byte {
	tb.Helper()
	var z bytes.Buffer
	w, err := gzip.NewWriterLevel(&z, 6)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return z.Bytes()
}

// samplePair returns two versions of a layer, with all that a patch can say.
func samplePair(tb testing.TB) (old, now []byte) {
	tb.Helper()
	text, noise := makeText(1, 30000), makeNoise(2, 9000)
	long := strings.Repeat("very/long/path/", 12) + "file"
	var a, b []sampleFile
	add := func(name string, before, after []byte) {
		if before != nil {
			a = append(a, sampleFile{name: name, content: before, mtime: 1700000000})
		}
		if after != nil {
			b = append(b, sampleFile{name: name, content: after, mtime: 1710000000})
		}
	}
	add("etc/empty", []byte{}, []byte{})
	add("etc/same", text[:5000], text[:5000])
	add("etc/block", text[:512], text[:512])
	add("etc/edited", text, edit(3, text))
	add("lib/libfoo-1.2.so", noise, nil)
	add("lib/libfoo-1.3.so", nil, edit(4, noise))
	add("lib/gone", noise[:100], nil)
	add("lib/new", nil, makeText(5, 4000))
	add("lib/twice", nil, makeText(5, 4000))
	add("share/changelog.gz", gzipped(tb, text), gzipped(tb, edit(6, text)))
	add("share/new.gz", nil, gzipped(tb, makeText(7, 20000)))
	add("share/tiny", []byte("a"), []byte("b"))
	add(long, text[5000:9000], edit(8, text[5000:9000]))
	for i := range 40 {
		name := fmt.Sprintf("many/file%d", i)
		add(name, makeText(uint64(100+i), 100+i*20), makeText(uint64(100+i), 100+i*20))
	}
	b = append(b, sampleFile{name: "link", header: tar.Header{Typeflag: tar.TypeSymlink, Linkname: "etc/same"}, mtime: 5})
	b = append(b, sampleFile{name: "dir/", header: tar.Header{Typeflag: tar.TypeDir, Mode: 0o755}, mtime: 5})
	return makeTar(tb, a...), makeTar(tb, b...)
}

// setSums makes the checksums of the header blocks at these offsets right.
func setSums(b []byte, offsets ...int) []byte {
	for _, off := range offsets {
		var block [blockSize]byte
		copy(block[:], b[off:])
		clear(block[fieldSum[0]:fieldSum[1]])
		setSum(&block)
		copy(b[off:], block[:])
	}
	return b
}

// rawHeader returns a header block.
func rawHeader(name string, typeflag byte, size int64) []byte {
	b := make([]byte, blockSize)
	copy(b, name)
	copy(b[fieldSize[0]:], fmt.Sprintf("%011o", size))
	b[typeflagAt] = typeflag
	copy(b[magicAt:], "ustar\x0000")
	return setSums(b, 0)
}

// binarySize puts size into the header block b as a binary number.
func binarySize(b []byte, size int64) []byte {
	b[fieldSize[0]] = 0x80
	clear(b[fieldSize[0]+1 : fieldSize[1]])
	binary.BigEndian.PutUint64(b[fieldSize[1]-8:], uint64(size))
	return setSums(b, 0)
}

func padded(b []byte) []byte {
	return append(slices.Clip(b), make([]byte, paddingOf(int64(len(b))))...)
}

func zeros(n int) []byte { return make([]byte, n) }
