package bundle

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// patchedIndex is sampleIndex with a patch that makes two blobs of one base.
func patchedIndex() *Index {
	ix := sampleIndex()
	ix.Entries = append(ix.Entries, Entry{Digest: DigestOf([]byte("p")), Size: 900, Patch: true})
	ix.Rebuilt = []Blob{{DigestOf([]byte("r")), 70_000}, {DigestOf([]byte("s")), 0}}
	ix.Bases = []Blob{{DigestOf([]byte("old base")), 69_000}}
	ix.Encoders = []string{"go126", "zlib"}
	ix.Sort()
	return ix
}

func TestPatchedIndexRoundTrip(t *testing.T) {
	want := patchedIndex()
	text, err := want.AppendText(nil, testChunk)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), indexMagic2+"\n") {
		t.Errorf("begins with %.20q, want %q", text, indexMagic2)
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

func TestHoldings(t *testing.T) {
	ix := patchedIndex()
	held := make(map[Digest]int64)
	for _, b := range ix.Holdings() {
		held[b.Digest] = b.Size
	}
	if _, ok := held[DigestOf([]byte("p"))]; ok {
		t.Error("a patch is a holding")
	}
	if held[DigestOf([]byte("r"))] != 70_000 || held[DigestOf([]byte("b"))] != testChunk || len(held) != len(ix.Entries)+1 {
		t.Errorf("holdings are %v", held)
	}
}

func TestParsePatchedIndexErrors(t *testing.T) {
	d := func(s string) string { return string(DigestOf([]byte(s))) }
	patch, rebuilt := "patch "+d("p")+" 9", "rebuilt "+d("r")+" 1"
	version := func(magic string, l ...string) string {
		return strings.Join(append([]string{magic}, l...), "\n") + "\n"
	}
	lines := func(l ...string) string { return version(indexMagic2, l...) }
	small, large := d("a"), d("b")
	if small > large {
		small, large = large, small
	}
	tests := []struct {
		name, in, want string
	}{
		{"patches in version 1", version(indexMagic, patch, rebuilt), "version 1"},
		{"version 2 for nothing", lines("blob " + d("a") + " 1"), "version 2"},
		{"patch that makes nothing", lines(patch), "patches without rebuilt"},
		{"rebuilt from nothing", lines(rebuilt), "rebuilt blobs without patches"},
		{"bases for nothing", lines("base " + d("a") + " 1"), "without patches"},
		{"blob after patch", lines(patch, "blob "+d("a")+" 1", rebuilt), "line 3"},
		{"patch after rebuilt", lines(rebuilt, patch), "line 3"},
		{"rebuilt after base", lines(patch, "base "+d("a")+" 1", rebuilt), "line 4"},
		{"base after encoder", lines(patch, rebuilt, "encoder zlib", "base "+d("a")+" 1"), "line 5"},
		{"change after rebuilt", lines(rebuilt, "added "+d("a")+" x", patch), "line 3"},
		{"rebuilt out of order", lines(patch, "rebuilt "+large+" 1", "rebuilt "+small+" 1"), "line 4"},
		{"base twice", lines(patch, rebuilt, "base "+small+" 1", "base "+small+" 1"), "line 5"},
		{"encoder twice", lines(patch, rebuilt, "encoder zlib", "encoder zlib"), "line 5"},
		{"encoder with a space", lines(patch, rebuilt, "encoder z lib"), "line 4"},
		{"encoder without a name", lines(patch, rebuilt, "encoder "), "line 4"},
		{"rebuilt without a size", lines(patch, "rebuilt "+d("r")), "line 3: size"},
		{"rebuilt with chunks", lines(patch, rebuilt+" "+d("a")), "line 3: size"},
		{"rebuilt too large", lines(patch, "rebuilt "+d("r")+" 99999999999999"), "line 3: size"},
		{"base digest", lines(patch, rebuilt, "base x 1"), "line 4"},
		{"rebuilt is carried", lines("blob "+d("r")+" 1", patch, rebuilt), "both a blob and a rebuilt"},
		{"patch is a blob", lines("blob "+d("p")+" 9", patch, rebuilt), "both a blob and a patch"},
		{"base is carried", lines("manifest "+d("r")+" 1 a/b", patch, "rebuilt "+d("a")+" 1", "base "+d("r")+" 1"), "both a manifest and a base"},
		{"base is rebuilt", lines(patch, rebuilt, "base "+d("r")+" 1"), "both a rebuilt and a base"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseIndex([]byte(tt.in), testChunk)
			if !errors.As(err, new(*FormatError)) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want a FormatError with %q", err, tt.want)
			}
		})
	}
}
