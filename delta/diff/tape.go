package diff

// tape is a target from its front to its end: what the operations made, then
// guesses written over it, then corrected. Whoever guesses goes forward only.
type tape struct {
	out     []byte
	truth   []byte // the target, where a patch is made
	ops     []op
	classes []uint8
	cursors [2]cursor
}

// open puts the cursors before the first corrections of s.
func (t *tape) open(s *Streams) {
	for i := range t.cursors {
		c := &t.cursors[i]
		*c = cursor{data: s[Sparse+i], class: Sparse + i}
		s[Sparse+i] = nil
		c.advance(t.ops, t.classes)
	}
}

// settle returns the n bytes of the target at pos as they are in truth. What
// stands before pos+n is not changed any more.
func (t *tape) settle(pos, n int) []byte {
	if t.truth != nil {
		return t.truth[pos : pos+n]
	}
	for i := range t.cursors {
		for c := &t.cursors[i]; c.next < pos+n; c.advance(t.ops, t.classes) {
			t.out[c.next] += c.add
		}
	}
	return t.out[pos : pos+n]
}

// close makes the last corrections. It reports false if there is one that
// belongs nowhere.
func (t *tape) close() bool {
	t.settle(len(t.out), 0)
	return !t.cursors[0].bad && !t.cursors[1].bad
}
