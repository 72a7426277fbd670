package volume

import (
	"crypto/sha256"
	"fmt"
	"hash"

	"github.com/airgap-ferry/ferry/bundle"
)

// A Digester compares each entry as a whole with its digest while its chunks
// go by. Chunks are verified already; what is left to find is an index whose
// chunk digests don't belong to the digest of the entry.
type Digester struct {
	plan  *bundle.Plan
	entry int   // whose bytes are in hash
	next  int64 // offset of the byte that hash waits for
	hash  hash.Hash
	open  map[int]bool
}

// NewDigester returns a Digester for the entries of plan.
func NewDigester(plan *bundle.Plan) *Digester {
	return &Digester{plan: plan, entry: -1, hash: sha256.New(), open: make(map[int]bool)}
}

// Add takes the next chunk. It returns an error if an entry is complete and
// has another digest than the index says.
func (d *Digester) Add(c bundle.Chunk) error {
	if c.Offset == 0 && c.Last {
		return nil // the digest of the only chunk is that of the entry
	}
	if c.Offset == 0 {
		d.entry, d.next = c.Entry, 0
		d.hash.Reset()
	}
	if d.entry != c.Entry || d.next != c.Offset {
		d.open[c.Entry] = true
		return nil
	}
	d.open[c.Entry] = !c.Last
	d.hash.Write(c.Data)
	d.next += int64(len(c.Data))
	if !c.Last {
		return nil
	}
	delete(d.open, c.Entry)
	want := d.plan.Index().Entries[c.Entry].Digest
	if got := bundle.DigestFromSum([sha256.Size]byte(d.hash.Sum(nil))); got != want {
		return &bundle.FormatError{Part: "index", Msg: fmt.Sprintf("the chunks of %s put together have digest %s", want, got)}
	}
	return nil
}

// Open returns the entries of which some chunks went by, but not all in
// order: whoever needs to know their digest must read them again.
func (d *Digester) Open() []int {
	entries := make([]int, 0, len(d.open))
	for e := range d.open {
		entries = append(entries, e)
	}
	return entries
}
