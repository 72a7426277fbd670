package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash"
	"io"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
	"github.com/airgap-ferry/ferry/registry"
)

// Media types of what is pushed.
const (
	manifestType  = "application/vnd.oci.image.manifest.v1+json"
	configType    = "application/vnd.oci.image.config.v1+json"
	layerType     = "application/vnd.oci.image.layer.v1.tar+gzip"
	signatureType = "application/vnd.dev.cosign.simplesigning.v1+json"
)

// A layer is the tar of an image's layer, in gzip.
type layer struct {
	digest bundle.Digest
	diffID bundle.Digest
	size   int64 // bytes
	plain  int64 // bytes of the tar
	open   func(offset int64) (io.ReadCloser, error)
}

// newLayer returns a layer with one file that no compressor makes smaller, of
// size bytes. The same name gives the same bytes. They are made again whenever
// they are read, so there may be more than memory holds.
func newLayer(name string, size int64) (*layer, error) {
	n := noiseLayer{name, size}
	packed, unpacked := newDigester(), newDigester()
	if err := n.write(packed, unpacked); err != nil {
		return nil, err
	}
	return &layer{packed.digest(), unpacked.digest(), packed.n, unpacked.n, n.open}, nil
}

// A noiseLayer is what newLayer makes.
type noiseLayer struct {
	name string // seed of the content
	file int64  // bytes of content
}

// write writes the layer to packed, and to unpacked what is in it.
func (l noiseLayer) write(packed, unpacked io.Writer) error {
	z, err := gzip.NewWriterLevel(packed, gzip.NoCompression)
	if err != nil {
		return err
	}
	w := tar.NewWriter(io.MultiWriter(z, unpacked))
	if err := writeFile(w, "noise", l.file, noise(l.name)); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return z.Close()
}

// open returns the bytes of the layer from offset on.
func (l noiseLayer) open(offset int64) (io.ReadCloser, error) {
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(l.write(w, io.Discard)) }() // the reader is told
	if _, err := io.CopyN(io.Discard, r, offset); err != nil {
		_ = r.Close() // is open no more
		return nil, err
	}
	return r, nil
}

// writeFile adds a file to a tar.
func writeFile(w *tar.Writer, name string, size int64, content io.Reader) error {
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: size, Format: tar.FormatGNU}); err != nil {
		return err
	}
	_, err := io.CopyN(w, content, size)
	return err
}

// noise returns endless bytes that follow from a name.
func noise(name string) io.Reader {
	key, iv := sha256.Sum256([]byte(name)), sha256.Sum256([]byte("iv of "+name))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic("bench: internal error: " + err.Error())
	}
	return cipher.StreamReader{S: cipher.NewCTR(block, iv[:aes.BlockSize]), R: zeros{}}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// A digester hashes and counts what is written to it.
type digester struct {
	h hash.Hash
	n int64 // bytes
}

func newDigester() *digester { return &digester{h: sha256.New()} }

func (d *digester) Write(b []byte) (int, error) {
	d.n += int64(len(b))
	return d.h.Write(b)
}

func (d *digester) digest() bundle.Digest {
	return bundle.DigestFromSum([sha256.Size]byte(d.h.Sum(nil)))
}

// A descriptor is one in a manifest.
type descriptor struct {
	MediaType string        `json:"mediaType"`
	Digest    bundle.Digest `json:"digest"`
	Size      int64         `json:"size"`
}

// pushImage pushes an image of layers, and returns its digest.
func (b *bench) pushImage(ctx context.Context, repository, tag string, layers ...*layer) (bundle.Digest, error) {
	var diffIDs []bundle.Digest
	var list []descriptor
	for _, l := range layers {
		u := registry.Upload{Repository: repository, Digest: l.digest, Size: l.size, Open: l.open}
		if _, err := b.client.PushBlob(ctx, u); err != nil {
			return "", err
		}
		diffIDs = append(diffIDs, l.diffID)
		list = append(list, descriptor{layerType, l.digest, l.size})
	}
	config, err := json.Marshal(map[string]any{
		"architecture": "amd64", "os": "linux", "config": map[string]any{"Labels": map[string]string{"tag": tag}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs},
	})
	if err != nil {
		return "", err
	}
	return b.pushManifest(ctx, repository, tag, config, list)
}

// pushSignature pushes what looks like a cosign signature of subject.
func (b *bench) pushSignature(ctx context.Context, repository string, subject bundle.Digest) error {
	payload := fmt.Appendf(nil, `{"critical":{"image":{"docker-manifest-digest":%q}}}`, subject)
	d, err := b.pushBytes(ctx, repository, signatureType, payload)
	if err != nil {
		return err
	}
	_, err = b.pushManifest(ctx, repository, oci.FallbackTag(subject)+".sig", []byte(`{}`), []descriptor{d})
	return err
}

func (b *bench) pushManifest(ctx context.Context, repository, tag string, config []byte, layers []descriptor) (bundle.Digest, error) {
	c, err := b.pushBytes(ctx, repository, configType, config)
	if err != nil {
		return "", err
	}
	raw, err := json.Marshal(struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		Config        descriptor   `json:"config"`
		Layers        []descriptor `json:"layers"`
	}{2, manifestType, c, layers})
	if err != nil {
		return "", err
	}
	return bundle.DigestOf(raw), b.client.PushManifest(ctx, repository, tag, manifestType, raw)
}

func (b *bench) pushBytes(ctx context.Context, repository, mediaType string, content []byte) (descriptor, error) {
	d := descriptor{mediaType, bundle.DigestOf(content), int64(len(content))}
	_, err := b.client.PushBlob(ctx, registry.Upload{
		Repository: repository, Digest: d.Digest, Size: d.Size,
		Open: func(offset int64) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content[offset:])), nil },
	})
	return d, err
}
