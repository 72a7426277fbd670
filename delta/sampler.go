package delta

import (
	"io"
	"slices"

	"github.com/airgap-ferry/ferry/delta/entropy"
	"github.com/airgap-ferry/ferry/delta/nested"
)

// elfMagic begins executables, whose sections may be compressed.
const elfMagic = "\x7fELF"

// A sampler reads some of a long content.
type sampler struct {
	b       []byte // the samples, the beginning first
	mayHold bool   // there may be streams in it
}

// A content is sampled in so many places, its beginning and end among them.
const (
	samplePlaces = 16
	samplePiece  = 16 << 10
)

// read samples n bytes of r from off on.
func (s *sampler) read(r io.ReaderAt, off, n int64) error {
	piece := min(n, samplePiece)
	s.b = resize(s.b, piece*samplePlaces)
	for i := range int64(samplePlaces) {
		at := (n - piece) * i / (samplePlaces - 1)
		if err := readAt(r, s.b[i*piece:(i+1)*piece], off+at); err != nil {
			return err
		}
	}
	s.mayHold = nested.MayHold(s.b[:piece]) || nested.MayHold(s.b[len(s.b)-int(piece):]) ||
		string(s.b[:4]) == elfMagic
	return nil
}

// noise reports whether all samples look as if they could not be compressed.
func (s *sampler) noise() bool {
	for piece := range slices.Chunk(s.b, len(s.b)/samplePlaces) {
		if !entropy.IsNoise(piece) {
			return false
		}
	}
	return true
}
