package recipe

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/airgap-ferry/ferry/internal/testtool"
)

// gzipped compresses plain with the standard library.
func gzipped(tb testing.TB, level int, plain []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// findAndReplay finds the recipe of blob, sends it through its binary form,
// replays it and compares.
func findAndReplay(tb testing.TB, blob []byte, o Options) *Recipe {
	tb.Helper()
	var plain bytes.Buffer
	o.Plain = &plain
	r, err := Find(bytes.NewReader(blob), int64(len(blob)), o)
	if err != nil {
		tb.Fatal(err)
	}
	form, err := r.Append(nil)
	if err != nil {
		tb.Fatal(err)
	}
	r, err = Parse(form)
	if err != nil {
		tb.Fatal(err)
	}
	if n := r.PlainSize(); n != int64(plain.Len()) {
		tb.Errorf("PlainSize = %d, want %d", n, plain.Len())
	}
	var again bytes.Buffer
	// Short reads make no difference.
	if err := Replay(r, iotest.HalfReader(bytes.NewReader(plain.Bytes())), &again); err != nil {
		tb.Fatal(err)
	}
	if !bytes.Equal(again.Bytes(), blob) {
		tb.Errorf("Replay made %d bytes that are not the %d of the blob", again.Len(), len(blob))
	}
	return r
}

func TestFindTools(t *testing.T) {
	oneGoroutine(t)
	// Like a tar it ends with zeros; without them busybox differs from gzip in
	// the last few tokens.
	text := bytes.Join([][]byte{makeText(21, 1<<20), makeBinary(22, 1<<20), makeText(23, 200<<10), make([]byte, 1024)}, nil)
	const python = `import gzip, sys
sys.stdout.buffer.write(gzip.compress(sys.stdin.buffer.read(), %LEVEL%, mtime=0))`
	tests := []struct {
		line string
		want string
	}{
		{"gzip -nc -6", "gnu level 6"},
		{"gzip -nc -9", "gnu level 9"},
		{"gzip -nc -1", "gnu level 1"},
		{"gzip -nc -6 --rsyncable", "gnur level 6"},
		{"busybox gzip -c", "gnu level 6"},
		{"pigz -nTc -6", "pigz level 6 block 131072"},
		{"pigz -nTc -p1 -6", "pigz level 6 block 131072"},
		{"pigz -nTc -9 -i", "pigzi level 9 block 131072"},
		{"python3 -c " + strings.ReplaceAll(python, "%LEVEL%", "9"), "zlib level 9"},
		{"python3 -c " + strings.ReplaceAll(python, "%LEVEL%", "6"), "zlib level 6"},
	}
	for _, tt := range tests {
		t.Run(tt.want+" "+tt.line[:4], func(t *testing.T) {
			name, rest, _ := strings.Cut(tt.line, " ")
			args := strings.Split(rest, " ")
			if script, ok := strings.CutPrefix(rest, "-c import"); ok {
				args = []string{"-c", "import" + script}
			}
			blob := run(t, text, testtool.Find(t, name), args...)
			r := findAndReplay(t, blob, Options{})
			if got := r.Groups[0].String(); got != tt.want {
				t.Errorf("recipe is %s, want %s", got, tt.want)
			}
		})
	}
}

func TestFindGo(t *testing.T) {
	oneGoroutine(t)
	text := bytes.Join([][]byte{makeText(24, 1<<20), makeBinary(25, 1<<20), makeText(26, 200<<10)}, nil)
	for _, level := range []int{1, 6, 9} {
		r := findAndReplay(t, gzipped(t, level, text), Options{})
		if got, want := r.Groups[0].Params, (Params{Encoder: Go126, Level: level}); got != want {
			t.Errorf("recipe is %s, want %s", got, want)
		}
	}
}

// Every encoder's own output is found again, for every sample. Another encoder
// may be found where both make the same bytes.
func TestFindOwn(t *testing.T) {
	oneGoroutine(t)
	c := new(Codec)
	for i := range encoders {
		e := &encoders[i]
		p := Params{Encoder: e.id, Level: e.levels[0], Block: e.blockMin}
		if e.blockMin > 0 {
			p.Block = pigzBlock
		}
		for _, s := range samples() {
			if strings.HasPrefix(s.name, "window end ") && s.name != "window end 12" {
				continue
			}
			g := Group{Frame: Raw, Params: p, Plain: []int64{int64(len(s.plain))}}
			var blob bytes.Buffer
			if err := c.Replay(&Recipe{Groups: []Group{g}}, bytes.NewReader(s.plain), &blob); err != nil {
				t.Fatal(err)
			}
			r, err := c.Find(bytes.NewReader(blob.Bytes()), int64(blob.Len()), Options{Frame: Raw})
			if err != nil {
				t.Errorf("%s of %q: %v", p, s.name, err)
				continue
			}
			if err := c.Prove(r, bytes.NewReader(s.plain), bytes.NewReader(blob.Bytes()), int64(blob.Len())); err != nil {
				t.Errorf("%s of %q, found as %s: %v", p, s.name, r.Groups[0].Params, err)
			}
		}
	}
}

func TestFindMembers(t *testing.T) {
	text := makeText(27, 300<<10)
	var blob []byte
	for i := range 20 {
		blob = append(blob, gzipped(t, 9, text[i*9000:i*9000+9000*(1+i%3)])...)
	}
	blob = append(blob, gzipped(t, 1, text)...)
	blob = append(blob, "\x00\x00tail"...)
	r := findAndReplay(t, blob, Options{})
	if len(r.Groups) != 2 || len(r.Groups[0].Plain) != 20 || string(r.Tail) != "\x00\x00tail" {
		t.Errorf("got %d groups, the first of %d members, tail %q; want 2, 20 and the tail",
			len(r.Groups), len(r.Groups[0].Plain), r.Tail)
	}
}

func TestFindErrors(t *testing.T) {
	text := makeText(28, 500<<10)
	good := gzipped(t, 6, text)
	edit := func(at int, c byte) []byte {
		b := bytes.Clone(good)
		b[at] ^= c
		return b
	}
	tests := []struct {
		name string
		blob []byte
		want error
	}{
		{"empty", nil, ErrNotCompressed},
		{"tar", make([]byte, 10240), ErrNotCompressed},
		{"long tail", append(bytes.Clone(good), make([]byte, maxTail+1)...), ErrUnknownEncoder},
		{"header cut", good[:5], new(FormatError)},
		{"cut", good[:len(good)/2], io.ErrUnexpectedEOF},
		{"cut in the last block", good[:len(good)-10], io.ErrUnexpectedEOF},
		{"trailer cut", good[:len(good)-1], io.ErrUnexpectedEOF},
		{"checksum", edit(len(good)-8, 1), new(FormatError)},
		{"size", edit(len(good)-1, 1), new(FormatError)},
		{"block of no kind", edit(10, 6), new(FormatError)},
		{"another token", edit(len(good)/2, 0x10), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := Find(bytes.NewReader(tt.blob), int64(len(tt.blob)), Options{})
			if err == nil || r != nil {
				t.Fatalf("Find = %v, %v, want an error", r, err)
			}
			if tt.want == nil {
				return
			}
			if form := new(FormatError); errors.As(tt.want, &form) {
				if !errors.As(err, &form) {
					t.Errorf("error = %v, want a *FormatError", err)
				}
			} else if !errors.Is(err, tt.want) {
				t.Errorf("error = %v, want %v", err, tt.want)
			}
		})
	}
}

func TestFindStored(t *testing.T) {
	text := makeMixed(30, 100<<10)
	r := findAndReplay(t, text, Options{Frame: Stored})
	if g := r.Groups[0]; g.Frame != Stored || g.String() != "stored" {
		t.Errorf("recipe is %s of %s", g.Params, g.Frame)
	}
	findAndReplay(t, nil, Options{Frame: Stored})
	if err := Replay(r, bytes.NewReader(text[1:]), io.Discard); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Replay of too little = %v, want io.ErrUnexpectedEOF", err)
	}
}

func TestFindUnproven(t *testing.T) {
	oneGoroutine(t)
	text := makeText(29, 2200<<10)
	blob := gzipped(t, 6, text)
	r, err := Find(bytes.NewReader(blob), int64(len(blob)), Options{Unproven: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := Prove(r, bytes.NewReader(text), bytes.NewReader(blob), int64(len(blob))); err != nil {
		t.Error(err)
	}
	text[len(text)-1] ^= 1
	if err := Prove(r, bytes.NewReader(text), bytes.NewReader(blob), int64(len(blob))); !errors.Is(err, ErrMismatch) {
		t.Errorf("Prove of other text = %v, want ErrMismatch", err)
	}
}
