package bundle

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const testChunk = MinChunkSize

func sampleIndex() *Index {
	ix := &Index{
		Changes: []Change{
			{Name: "docker.io/library/nginx:1.27", Digest: DigestOf([]byte("m"))},
			{Name: "docker.io/library/nginx:1.27", Digest: DigestOf([]byte("old")), Removed: true},
		},
		Entries: []Entry{
			{Digest: DigestOf([]byte("m")), Size: 500, MediaType: "application/vnd.oci.image.index.v1+json"},
			{Digest: DigestOf([]byte("b")), Size: testChunk},
			{Digest: DigestOf([]byte("c")), Size: 2*testChunk + 1, Chunks: []Digest{DigestOf([]byte("1")), DigestOf([]byte("2")), DigestOf([]byte("3"))}},
			{Digest: DigestOf(nil), Size: 0},
		},
	}
	ix.Sort()
	return ix
}

func TestIndexRoundTrip(t *testing.T) {
	want := sampleIndex()
	text, err := want.AppendText(nil, testChunk)
	if err != nil {
		t.Fatal(err)
	}
	if n := want.EncodedSize(testChunk); n != int64(len(text)) {
		t.Errorf("EncodedSize = %d, AppendText wrote %d bytes", n, len(text))
	}
	got, err := ParseIndex(text, testChunk)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseIndexErrors(t *testing.T) {
	d := func(s string) string { return string(DigestOf([]byte(s))) }
	lines := func(l ...string) string { return strings.Join(append([]string{indexMagic}, l...), "\n") + "\n" }
	small, large := d("b"), d("a")
	if small > large {
		small, large = large, small
	}
	tests := []struct {
		name, in, want string
	}{
		{"empty", "", "line 1"},
		{"other file", "hello\n", "line 1"},
		{"cut", strings.TrimSuffix(lines("blob "+d("a")+" 1"), "\n"), "newline"},
		{"carriage return", lines("blob " + d("a") + " 1\r"), "line 2: size"},
		{"unknown verb", lines("chart " + d("a") + " 1"), "line 2"},
		{"unsorted", lines("blob "+large+" 1", "blob "+small+" 1"), "line 3"},
		{"twice", lines("blob "+small+" 1", "blob "+small+" 1"), "line 3"},
		{"manifest after blob", lines("blob "+small+" 1", "manifest "+large+" 1 a/b"), "line 3"},
		{"both kinds", lines("manifest "+small+" 1 a/b", "blob "+small+" 1"), "both a manifest and a blob"},
		{"change after entry", lines("blob "+small+" 1", "added "+large+" x"), "line 3"},
		{"removed before added", lines("removed "+d("a")+" x", "added "+d("a")+" x"), "line 3"},
		{"upper-case digest", lines("blob " + strings.ToUpper(d("a")) + " 1"), "digest"},
		{"sha512", lines("blob sha512:" + strings.Repeat("0", 128) + " 1"), "digest"},
		{"leading zero", lines("blob " + d("a") + " 01"), "size"},
		{"negative", lines("blob " + d("a") + " -1"), "size"},
		{"two to the 63", lines("blob " + d("a") + " 9223372036854775808"), "size"},
		{"too large", lines(fmt.Sprintf("blob %s %d", d("a"), int64(MaxBlobSize)+1)), "size"},
		{"no chunks", lines(fmt.Sprintf("blob %s %d", d("a"), 2*testChunk)), "0 chunk digests, want 2"},
		{"chunk of a single one", lines("blob " + d("a") + " 1 " + d("a")), "1 chunk digests, want 0"},
		{"two spaces", lines("blob  " + d("a") + " 1"), "size"},
		{"space at the end", lines("blob " + d("a") + " 1 "), "line 2"},
		{"no media type", lines("manifest " + d("a") + " 1 "), "media type"},
		{"media type", lines("manifest " + d("a") + " 1 a\"b"), "media type"},
		{"no name", lines("added " + d("a") + " "), "name"},
		{"name with a space", lines("added " + d("a") + " a b"), "name"},
		{"endless line", lines("blob " + strings.Repeat("a", maxIndexLine+1)), "line 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseIndex([]byte(tt.in), testChunk)
			if !errors.As(err, new(*FormatError)) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want a FormatError with %q", err, tt.want)
			}
		})
	}
	if _, err := ParseIndex([]byte("ferry-index-v3\n"), testChunk); !errors.As(err, new(*VersionError)) {
		t.Errorf("version 3: error = %v, want a VersionError", err)
	}
}

func TestPlanErrors(t *testing.T) {
	ix := sampleIndex()
	for name, l := range map[string]Layout{
		"chunk not a power of two": {ChunkSize: testChunk + 512},
		"chunk too small":          {ChunkSize: testChunk / 2},
		"chunk too large":          {ChunkSize: 2 * MaxChunkSize},
		"volume too small":         {ChunkSize: testChunk, VolumeSize: MinVolumeSize - 1},
		"volume without room":      {ChunkSize: testChunk, VolumeSize: MinVolumeSize},
	} {
		if _, err := NewPlan(ix, l.VolumeSize, l.ChunkSize); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestChunkSizeFor(t *testing.T) {
	for _, tt := range []struct{ volume, want int64 }{
		{0, MaxChunkSize}, {4 << 30, MaxChunkSize}, {MinVolumeSize, MinChunkSize}, {10 << 20, 1 << 20},
	} {
		if got := ChunkSizeFor(tt.volume); got != tt.want {
			t.Errorf("ChunkSizeFor(%d) = %d, want %d", tt.volume, got, tt.want)
		}
	}
}

// A blob may be larger than a member of a tar file.
func TestPlanOfLargeBlob(t *testing.T) {
	const size = 20 << 30
	ix := &Index{Entries: []Entry{{Digest: DigestOf([]byte("x")), Size: size, Chunks: make([]Digest, size/MaxChunkSize)}}}
	p, err := NewPlan(ix, 0, MaxChunkSize)
	if err != nil {
		t.Fatal(err)
	}
	var sum int64
	for _, part := range p.Parts(0) {
		if part.Size > maxMember || part.Offset != sum || part.Volume != 1 {
			t.Errorf("part %+v", part)
		}
		sum += part.Size
	}
	if sum != size || len(p.Parts(0)) != 3 {
		t.Errorf("%d parts with %d bytes, want 3 with %d", len(p.Parts(0)), sum, int64(size))
	}
}
