package entropy

const flagInputs = 3

// A flagModel says whether a token is a match: three contexts, mixed.
type flagModel struct {
	state   [lzStates][lzPositions]bit
	order1  [3][256]bit
	order2  [3][1 << 12]bit
	weights [lzStates][flagInputs]int32
}

func (f *flagModel) init() {
	for i := range f.state {
		resetBits(f.state[i][:])
		f.weights[i] = [flagInputs]int32{65536 / 2, 65536 / 4, 65536 / 4}
	}
	for i := range f.order1 {
		resetBits(f.order1[i][:])
		resetBits(f.order2[i][:])
	}
}

// A flagContext is where one flag stands.
type flagContext struct {
	at [flagInputs]*bit
	x  [flagInputs]int32
	w  *[flagInputs]int32
	pr uint32
}

// begin computes the probability of a match after the text buf.
func (c *flagContext) begin(f *flagModel, buf []byte, state int) {
	n := len(buf)
	h := uint32(0)
	if n >= 2 {
		h = uint32(buf[n-1]) | uint32(buf[n-2])<<8
	}
	g := stateGroup(state)
	c.at = [flagInputs]*bit{
		&f.state[state][n&(lzPositions-1)],
		&f.order1[g][h&255],
		&f.order2[g][h*0x9e3779b1>>20],
	}
	c.w = &f.weights[state]
	d := int64(0)
	for i, b := range &c.at {
		c.x[i] = stretch(b.p())
		d += int64(c.x[i]) * int64(c.w[i])
	}
	c.pr = squash(d >> 16)
}

func (c *flagContext) update(y int) {
	e := (int64(y)<<16 - int64(c.pr)) * 12
	for i, b := range &c.at {
		c.w[i] += int32((int64(c.x[i])*e + 1<<19) >> 20) //nolint:gosec // far within 32 bits
		b.update(y)
	}
}
