package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A DamageError reports bytes of a volume that are not what the statement
// says: the medium or the copy is damaged, or somebody changed it.
type DamageError struct {
	Place  string // volume and what stands there, such as "volume 2, blob sha256:…"
	Offset int64  // of the place in the volume, bytes
	Msg    string
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%s, at byte %d: %s", e.Place, e.Offset, e.Msg)
}

// A VolumeReader reads one volume from its first byte to its last, once.
//
// The order of calls is: ReadHead, then (after the caller has verified the
// signatures) ReadIndex if HasIndex, then Identify, then ReadPayload. A
// VolumeReader checks that every byte is the one that statement and index
// demand; it does not check who signed them.
//
// If the volume ends early, errors wrap [io.ErrUnexpectedEOF]. Bytes that are
// not a volume at all give a [*FormatError], and bytes that contradict the
// statement a [*DamageError].
type VolumeReader struct {
	r     io.Reader
	pos   int64
	next  [blockSize]byte // the header of the member after what was read
	place string          // of what is being read
	index bool            // ReadIndex was called

	StatementText []byte
	Statement     *Statement
	Signatures    []Signature // ascending by key id
}

// NewVolumeReader returns a reader of the volume that r holds. It reads in
// blocks and whole chunks: r needs no buffer.
func NewVolumeReader(r io.Reader) *VolumeReader { return &VolumeReader{r: r, place: "volume"} }

// ReadHead reads the statement and the signatures, at most
// MaxStatementSize + MaxSignatures + 1 KiB each, and no further than the
// header after them.
func (v *VolumeReader) ReadHead() error {
	err := v.block(&v.next)
	if like := memberHeader(nameStatement, 0); err != nil && !bytes.Equal(v.next[:min(v.pos, 100)], like[:min(v.pos, 100)]) {
		return noVolume() // and too short to be one
	}
	if err != nil {
		return err
	}
	name, size, err := parseMember(&v.next)
	if err != nil || name != nameStatement {
		return noVolume()
	}
	if size > MaxStatementSize {
		return statementError("%d bytes, at most %d are allowed", size, MaxStatementSize)
	}
	if v.StatementText, err = v.content(size); err != nil {
		return err
	}
	if v.Statement, err = ParseStatement(v.StatementText); err != nil {
		return err
	}
	return v.readSignatures()
}

func noVolume() error {
	return &FormatError{Part: "volume", Msg: "does not begin with the member " + nameStatement}
}

func (v *VolumeReader) readSignatures() error {
	for {
		if err := v.block(&v.next); err != nil {
			return err
		}
		name, size, err := parseMember(&v.next)
		if err != nil && !isZero(v.next[:]) {
			return v.damage("%v", err)
		}
		id, isSig := strings.CutPrefix(name, prefixSig)
		if !isSig {
			return nil
		}
		id, ok := strings.CutSuffix(id, suffixSig)
		if !ok || !ValidKeyID(id) || size > maxSignatureSize {
			return &FormatError{Part: "signature", Msg: fmt.Sprintf("member %.80q of %d bytes is not a signature", name, size)}
		}
		if n := len(v.Signatures); n == MaxSignatures || n > 0 && v.Signatures[n-1].KeyID >= id {
			return &FormatError{Part: "signature", Msg: fmt.Sprintf("signature by %s is out of order, twice, or more than %d", id, MaxSignatures)}
		}
		text, err := v.content(size)
		if err != nil {
			return err
		}
		s, err := ParseSignature(id, text)
		if err != nil {
			return err
		}
		v.Signatures = append(v.Signatures, s)
	}
}

// HasIndex reports whether the index stands next. It does in the first and
// in the last volume.
func (v *VolumeReader) HasIndex() bool {
	return v.next == memberHeader(nameIndex, v.Statement.Index.Size)
}

// ReadIndex reads the index, compares it with the statement, then parses it
// and lays out the bundle.
func (v *VolumeReader) ReadIndex() (*Plan, error) {
	v.place = "index"
	if !v.HasIndex() {
		return nil, v.damage("the member %s is not where it belongs", nameIndex)
	}
	text, err := v.content(v.Statement.Index.Size)
	if err != nil {
		return nil, err
	}
	if d := DigestOf(text); d != v.Statement.Index.Digest {
		return nil, v.damage("the index has digest %s, the statement says %s", d, v.Statement.Index.Digest)
	}
	p, err := v.Statement.plan(text)
	if err != nil {
		return nil, err
	}
	v.index = true
	return p, v.block(&v.next)
}

// PlanOf parses the index of a statement, checks one against the other and
// lays out the bundle.
func PlanOf(s *Statement, index []byte) (*Plan, error) {
	if d := DigestOf(index); d != s.Index.Digest {
		return nil, &FormatError{Part: "index", Msg: fmt.Sprintf("has digest %s, the statement says %s", d, s.Index.Digest)}
	}
	return s.plan(index)
}

func (s *Statement) plan(index []byte) (*Plan, error) {
	ix, err := ParseIndex(index, s.Layout.ChunkSize)
	if err != nil {
		return nil, err
	}
	if info := ix.Info(index, s.Layout.ChunkSize); info != s.Index {
		return nil, &FormatError{Part: "index", Msg: fmt.Sprintf("has %d entries, %d chunks, %d bytes; the statement says %d, %d, %d",
			info.Entries, info.Chunks, info.Bytes, s.Index.Entries, s.Index.Chunks, s.Index.Bytes)}
	}
	p, err := NewPlan(ix, s.Layout.VolumeSize, s.Layout.ChunkSize)
	if err != nil {
		return nil, &FormatError{Part: "index", Msg: err.Error()}
	}
	if p.Layout != s.Layout {
		return nil, &FormatError{Part: "index", Msg: fmt.Sprintf("takes %d volumes, the statement says %d", p.Layout.Volumes, s.Layout.Volumes)}
	}
	return p, nil
}

// Index returns the index that p lays out. The caller must not change it.
func (p *Plan) Index() *Index { return p.index }

// Identify returns the number of the volume, from 1, by what stands next.
// Volumes carry no number: their names may have changed on the way.
func (v *VolumeReader) Identify(p *Plan) (int, error) {
	for n := 1; n <= len(p.payload); n++ {
		if v.next == p.firstAfterIndex(n) {
			if err := v.checkIndex(p, n); err != nil {
				return 0, err
			}
			return n, nil
		}
	}
	v.place = "volume"
	return 0, v.damage("what stands after the head belongs to no volume of this bundle")
}

// checkIndex checks that volume n had an index if and only if one belongs
// there.
func (v *VolumeReader) checkIndex(p *Plan, n int) error {
	if v.index == p.hasIndex(n) {
		return nil
	}
	v.place = fmt.Sprintf("volume %d", n)
	if v.index {
		return v.damage("the member %s does not belong here", nameIndex)
	}
	return v.damage("the member %s is missing", nameIndex)
}

// firstAfterIndex returns the header that stands in volume n after the
// signatures and the index, all zeros if that is the end.
func (p *Plan) firstAfterIndex(n int) (h [blockSize]byte) {
	if n == 1 {
		return memberHeader(nameOCILayout, int64(len(ociLayout)))
	}
	if parts := p.VolumeParts(n); len(parts) > 0 {
		return memberHeader(p.member(parts[0]), parts[0].Size)
	}
	return h
}

// A Chunk is verified bytes of an entry.
type Chunk struct {
	Entry  int    // of Index.Entries
	Offset int64  // in the entry, bytes
	Data   []byte // valid until the callback returns
	Last   bool   // nothing of the entry follows
}

// ReadPayload reads the rest of volume n, which Identify has named, through
// buf, and gives each chunk to sink once its digest is verified. It ends
// when the volume has ended and nothing follows. An entry of no bytes is one
// chunk without data.
//
// buf must have at least the chunk size of the bundle as its length.
func (v *VolumeReader) ReadPayload(p *Plan, n int, buf []byte, sink func(Chunk) error) error {
	v.place = fmt.Sprintf("volume %d", n)
	if err := v.checkIndex(p, n); err != nil {
		return err
	}
	if n == 1 {
		if err := v.readFixed(nameOCILayout, []byte(ociLayout)); err != nil {
			return err
		}
		if err := v.readFixed(nameOCIIndex, p.ociIndex); err != nil {
			return err
		}
	}
	for _, part := range p.VolumeParts(n) {
		if err := v.readPart(p, part, buf, sink); err != nil {
			return err
		}
	}
	v.place = fmt.Sprintf("volume %d, end", n)
	return v.readEnd()
}

// readFixed reads the member that stands next, which must have this name and
// content, and the header after it.
func (v *VolumeReader) readFixed(name string, want []byte) error {
	if v.next != memberHeader(name, int64(len(want))) {
		return v.damage("the member %s is not where it belongs", name)
	}
	got, err := v.content(int64(len(want)))
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return v.damage("%s differs at byte %d", name, commonPrefix(got, want))
	}
	return v.block(&v.next)
}

func (v *VolumeReader) readPart(p *Plan, part Part, buf []byte, sink func(Chunk) error) error {
	e := p.index.Entries[part.Entry]
	v.place = fmt.Sprintf("volume %d, %s", part.Volume, e.Digest)
	if v.next != memberHeader(p.member(part), part.Size) {
		return v.damage("the member header is not the one that belongs here")
	}
	for done := int64(0); done < part.Size || part.Size == 0; {
		at := part.Offset + done
		data := buf[:min(p.Layout.ChunkSize, part.Size-done)]
		start := v.pos
		if err := v.full(data); err != nil {
			return err
		}
		number := at / p.Layout.ChunkSize
		if got, want := DigestOf(data), e.chunkDigest(number); got != want {
			return &DamageError{v.place, start, fmt.Sprintf("chunk %d of %d has digest %s, the index says %s", number+1, max(1, len(e.Chunks)), got, want)}
		}
		done += int64(len(data))
		if err := sink(Chunk{part.Entry, at, data, at+int64(len(data)) == e.Size}); err != nil {
			return err
		}
		if part.Size == 0 {
			break
		}
	}
	if err := v.padding(part.Size); err != nil {
		return err
	}
	return v.block(&v.next)
}

// readEnd checks the zero blocks at the end, the first of which is v.next,
// and that nothing follows.
func (v *VolumeReader) readEnd() error {
	if !isZero(v.next[:]) {
		return v.damage("a member follows that the index does not have")
	}
	if err := v.block(&v.next); err != nil {
		return err
	}
	if !isZero(v.next[:]) {
		return v.damage("the end is not zeros")
	}
	n, err := io.ReadFull(v.r, v.next[:1])
	if n > 0 {
		return v.damage("bytes follow the end")
	}
	if !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading %s at byte %d: %w", v.place, v.pos, err)
	}
	return nil
}

// content returns n bytes and reads over the padding behind them.
func (v *VolumeReader) content(n int64) ([]byte, error) {
	// Grown as bytes come in, so that a size alone costs no memory.
	var b bytes.Buffer
	if m, err := io.CopyN(&b, v.r, n); err != nil {
		v.pos += m
		return nil, v.readError(err)
	}
	v.pos += n
	return b.Bytes(), v.padding(n)
}

func (v *VolumeReader) padding(n int64) error {
	var pad [blockSize]byte
	b := pad[:padded(n)-n]
	if err := v.full(b); err != nil {
		return err
	}
	if !isZero(b) {
		return v.damage("padding is not zeros")
	}
	return nil
}

func (v *VolumeReader) block(b *[blockSize]byte) error { return v.full(b[:]) }

func (v *VolumeReader) full(b []byte) error {
	n, err := io.ReadFull(v.r, b)
	v.pos += int64(n)
	if err != nil {
		return v.readError(err)
	}
	return nil
}

func (v *VolumeReader) readError(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("reading %s: after %d bytes: %w", v.place, v.pos, err)
}

func (v *VolumeReader) damage(format string, args ...any) error {
	return &DamageError{v.place, v.pos, fmt.Sprintf(format, args...)}
}
