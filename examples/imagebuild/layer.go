package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const osRelease = `NAME="Ferry Example Base"
ID=ferry-example
VERSION_ID=1
PRETTY_NAME="Ferry Example Base 1"
`

// baseTrees are folders below GOROOT that stand in for the packages of a
// distribution: some megabytes of real text in some hundreds of files.
var baseTrees = []string{"src/crypto", "src/encoding", "src/net", "src/runtime", "src/unicode"}

// A layerWriter collects the files of one layer.
type layerWriter struct {
	tar *tar.Writer
	buf bytes.Buffer
}

func newLayerWriter() *layerWriter {
	w := new(layerWriter)
	w.tar = tar.NewWriter(&w.buf)
	return w
}

// add writes a file as a package manager would have left it, but for the
// time, which is that of nothing.
func (w *layerWriter) add(name string, mode int64, content []byte) error {
	err := w.tar.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content)),
		ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR,
	})
	if err != nil {
		return fmt.Errorf("adding %q: %w", name, err)
	}
	_, err = w.tar.Write(content)
	return err
}

// layer ends the collection and returns it compressed.
func (w *layerWriter) layer() (v1.Layer, error) {
	if err := w.tar.Close(); err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(w.buf.Bytes()); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(packed.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer))
}

// baseLayer returns the layer that all images share.
func baseLayer(ctx context.Context) (v1.Layer, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("looking for the Go distribution: %w", err)
	}
	root := os.DirFS(strings.TrimSpace(string(out)))
	w := newLayerWriter()
	for _, f := range []struct{ name, content string }{
		{"etc/os-release", osRelease},
		{"etc/passwd", "root:x:0:0:root:/:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n"},
	} {
		if err := w.add(f.name, 0o644, []byte(f.content)); err != nil {
			return nil, err
		}
	}
	for _, tree := range baseTrees {
		if err := w.addTree(root, tree); err != nil {
			return nil, fmt.Errorf("reading base files: %w", err)
		}
	}
	return w.layer()
}

// addTree adds the regular files below dir, in lexical order.
func (w *layerWriter) addTree(root fs.FS, dir string) error {
	return fs.WalkDir(root, dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == "testdata" {
			return fs.SkipDir
		}
		if !d.Type().IsRegular() {
			return nil
		}
		content, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		return w.add(path.Join("usr/share/go", name), 0o644, content)
	})
}

// appLayer returns the layer with the static binary of an app.
func appLayer(ctx context.Context, app, version, goos, goarch string) (_ v1.Layer, err error) {
	dir, err := os.MkdirTemp("", "imagebuild")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary := filepath.Join(dir, app)
	//nolint:gosec // G204: building the app that the user named is what this is for
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags=-s -w -buildid= -X main.version="+version, "-o", binary,
		"github.com/airgap-ferry/ferry/examples/apps/"+app)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("compiling for %s/%s: %w\n%s", goos, goarch, err, out)
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	w := newLayerWriter()
	if err := w.add("usr/bin/"+app, 0o755, content); err != nil {
		return nil, err
	}
	return w.layer()
}
