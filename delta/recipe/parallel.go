package recipe

import (
	"bytes"
	"io"
	"sync"
)

// parallelText is about how much plain text is compressed at a time.
const parallelText = 8 << 20

// A blockEncoder is an encoder whose blocks depend on nothing but the plain
// text before them, and begin and end on whole bytes.
type blockEncoder interface {
	encoder

	// after begins a stream, as reset does, in the middle of a larger one:
	// with the block that follows the block before.
	after(w io.Writer, p Params, before []byte)

	// endBlock ends a block that others follow.
	endBlock() error
}

func (d *kpFast) after(w io.Writer, p Params, before []byte) {
	d.reset(w, p)
	if len(before) > 0 {
		d.end = copy(d.history[:kpTail], before[len(before)-kpTail:])
		d.begin()
	}
}

func (d *kpFast) endBlock() error {
	d.flush()
	return d.out.err
}

func (e *pigz) after(w io.Writer, p Params, before []byte) {
	e.reset(w, p)
	if len(before) > 0 && !e.independent {
		e.before = append(e.before, before[len(before)-windowSize:]...)
	}
}

// A parallel is an encoder that gathers blocks and hands them to several
// encoders at a time. It makes of the input what one of them would.
type parallel struct {
	c      *Codec
	w      io.Writer
	p      Params
	before []byte // the block before those in text
	text   []byte
	outs   []bytes.Buffer
	err    error
}

func (e *parallel) reset(w io.Writer, p Params) {
	e.w, e.p, e.err = w, p, nil
	e.before, e.text = e.before[:0], e.text[:0]
}

func (e *parallel) write(p []byte) error {
	most := max(parallelText/e.p.Block, 2) * e.p.Block
	for len(p) > 0 && e.err == nil {
		// The last block must not go before it is known that it is not the last.
		if len(e.text) == most {
			e.run(false)
		}
		n := min(len(p), most-len(e.text))
		e.text = append(e.text, p[:n]...)
		p = p[n:]
	}
	return e.err
}

func (e *parallel) spill() error { return e.err }

func (e *parallel) close() error {
	if e.err == nil {
		e.run(true)
	}
	return e.err
}

// run compresses the blocks gathered.
func (e *parallel) run(last bool) {
	size := e.p.Block
	n := max(1, (len(e.text)+size-1)/size)
	for len(e.outs) < n {
		e.outs = append(e.outs, bytes.Buffer{})
	}
	err := e.c.Parallel(n, func(i int) error {
		before := e.before
		if i > 0 {
			before = e.text[(i-1)*size : i*size]
		}
		e.outs[i].Reset()
		return e.encode(&e.outs[i], before, e.text[i*size:min(len(e.text), (i+1)*size)], last && i == n-1)
	})
	for i := 0; i < n && err == nil; i++ {
		_, err = e.w.Write(e.outs[i].Bytes())
	}
	e.err = err
	e.before = append(e.before[:0], e.text[(n-1)*size:]...)
	e.text = e.text[:0]
}

// encode compresses one block.
func (e *parallel) encode(w io.Writer, before, block []byte, last bool) error {
	enc := e.c.pool.take(e.p)
	defer e.c.pool.put(e.p, enc)
	b, ok := enc.(blockEncoder)
	if !ok {
		return ErrUnknownEncoder
	}
	b.after(w, e.p, before)
	if err := b.write(block); err != nil {
		return err
	}
	if last {
		return b.close()
	}
	if err := b.endBlock(); err != nil {
		return err
	}
	return b.spill()
}

// A pool keeps encoders that are not in use.
type pool struct {
	mu   sync.Mutex // guards free
	free map[encoderKey][]encoder
}

func (p *pool) take(params Params) encoder {
	k := keyOf(params)
	p.mu.Lock()
	defer p.mu.Unlock()
	free := p.free[k]
	if len(free) == 0 {
		return params.Encoder.info().open(params)
	}
	p.free[k] = free[:len(free)-1]
	return free[len(free)-1]
}

func (p *pool) put(params Params, e encoder) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.free == nil {
		p.free = make(map[encoderKey][]encoder)
	}
	p.free[keyOf(params)] = append(p.free[keyOf(params)], e)
}

// smallMember is what members are small below, so that several are compressed
// at a time.
const smallMember = parallelText / 2

// replaySmall replays members of g, all of them small, several at a time.
func (c *Codec) replaySmall(g *Group, plain io.Reader, w io.Writer) error {
	var outs []bytes.Buffer
	for sizes := g.Plain; len(sizes) > 0; {
		n, total := 0, int64(0)
		for n < len(sizes) && n < 256 && total+sizes[n] <= parallelText {
			total += sizes[n]
			n++
		}
		text := make([]byte, total)
		if err := readFull(plain, text); err != nil {
			return err
		}
		parts := make([][]byte, n)
		for i, size := range sizes[:n] {
			parts[i], text = text[:size], text[size:]
		}
		for len(outs) < n {
			outs = append(outs, bytes.Buffer{})
		}
		err := c.Parallel(n, func(i int) error {
			outs[i].Reset()
			e := c.pool.take(g.Params)
			defer c.pool.put(g.Params, e)
			return encodeMember(e, g, parts[i], &outs[i])
		})
		for i := 0; i < n && err == nil; i++ {
			_, err = w.Write(outs[i].Bytes())
		}
		if err != nil {
			return err
		}
		sizes = sizes[n:]
	}
	return nil
}

// encodeMember compresses text to a whole member.
func encodeMember(e encoder, g *Group, text []byte, w io.Writer) error {
	if _, err := w.Write(g.Header); err != nil {
		return err
	}
	t := newTrailer(g.Frame)
	t.write(text)
	e.reset(w, g.Params)
	if err := e.write(text); err != nil {
		return err
	}
	if err := e.close(); err != nil {
		return err
	}
	_, err := w.Write(t.bytes())
	return err
}

// small reports whether the members of g are many and small.
func (g *Group) small() bool {
	for _, n := range g.Plain {
		if n > smallMember {
			return false
		}
	}
	return len(g.Plain) > 1 && len(g.Fix) == 0
}
