package recipe

import "io"

// A pigz cuts its input into blocks and compresses each with zlib, after a
// preset dictionary of the 32 KiB before it unless blocks are independent.
type pigz struct {
	z           zDeflate
	params      Params
	independent bool
	block       []byte
	before      []byte // the last 32 KiB of the block before
}

func newPigz() encoder { return new(pigz) }

func (e *pigz) reset(w io.Writer, p Params) {
	e.params = p
	e.independent = p.Encoder == PigzI
	e.z.reset(w, Params{Encoder: ZlibLevel, Level: p.Level})
	e.block, e.before = e.block[:0], e.before[:0]
}

func (e *pigz) write(p []byte) error {
	for len(p) > 0 {
		if len(e.block) == e.params.Block {
			if err := e.endBlock(); err != nil {
				return err
			}
		}
		n := min(len(p), e.params.Block-len(e.block))
		e.block = append(e.block, p[:n]...)
		p = p[n:]
	}
	return e.z.out.err
}

func (e *pigz) spill() error { return e.z.spill() }

// begin hands the gathered block to zlib.
func (e *pigz) begin() error {
	e.z.restart()
	if len(e.before) > 0 {
		e.z.preset(e.before)
	}
	return e.z.write(e.block)
}

// endBlock ends a block that others follow on a whole byte.
func (e *pigz) endBlock() error {
	if err := e.begin(); err != nil {
		return err
	}
	e.z.flush()
	out := &e.z.out
	if e.independent || out.nb&1 != 0 {
		out.stored(nil, false)
	} else {
		// Empty blocks of fixed codes are ten bits.
		for out.nb != 0 {
			out.bits(header(blockFixed, false), 10)
		}
	}
	if e.independent {
		out.stored(nil, false)
	} else {
		e.before = append(e.before[:0], e.block[len(e.block)-windowSize:]...)
	}
	e.block = e.block[:0]
	return out.err
}

func (e *pigz) close() error {
	if err := e.begin(); err != nil {
		return err
	}
	return e.z.close()
}
