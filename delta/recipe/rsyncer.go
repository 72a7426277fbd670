package recipe

// rsyncWindow is the reach of the sum that decides where --rsyncable cuts.
const rsyncWindow = 4096

// An rsyncer is what gzip --rsyncable adds: blocks end where the sum of the
// last 4,096 bytes is a multiple of 4,096.
type rsyncer struct {
	on  bool
	sum uint32
	at  int // window index of the byte that the block under way ends with, or -1
}

func (r *rsyncer) reset(on bool) { *r = rsyncer{on: on, at: -1} }

func (r *rsyncer) slide() {
	if r.at >= 0 {
		r.at -= windowSize
	}
}

// roll takes n bytes of w from index i into the sum.
func (r *rsyncer) roll(w *window, i, n int) {
	if !r.on {
		return
	}
	for end := i + n; i < end; i++ {
		r.sum += uint32(w[i])
		if i < rsyncWindow {
			continue
		}
		r.sum -= uint32(w[i-rsyncWindow])
		if r.at < 0 && r.sum%rsyncWindow == 0 {
			r.at = i
		}
	}
}

// cuts reports whether a block ends before index, and if so forgets it.
func (r *rsyncer) cuts(index int) bool {
	if !r.on || r.at < 0 || index <= r.at {
		return false
	}
	r.at = -1
	return true
}
