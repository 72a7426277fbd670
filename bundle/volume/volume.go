// Package volume finds the volumes of bundles among files, and reads bundles
// from them.
//
// Volumes come on discs, in drop directories, renamed, twice, in any order.
// So [Scan] goes by what a file holds, never by its name, and puts together
// what has the same statement. It reads no more of a file than the statement
// and the signatures; everything else is read when somebody has verified
// those ([Bundle.Plan], [Bundle.Read]).
//
// A file is opened anew for each of these steps, and may have changed in
// between: each step therefore compares again what it stands on.
//
// This package checks form and digests, not origin.
package volume

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/airgap-ferry/ferry/bundle"
)

// A Bundle is the volumes found of one bundle.
type Bundle struct {
	Statement  *bundle.Statement
	Text       []byte        // of the statement: what is signed
	Digest     bundle.Digest // of Text
	Signatures []bundle.Signature
	Files      []string // that hold volumes of it, as named, sorted

	volumes map[int][]string // file names by number of the volume, filled by Plan
}

// Skipped is a file that Scan left aside.
type Skipped struct {
	Path string
	Err  error
}

// Errors that callers may test for with errors.Is.
var (
	// ErrNoVolume: a file is no volume of a bundle at all.
	ErrNoVolume = errors.New("not a volume of a bundle")

	// ErrNoIndex: none of the volumes at hand holds the index: it stands in
	// the first and in the last.
	ErrNoIndex = errors.New("neither the first nor the last volume is here")
)

// Scan looks for volumes in paths. A path that is a directory stands for the
// regular files in it, not below it. Files in directories that are no
// volumes, or can't be read, are returned as skipped; a path that was named
// itself and is no volume is an error.
//
// The bundles are sorted by site, epoch and seq.
func Scan(paths []string) ([]*Bundle, []Skipped, error) {
	found := make(map[bundle.Digest]*Bundle)
	var skipped []Skipped
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, nil, fmt.Errorf("looking for volumes: %w", err)
		}
		if !info.IsDir() {
			if err := scanFile(path, found); err != nil {
				return nil, nil, fmt.Errorf("reading volume %q: %w", path, err)
			}
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, nil, fmt.Errorf("looking for volumes: %w", err)
		}
		for _, e := range entries {
			name := filepath.Join(path, e.Name())
			if err := scanEntry(name, e, found); err != nil {
				skipped = append(skipped, Skipped{name, err})
			}
		}
	}
	bundles := make([]*Bundle, 0, len(found))
	for _, b := range found {
		slices.Sort(b.Files)
		b.Files = slices.Compact(b.Files)
		bundles = append(bundles, b)
	}
	slices.SortFunc(bundles, func(a, b *Bundle) int {
		return cmp.Or(cmp.Compare(a.Statement.Site, b.Statement.Site), cmp.Compare(a.Statement.Epoch, b.Statement.Epoch),
			cmp.Compare(a.Statement.Seq, b.Statement.Seq), cmp.Compare(a.Digest, b.Digest))
	})
	return bundles, skipped, nil
}

// scanEntry looks at an entry of a directory. Directories are passed over in
// silence, everything else that is not a regular file is skipped: opening a
// pipe could wait for ever, and a link may lead anywhere.
func scanEntry(name string, e os.DirEntry, found map[bundle.Digest]*Bundle) error {
	if e.IsDir() {
		return nil
	}
	if !e.Type().IsRegular() {
		return fmt.Errorf("%w: not a regular file", ErrNoVolume)
	}
	return scanFile(name, found)
}

// scanFile reads the head of a file and adds it to the bundle it belongs to.
func scanFile(name string, found map[bundle.Digest]*Bundle) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	v := bundle.NewVolumeReader(f)
	if err := v.ReadHead(); err != nil {
		if format, ok := errors.AsType[*bundle.FormatError](err); ok && v.StatementText == nil && format.Part == "volume" {
			return ErrNoVolume
		}
		return err
	}
	d := bundle.DigestOf(v.StatementText)
	b := found[d]
	if b == nil {
		b = &Bundle{Statement: v.Statement, Text: v.StatementText, Digest: d, Signatures: v.Signatures}
		found[d] = b
	}
	if !slices.EqualFunc(b.Signatures, v.Signatures, equalSignatures) {
		return &bundle.DamageError{
			Place: "signatures", Offset: int64(512 + len(b.Text) + -len(b.Text)&511),
			Msg: fmt.Sprintf("they are not those of %.80q, which has the same statement", b.Files[0]),
		}
	}
	b.Files = append(b.Files, name)
	return nil
}

func equalSignatures(a, b bundle.Signature) bool {
	return a.KeyID == b.KeyID && bytes.Equal(a.DER, b.DER)
}

// Plan reads the index from the first volume that has it, lays the bundle
// out, and finds out which volume each file is. It also returns the bytes of
// the index.
//
// It returns [ErrNoIndex] if the volumes at hand don't have it. A file that is
// damaged before its payload is skipped; if none is left, the damage is the
// error.
func (b *Bundle) Plan() (*bundle.Plan, []byte, []Skipped, error) {
	plan, err := b.readIndex()
	if err != nil {
		return nil, nil, nil, err
	}
	text, err := plan.Index().AppendText(nil, plan.Layout.ChunkSize)
	if err != nil {
		return nil, nil, nil, err
	}
	skipped, err := b.Identify(plan)
	return plan, text, skipped, err
}

// Identify finds out which volume of plan each file is. Plan does so itself;
// Identify alone is for those who kept the index from an earlier volume.
func (b *Bundle) Identify(plan *bundle.Plan) ([]Skipped, error) {
	b.volumes = make(map[int][]string)
	var skipped []Skipped
	for _, name := range b.Files {
		err := b.open(name, func(v *bundle.VolumeReader) error {
			if v.HasIndex() {
				if _, err := v.ReadIndex(); err != nil {
					return err
				}
			}
			n, err := v.Identify(plan)
			b.volumes[n] = append(b.volumes[n], name)
			return err
		})
		if err != nil {
			skipped = append(skipped, Skipped{name, err})
		}
	}
	delete(b.volumes, 0)
	if len(b.volumes) == 0 && len(skipped) > 0 {
		return nil, fmt.Errorf("reading volume %q: %w", skipped[0].Path, skipped[0].Err)
	}
	return skipped, nil
}

func (b *Bundle) readIndex() (*bundle.Plan, error) {
	var plan *bundle.Plan
	var first error
	for _, name := range b.Files {
		err := b.open(name, func(v *bundle.VolumeReader) (err error) {
			if v.HasIndex() {
				plan, err = v.ReadIndex()
			}
			return err
		})
		if plan != nil {
			return plan, nil
		}
		if err != nil && first == nil {
			first = fmt.Errorf("reading volume %q: %w", name, err)
		}
	}
	return nil, cmp.Or(first, ErrNoIndex)
}

// open opens a file, reads its head, and gives the reader to do.
func (b *Bundle) open(name string, do func(*bundle.VolumeReader) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	v := bundle.NewVolumeReader(f)
	if err := v.ReadHead(); err != nil {
		return err
	}
	if !bytes.Equal(v.StatementText, b.Text) || !slices.EqualFunc(v.Signatures, b.Signatures, equalSignatures) {
		return errors.New("it changed while it was read")
	}
	return do(v)
}

// Have returns the numbers of the volumes at hand, from 1, ascending. Plan or
// Identify must have been called.
func (b *Bundle) Have() []int {
	have := make([]int, 0, len(b.volumes))
	for n := range b.volumes {
		have = append(have, n)
	}
	slices.Sort(have)
	return have
}

// Read reads volume n, which must be at hand, through buf (see
// [bundle.VolumeReader.ReadPayload]) and gives each verified chunk to sink.
//
// If a copy of the volume is damaged and there is another, Read starts again
// with that one: sink then gets some chunks twice.
func (b *Bundle) Read(plan *bundle.Plan, n int, buf []byte, sink func(bundle.Chunk) error) error {
	err := fmt.Errorf("volume %d is not here: %w", n, io.ErrUnexpectedEOF)
	for _, name := range b.volumes[n] {
		stopped := false
		err = b.open(name, func(v *bundle.VolumeReader) error {
			if v.HasIndex() {
				if _, err := v.ReadIndex(); err != nil {
					return err
				}
			}
			return v.ReadPayload(plan, n, buf, func(c bundle.Chunk) error {
				err := sink(c)
				stopped = err != nil
				return err
			})
		})
		if err == nil || stopped {
			return err
		}
		err = fmt.Errorf("reading volume %q: %w", name, err)
	}
	return err
}
