package tokens

import (
	"bytes"
	"errors"
	"io"
)

const pullPiece = 32 << 10

// Pull returns a reader of what an encoder makes of plain. Open begins a stream
// that the encoder writes to w; the reader writes plain to it, a piece at a time
// as it is read from itself, and closes it after the last.
func Pull(plain io.Reader, open func(w io.Writer) (io.WriteCloser, error)) io.Reader {
	return &puller{plain: plain, open: open}
}

// A puller holds what the encoder made of the last piece.
type puller struct {
	plain io.Reader
	open  func(w io.Writer) (io.WriteCloser, error)
	enc   io.WriteCloser
	piece []byte
	out   bytes.Buffer
	err   error
}

func (p *puller) Read(b []byte) (int, error) {
	for p.out.Len() == 0 && len(b) > 0 {
		if p.err == nil {
			p.err = p.step()
		}
		if p.err != nil && p.out.Len() == 0 {
			return 0, p.err
		}
	}
	return p.out.Read(b)
}

// step gives the encoder a piece; after the last it returns io.EOF.
func (p *puller) step() error {
	if p.enc == nil {
		var err error
		if p.enc, err = p.open(&p.out); err != nil {
			return err
		}
		p.piece = make([]byte, pullPiece)
	}
	n, err := p.plain.Read(p.piece)
	if n > 0 {
		if _, err := p.enc.Write(p.piece[:n]); err != nil {
			return err
		}
	}
	if errors.Is(err, io.EOF) {
		if err := p.enc.Close(); err != nil {
			return err
		}
	}
	return err
}
