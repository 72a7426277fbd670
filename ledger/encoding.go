package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/airgap-ferry/ferry/bundle"
)

const (
	digestLen = sha256.Size
	numberLen = 8
	pairLen   = 2 * numberLen // epoch and seq
)

// appendNumber appends n, which is not negative, so that the order of bytes
// is that of numbers.
func appendNumber(b []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(n)) //nolint:gosec // not negative
}

// number is the inverse of appendNumber on the first 8 bytes of b.
func number(b []byte) int64 {
	return int64(binary.BigEndian.Uint64(b)) //nolint:gosec // written by appendNumber
}

// shipmentKey returns the key of a shipment or a bundle.
func shipmentKey(epoch, seq int64) []byte {
	return appendNumber(appendNumber(make([]byte, 0, pairLen), epoch), seq)
}

// parsePair is the inverse of shipmentKey.
func parsePair(b []byte) (epoch, seq int64, err error) {
	if len(b) != pairLen || number(b) < 1 || number(b[numberLen:]) < 1 {
		return 0, 0, fmt.Errorf("%w: %x is not an epoch and a seq", ErrDamaged, b)
	}
	return number(b), number(b[numberLen:]), nil
}

// digestKey returns the key of d, which may come from a caller and so be no
// digest at all.
func digestKey(d bundle.Digest) ([]byte, error) {
	if _, err := bundle.ParseDigest(string(d)); err != nil {
		return nil, err
	}
	sum := d.Sum()
	return sum[:], nil
}

// parseDigestKey is the inverse of digestKey.
func parseDigestKey(k []byte) (bundle.Digest, error) {
	if len(k) != digestLen {
		return "", fmt.Errorf("%w: key %.80x is not a digest", ErrDamaged, k)
	}
	return bundle.DigestFromSum([digestLen]byte(k)), nil
}

// getJSON decodes the value of k into v. It returns ErrNotFound if there is
// none.
func getJSON(b *bbolt.Bucket, k []byte, v any) error {
	raw := b.Get(k)
	if raw == nil {
		return ErrNotFound
	}
	return parseJSON(raw, v)
}

// parseJSON decodes a record into v.
func parseJSON(raw []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields() // of a newer ferry, which would be lost when written again
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return nil
}

func (t *tx) putJSON(b *bbolt.Bucket, k []byte, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return t.put(b, k, raw)
}

// A Blob is content by digest and size, be it a manifest, a config or a layer.
type Blob struct {
	Digest bundle.Digest
	Size   int64 // bytes
}

// sortBlobs returns blobs sorted by digest and without repetition.
func sortBlobs(blobs []Blob) ([]Blob, error) {
	sorted := slices.Clone(blobs)
	slices.SortFunc(sorted, func(a, b Blob) int { return bytes.Compare([]byte(a.Digest), []byte(b.Digest)) })
	out := sorted[:0]
	for i, b := range sorted {
		if _, err := bundle.ParseDigest(string(b.Digest)); err != nil {
			return nil, err
		}
		if b.Size < 0 {
			return nil, fmt.Errorf("%s has %d bytes", b.Digest, b.Size)
		}
		switch {
		case i == 0 || b.Digest != sorted[i-1].Digest:
			out = append(out, b)
		case b.Size != out[len(out)-1].Size:
			return nil, sizeConflict(b.Digest, b.Size, out[len(out)-1].Size)
		}
	}
	return out, nil
}

func sizeConflict(d bundle.Digest, got, want int64) error {
	return fmt.Errorf("%w: %s has %d bytes here and %d bytes there", ErrConflict, d, got, want)
}
