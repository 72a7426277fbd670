package nested

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/airgap-ferry/ferry/delta/recipe"
)

// makeText returns n bytes of text, the same for the same seed.
func makeText(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 7))
	words := strings.Fields("base target patch recipe layer blob digest site bundle statement ledger holding volume parity")
	var b []byte
	for len(b) < n {
		b = append(b, words[r.IntN(len(words))]...)
		b = append(b, " \n,."[r.IntN(4)])
	}
	return b[:n]
}

func gzipped(tb testing.TB, b []byte) []byte {
	tb.Helper()
	var z bytes.Buffer
	w, err := gzip.NewWriterLevel(&z, 6)
	if err != nil {
		tb.Fatal(err)
	}
	w.Name = "file"
	if _, err := w.Write(b); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return z.Bytes()
}

// A member is a file of a zip file for tests.
type member struct {
	name   string
	b      []byte
	stored bool
	sized  bool // sizes stand before the member, not behind it
}

func zipped(tb testing.TB, members ...member) []byte {
	tb.Helper()
	var z bytes.Buffer
	w := zip.NewWriter(&z)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name, Method: zip.Deflate}
		b := m.b
		if m.stored {
			h.Method = zip.Store
		}
		if m.sized || m.stored {
			if !m.stored {
				b = deflate(tb, m.b, 6)
			}
			h.CompressedSize64, h.UncompressedSize64 = uint64(len(b)), uint64(len(m.b))
			f, err := w.CreateRaw(h)
			write(tb, f, err, b)
			continue
		}
		f, err := w.CreateHeader(h)
		write(tb, f, err, b)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return z.Bytes()
}

func write(tb testing.TB, w interface{ Write([]byte) (int, error) }, err error, b []byte) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		tb.Fatal(err)
	}
}

func deflate(tb testing.TB, b []byte, level int) []byte {
	tb.Helper()
	var z bytes.Buffer
	w, err := flate.NewWriter(&z, level)
	write(tb, w, err, b)
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return z.Bytes()
}

// elf returns an executable with these sections compressed.
func elf(tb testing.TB, sections ...[]byte) []byte {
	tb.Helper()
	le := binary.LittleEndian
	b := make([]byte, elfHeader)
	copy(b, elfMagic)
	b = append(b, makeText(99, 500)...)
	var table []byte
	for _, s := range sections {
		var z bytes.Buffer
		w := zlib.NewWriter(&z)
		write(tb, w, nil, s)
		if err := w.Close(); err != nil {
			tb.Fatal(err)
		}
		h := make([]byte, elfSection)
		le.PutUint64(h[8:], elfCompressed)
		le.PutUint64(h[24:], uint64(len(b)))
		le.PutUint64(h[32:], uint64(elfChdr+z.Len()))
		table = append(table, h...)
		c := make([]byte, elfChdr)
		le.PutUint32(c, elfZlib)
		b = append(append(b, c...), z.Bytes()...)
	}
	le.PutUint64(b[40:], uint64(len(b)))
	le.PutUint16(b[58:], elfSection)
	le.PutUint16(b[60:], uint16(len(sections)))
	return append(b, table...)
}

// samples are files that hold streams.
func samples(tb testing.TB) []struct {
	name    string
	file    []byte
	streams int
} {
	tb.Helper()
	text, more := makeText(1, 20000), makeText(2, 7000)
	plain := zipped(tb, member{name: "a", b: text}, member{name: "b", b: more, sized: true}, member{name: "c", b: text[:20]})
	fat := zipped(tb, member{name: "a", b: text}, member{name: "inner.jar", b: plain, stored: true})
	deep := gzipped(tb, zipped(tb, member{name: "x.gz", b: gzipped(tb, text)}))
	noEnd := plain[:len(plain)-endSize]
	return []struct {
		name    string
		file    []byte
		streams int
	}{
		{"text", text, 0},
		{"nothing", nil, 0},
		{"gzip", gzipped(tb, text), 1},
		{"gzip of little", gzipped(tb, text[:10]), 0},
		{"gzip cut short", gzipped(tb, text)[:1000], 0},
		{"gzip and more", slices.Concat(gzipped(tb, text), text), 1},
		{"zip", plain, 2},
		{"zip without directory", noEnd, 2},
		{"zip behind a script", slices.Concat([]byte("#!/bin/sh\n"), plain), 2},
		{"zip in zip", fat, 3},
		{"gzip in zip in gzip", deep, 3},
		{"gzip in gzip", gzipped(tb, gzipped(tb, gzipped(tb, gzipped(tb, text)))), 3},
		{"elf", elf(tb, text, more), 2},
		{"elf with nothing compressed", elf(tb), 0},
	}
}

func TestRoundTrip(t *testing.T) {
	for _, tt := range samples(t) {
		t.Run(tt.name, func(t *testing.T) {
			streams := Find(tt.file, nil, Options{Recipes: true})
			if len(streams) != tt.streams {
				t.Errorf("Find found %d streams, want %d", len(streams), tt.streams)
			}
			if len(streams) > 0 && !MayHold(tt.file) {
				t.Error("MayHold is false for a file that holds streams")
			}
			checkStreams(t, tt.file, streams)
		})
	}
}

// checkStreams sends the list through its binary form and makes the file anew.
func checkStreams(tb testing.TB, file []byte, streams []Stream) {
	tb.Helper()
	fast, err := View(nil, file, streams, 1<<30)
	if err != nil {
		tb.Fatal(err)
	}
	list, err := Parse(Append(nil, streams, true), true)
	if err != nil {
		tb.Fatal(err)
	}
	view, err := View([]byte("before"), file, list, 1<<30)
	if err != nil {
		tb.Fatal(err)
	}
	if view = view[len("before"):]; !bytes.Equal(view, fast) {
		tb.Error("the view depends on what Find kept")
	}
	short, err := Parse(Append(nil, streams, false), false)
	if err != nil {
		tb.Fatal(err)
	}
	if base, err := View(nil, file, short, 1<<30); err != nil || !bytes.Equal(base, view) {
		tb.Errorf("the view without recipes is another: %v", err)
	}
	got, err := Rebuild([]byte("before"), view, list)
	if err != nil {
		tb.Fatal(err)
	}
	if !bytes.Equal(got[len("before"):], file) {
		tb.Error("Rebuild gives another file")
	}
}

func TestSkip(t *testing.T) {
	file := zipped(t, member{name: "a", b: makeText(1, 9000)}, member{name: "b", b: makeText(2, 9000)})
	var o Opener
	var all [][]byte
	o.Each(file, func(s []byte) { all = append(all, s) })
	if len(all) != 2 {
		t.Fatalf("Each gave %d streams, want 2", len(all))
	}
	streams := o.Find(file, func(s []byte) bool { return bytes.Equal(s, all[0]) }, Options{Recipes: true})
	if len(streams) != 1 || streams[0].Size != int64(len(all[1])) {
		t.Errorf("Find gave %d streams, want the one that is not skipped", len(streams))
	}
	checkStreams(t, file, streams)
}

func TestLimit(t *testing.T) {
	file := zipped(t, member{name: "a", b: makeText(1, 9000)}, member{name: "b", b: makeText(2, 9000)})
	if streams := Find(file, nil, Options{Limit: 10000}); len(streams) != 1 {
		t.Errorf("Find opened %d streams, want 1 that fits", len(streams))
	}
	streams := Find(file, nil, Options{})
	if _, err := View(nil, file, streams, 10000); err == nil {
		t.Error("View makes more than the limit")
	}
}

// TestBadLists refuses lists that are not of the file or the view.
func TestBadLists(t *testing.T) {
	text := makeText(1, 9000)
	file := gzipped(t, text)
	good := Find(file, nil, Options{Recipes: true})[0]
	good.plain = nil
	change := func(f func(*Stream)) []Stream {
		s := good
		f(&s)
		return []Stream{s}
	}
	two := change(func(*Stream) {})
	tests := []struct {
		name    string
		streams []Stream
	}{
		{"offset", change(func(s *Stream) { s.Offset++ })},
		{"offset beyond", change(func(s *Stream) { s.Offset += 1 << 20 })},
		{"size", change(func(s *Stream) { s.Size-- })},
		{"size beyond", change(func(s *Stream) { s.Size = 1 << 29 })},
		{"plain", change(func(s *Stream) { s.Plain++ })},
		{"less plain", change(func(s *Stream) { s.Plain-- })},
		{"text of itself", change(func(s *Stream) { s.Text = 1 })},
		{"twice", append(two, two...)},
		{"in a text that ends", append(change(func(*Stream) {}), Stream{Text: 1, Offset: 8000, Size: 2000, Plain: 1})},
		{"not in order", []Stream{good, {Text: 1, Size: 100, Plain: 1}, {Offset: good.Offset + good.Size, Size: 3, Plain: 1}}},
	}
	view, err := View(nil, file, []Stream{good}, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		if _, err := View(nil, file, tt.streams, 1<<30); !isFormat(err) {
			t.Errorf("%s: View = %v, want a FormatError", tt.name, err)
		}
		if got, err := Rebuild(nil, view, tt.streams); err == nil && bytes.Equal(got, file) {
			t.Errorf("%s: Rebuild succeeds", tt.name)
		}
	}
	bad := good
	bad.Recipe = recipe.Params{Encoder: 250}
	if _, err := Rebuild(nil, view, []Stream{bad}); !isFormat(err) {
		t.Errorf("Rebuild with an unknown encoder = %v, want a FormatError", err)
	}
}

func isFormat(err error) bool {
	_, ok := errors.AsType[*FormatError](err)
	return ok
}

func TestEncoders(t *testing.T) {
	streams := []Stream{{Recipe: recipe.Params{Encoder: 1}}, {Recipe: recipe.Params{Encoder: 1, Level: 3}}, {Recipe: recipe.Params{Encoder: 2}}}
	if got := Encoders(streams); !slices.Equal(got, []recipe.ID{1, 2}) {
		t.Errorf("Encoders = %v, want 1 and 2", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, tt := range samples(f) {
		streams := Find(tt.file, nil, Options{Recipes: true})
		f.Add(Append(nil, streams, true), true)
		f.Add(Append(nil, streams, false), false)
	}
	f.Add(Append(nil, []Stream{{Offset: 1, Size: 2, Plain: 3, Fix: []byte("abc")}}, true), true)
	file := zipped(f, member{name: "a", b: makeText(1, 3000)})
	f.Fuzz(func(t *testing.T, b []byte, recipes bool) {
		streams, err := Parse(b, recipes)
		if err != nil {
			if !isFormat(err) {
				t.Errorf("Parse = %v, want a FormatError", err)
			}
			return
		}
		if again := Append(nil, streams, recipes); !bytes.Equal(again, b) {
			t.Error("accepted input is not what Append writes")
		}
		view, err := View(nil, file, streams, 1<<20)
		if err == nil && len(view) > 1<<20 {
			t.Errorf("View gave %d bytes", len(view))
		}
		if err != nil && !isFormat(err) {
			t.Errorf("View = %v, want a FormatError", err)
		}
	})
}

func FuzzRebuild(f *testing.F) {
	for _, tt := range samples(f) {
		streams := Find(tt.file, nil, Options{Recipes: true})
		view, err := View(nil, tt.file, streams, 1<<30)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(view, Append(nil, streams, true))
	}
	f.Fuzz(func(t *testing.T, view, list []byte) {
		streams, err := Parse(list, true)
		if err != nil || len(view) > 1<<20 {
			return
		}
		if _, err := Rebuild(nil, view, streams); err != nil && !isFormat(err) {
			t.Errorf("Rebuild = %v, want a FormatError", err)
		}
	})
}

func FuzzFind(f *testing.F) {
	for _, tt := range samples(f) {
		f.Add(tt.file)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		if len(file) > 1<<16 {
			return
		}
		checkStreams(t, file, Find(file, nil, Options{Recipes: true, Limit: 1 << 20}))
	})
}

func ExampleFind() {
	streams := Find([]byte("no streams in here"), nil, Options{})
	fmt.Println(len(streams))
	// Output: 0
}
