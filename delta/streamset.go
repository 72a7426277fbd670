package delta

import "github.com/airgap-ferry/ferry/delta/entropy"

// aheadFrames is how many frames of a stream are decoded at a time, where that
// is slow.
const aheadFrames = 2

// A streamSet reads all streams of a patch.
type streamSet struct {
	p        *Patch
	parallel Parallel
	budget   int // bytes of frames that may wait decoded
	r        [numStreams]streamReader
	begun    [numStreams]int // frames
	ready    map[int][]byte  // frames decoded ahead
}

func (s *streamSet) open(p *Patch, o *ApplyOptions) {
	s.p, s.parallel, s.ready = p, o.Parallel, make(map[int][]byte)
	s.budget = int(o.Memory / 8)
	for k := range s.r {
		s.r[k].next = func() ([]byte, error) { return s.next(k) }
	}
}

// next returns the next frame of stream k, nil after the last.
func (s *streamSet) next(k int) ([]byte, error) {
	if s.begun[k] == len(s.p.streams[k]) {
		return nil, nil
	}
	i := s.p.streams[k][s.begun[k]]
	if b, ok := s.ready[i]; ok {
		delete(s.ready, i)
		s.begun[k]++
		return b, nil
	}
	if s.slow(i) {
		if err := s.decode(i); err != nil {
			return nil, err
		}
	}
	s.begun[k]++
	if b, ok := s.ready[i]; ok {
		delete(s.ready, i)
		return b, nil
	}
	return s.p.frame(nil, i)
}

// slow reports whether frame i is decoded ahead, many at a time.
func (s *streamSet) slow(i int) bool {
	f := &s.p.head.frames[i]
	return f.coder != entropy.Stored && f.coder != entropy.Zstd
}

// decode decodes frame wanted, and the next frames of other streams that are
// slow, as long as they are not too large to wait.
func (s *streamSet) decode(wanted int) error {
	frames := []int{wanted}
	left := s.budget
	for i := range s.ready {
		left -= s.p.head.frames[i].plain
	}
	for k := range s.r {
		rest := s.p.streams[k][s.begun[k]:]
		for _, i := range rest[:min(aheadFrames, len(rest))] {
			if _, ok := s.ready[i]; ok || i == wanted || !s.slow(i) || k == streamRecipes {
				continue
			}
			if n := s.p.head.frames[i].plain; n <= left {
				left -= n
				frames = append(frames, i)
			}
		}
	}
	decoded := make([][]byte, len(frames))
	err := s.parallel(len(frames), func(i int) (err error) {
		decoded[i], err = s.p.frame(nil, frames[i])
		return err
	})
	for i, k := range frames {
		if decoded[i] != nil {
			s.ready[k] = decoded[i]
		}
	}
	return err
}

// end checks that all streams have been read to their ends.
func (s *streamSet) end() error {
	for k := range s.r {
		if k != streamRecipes && (len(s.r[k].cur) > 0 || s.begun[k] < len(s.p.streams[k])) {
			return badOp("%s: bytes after the end", streamName(k))
		}
	}
	return nil
}
