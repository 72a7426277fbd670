package bundle

import (
	"cmp"
	"fmt"
	"slices"
)

// A Writer knows the bytes around the payload of each volume: with it the
// payload can be written first, at its final place, and the rest last.
type Writer struct {
	plan         *Plan
	statementLen int
	signatures   int
}

// NewWriter returns a Writer for a bundle whose statement will have
// statementLen bytes and the given number of signatures.
func NewWriter(p *Plan, statementLen, signatures int) (*Writer, error) {
	if statementLen < 1 || statementLen > MaxStatementSize || signatures < 0 || signatures > MaxSignatures {
		return nil, fmt.Errorf("a statement of %d bytes with %d signatures can not be written", statementLen, signatures)
	}
	return &Writer{p, statementLen, signatures}, nil
}

// VolumeSize returns the bytes of volume n, from 1.
func (w *Writer) VolumeSize(n int) int64 {
	return w.plan.headSize(n, w.statementLen, w.signatures) + w.plan.payload[n-1] + endSize
}

// Place returns where the content of part begins in its volume.
func (w *Writer) Place(part Part) int64 {
	return w.plan.headSize(part.Volume, w.statementLen, w.signatures) + part.start + blockSize
}

// Header returns the block that stands before the content of part.
func (w *Writer) Header(part Part) []byte {
	h := memberHeader(w.plan.member(part), part.Size)
	return h[:]
}

// AppendHead appends the bytes before the payload of volume n. What is not
// written of a volume — padding and end — is zeros.
func (w *Writer) AppendHead(b []byte, n int, statement []byte, sigs []Signature, index []byte) ([]byte, error) {
	if len(statement) != w.statementLen || len(sigs) != w.signatures || int64(len(index)) != w.plan.indexLen {
		return nil, fmt.Errorf("writing volume %d: statement, signatures or index are not of the planned size", n)
	}
	b = appendMember(b, nameStatement, statement)
	sigs = slices.SortedFunc(slices.Values(sigs), func(a, b Signature) int { return cmp.Compare(a.KeyID, b.KeyID) })
	for _, s := range sigs {
		text, err := s.AppendText(nil)
		if err != nil {
			return nil, err
		}
		b = appendMember(b, prefixSig+s.KeyID+suffixSig, text)
	}
	if w.plan.hasIndex(n) {
		b = appendMember(b, nameIndex, index)
	}
	if n == 1 {
		b = appendMember(b, nameOCILayout, []byte(ociLayout))
		b = appendMember(b, nameOCIIndex, w.plan.ociIndex)
	}
	return b, nil
}

func appendMember(b []byte, name string, content []byte) []byte {
	h := memberHeader(name, int64(len(content)))
	b = append(append(b, h[:]...), content...)
	return append(b, make([]byte, padded(int64(len(content)))-int64(len(content)))...)
}
