package entropy

const (
	// leastNoise is the smallest frame that is looked at for noise.
	leastNoise = 32 << 10

	// One sample of noiseSample bytes stands for noiseEvery bytes.
	noiseSample = 4 << 10
	noiseEvery  = 128 << 10
)

// IsNoise says whether b looks as if no coder made it smaller: in samples
// throughout it, every byte is about as frequent as any other. It says no of less
// than one sample.
func IsNoise(b []byte) bool {
	if len(b) < noiseSample {
		return false
	}
	for at := 0; at+noiseSample <= len(b); at += noiseEvery {
		if !isNoise(b[at : at+noiseSample]) {
			return false
		}
	}
	return true
}

// isNoise compares the sum of the squares of the frequencies with that of
// noise, n + n²/256 on average, less than 2 % off.
func isNoise(b []byte) bool {
	var counts [256]int
	for _, c := range b {
		counts[c]++
	}
	sum := 0
	for _, n := range counts {
		sum += n * n
	}
	n := len(b)
	mean := n + n*n/256
	return sum <= mean+mean/16
}
