package delta

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/bundle"
)

// A walked is an entry as a test writes it.
type walked struct{ Head, Size, Padding int64 }

func walkedOf(t *Table) []walked {
	var ws []walked
	for i := range t.entries {
		e := &t.entries[i]
		ws = append(ws, walked{int64(e.head), e.size, t.end(i) - e.content() - e.size})
	}
	return ws
}

func TestWalk(t *testing.T) {
	file := func(name, content string) []byte {
		return slices.Concat(rawHeader(name, '0', int64(len(content))), padded([]byte(content)))
	}
	sparse := rawHeader("sparse", 'S', 5)
	sparse[sparseMoreAt] = 1
	setSums(sparse, 0)
	more := zeros(blockSize)
	more[sparseNextMoreAt] = 1
	badSum := rawHeader("x", '0', 0)
	badSum[0]++

	tests := []struct {
		name  string
		plain []byte
		want  []walked
	}{
		{"empty", nil, nil},
		{"no tar", []byte("hello"), []walked{{0, 5, 0}}},
		{"no tar, long", bytes.Repeat([]byte("hello"), 1000), []walked{{0, 5000, 0}}},
		{"one file", slices.Concat(file("a", "abc"), zeros(1024)), []walked{{512, 3, 509}, {1024, 0, 0}}},
		{"no end", file("a", "abc"), []walked{{512, 3, 509}}},
		{"full block", file("a", string(zeros(512))), []walked{{512, 512, 0}}},
		{"empty file", file("a", ""), []walked{{512, 0, 0}}},
		{"cut in content", file("a", "abcdef")[:515], []walked{{512, 3, 0}}},
		{"cut before content", file("a", "abcdef")[:512], []walked{{512, 0, 0}}},
		{"cut in padding", file("a", "abc")[:600], []walked{{512, 3, 85}}},
		{"cut in header", slices.Concat(file("a", "abc"), rawHeader("b", '0', 0)[:100]), []walked{{512, 3, 509}, {0, 100, 0}}},
		{"padding not zero", slices.Concat(file("a", "abc")[:1023], []byte("!"), file("b", "x")), []walked{{512, 3, 0}, {1021, 1, 511}}},
		{"padding not zero at the end", slices.Concat(file("a", "abc")[:1023], []byte("!")), []walked{{512, 3, 0}, {0, 509, 0}}},
		{"damaged header", slices.Concat(file("a", "abc"), badSum, file("b", "x")), []walked{{512, 3, 509}, {0, 1536, 0}}},
		{"long end", slices.Concat(file("a", ""), zeros(maxTail)), []walked{{512, 0, 0}, {maxTail, 0, 0}}},
		{"too long an end", slices.Concat(file("a", ""), zeros(maxTail+1)), []walked{{512, 0, 0}, {0, maxTail + 1, 0}}},
		{"zeros", zeros(1 << 20), []walked{{0, 1 << 20, 0}}},
		{"a file after the end", slices.Concat(file("a", ""), zeros(512), file("b", "")), []walked{{512, 0, 0}, {1024, 0, 0}}},
		{"directory with size", rawHeader("d/", '5', 1000), []walked{{512, 0, 0}}},
		{"pax", slices.Concat(rawHeader("p", 'x', 17), padded([]byte("17 path=abcdefgh\n")), file("b", "x")), []walked{{1536, 1, 511}}},
		{"pax with size", slices.Concat(rawHeader("p", 'x', 9), padded([]byte("9 size=4\n")), rawHeader("b", '0', 0), padded([]byte("1234"))), []walked{{1536, 4, 508}}},
		{"pax without file", slices.Concat(rawHeader("p", 'x', 9), padded([]byte("9 size=4\n"))), []walked{{0, 1024, 0}}},
		{"pax that is none", slices.Concat(rawHeader("p", 'x', 9), padded([]byte("12345678\n")), file("b", "")), []walked{{0, 1536, 0}}},
		{"global pax", slices.Concat(rawHeader("p", 'g', 9), padded([]byte("9 size=4\n")), file("b", "x")), []walked{{1536, 1, 511}}},
		{"empty pax", slices.Concat(rawHeader("p", 'x', 0), file("b", "x")), []walked{{1024, 1, 511}}},
		{"GNU names", slices.Concat(rawHeader("L", 'L', 4), padded([]byte("name")), rawHeader("K", 'K', 4), padded([]byte("link")), file("b", "x")), []walked{{2560, 1, 511}}},
		{"GNU sparse", slices.Concat(sparse, more, zeros(512), padded([]byte("12345"))), []walked{{1536, 5, 507}}},
		{"binary size", slices.Concat(binarySize(rawHeader("a", '0', 0), 3), padded([]byte("abc"))), []walked{{512, 3, 509}}},
		{"binary size too large", binarySize(rawHeader("a", '0', 0), MaxPlain+1), []walked{{0, 512, 0}}},
		{"huge extended header", rawHeader("x", 'x', maxHead+1), []walked{{0, 512, 0}}},
		{"many extended headers", bytes.Repeat(rawHeader("x", 'x', 0), maxHead/blockSize+2), []walked{{0, maxHead + 2*blockSize, 0}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			table, err := Walk(bytes.NewReader(tt.plain))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, walkedOf(table)); diff != "" {
				t.Errorf("Walk gave other entries (-want +got):\n%s", diff)
			}
			checkWalk(t, tt.plain)
		})
	}
}

// checkWalk checks what holds for the walk of every plain text.
func checkWalk(tb testing.TB, plain []byte) {
	tb.Helper()
	table, err := Walk(bytes.NewReader(plain))
	if err != nil {
		tb.Fatal(err)
	}
	if want := bundle.DigestOf(plain); table.Plain != int64(len(plain)) || table.Digest != want {
		tb.Errorf("Walk = %d bytes, %s; want %d, %s", table.Plain, table.Digest, len(plain), want)
	}
	var end int64
	for i := range table.entries {
		e := &table.entries[i]
		pad := table.end(i) - e.content() - e.size
		if e.off != end || pad < 0 || pad >= blockSize || table.end(i) == e.off {
			tb.Fatalf("entry %d: offset %d after %d, padding %d", i, e.off, end, pad)
		}
		if !allZero(plain[table.end(i)-pad : table.end(i)]) {
			tb.Errorf("entry %d: padding is not zero", i)
		}
		sum := sha256.Sum256(plain[e.content():][:e.size])
		if e.size > 0 && !bytes.Equal(e.digest[:], sum[:16]) {
			tb.Errorf("entry %d: digest is of other bytes", i)
		}
		end = table.end(i)
	}
	checkSpans(tb, plain, table)
}

// checkSpans checks that the walk inside sees the same, in whatever pieces the
// plain text comes.
func checkSpans(tb testing.TB, plain []byte, table *Table) {
	tb.Helper()
	w := newSpanWalker()
	r := rand.New(rand.NewPCG(uint64(len(plain)), 0))
	for rest := plain; len(rest) > 0; {
		n := min(1+r.IntN(700), len(rest))
		if _, err := w.Write(rest[:n]); err != nil {
			tb.Fatal(err)
		}
		rest = rest[n:]
	}
	if _, err := w.Table(); err != nil {
		tb.Fatal(err)
	}
	if len(w.spans) != table.Len() {
		tb.Fatalf("in pieces there are %d entries, want %d", len(w.spans), table.Len())
	}
	for i, s := range w.spans {
		if e := &table.entries[i]; s != (span{e.off, e.size, e.head}) {
			tb.Errorf("entry %d is %+v in pieces, want %+v", i, s, *e)
		}
	}
}

func TestWalkReportsReadErrors(t *testing.T) {
	if _, err := Walk(iotest.ErrReader(bytes.ErrTooLarge)); err == nil {
		t.Error("Walk of a broken reader succeeds")
	}
}

func TestWalkerEnds(t *testing.T) {
	w := NewWalker()
	if _, err := w.Table(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("x")); err == nil {
		t.Error("Write after Table succeeds")
	}
	if _, err := w.Table(); err == nil {
		t.Error("a second Table succeeds")
	}
}

func TestLongContentIsCut(t *testing.T) {
	if testing.Short() {
		t.Skip("128 MiB")
	}
	w := newSpanWalker()
	write := func(b []byte) {
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	const size = maxContent + 700
	write(rawHeader("whole", '0', maxContent))
	chunk := zeros(1 << 20)
	for range maxContent >> 20 {
		write(chunk)
	}
	write(rawHeader("cut", '0', size))
	for range maxContent >> 20 {
		write(chunk)
	}
	write(zeros(1024))
	write(rawHeader("next", '0', 0))
	if _, err := w.Table(); err != nil {
		t.Fatal(err)
	}
	var got []walked
	for _, s := range w.spans {
		got = append(got, walked{Head: int64(s.head), Size: s.size})
	}
	want := []walked{{512, maxContent, 0}, {512, pieceSize, 0}, {0, pieceSize, 0}, {0, 700, 0}, {512, 0, 0}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Walk gave other entries (-want +got):\n%s", diff)
	}
}

func FuzzWalk(f *testing.F) {
	old, now := samplePair(f)
	f.Add(old)
	f.Add(now[:5000])
	f.Add(slices.Concat(rawHeader("p", 'x', 9), padded([]byte("9 size=4\n")), rawHeader("b", '0', 0)))
	f.Fuzz(func(t *testing.T, plain []byte) { checkWalk(t, plain) })
}

func TestNames(t *testing.T) {
	nameOf := func(b []byte) string {
		h := headerReader{named: true}
		h.impliedSize(b)
		return string(h.name)
	}
	prefixed := rawHeader("name", '0', 0)
	copy(prefixed[fieldPrefix[0]:], "some/prefix")
	setSums(prefixed, 0)
	tests := []struct {
		name string
		part []byte
		want string
	}{
		{"short", rawHeader("./a/b", '0', 0), "./a/b"},
		{"prefix", prefixed, "some/prefix/name"},
		{"pax", slices.Concat(rawHeader("p", 'x', 17), padded([]byte("17 path=abcdefgh\n")), rawHeader("b", '0', 0)), "abcdefgh"},
		{"GNU", slices.Concat(rawHeader("L", 'L', 5), padded([]byte("long\x00")), rawHeader("b", '0', 0)), "long"},
	}
	for _, tt := range tests {
		if got := nameOf(tt.part); got != tt.want {
			t.Errorf("%s: name = %q, want %q", tt.name, got, tt.want)
		}
	}
	same := func(a, b string) bool {
		var x, y entry
		x.setName([]byte(a))
		y.setName([]byte(b))
		return x.path == y.path
	}
	if !same("./a/b", "a/b") || !same("/a/b/", "a/b") || same("a/b", "a/c") {
		t.Error("paths are not told apart as they should")
	}
}
