package recipe

// ParseID returns the encoder with this name, and whether there is one.
func ParseID(name string) (ID, bool) {
	for id := ID(1); id != 0; id++ {
		if info := id.info(); info != nil && info.name == name {
			return id, true
		}
	}
	return 0, false
}

// speeds are what one core of a usual machine replays, in bytes of plain text
// per second, at the fastest and the slowest level of an encoder: about, to
// foretell how long a rebuild will take.
var speeds = map[ID][2]float64{
	Go126: {190e6, 15e6}, ZlibLevel: {90e6, 12e6}, GNU: {90e6, 12e6}, GNUR: {90e6, 12e6},
	Pigz: {90e6, 12e6}, PigzI: {90e6, 12e6}, KPG: {100e6, 100e6}, KPH: {100e6, 100e6}, Tokens: {30e6, 30e6},
}

const (
	middleLevel = 6 // of 1 to 9
	slowest     = 9

	usualSpeed = 80e6 // of encoders without a line, in bytes of plain text per second
	copySpeed  = 1e9  // of what is not compressed, likewise
)

// Speed returns about how many bytes of plain text per second one core replays
// of g.
func (g *Group) Speed() float64 {
	if g.Frame == Stored {
		return copySpeed
	}
	s, ok := speeds[g.Encoder]
	switch {
	case !ok:
		return usualSpeed
	case g.Level > middleLevel:
		return min(s[0], usualSpeed, s[1]*float64(slowest+1-g.Level))
	case g.Level == 1:
		return s[0]
	}
	return min(s[0], usualSpeed)
}
