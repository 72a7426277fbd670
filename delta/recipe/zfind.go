package recipe

// zPatience is how many matches are looked at before another chain is looked
// for.
const zPatience = 24

// find returns the match at index that the original finds there: the nearest
// of the longest, if longer than length, among the first of its chain, which is
// in links. It is for any place of the input, also near its end. Without a match
// it returns 0.
func (d *zDeflate) find(links *zLinks, length, lookahead int) (found, at int) {
	win, pos := &d.window, d.index
	tries, nice := d.chain, d.nice
	if length >= d.good {
		tries >>= 2
	}
	limit := maxMatch
	if !d.gnu {
		limit = min(limit, lookahead)
		nice = min(nice, lookahead)
	}
	back := links.at(pos)
	c := pos - back
	if back == 0 || back > zMaxDist || c <= 0 {
		return 0, 0
	}
	length = max(length, zMinMatch-1)
	tail := length - 2
	want := win.load32(pos+tail) << 8
	// The first may be further away than those after it.
	for first := max(pos-zMaxDist, 0); ; {
		if win.load32(c+tail)<<8 == want {
			if n := win.match(c, pos, limit); n > length {
				length, found, at = n, n, c
				if n >= nice {
					return found, at
				}
				tail = n - 2
				want = win.load32(pos+tail) << 8
			}
		}
		c -= links.at(c)
		if tries--; tries == 0 || c <= first {
			return found, at
		}
	}
}

// search is find where a match cannot reach the end of the input.
func (d *zDeflate) search(pos, length int) (found, at int) {
	switch back := d.link3.at(pos); {
	case back == zMaxDist:
		// Three bytes are too far away here.
		if found, at = d.find(&d.link3, length, maxMatch); found == zMinMatch && pos-at > zTooFar {
			return 0, 0
		}
		return found, at
	case back == 0 || back > zMaxDist:
		return 0, 0
	}
	tries := d.chain
	if length >= d.good {
		tries >>= 2
	}
	switch {
	case !d.long:
		found, at = d.walk4(pos, length, tries, d.nice)
	case d.chain > 256:
		found, at = d.walk(&d.link8, 8, pos, max(length, 7), tries, d.nice)
		if found == 0 && length < 7 {
			found, at = d.walk(&d.link4, 4, pos, max(length, 3), tries, 7)
		}
	default:
		// Shorter matches do not matter if there is one of eight bytes.
		found, at = d.walk8(pos, max(length, 7), tries)
		if found == 0 && length < 7 {
			found, at = d.walk4(pos, length, tries, 7)
		}
	}
	if found == 0 && length < zMinMatch {
		return d.search3(pos, tries)
	}
	return found, at
}

// search3 returns the nearest match of three bytes when there is none of more
// and it is not too far.
func (d *zDeflate) search3(pos, tries int) (found, at int) {
	win := &d.window
	first := max(pos-zTooFar-1, 0)
	want := win.load32(pos) << 8
	for c := pos; tries > 0; tries-- {
		c -= d.link3.at(c)
		if c <= first {
			return 0, 0
		}
		if win.load32(c)<<8 == want {
			return zMinMatch, c
		}
	}
	return 0, 0
}

// walk looks at the matches at pos that are longer than length, all of which
// are on the chain of pos in links: one of texts that have the first gram bytes
// in common. It looks at few of them if there is another chain, of a later part
// of the match, that has fewer.
func (d *zDeflate) walk(links *zLinks, gram, pos, length, tries, nice int) (found, at int) {
	win := &d.window
	first := max(pos-zMaxDist, 0)
	tail, mask := length+1-gram, uint64(1)<<(8*gram)-1
	want := win.load64(pos + tail)
	shift, patience := 0, zPatience
	c := pos - links.at(pos)
	for steps := tries; c > first; steps-- {
		if (win.load64(c+tail)^want)&mask == 0 {
			if n := win.match(c, pos, maxMatch); n > length && d.reaches(pos, c, tries) {
				length, found, at = n, n, c
				if n >= nice {
					break
				}
				tail = n + 1 - gram
				want = win.load64(pos + tail)
			}
		}
		if steps < 0 && d.beyond(pos, c, tries) {
			break
		}
		if patience--; patience == 0 {
			patience = 32 * zPatience
			shift, c = rarest(links, pos, tail, c)
			continue
		}
		c -= links.at(c + shift)
	}
	return found, at
}

// rarest returns the place among the first last of the text at pos whose chain
// in links seems to be the shortest, and the first on that chain below c.
func rarest(links *zLinks, pos, last, c int) (shift, next int) {
	for i := range last + 1 {
		if links.at(pos+i) > links.at(pos+shift) {
			shift = i
		}
	}
	next = pos
	for next >= c {
		next -= links.at(next + shift)
	}
	return shift, next
}

// walk4 is walk for short chains of four bytes.
func (d *zDeflate) walk4(pos, length, tries, nice int) (found, at int) {
	win, links := &d.window, &d.link4
	first := max(pos-zMaxDist, 0)
	length = max(length, 3)
	tail := length - 3
	want := win.load32(pos + tail)
	c := pos - links.at(pos)
	for steps := tries; c > first; steps-- {
		if win.load32(c+tail) == want {
			if n := win.match(c, pos, maxMatch); n > length && d.reaches(pos, c, tries) {
				length, found, at = n, n, c
				if n >= nice {
					break
				}
				tail = n - 3
				want = win.load32(pos + tail)
			}
		}
		if steps < 0 && d.beyond(pos, c, tries) {
			break
		}
		c -= links.at(c)
	}
	return found, at
}

// walk8 is walk for short chains of eight bytes.
func (d *zDeflate) walk8(pos, length, tries int) (found, at int) {
	win, links := &d.window, &d.link8
	first := max(pos-zMaxDist, 0)
	tail := length - 7
	want := win.load64(pos + tail)
	c := pos - links.at(pos)
	for steps := tries; c > first; steps-- {
		if win.load64(c+tail) == want {
			if n := win.match(c, pos, maxMatch); n > length && d.reaches(pos, c, tries) {
				length, found, at = n, n, c
				if n >= d.nice {
					break
				}
				tail = n - 7
				want = win.load64(pos + tail)
			}
		}
		if steps < 0 && d.beyond(pos, c, tries) {
			break
		}
		c -= links.at(c)
	}
	return found, at
}

// reaches reports whether the original gets to c, where text like that at pos
// is, before it gives up.
func (d *zDeflate) reaches(pos, c, tries int) bool {
	return (d.number.at(pos)-d.number.at(c))&0xffff <= tries
}

// beyond reports whether the original has given up at c, or sooner. It may say
// no where it cannot know.
func (d *zDeflate) beyond(pos, c, tries int) bool {
	win := &d.window
	return win.load32(c)<<8 == win.load32(pos)<<8 && !d.reaches(pos, c, tries)
}
