package strictyaml

// Nearest returns the name that s was probably meant to be, or "" if none is
// near: at most a third of it may differ, two letters changing places counted
// as one difference.
func Nearest(s string, names []string) string {
	best, bestDistance := "", len(s)
	if len(s) > 40 {
		return ""
	}
	for _, n := range names {
		if d := distance(s, n); d < bestDistance && d <= max(1, len(n)/3) {
			best, bestDistance = n, d
		}
	}
	return best
}

// distance returns how many letters must be inserted, removed, replaced or
// exchanged with their neighbour to make b of a.
func distance(a, b string) int {
	var before []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
