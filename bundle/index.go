package bundle

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	indexMagicPrefix = "ferry-index-v"
	indexMagic       = indexMagicPrefix + "1"
	indexMagic2      = indexMagicPrefix + "2" // of an index with patches

	// maxIndexLine bounds one line. A blob of 64 GiB in chunks of 8 MiB has
	// 8,192 chunk digests of 71 characters.
	maxIndexLine = 1 << 20 // bytes

	// MaxBlobSize bounds one blob.
	MaxBlobSize = 64 << 30 // bytes

	verbAdded    = "added"
	verbRemoved  = "removed"
	verbManifest = "manifest"
	verbBlob     = "blob"
	verbPatch    = "patch"
	verbRebuilt  = "rebuilt"
	verbBase     = "base"
	verbEncoder  = "encoder"
)

// An Index lists what a bundle carries and what that changes at the site.
type Index struct {
	Changes []Change // sorted by name, then added before removed
	Entries []Entry  // manifests, then blobs, then patches, each sorted by digest

	// What the patches make. All of it is empty in a bundle without patches.
	Rebuilt  []Blob   // blobs that the site has after it has applied the patches, sorted
	Bases    []Blob   // blobs that the site must hold for that, sorted
	Encoders []string // names of the encoders that it must know for that, sorted
}

// A Change is a reference that the releases of the bundle bring, move or
// drop. Changes are for people and for the OCI layout of the bundle; what is
// done inside follows from the releases.
type Change struct {
	Removed bool
	Name    string // such as "docker.io/library/nginx:1.27"
	Digest  Digest // what the name stands for now, or stood for before
}

// An Entry is a manifest, a blob or a patch that the bundle carries.
type Entry struct {
	Digest    Digest
	Size      int64    // bytes
	MediaType string   // of a manifest; "" for others
	Patch     bool     // it is a patch: what the site holds is what it makes
	Chunks    []Digest // nil if the entry is one chunk: its digest is then Digest
}

// IsManifest reports whether e is a manifest, and so is pushed as one.
func (e Entry) IsManifest() bool { return e.MediaType != "" }

// verb returns the word that the line of e begins with.
func (e Entry) verb() string {
	switch {
	case e.IsManifest():
		return verbManifest
	case e.Patch:
		return verbPatch
	}
	return verbBlob
}

// kind orders the kinds of entries.
func (e Entry) kind() int { return slices.Index([]string{verbManifest, verbBlob, verbPatch}, e.verb()) }

// ChunkCount returns the number of chunks of a blob of size bytes.
func ChunkCount(size, chunkSize int64) int64 { return (size + chunkSize - 1) / chunkSize }

// chunkDigest returns the digest of chunk i of e.
func (e Entry) chunkDigest(i int64) Digest {
	if e.Chunks == nil {
		return e.Digest
	}
	return e.Chunks[i]
}

// Sort puts ix into canonical order.
func (ix *Index) Sort() {
	slices.SortFunc(ix.Changes, compareChanges)
	slices.SortFunc(ix.Entries, compareEntries)
	slices.SortFunc(ix.Rebuilt, compareBlobs)
	slices.SortFunc(ix.Bases, compareBlobs)
	slices.Sort(ix.Encoders)
}

func compareChanges(a, b Change) int {
	if c := cmp.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	return cmp.Compare(a.verb(), b.verb())
}

func compareEntries(a, b Entry) int {
	if c := cmp.Compare(a.kind(), b.kind()); c != 0 {
		return c
	}
	return cmp.Compare(a.Digest, b.Digest)
}

func (c Change) verb() string {
	if c.Removed {
		return verbRemoved
	}
	return verbAdded
}

// Info returns what the statement says of ix, whose encoded bytes are text.
func (ix *Index) Info(text []byte, chunkSize int64) IndexInfo {
	info := IndexInfo{Digest: DigestOf(text), Size: int64(len(text)), Entries: int64(len(ix.Entries))}
	for _, e := range ix.Entries {
		info.Chunks += ChunkCount(e.Size, chunkSize)
		info.Bytes += e.Size
	}
	return info
}

// EncodedSize returns the length of what AppendText appends, which does not
// depend on the digests of chunks.
func (ix *Index) EncodedSize(chunkSize int64) int64 {
	n := int64(len(indexMagic) + 1)
	for _, c := range ix.Changes {
		n += int64(len(c.verb()) + 1 + len(c.Digest) + 1 + len(c.Name) + 1)
	}
	for _, e := range ix.Entries {
		n += int64(len(e.verb()) + 1 + len(e.Digest) + 1 + len(strconv.FormatInt(e.Size, 10)) + 1)
		if e.IsManifest() {
			n += int64(1 + len(e.MediaType))
		}
		if c := ChunkCount(e.Size, chunkSize); c > 1 {
			n += c * int64(1+len(e.Digest))
		}
	}
	return n + ix.patchesSize()
}

// AppendText appends ix in canonical form. It fails if ix is not sorted or
// has a value that ParseIndex would not accept.
func (ix *Index) AppendText(b []byte, chunkSize int64) ([]byte, error) {
	b = append(append(b, ix.magic()...), '\n')
	for i, c := range ix.Changes {
		if err := checkChange(ix.Changes, i); err != nil {
			return nil, err
		}
		b = fmt.Appendf(b, "%s %s %s\n", c.verb(), c.Digest, c.Name)
	}
	for i, e := range ix.Entries {
		if err := checkEntry(ix.Entries, i, chunkSize); err != nil {
			return nil, err
		}
		b = fmt.Appendf(b, "%s %s %d", e.verb(), e.Digest, e.Size)
		if e.IsManifest() {
			b = append(append(b, ' '), e.MediaType...)
		}
		for _, c := range e.Chunks {
			b = append(append(b, ' '), c...)
		}
		b = append(b, '\n')
	}
	b, err := ix.appendPatches(b)
	if err != nil {
		return nil, err
	}
	return b, ix.checkWhole()
}

// checkWhole checks what no line shows by itself.
func (ix *Index) checkWhole() error {
	if err := ix.checkPatches(); err != nil {
		return err
	}
	return ix.checkDistinct()
}

// checkDistinct makes sure that no digest stands for two things: one member
// would stand twice in the bundle, or a blob be brought that is there.
func (ix *Index) checkDistinct() error {
	type list struct {
		verb    string
		digests []Digest
	}
	lists := []list{{verb: verbManifest}, {verb: verbBlob}, {verb: verbPatch}, {verbRebuilt, digests(ix.Rebuilt)}, {verbBase, digests(ix.Bases)}}
	for _, e := range ix.Entries {
		l := &lists[e.kind()]
		l.digests = append(l.digests, e.Digest)
	}
	for i, a := range lists {
		for _, b := range lists[i+1:] {
			if d := common(a.digests, b.digests); d != "" {
				return fmt.Errorf("%s is both a %s and a %s", d, a.verb, b.verb)
			}
		}
	}
	return nil
}

// common returns the first digest that is in both of two sorted lists, or "".
func common(a, b []Digest) Digest {
	for len(a) > 0 && len(b) > 0 {
		switch cmp.Compare(a[0], b[0]) {
		case 0:
			return a[0]
		case -1:
			a = a[1:]
		default:
			b = b[1:]
		}
	}
	return ""
}

// ParseIndex parses the bytes of an index. Errors are a [*VersionError] or a
// [*FormatError] with the line.
func ParseIndex(b []byte, chunkSize int64) (*Index, error) {
	p := indexParser{chunkSize: chunkSize, ix: new(Index)}
	if len(b) > 0 && b[len(b)-1] != '\n' {
		return nil, &FormatError{Part: "index", Msg: "does not end with a newline"}
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, maxIndexLine)
	lines.Split(splitLines)
	for lines.Scan() {
		p.line++
		if err := p.parse(lines.Text()); err != nil {
			return nil, err
		}
	}
	if err := lines.Err(); err != nil {
		return nil, &FormatError{Part: "index", Line: p.line + 1, Msg: err.Error()}
	}
	if p.line == 0 {
		return nil, &FormatError{Part: "index", Line: 1, Msg: "empty"}
	}
	if (p.version == 2) != (p.ix.magic() == indexMagic2) {
		return nil, &FormatError{Part: "index", Msg: fmt.Sprintf("version %d, want %q", p.version, p.ix.magic())}
	}
	if err := p.ix.checkWhole(); err != nil {
		return nil, &FormatError{Part: "index", Msg: err.Error()}
	}
	return p.ix, nil
}

// splitLines is bufio.ScanLines without mercy for carriage returns.
func splitLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

type indexParser struct {
	chunkSize int64
	ix        *Index
	line      int // from 1
	version   int
}

func (p *indexParser) parse(text string) error {
	if p.line == 1 {
		return p.magic(text)
	}
	verb, rest, _ := strings.Cut(text, " ")
	var err error
	switch verb {
	case verbAdded, verbRemoved:
		err = p.change(verb, rest)
	case verbManifest, verbBlob, verbPatch:
		err = p.entry(verb, rest)
	case verbRebuilt, verbBase, verbEncoder:
		err = p.patchLine(verb, rest)
	default:
		return p.errorf("got %.40q, which is no line of an index", text)
	}
	if err != nil {
		return p.errorf("%v", err)
	}
	return nil
}

// magic parses the first line.
func (p *indexParser) magic(text string) error {
	switch {
	case text == indexMagic:
		p.version = 1
	case text == indexMagic2:
		p.version = 2
	case isVersion([]byte(text), indexMagicPrefix):
		return &VersionError{Got: text}
	default:
		return p.errorf("got %.40q, want %q", text, indexMagic)
	}
	return nil
}

func (p *indexParser) change(verb, rest string) error {
	if len(p.ix.Entries) > 0 || p.ix.hasPatchLines() {
		return fmt.Errorf("%q after the first entry", verb)
	}
	d, name, _ := strings.Cut(rest, " ")
	p.ix.Changes = append(p.ix.Changes, Change{Removed: verb == verbRemoved, Name: name, Digest: Digest(d)})
	return checkChange(p.ix.Changes, len(p.ix.Changes)-1)
}

func (p *indexParser) entry(verb, rest string) error {
	if len(p.ix.Entries) == MaxEntries {
		return fmt.Errorf("more than %d entries", MaxEntries)
	}
	if p.ix.hasPatchLines() {
		return fmt.Errorf("%q after what the patches make", verb)
	}
	f := strings.Split(rest, " ")
	fixed := 2
	if verb == verbManifest {
		fixed = 3
	}
	if len(f) < fixed {
		return fmt.Errorf("%d fields, want at least %d", len(f)+1, fixed+1)
	}
	size, err := parseSize(f[1])
	if err != nil {
		return err
	}
	e := Entry{Digest: Digest(f[0]), Size: size, Patch: verb == verbPatch}
	if verb == verbManifest {
		e.MediaType = f[2]
		if e.MediaType == "" {
			return fmt.Errorf("a manifest without a media type")
		}
	}
	for _, c := range f[fixed:] {
		e.Chunks = append(e.Chunks, Digest(c))
	}
	p.ix.Entries = append(p.ix.Entries, e)
	return checkEntry(p.ix.Entries, len(p.ix.Entries)-1, p.chunkSize)
}

func parseSize(text string) (int64, error) {
	size, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(size, 10) != text {
		return 0, fmt.Errorf("size %.40q: want a decimal without sign or leading zeros", text)
	}
	return size, nil
}

func (p *indexParser) errorf(format string, args ...any) error {
	return &FormatError{Part: "index", Line: p.line, Msg: fmt.Sprintf(format, args...)}
}

// checkChange checks change i and its place after the one before.
func checkChange(changes []Change, i int) error {
	c := changes[i]
	if _, err := ParseDigest(string(c.Digest)); err != nil {
		return err
	}
	if len(c.Name) < 1 || len(c.Name) > 512 || strings.Trim(c.Name, lower+upper+digits+"._-+:/@") != "" {
		return fmt.Errorf("name %.80q: want 1 to 512 characters of a reference", c.Name)
	}
	if i > 0 && compareChanges(changes[i-1], c) >= 0 {
		return fmt.Errorf("%s %q is out of order or twice", c.verb(), c.Name)
	}
	return nil
}

func checkSize(d Digest, size int64) error {
	if size < 0 || size > MaxBlobSize {
		return fmt.Errorf("size of %s is %d, want 0 to %d", d, size, int64(MaxBlobSize))
	}
	return nil
}

// checkEntry checks entry i and its place after the one before.
func checkEntry(entries []Entry, i int, chunkSize int64) error {
	e := entries[i]
	if _, err := ParseDigest(string(e.Digest)); err != nil {
		return err
	}
	if err := checkSize(e.Digest, e.Size); err != nil {
		return err
	}
	if e.Patch && e.IsManifest() {
		return fmt.Errorf("%s is both a manifest and a patch", e.Digest)
	}
	if len(e.MediaType) > 255 || strings.Trim(e.MediaType, lower+upper+digits+"._-+/") != "" {
		return fmt.Errorf("media type %.80q: want up to 255 characters of one", e.MediaType)
	}
	want := ChunkCount(e.Size, chunkSize)
	if want <= 1 {
		want = 0
	}
	if int64(len(e.Chunks)) != want {
		return fmt.Errorf("%s has %d chunk digests, want %d", e.Digest, len(e.Chunks), want)
	}
	for _, c := range e.Chunks {
		if _, err := ParseDigest(string(c)); err != nil {
			return err
		}
	}
	if i > 0 && compareEntries(entries[i-1], e) >= 0 {
		return fmt.Errorf("%s is out of order or twice", e.Digest)
	}
	return nil
}
