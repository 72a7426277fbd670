package bundle

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxEncoders bounds the encoders that an index names.
const maxEncoders = 256

// A Blob is content by its digest and size.
type Blob struct {
	Digest Digest
	Size   int64 // bytes
}

func compareBlobs(a, b Blob) int { return cmp.Compare(a.Digest, b.Digest) }

func digests(blobs []Blob) []Digest {
	list := make([]Digest, 0, len(blobs))
	for _, b := range blobs {
		list = append(list, b.Digest)
	}
	return list
}

// Holdings returns what the site has of the bundle once it is imported: the
// manifests and blobs that it carries, and the blobs that its patches make.
func (ix *Index) Holdings() []Blob {
	all := slices.Clone(ix.Rebuilt)
	for _, e := range ix.Entries {
		if !e.Patch {
			all = append(all, Blob{e.Digest, e.Size})
		}
	}
	return all
}

// HasPatches reports whether the bundle carries patches.
func (ix *Index) HasPatches() bool {
	return slices.ContainsFunc(ix.Entries, func(e Entry) bool { return e.Patch })
}

// magic returns the first line of ix: version 1 where that says all.
func (ix *Index) magic() string {
	if ix.HasPatches() || ix.hasPatchLines() {
		return indexMagic2
	}
	return indexMagic
}

func (ix *Index) hasPatchLines() bool { return len(ix.Rebuilt)+len(ix.Bases)+len(ix.Encoders) > 0 }

// patchesSize returns the length of what appendPatches appends.
func (ix *Index) patchesSize() (n int64) {
	for _, b := range ix.Rebuilt {
		n += int64(len(verbRebuilt) + 1 + len(b.Digest) + 1 + len(strconv.FormatInt(b.Size, 10)) + 1)
	}
	for _, b := range ix.Bases {
		n += int64(len(verbBase) + 1 + len(b.Digest) + 1 + len(strconv.FormatInt(b.Size, 10)) + 1)
	}
	for _, name := range ix.Encoders {
		n += int64(len(verbEncoder) + 1 + len(name) + 1)
	}
	return n
}

func (ix *Index) appendPatches(b []byte) ([]byte, error) {
	for i, r := range ix.Rebuilt {
		if err := checkBlob(ix.Rebuilt, i); err != nil {
			return nil, err
		}
		b = fmt.Appendf(b, "%s %s %d\n", verbRebuilt, r.Digest, r.Size)
	}
	for i, r := range ix.Bases {
		if err := checkBlob(ix.Bases, i); err != nil {
			return nil, err
		}
		b = fmt.Appendf(b, "%s %s %d\n", verbBase, r.Digest, r.Size)
	}
	for i, name := range ix.Encoders {
		if err := checkEncoder(ix.Encoders, i); err != nil {
			return nil, err
		}
		b = fmt.Appendf(b, "%s %s\n", verbEncoder, name)
	}
	return b, nil
}

// patchLine parses a line about what the patches make.
func (p *indexParser) patchLine(verb, rest string) error {
	ix := p.ix
	switch {
	case verb == verbRebuilt && len(ix.Bases)+len(ix.Encoders) > 0, verb == verbBase && len(ix.Encoders) > 0:
		return fmt.Errorf("%q is out of place", verb)
	case verb == verbEncoder:
		ix.Encoders = append(ix.Encoders, rest)
		return checkEncoder(ix.Encoders, len(ix.Encoders)-1)
	}
	digest, text, _ := strings.Cut(rest, " ")
	size, err := parseSize(text)
	if err != nil {
		return err
	}
	list := &ix.Rebuilt
	if verb == verbBase {
		list = &ix.Bases
	}
	if len(*list) == MaxEntries {
		return fmt.Errorf("more than %d lines of %s", MaxEntries, verb)
	}
	*list = append(*list, Blob{Digest(digest), size})
	return checkBlob(*list, len(*list)-1)
}

// checkPatches makes sure that patches make something, and that nothing is
// made without one.
func (ix *Index) checkPatches() error {
	if ix.HasPatches() != (len(ix.Rebuilt) > 0) {
		return errors.New("patches without rebuilt blobs, or rebuilt blobs without patches")
	}
	if len(ix.Rebuilt) == 0 && ix.hasPatchLines() {
		return errors.New("bases or encoders without patches")
	}
	return nil
}

// checkBlob checks blob i and its place after the one before.
func checkBlob(blobs []Blob, i int) error {
	b := blobs[i]
	if _, err := ParseDigest(string(b.Digest)); err != nil {
		return err
	}
	if i > 0 && compareBlobs(blobs[i-1], b) >= 0 {
		return fmt.Errorf("%s is out of order or twice", b.Digest)
	}
	return checkSize(b.Digest, b.Size)
}

// checkEncoder checks name i and its place after the one before.
func checkEncoder(names []string, i int) error {
	name := names[i]
	if len(name) < 1 || len(name) > 32 || strings.Trim(name, lower+upper+digits) != "" || i >= maxEncoders {
		return fmt.Errorf("encoder %.40q: want 1 to 32 letters and digits, at most %d of them", name, maxEncoders)
	}
	if i > 0 && names[i-1] >= name {
		return fmt.Errorf("encoder %s is out of order or twice", name)
	}
	return nil
}
