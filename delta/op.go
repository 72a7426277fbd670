package delta

// A ref names an entry: a source by its number and an entry of it.
type ref struct{ source, entry int }

// What the content of an entry is made from.
type contentKind int64

const (
	contentEmpty contentKind = 0
	contentCopy  contentKind = 1 // of another entry
	contentPatch contentKind = 2 // against another entry
	contentNew   contentKind = 3
)

// The flags of an operation. An even number is a run: its lowest bit but one
// says that a reference follows, the others how many entries are copied. An
// odd number is one entry, and these bits say what follows.
const (
	opEntry = 1 << 0

	runRef   = 1 << 1
	runShift = 2

	opContent   = 3 << 1 // a contentKind
	opFrom      = 1 << 3 // the content's reference follows; else it is the header's
	opBase      = 1 << 4 // the header is coded against an entry, not the header before
	opBaseRef   = 1 << 5 // and its reference follows; else it is the next
	opHeadSize  = 1 << 6 // bytes of the header part follow; else it is as long as the other
	opSize      = 1 << 7 // bytes of the content follow; else they are as the header says
	opPadding   = 1 << 8 // bytes of padding follow; else they are what tar needs
	opNested    = 1 << 9 // the content is made as a view, with opened streams
	opRange     = 1 << 10
	opNewStream = 3 << 11 // which stream holds new content, from streamText on

	opLimit = 1<<13 - 1

	contentShift   = 1
	newStreamShift = 11
)

// A cursor guesses which entry is used next: the one after the last used of
// the same source.
type cursor struct {
	last int // source used last
	next []int
}

func (c *cursor) reset() {
	c.last = 0
	clear(c.next)
}

// grow makes room for n sources.
func (c *cursor) grow(n int) {
	for len(c.next) < n {
		c.next = append(c.next, 0)
	}
}

func (c *cursor) guess() ref { return ref{c.last, c.next[c.last]} }

func (c *cursor) used(r ref, n int) {
	c.last = r.source
	c.next[r.source] = r.entry + n
}

// appendRef appends r, as the difference from what c guesses.
func (c *cursor) appendRef(b []byte, r ref) []byte {
	b = appendSigned(b, int64(r.source-c.last))
	return appendSigned(b, int64(r.entry-c.next[r.source]))
}

// readRef reads what appendRef wrote. The source may be any of the first n.
func (c *cursor) readRef(r *streamReader, n int) (ref, error) {
	d, err := r.signed(int64(n))
	if err != nil {
		return ref{}, err
	}
	source := c.last + int(d)
	if source < 0 || source >= n {
		return ref{}, badOp("source %d of %d", source, n)
	}
	if d, err = r.signed(maxEntries); err != nil {
		return ref{}, err
	}
	return ref{source, c.next[source] + int(d)}, nil
}
