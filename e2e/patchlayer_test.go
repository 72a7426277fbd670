package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"

	"github.com/airgap-ferry/ferry/internal/testtool"
	"github.com/airgap-ferry/ferry/registry/registrytest"
)

// A blobLayer is a layer of an image that was compressed by somebody, or was
// not, and whose media type need not be true.
type blobLayer struct {
	open      func() (io.ReadCloser, error)
	mediaType types.MediaType
	digest    v1.Hash
	size      int64
}

// newBlobLayer reads what open gives once, to find out its digest.
func newBlobLayer(tb testing.TB, mediaType types.MediaType, open func() (io.ReadCloser, error)) *blobLayer {
	tb.Helper()
	r, err := open()
	if err != nil {
		tb.Fatal(err)
	}
	hash := sha256.New()
	n, err := io.Copy(hash, r)
	if err := r.Close(); err != nil {
		tb.Fatal(err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return &blobLayer{open, mediaType, v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(hash.Sum(nil))}, n}
}

// bytesLayer is a layer of bytes.
func bytesLayer(tb testing.TB, mediaType types.MediaType, blob []byte) *blobLayer {
	tb.Helper()
	return newBlobLayer(tb, mediaType, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(blob)), nil })
}

func (l *blobLayer) Digest() (v1.Hash, error) { return l.digest, nil }

// DiffID returns the digest, which is wrong for what is compressed. Nobody who
// carries images looks at it.
func (l *blobLayer) DiffID() (v1.Hash, error)             { return l.digest, nil }
func (l *blobLayer) Compressed() (io.ReadCloser, error)   { return l.open() }
func (l *blobLayer) Uncompressed() (io.ReadCloser, error) { return l.open() }
func (l *blobLayer) Size() (int64, error)                 { return l.size, nil }
func (l *blobLayer) MediaType() (types.MediaType, error)  { return l.mediaType, nil }

// pushLayers pushes an image of layers to a repository of the source and
// returns its reference.
func (w *world) pushLayers(repository, version string, layers ...v1.Layer) string {
	w.tb.Helper()
	ref := w.source + "/" + repository + ":" + version
	registrytest.Push(w.tb, ref, registrytest.Image(w.tb, "linux/amd64", layers...))
	return ref
}

// releaseOf writes a release.yaml that has images, and nothing else.
func (w *world) releaseOf(version string, images ...string) {
	w.tb.Helper()
	text := fmt.Sprintf("apiVersion: ferry/v1\nkind: Release\nname: shop\nversion: %q\nimages:\n", version)
	for _, ref := range images {
		text += "  - " + ref + "\n"
	}
	w.write("release.yaml", text)
}

// words are what the files of tests are written with.
var words = strings.Fields(`the of and to in is that for it as was with be by on not he his but at are this have from
	or had an they which one you were all her she there would their we him been has when who will no more if out so
	up said what its about than into them can only other time new some could these two may first then do any like my
	now over such our man me even most made after also did many off before must well back through years where much`)

// prose returns n bytes of text. The same name gives the same text.
func prose(name string, n int) []byte {
	random := rand.New(rand.NewChaCha8(sha256.Sum256([]byte(name))))
	text := make([]byte, 0, n+16)
	for len(text) < n {
		text = append(text, words[random.IntN(len(words))]...)
		text = append(text, " \n"[random.IntN(12)/11])
	}
	return text[:n]
}

const (
	treeFiles   = 40
	treeFile    = 20_000 // bytes
	treeChanged = 4      // files of which version 2 is another one
)

// tree returns a tar of 40 files. In version 2 a few have another line or two,
// one is new, and all are dated later. What is called otherwise has nothing in
// common.
func tree(tb testing.TB, name string, version int) []byte {
	tb.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	add := func(path string, content []byte) {
		h := &tar.Header{Name: path, Mode: 0o644, Size: int64(len(content)), Format: tar.FormatUSTAR, ModTime: epoch(version)}
		if err := w.WriteHeader(h); err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			tb.Fatal(err)
		}
	}
	for i := range treeFiles {
		path := fmt.Sprintf("usr/share/%s/%02d.txt", name, i)
		content := prose(path, treeFile)
		if version > 1 && i%(treeFiles/treeChanged) == 0 {
			content = bytes.Join([][]byte{content[:treeFile/3], []byte("a line of version 2\n"), content[treeFile/2:]}, nil)
		}
		add(path, content)
	}
	if version > 1 {
		add("usr/share/"+name+"/new.txt", []byte("this file came with version 2\n"))
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

// A producer makes layers as some program does.
type producer struct {
	name    string
	rung    string // of what it makes, as pack reports it
	encoder string // likewise
	layer   func(t *testing.T, plain []byte) v1.Layer

	// copy pushes an image of a layer that is not compressed, which is at from,
	// to another place in its stead.
	copy func(t *testing.T, from, to string)
}

func goGzip(level int) func(*testing.T, []byte) v1.Layer {
	return func(t *testing.T, plain []byte) v1.Layer {
		t.Helper()
		var buf bytes.Buffer
		z, err := gzip.NewWriterLevel(&buf, level)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := z.Write(plain); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return bytesLayer(t, types.OCILayer, buf.Bytes())
	}
}

// tarToGzip writes what is in a tar with Go's tar writer, straight into Go's
// gzip writer, as BuildKit does.
func tarToGzip(t *testing.T, plain []byte) v1.Layer {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	w := tar.NewWriter(z)
	r := tar.NewReader(bytes.NewReader(plain))
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(w, r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return bytesLayer(t, types.OCILayer, buf.Bytes())
}

func klauspostZstd(t *testing.T, plain []byte) v1.Layer {
	t.Helper()
	var buf bytes.Buffer
	z, err := zstd.NewWriter(&buf)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return bytesLayer(t, types.OCILayerZStd, buf.Bytes())
}

func stored(t *testing.T, plain []byte) v1.Layer {
	t.Helper()
	return bytesLayer(t, types.OCIUncompressedLayer, plain)
}

// piped has a program compress what it gets on standard input. mediaType is
// not what it makes, but OCI has no other.
func piped(program string, args ...string) func(*testing.T, []byte) v1.Layer {
	return func(t *testing.T, plain []byte) v1.Layer {
		t.Helper()
		cmd := command(t, t.TempDir(), nil, testtool.Find(t, program), args...)
		cmd.Stdin = bytes.NewReader(plain)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", program, err)
		}
		mediaType := types.OCILayer
		if program == "zstd" {
			mediaType = types.OCILayerZStd
		}
		return bytesLayer(t, mediaType, out)
	}
}

// bySkopeo has skopeo compress a layer while it copies an image.
func bySkopeo(format string) func(t *testing.T, from, to string) {
	return func(t *testing.T, from, to string) {
		t.Helper()
		skopeo(t, "copy", "--src-tls-verify=false", "--dest-tls-verify=false", "--dest-compress-format", format,
			"docker://"+from, "docker://"+to)
	}
}

// byUmoci has umoci make a layer of the files in an image, which skopeo
// carries to it and back.
func byUmoci(t *testing.T, from, to string) {
	t.Helper()
	umoci := testtool.Find(t, "umoci")
	dir := t.TempDir()
	run := func(program string, args ...string) { t.Helper(); mustExecute(t, dir, nil, program, args...) }
	skopeo(t, "copy", "--src-tls-verify=false", "docker://"+from, "dir:"+filepath.Join(dir, "image"))
	var manifest v1.Manifest
	readJSON(t, filepath.Join(dir, "image", "manifest.json"), &manifest)
	if err := os.Mkdir(filepath.Join(dir, "root"), 0o755); err != nil {
		t.Fatal(err)
	}
	run("tar", "xf", filepath.Join("image", manifest.Layers[0].Digest.Hex), "-C", "root")
	run(umoci, "init", "--layout", "layout")
	run(umoci, "new", "--image", "layout:it")
	run(umoci, "insert", "--rootless", "--image", "layout:it", "root/usr", "/usr")
	skopeo(t, "copy", "--dest-tls-verify=false", "oci:"+filepath.Join(dir, "layout")+":it", "docker://"+to)
}
