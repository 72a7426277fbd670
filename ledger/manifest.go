package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/airgap-ferry/ferry/bundle"
)

// MaxManifestSize bounds what is kept as a manifest. Those of registries are
// much smaller; the text of a resolved release is kept in the same way.
const MaxManifestSize = 64 << 20 // bytes

// A Manifest is a manifest or an index, with its bytes.
type Manifest struct {
	Digest    bundle.Digest
	MediaType string
	Raw       []byte
}

// How the bytes of a manifest are kept.
const (
	manifestStored byte = 0
	manifestZstd   byte = 1
)

// putManifests keeps manifests that are not there yet.
func putManifests(f *file, manifests []Manifest) error {
	sorted := slices.Clone(manifests)
	slices.SortFunc(sorted, func(a, b Manifest) int { return bytes.Compare([]byte(a.Digest), []byte(b.Digest)) })
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("keeping manifests: %w", err)
	}
	defer enc.Close() //nolint:errcheck // nothing was streamed
	err = f.update(func(t *tx) error {
		b, err := t.bucket(keyManifests)
		if err != nil {
			return err
		}
		for _, m := range sorted {
			if err := m.check(); err != nil {
				return err
			}
			k, err := digestKey(m.Digest)
			if err != nil {
				return err
			}
			if b.Get(k) != nil {
				continue
			}
			if err := t.put(b, k, m.encode(enc)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keeping manifests: %w", err)
	}
	return nil
}

// check says what is wrong with m.
func (m *Manifest) check() error {
	switch {
	case len(m.Raw) > MaxManifestSize:
		return fmt.Errorf("manifest %s: %d bytes, at most %d are kept", m.Digest, len(m.Raw), MaxManifestSize)
	case len(m.MediaType) > 255:
		return fmt.Errorf("manifest %s: media type %.80q is too long", m.Digest, m.MediaType)
	case bundle.DigestOf(m.Raw) != m.Digest:
		return fmt.Errorf("%w: manifest %.80q has digest %s", ErrConflict, m.Digest, bundle.DigestOf(m.Raw))
	}
	return nil
}

// getManifest returns a manifest, or ErrNotFound.
func getManifest(f *file, d bundle.Digest) (m Manifest, err error) {
	err = f.view(func(t *tx) error {
		b, err := t.bucket(keyManifests)
		if err != nil {
			return err
		}
		k, err := digestKey(d)
		if err != nil {
			return err
		}
		v := b.Get(k)
		if v == nil {
			return ErrNotFound
		}
		dec, err := newManifestDecoder()
		if err != nil {
			return err
		}
		defer dec.Close()
		m, err = parseManifest(d, v, dec)
		return err
	})
	if err != nil {
		return Manifest{}, fmt.Errorf("looking up manifest %s: %w", d, err)
	}
	return m, nil
}

func newManifestDecoder() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxManifestSize+1))
}

// encode returns the value of m: how the bytes are kept, the length of
// the media type in 1 byte, the media type, the number of bytes in 4 bytes,
// and the bytes, compressed if that makes them fewer.
func (m *Manifest) encode(enc *zstd.Encoder) []byte {
	kind, data := manifestStored, m.Raw
	if small := enc.EncodeAll(m.Raw, nil); len(small) < len(data) {
		kind, data = manifestZstd, small
	}
	b := append(make([]byte, 0, 6+len(m.MediaType)+len(data)), kind, byte(len(m.MediaType))) //nolint:gosec // checked by check
	b = append(b, m.MediaType...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(m.Raw))) //nolint:gosec // checked by check
	return append(b, data...)
}

// parseManifest is the inverse of encode. The result does not refer to v.
func parseManifest(d bundle.Digest, v []byte, dec *zstd.Decoder) (Manifest, error) {
	m := Manifest{Digest: d}
	kind, raw, err := m.parseHead(v)
	if err != nil {
		return Manifest{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	size := int(binary.BigEndian.Uint32(raw))
	switch raw = raw[4:]; kind {
	case manifestStored:
		m.Raw = slices.Clone(raw)
	case manifestZstd:
		if m.Raw, err = dec.DecodeAll(raw, nil); err != nil {
			return Manifest{}, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	default:
		return Manifest{}, fmt.Errorf("%w: manifest is kept in the unknown way %d", ErrDamaged, kind)
	}
	if len(m.Raw) != size {
		return Manifest{}, fmt.Errorf("%w: manifest has %d bytes, want %d", ErrDamaged, len(m.Raw), size)
	}
	if got := bundle.DigestOf(m.Raw); got != d {
		return Manifest{}, fmt.Errorf("%w: manifest has digest %s", ErrDamaged, got)
	}
	return m, nil
}

// parseHead parses what stands before the number of bytes, and returns the
// rest.
func (m *Manifest) parseHead(v []byte) (kind byte, rest []byte, err error) {
	if len(v) < 2 || len(v) < 2+int(v[1])+4 {
		return 0, nil, errors.New("manifest is cut short")
	}
	n := 2 + int(v[1])
	m.MediaType = string(v[2:n])
	return v[0], v[n:], nil
}
