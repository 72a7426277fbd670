package entropy

// A bit history is a byte that stands for what was seen in one context: how
// many zeros, how many ones, and which came last. State 0 is "nothing seen".
// States are ordered by the sum of both counts, then by the count of ones, then
// by the last bit, so that a greater number means more experience.

// historyLimit[a] is the most that the greater count may be where the smaller
// one is a.
var historyLimit = [...]int{30, 24, 12, 8, 6, 5}

// history is one state.
type history struct {
	n    [2]int // zeros and ones seen
	last int    // the last bit; 0 where either count is 0
}

// allowed says whether the counts a and b are within the limits.
func allowed(a, b int) bool {
	return min(a, b) < len(historyLimit) && max(a, b) <= historyLimit[min(a, b)]
}

// after returns the history h once the bit y was seen: the count of y goes up,
// and of the other count, where it is above 2, only a part remains. A count that
// is not allowed shrinks, that of y first, to what is.
func (h history) after(y int) history {
	h.n[y]++
	if o := h.n[1-y]; o > 2 {
		h.n[1-y] = historyDiscount(o)
	}
	for !allowed(h.n[0], h.n[1]) {
		if h.n[y] > h.n[1-y] || h.n[1-y] <= 2 {
			h.n[y]--
		} else {
			h.n[1-y]--
		}
	}
	h.last = 0
	if h.n[0] > 0 && h.n[1] > 0 {
		h.last = y
	}
	return h
}

// historyDiscount is what remains of n after the other bit was seen.
func historyDiscount(n int) int {
	switch {
	case n > 20:
		return 6
	case n > 12:
		return 5
	case n > 7:
		return 4
	case n > 4:
		return 3
	default:
		return 2
	}
}

// A historyTable holds the automaton: next[y][s] follows s after the bit y, and
// initial[s] is the probability of a one to start from, in units of 1/65536.
type historyTable struct {
	next    [2][256]byte
	initial [256]uint32
}

var histories = makeHistories()

func makeHistories() *historyTable {
	var all []history
	for sum := 0; sum <= 2*historyLimit[0]; sum++ {
		for ones := 0; ones <= sum; ones++ {
			if !allowed(sum-ones, ones) {
				continue
			}
			h := history{n: [2]int{sum - ones, ones}}
			all = append(all, h)
			if ones > 0 && ones < sum {
				h.last = 1
				all = append(all, h)
			}
		}
	}
	number := make(map[history]byte, len(all))
	for i, h := range all {
		number[h] = byte(i)
	}
	t := new(historyTable)
	for i, h := range all {
		t.next[0][i] = number[h.after(0)]
		t.next[1][i] = number[h.after(1)]
		t.initial[i] = uint32((h.n[1]*2 + 1) * 65536 / (2 * (h.n[0] + h.n[1] + 1))) //nolint:gosec // below 65536
	}
	return t
}
