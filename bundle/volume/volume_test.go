package volume

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/bundle"
)

const chunk = bundle.MinChunkSize

// A sample is a small bundle in memory.
type sample struct {
	seq     int64
	index   *bundle.Index
	content map[bundle.Digest][]byte
	volumes [][]byte
}

// newSample returns a bundle of blobs of these sizes, cut to volumes of about
// three chunks. What it holds depends on seq.
func newSample(t *testing.T, seq int64, sizes ...int) *sample {
	t.Helper()
	s := &sample{seq: seq, index: new(bundle.Index), content: make(map[bundle.Digest][]byte)}
	rng := rand.New(rand.NewPCG(uint64(seq), 7))
	for _, size := range sizes {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		e := bundle.Entry{Digest: bundle.DigestOf(b), Size: int64(size)}
		for c := range slices.Chunk(b, chunk) {
			if size > chunk {
				e.Chunks = append(e.Chunks, bundle.DigestOf(c))
			}
		}
		s.content[e.Digest] = b
		s.index.Entries = append(s.index.Entries, e)
	}
	s.index.Sort()
	s.write(t, []byte{0x30, 1})
	return s
}

// write makes the volumes, with der as the signature.
func (s *sample) write(t *testing.T, der []byte) {
	t.Helper()
	plan, err := bundle.NewPlan(s.index, bundle.MinVolumeSize+4*chunk, chunk)
	if err != nil {
		t.Fatal(err)
	}
	index, err := s.index.AppendText(nil, chunk)
	if err != nil {
		t.Fatal(err)
	}
	issued := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	st := &bundle.Statement{
		Site: "north", Epoch: 1, Seq: s.seq, RootVersion: 1, Issued: issued, Expires: issued.AddDate(0, 1, 0),
		Index: s.index.Info(index, chunk), Layout: plan.Layout,
		InventoryBefore: bundle.DigestOf(nil), InventoryAfter: bundle.DigestOf(nil), Tool: "ferry test",
	}
	if s.seq > 1 {
		st.Prev = bundle.DigestOf([]byte("prev"))
	}
	text, err := st.AppendText(nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := bundle.NewWriter(plan, len(text), 1)
	if err != nil {
		t.Fatal(err)
	}
	s.volumes = nil
	for n := 1; n <= int(plan.Layout.Volumes); n++ {
		head, err := w.AppendHead(nil, n, text, []bundle.Signature{{KeyID: "0123456789abcdef", DER: der}}, index)
		if err != nil {
			t.Fatal(err)
		}
		v := make([]byte, w.VolumeSize(n))
		copy(v, head)
		for _, part := range plan.VolumeParts(n) {
			copy(v[w.Place(part)-512:], w.Header(part))
			copy(v[w.Place(part):], s.content[s.index.Entries[part.Entry].Digest][part.Offset:][:part.Size])
		}
		s.volumes = append(s.volumes, v)
	}
}

// three is the sizes of a bundle of three volumes, with an entry that stands
// in all of them.
var three = []int{0, 700, 9*chunk + 5}

// put writes a file and returns its name.
func put(t *testing.T, dir, name string, data []byte) string {
	t.Helper()
	name = filepath.Join(dir, name)
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// flipped returns b with one bit changed, at counted from the end.
func flipped(b []byte, at int) []byte {
	b = slices.Clone(b)
	b[len(b)-at] ^= 4
	return b
}

// scanOne scans paths, in which there must be one bundle.
func scanOne(t *testing.T, paths ...string) (*Bundle, []Skipped) {
	t.Helper()
	found, skipped, err := Scan(paths)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 {
		t.Fatalf("%d bundles found, want 1; skipped %v", len(found), skipped)
	}
	return found[0], skipped
}

// readAll reads the volumes at hand and returns the entries by digest.
func readAll(b *Bundle, plan *bundle.Plan) (map[bundle.Digest][]byte, *Digester, error) {
	got := make(map[bundle.Digest][]byte)
	d := NewDigester(plan)
	buf := make([]byte, plan.Layout.ChunkSize)
	for _, n := range b.Have() {
		err := b.Read(plan, n, buf, func(c bundle.Chunk) error {
			digest := plan.Index().Entries[c.Entry].Digest
			got[digest] = append(got[digest][:c.Offset:c.Offset], c.Data...)
			return d.Add(c)
		})
		if err != nil {
			return got, d, err
		}
	}
	return got, d, nil
}

func mustPlan(t *testing.T, b *Bundle) (*bundle.Plan, []Skipped) {
	t.Helper()
	plan, _, skipped, err := b.Plan()
	if err != nil {
		t.Fatal(err)
	}
	return plan, skipped
}

// Names tell nothing, and volumes lie in several directories.
func TestRenamedVolumesAreFound(t *testing.T) {
	s := newSample(t, 1, three...)
	if len(s.volumes) != 3 {
		t.Fatalf("the sample has %d volumes, want 3", len(s.volumes))
	}
	one, two := t.TempDir(), t.TempDir()
	put(t, one, "A", s.volumes[2])
	put(t, two, "b.iso", s.volumes[0])
	put(t, two, "north-1-1.v001.tar", s.volumes[1])
	b, skipped := scanOne(t, one, two)
	plan, more := mustPlan(t, b)
	if len(skipped)+len(more) != 0 {
		t.Errorf("skipped %v %v, want none", skipped, more)
	}
	if got := b.Have(); !slices.Equal(got, []int{1, 2, 3}) {
		t.Errorf("Have() = %v, want 1 to 3", got)
	}
	got, d, err := readAll(b, plan)
	if err != nil {
		t.Fatal(err)
	}
	for digest, want := range s.content {
		if !bytes.Equal(got[digest], want) {
			t.Errorf("%s: read %d bytes, want the %d of the sample", digest, len(got[digest]), len(want))
		}
	}
	if open := d.Open(); len(open) != 0 {
		t.Errorf("Open() = %v, want none: all was read in order", open)
	}
}

func TestDamagedCopyIsReplacedByTheOther(t *testing.T) {
	s := newSample(t, 1, three...)
	for _, names := range [][2]string{{"a", "b"}, {"b", "a"}} {
		dir := t.TempDir()
		put(t, dir, "1", s.volumes[0])
		put(t, dir, "3", s.volumes[2])
		put(t, dir, names[0], s.volumes[1])
		put(t, dir, names[1], flipped(s.volumes[1], 1024+chunk/2)) // in the last chunk
		b, _ := scanOne(t, dir)
		plan, _ := mustPlan(t, b)
		got, _, err := readAll(b, plan)
		if err != nil {
			t.Errorf("damage in %q: %v", names[1], err)
		}
		for digest, want := range s.content {
			if !bytes.Equal(got[digest], want) {
				t.Errorf("damage in %q: %s is not as it was", names[1], digest)
			}
		}
	}
}

func TestDamageNamesFileVolumeAndPlace(t *testing.T) {
	s := newSample(t, 1, three...)
	dir := t.TempDir()
	for n, v := range s.volumes {
		if n == 1 {
			v = flipped(v, 1024+chunk/2)
		}
		put(t, dir, fmt.Sprint(n+1), v)
	}
	b, _ := scanOne(t, dir)
	plan, _ := mustPlan(t, b)
	_, _, err := readAll(b, plan)
	if !errors.As(err, new(*bundle.DamageError)) {
		t.Fatalf("error = %v, want a DamageError", err)
	}
	for _, want := range []string{`2"`, "volume 2", "sha256:", "chunk"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not name %q", err, want)
		}
	}
}

// Whoever asks to stop is not given the next copy.
func TestReadStopsWithTheSink(t *testing.T) {
	s := newSample(t, 1, 700)
	dir := t.TempDir()
	put(t, dir, "a", s.volumes[0])
	put(t, dir, "b", s.volumes[0])
	b, _ := scanOne(t, dir)
	plan, _ := mustPlan(t, b)
	stop := errors.New("stop")
	calls := 0
	err := b.Read(plan, 1, make([]byte, chunk), func(bundle.Chunk) error { calls++; return stop })
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("Read = %v after %d calls, want the sink's error after 1", err, calls)
	}
	if err := b.Read(plan, 2, make([]byte, chunk), nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("reading a volume that is not here: %v, want ErrUnexpectedEOF", err)
	}
}

func TestBundlesAreSortedAndApart(t *testing.T) {
	dir := t.TempDir()
	for _, seq := range []int64{3, 1, 2} {
		for n, v := range newSample(t, seq, three...).volumes {
			put(t, dir, fmt.Sprintf("%d-%d", n, seq), v)
		}
	}
	found, skipped, err := Scan([]string{dir})
	if err != nil || len(skipped) != 0 {
		t.Fatalf("Scan: %v, skipped %v", err, skipped)
	}
	var seqs []int64
	for _, b := range found {
		seqs = append(seqs, b.Statement.Seq)
		plan, _ := mustPlan(t, b)
		if _, _, err := readAll(b, plan); err != nil {
			t.Errorf("seq %d: %v", b.Statement.Seq, err)
		}
	}
	if !slices.Equal(seqs, []int64{1, 2, 3}) {
		t.Errorf("Scan found seqs %v, want 1, 2, 3", seqs)
	}
}

func TestScanSkipsWhatIsNoVolume(t *testing.T) {
	s := newSample(t, 1, 700)
	dir := t.TempDir()
	volume := put(t, dir, "volume", s.volumes[0])
	put(t, dir, "empty", nil)
	put(t, dir, "short", s.volumes[0][:100])
	put(t, dir, "text", bytes.Repeat([]byte("no volume\n"), 200))
	put(t, dir, "partial", make([]byte, 1<<16))
	put(t, dir, "cut", s.volumes[0][:600])
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "folder"), "below", s.volumes[0])
	if err := os.Symlink(volume, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	b, skipped := scanOne(t, dir)
	if !slices.Equal(b.Files, []string{volume}) {
		t.Errorf("Files = %q, want the volume alone", b.Files)
	}
	reasons := make(map[string]error)
	var names []string
	for _, s := range skipped {
		names = append(names, filepath.Base(s.Path))
		reasons[filepath.Base(s.Path)] = s.Err
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"cut", "empty", "link", "partial", "short", "text"}, names); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
	for _, name := range []string{"link", "partial", "text"} {
		if !errors.Is(reasons[name], ErrNoVolume) {
			t.Errorf("%s is skipped because %v, want ErrNoVolume", name, reasons[name])
		}
	}
	for _, name := range []string{"cut", "empty", "short"} {
		if !errors.Is(reasons[name], io.ErrUnexpectedEOF) {
			t.Errorf("%s is skipped because %v, want ErrUnexpectedEOF", name, reasons[name])
		}
	}
}

// What somebody names himself must be a volume.
func TestScanRefusesNamedFileThatIsNoVolume(t *testing.T) {
	name := put(t, t.TempDir(), "text", bytes.Repeat([]byte("x"), 1024))
	if _, _, err := Scan([]string{name}); !errors.Is(err, ErrNoVolume) {
		t.Errorf("Scan(text) = %v, want ErrNoVolume", err)
	}
	if _, _, err := Scan([]string{name + ".gone"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Scan(nothing) = %v, want ErrNotExist", err)
	}
}

func TestFileNamedTwiceIsOne(t *testing.T) {
	s := newSample(t, 1, 700)
	dir := t.TempDir()
	name := put(t, dir, "v", s.volumes[0])
	b, _ := scanOne(t, dir, name, name)
	if !slices.Equal(b.Files, []string{name}) {
		t.Errorf("Files = %q, want %q once", b.Files, name)
	}
}

// Signatures are not covered by the statement, so volumes must agree on them.
func TestVolumesWithOtherSignaturesAreSkipped(t *testing.T) {
	s := newSample(t, 1, three...)
	dir := t.TempDir()
	put(t, dir, "1", s.volumes[0])
	put(t, dir, "3", s.volumes[2])
	s.write(t, []byte{0x30, 2})
	other := put(t, dir, "2", s.volumes[1])
	b, skipped := scanOne(t, dir)
	if len(skipped) != 1 || skipped[0].Path != other || !strings.Contains(skipped[0].Err.Error(), "signatures") {
		t.Errorf("skipped %v, want %q for its signatures", skipped, other)
	}
	mustPlan(t, b)
	if got := b.Have(); !slices.Equal(got, []int{1, 3}) {
		t.Errorf("Have() = %v, want 1 and 3", got)
	}
}

func TestPlanNeedsFirstOrLastVolume(t *testing.T) {
	s := newSample(t, 1, three...)
	for n, v := range s.volumes {
		dir := t.TempDir()
		put(t, dir, "v", v)
		b, _ := scanOne(t, dir)
		_, text, _, err := b.Plan()
		if n == 1 {
			if !errors.Is(err, ErrNoIndex) {
				t.Errorf("volume 2 alone: error = %v, want ErrNoIndex", err)
			}
			continue
		}
		if err != nil || bundle.DigestOf(text) != b.Statement.Index.Digest {
			t.Errorf("volume %d alone: error = %v, index of %d bytes", n+1, err, len(text))
		}
		if have := b.Have(); !slices.Equal(have, []int{n + 1}) {
			t.Errorf("volume %d alone: Have() = %v", n+1, have)
		}
	}
}

// The middle volume comes on a disc of its own, when the index is known from
// the first.
func TestIdentifyWithKeptPlan(t *testing.T) {
	s := newSample(t, 1, three...)
	first, second := t.TempDir(), t.TempDir()
	put(t, first, "v", s.volumes[0])
	put(t, second, "v", s.volumes[1])
	b, _ := scanOne(t, first)
	plan, _ := mustPlan(t, b)
	b, _ = scanOne(t, second)
	if skipped, err := b.Identify(plan); err != nil || len(skipped) != 0 {
		t.Fatalf("Identify: %v, skipped %v", err, skipped)
	}
	if have := b.Have(); !slices.Equal(have, []int{2}) {
		t.Errorf("Have() = %v, want 2", have)
	}
}

func TestDamagedIndexIsReadFromTheOtherVolume(t *testing.T) {
	s := newSample(t, 1, three...)
	dir := t.TempDir()
	head := bytes.Index(s.volumes[0], []byte("ferry-index-v1"))
	damaged := slices.Clone(s.volumes[0])
	damaged[head+40] ^= 1
	bad := put(t, dir, "1", damaged)
	b, _ := scanOne(t, dir)
	if _, _, _, err := b.Plan(); !errors.As(err, new(*bundle.DamageError)) || !strings.Contains(err.Error(), bad) {
		t.Errorf("first volume alone: error = %v, want a DamageError that names %q", err, bad)
	}
	put(t, dir, "3", s.volumes[2])
	b, _ = scanOne(t, dir)
	_, skipped := mustPlan(t, b)
	if have := b.Have(); !slices.Equal(have, []int{3}) {
		t.Errorf("Have() = %v, want 3", have)
	}
	if len(skipped) != 1 || skipped[0].Path != bad {
		t.Errorf("skipped %v, want %q", skipped, bad)
	}
}

// Between Scan, Plan and Read a file may become another.
func TestVolumeThatChangesIsNoticed(t *testing.T) {
	s, other := newSample(t, 1, 700), newSample(t, 2, 700)
	dir := t.TempDir()
	name := put(t, dir, "v", s.volumes[0])
	b, _ := scanOne(t, dir)
	put(t, dir, "v", other.volumes[0])
	if _, _, _, err := b.Plan(); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("Plan of a changed file: %v, want an error that says so", err)
	}
	put(t, dir, "v", s.volumes[0])
	plan, _ := mustPlan(t, b)
	put(t, dir, "v", other.volumes[0])
	if err := b.Read(plan, 1, make([]byte, chunk), nil); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("Read of a changed file: %v, want an error that says so", err)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := b.Read(plan, 1, make([]byte, chunk), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Read of a file that is gone: %v, want ErrNotExist", err)
	}
}

// A packer could sign an index whose chunks make another blob than it says.
func TestDigesterFindsChunksOfAnotherBlob(t *testing.T) {
	s := newSample(t, 1, 3*chunk+9)
	lie := bundle.DigestOf([]byte("something else"))
	e := &s.index.Entries[0]
	s.content[lie] = s.content[e.Digest]
	e.Digest = lie
	s.write(t, []byte{0x30, 1})
	dir := t.TempDir()
	for n, v := range s.volumes {
		put(t, dir, fmt.Sprint(n), v)
	}
	b, _ := scanOne(t, dir)
	plan, _ := mustPlan(t, b)
	_, _, err := readAll(b, plan)
	if !errors.As(err, new(*bundle.FormatError)) || !strings.Contains(err.Error(), string(lie)) {
		t.Errorf("error = %v, want a FormatError that names %s", err, lie)
	}
}

// Volumes that are read out of order leave entries open, and only those.
func TestDigesterNamesWhatItCouldNotFollow(t *testing.T) {
	s := newSample(t, 1, three...)
	dir := t.TempDir()
	for n, v := range s.volumes {
		put(t, dir, fmt.Sprint(n), v)
	}
	b, _ := scanOne(t, dir)
	plan, _ := mustPlan(t, b)
	d := NewDigester(plan)
	for _, n := range []int{2, 1, 3} {
		if err := b.Read(plan, n, make([]byte, chunk), d.Add); err != nil {
			t.Fatal(err)
		}
	}
	open := d.Open()
	if len(open) != 1 || plan.Index().Entries[open[0]].Size != 9*chunk+5 {
		t.Errorf("Open() = %v, want the one entry that stands in several volumes", open)
	}
}
