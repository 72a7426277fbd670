package recipe

// find looks for the longest match of the text at pos that is longer than
// length. It returns its length and distance, or 0 if there is none. The
// nearest of the same hash must be in reach.
//
// The original walks the chain of the text at pos, up to a number of steps.
// Once a match of some length is there to beat, see leap.
func (d *goDeflate) find(pos, length, limit int) (found, at int) {
	nice, spare := min(d.nice, limit), d.spare
	if length < goMinMatch {
		at = int(d.back[low16(pos+d.base)])
		found = d.window.match(pos-at, pos, limit)
		if found < goMinMatch || found == goMinMatch && at > goTooFar {
			found, at = d.walk(pos, length, limit, at)
		}
		length = found
	}
	for length < nice && length >= goMinMatch {
		var n, dist int
		if spare > 0 {
			n, dist, spare = d.leap(pos, length, limit, at, spare)
		}
		if spare == 0 {
			n, dist = d.walk(pos, length, limit, at)
		}
		if n == 0 {
			break
		}
		found, length, at = n, n, dist
	}
	return found, at
}

// leap is walk for a length of at least goMinMatch. A longer match must also
// match everywhere up to where that length ends, and the chains of the texts
// there lead to it as well: leap walks one that looks short. The ranks tell how
// many steps the original would have taken. It takes at most spare steps, and
// returns how many of them are left: if that is none, it has found nothing.
func (d *goDeflate) leap(pos, length, limit, from, spare int) (n, dist, left int) {
	win, back := &d.window, &d.back
	reach := min(pos, windowSize)
	here := low16(pos + d.base)

	// All chains of the match at from lead on from there; that of what comes
	// next begins at pos.
	low, there := here+low16(length-3), here-low16(from)
	next, on := int(back[low]), int(back[there])
	for _, o := range [2]uint16{there + low16(length-4), there + low16(length-4)/2} {
		if b := int(back[o]); b > on {
			on, there = b, o
		}
	}
	if next > reach || from+on > reach {
		return 0, 0, spare
	}
	if on*reach > next*(reach-from) {
		low, dist = there, from
	}
	first, last := win.load32(pos), win.load32(pos+length-3)
	for ; spare > 0; spare-- {
		step := back[low]
		dist += int(step)
		if dist > reach {
			return 0, 0, spare
		}
		low -= step
		if (win.load32(pos-dist)^first)|(win.load32(pos-dist+length-3)^last) != 0 {
			continue
		}
		if n = win.match(pos-dist, pos, limit); n > length {
			if int(d.rank[here]-d.rank[here-low16(dist)]) > d.chain {
				n = 0
			}
			return n, dist, spare
		}
	}
	return 0, 0, 0
}

// walk looks along the chain of the text at pos for the nearest match that is
// longer than length, beyond the distance from, which is that of another match,
// or 0.
func (d *goDeflate) walk(pos, length, limit, from int) (n, dist int) {
	win, back := &d.window, &d.back
	reach := min(pos, windowSize)
	here := low16(pos + d.base)
	low := here - low16(from)
	tries := d.chain - int(d.rank[here]-d.rank[low])
	// The four bytes that end where a longer match would.
	want := win.load32(pos + length - 3)
	for dist = from; tries > 0; tries-- {
		step := back[low]
		dist += int(step)
		if dist > reach {
			break
		}
		low -= step
		if win.load32(pos-dist-3+length) != want {
			continue
		}
		n = win.match(pos-dist, pos, limit)
		if n > length && (n > goMinMatch || dist <= goTooFar) {
			return n, dist
		}
	}
	return 0, 0
}
