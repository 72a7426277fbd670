package delta

import (
	"bytes"
	"fmt"
	"slices"
	"sync"

	"github.com/airgap-ferry/ferry/delta/entropy"
)

// A frame is a part of a stream, coded by itself.
type frame struct {
	stream int
	birth  int64 // when the applier first needs it
	raw    []byte
	coded  bool
	coder  entropy.Coder
	plain  int
	size   int   // coded
	at     int64 // in the scratch file
}

// A frameEncoder keeps what coding takes from one frame to the next.
type frameEncoder struct {
	coder entropy.Encoder
	buf   []byte
}

// Of the memory of frames, so many pieces are kept, if they are not small.
const (
	maxSpare   = 4
	leastSpare = 1 << 20
)

// A frameWriter cuts streams into frames, and keeps the coded ones in a
// temporary file until the patch is written.
type frameWriter struct {
	effort  entropy.Effort
	scratch Temp

	pending [numStreams][]byte
	births  [numStreams]int64
	written [numStreams]int64 // bytes of the stream so far
	frames  []*frame
	clock   int64 // counts entries

	mu       sync.Mutex
	end      int64 // of the scratch file
	encoders []*frameEncoder
	spare    [][]byte // what frames held that are coded
}

// write appends b to stream s.
func (w *frameWriter) write(s int, b []byte) {
	w.written[s] += int64(len(b))
	for len(b) > 0 {
		if len(w.pending[s]) == 0 {
			w.births[s] = w.clock
		}
		limit := cutAt(s)
		n := min(len(b), limit-len(w.pending[s]))
		w.pending[s] = append(w.room(w.pending[s], n, limit), b[:n]...)
		b = b[n:]
		if len(w.pending[s]) == limit {
			w.cut(s)
		}
	}
}

// room returns b with room for n more bytes, limit in all at most.
func (w *frameWriter) room(b []byte, n, limit int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, s := range w.spare {
		if cap(s) >= len(b)+n && cap(s) <= 2*limit {
			w.spare = slices.Delete(w.spare, i, i+1)
			return append(s[:0], b...)
		}
	}
	grown := make([]byte, len(b), min(max(2*cap(b), len(b)+n), limit))
	copy(grown, b)
	return grown
}

// cut ends the frame under way of stream s.
func (w *frameWriter) cut(s int) {
	if len(w.pending[s]) == 0 {
		return
	}
	w.frames = append(w.frames, &frame{stream: s, birth: w.births[s], raw: w.pending[s], plain: len(w.pending[s])})
	w.pending[s] = nil
}

// waiting returns how many bytes of frames wait to be coded.
func (w *frameWriter) waiting() int64 {
	var n int64
	for i := len(w.frames) - 1; i >= 0 && !w.frames[i].coded; i-- {
		n += int64(w.frames[i].plain)
	}
	return n
}

// uncoded returns the frames that wait to be coded.
func (w *frameWriter) uncoded() []*frame {
	var fs []*frame
	for i := len(w.frames) - 1; i >= 0 && !w.frames[i].coded; i-- {
		fs = append(fs, w.frames[i])
	}
	return fs
}

// code codes f. Different frames may be coded at the same time.
func (w *frameWriter) code(f *frame) error {
	e := w.encoder()
	coder, b := e.coder.Encode(e.buf[:0], f.raw, kindOf(f.stream), w.effort)
	w.mu.Lock()
	f.at = w.end
	w.end += int64(len(b))
	w.mu.Unlock()
	if _, err := w.scratch.WriteAt(b, f.at); err != nil {
		return fmt.Errorf("writing a temporary file: %w", err)
	}
	e.buf = b
	w.mu.Lock()
	defer w.mu.Unlock()
	w.encoders = append(w.encoders, e)
	if len(w.spare) < maxSpare && cap(f.raw) >= leastSpare {
		w.spare = append(w.spare, f.raw)
	}
	f.coder, f.size, f.raw, f.coded = coder, len(b), nil, true
	return nil
}

func (w *frameWriter) encoder() *frameEncoder {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.encoders); n > 0 {
		e := w.encoders[n-1]
		w.encoders = w.encoders[:n-1]
		return e
	}
	return new(frameEncoder)
}

// A frameMark is a state of a frameWriter that one can go back to.
type frameMark struct {
	pending [numStreams][]byte
	births  [numStreams]int64
	written [numStreams]int64
	frames  int
	clock   int64
}

// mark returns the present state. Frames that are large already end here, so
// that little need be kept.
func (w *frameWriter) mark() *frameMark {
	for s := range w.pending {
		if len(w.pending[s]) > frameLimit(s)/2 {
			w.cut(s)
		}
	}
	m := &frameMark{births: w.births, written: w.written, frames: len(w.frames), clock: w.clock}
	for s := range w.pending {
		m.pending[s] = bytes.Clone(w.pending[s])
	}
	return m
}

// back returns to the state m.
func (w *frameWriter) back(m *frameMark) {
	w.pending, w.births, w.written, w.clock = m.pending, m.births, m.written, m.clock
	w.frames = w.frames[:m.frames]
}

// order sorts the frames as the applier needs them.
func (w *frameWriter) order() []*frame {
	fs := slices.Clone(w.frames)
	slices.SortStableFunc(fs, func(a, b *frame) int {
		if a.birth != b.birth {
			return int(a.birth - b.birth)
		}
		return a.stream - b.stream
	})
	return fs
}
