package entropy

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/klauspost/compress/zstd"
)

const (
	minZstdWindow = 1 << 17
	maxZstdWindow = 32 << 20
)

// A zstdEncoder keeps one library encoder for each level it was asked for. The
// library starts goroutines for streams only; whole frames it codes in the
// caller's.
type zstdEncoder struct {
	levels [zstd.SpeedBestCompression + 1]struct {
		window int
		*zstd.Encoder
	}
}

// encode appends one frame without checksum whose window holds all of src, up
// to maxZstdWindow.
func (z *zstdEncoder) encode(dst, src []byte, effort Effort) []byte {
	level := zstd.SpeedBestCompression
	if effort == Fast {
		level = zstd.SpeedFastest
	}
	l := &z.levels[level]
	window := min(max(1<<bits.Len(uint(len(src))), minZstdWindow), maxZstdWindow)
	if l.Encoder == nil || l.window < window {
		w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1),
			zstd.WithEncoderCRC(false), zstd.WithWindowSize(window), zstd.WithZeroFrames(true))
		if err != nil {
			panic("entropy: internal error: " + err.Error()) // an option is out of range
		}
		l.Encoder, l.window = w, window
	}
	return l.EncodeAll(src, dst)
}

// A zstdDecoder keeps one library decoder.
type zstdDecoder struct {
	*zstd.Decoder
}

func (z *zstdDecoder) decode(dst, src []byte, size int) ([]byte, error) {
	if z.Decoder == nil {
		r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxFrame),
			zstd.WithDecoderMaxWindow(MaxFrame), zstd.WithDecodeAllCapLimit(true))
		if err != nil {
			panic("entropy: internal error: " + err.Error()) // an option is out of range
		}
		z.Decoder = r
	}
	var h zstd.Header
	if err := h.Decode(src); err != nil {
		return dst, fmt.Errorf("decoding zstd frame: %w", err)
	}
	if h.Skippable || h.HasFCS && h.FrameContentSize != uint64(size) { //nolint:gosec // not negative
		return dst, fmt.Errorf("decoding zstd frame: the header does not announce %d bytes", size)
	}
	n := len(dst)
	out := slices.Grow(dst, size)
	out, err := z.DecodeAll(src, out[:n:n+size])
	if err != nil {
		return dst, fmt.Errorf("decoding zstd frame: %w", err)
	}
	if len(out)-n != size {
		return dst, fmt.Errorf("decoding zstd frame: %d bytes, want %d", len(out)-n, size)
	}
	return out, nil
}
