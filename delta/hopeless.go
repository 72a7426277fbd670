package delta

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/airgap-ferry/ferry/delta/entropy"
	"github.com/airgap-ferry/ferry/delta/nested"
)

const (
	// leastGivenUp is the shortest plain text that is worth a look.
	leastGivenUp = 4 << 20

	// Hope is that a target has this share in common with others, or that the
	// patch may be smaller than the blob by this share.
	hopeShare = 64

	// A target is sampled in so many places, this long.
	hopePlaces = 64
	hopePiece  = 16 << 10

	// hopeGain is what coding may gain over zstd at its fastest, and openedGain
	// where streams are opened. Nothing else is gained of noise.
	hopeGain   = 0.5
	openedGain = 0.6

	// hopeStart is how much of a content says whether it holds streams.
	hopeStart = 4 << 10
)

// hopeless says whether s, which is added to the catalog, is left out.
func (b *Builder) hopeless(s *source, recipe int64) (Cost, error) {
	if !b.o.GiveUp || s.table.Plain < leastGivenUp || b.inCommon() > s.table.Plain/hopeShare {
		return Cost{}, nil
	}
	ratio, err := s.sampleRatio()
	if err != nil {
		return Cost{}, fmt.Errorf("making a patch of %s: %w", s.digest, err)
	}
	estimate := int64(ratio*float64(s.table.Plain)) + recipe
	if estimate < s.size-s.size/hopeShare {
		return Cost{}, nil
	}
	estimate = max(estimate, s.size)
	return Cost{Bytes: estimate, Hopeless: true, Streams: []StreamCost{{streamName(streamText), s.table.Plain, estimate}}}, nil
}

// inCommon returns how many bytes of the source added last are made from others.
func (b *Builder) inCommon() int64 {
	var n int64
	entries := b.catalog.sources[len(b.catalog.sources)-1].table.entries
	for i, ch := range b.catalog.plan() {
		if ch.kind == contentCopy || ch.kind == contentPatch {
			n += entries[i].size
		}
	}
	return n
}

// sampleRatio guesses what share of the plain text remains once it is coded.
func (s *source) sampleRatio() (float64, error) {
	var e entropy.Encoder
	var plain, coded float64
	piece := make([]byte, hopePiece)
	var out []byte
	for i := range int64(hopePlaces) {
		at := (s.table.Plain - hopePiece) * i / (hopePlaces - 1)
		if err := readAt(s.window.r, piece, at); err != nil {
			return 0, err
		}
		_, out = e.Encode(out[:0], piece, entropy.Text, entropy.Fast)
		gain, err := s.gainAt(at, piece)
		if err != nil {
			return 0, err
		}
		plain += hopePiece
		coded += gain * float64(len(out))
	}
	return coded / plain, nil
}

// gainAt guesses how much smaller than with zstd at its fastest the piece at off
// can become.
func (s *source) gainAt(off int64, piece []byte) (float64, error) {
	if !entropy.IsNoise(piece[:hopePiece/2]) || !entropy.IsNoise(piece[hopePiece/2:]) {
		return hopeGain, nil
	}
	i, found := slices.BinarySearchFunc(s.table.entries, off, func(e entry, off int64) int { return cmp.Compare(e.off, off) })
	if !found {
		i--
	}
	e := &s.table.entries[i]
	if e.size < hopeStart || e.size > openLimit {
		return 1, nil
	}
	b := make([]byte, hopeStart)
	if err := readAt(s.window.r, b, e.content()); err != nil {
		return 0, err
	}
	if nested.MayHold(b) || string(b[:4]) == elfMagic {
		return openedGain, nil
	}
	return 1, nil
}
