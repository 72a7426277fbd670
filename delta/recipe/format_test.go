package recipe

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// testHeader is the header that Go's compress/gzip writes.
const testHeader = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

func testRecipe() *Recipe {
	group := func(p Params, plain ...int64) Group { return Group{Gzip, []byte(testHeader), p, nil, plain} }
	return &Recipe{
		Groups: []Group{
			group(Params{Encoder: Go126, Level: 9}, 4<<20, 4<<20, 17),
			group(Params{Encoder: Go126, Level: 6, Feed: Tar}, 1000),
			group(Params{Encoder: KPH, Level: 5, Block: 1 << 20}, 70<<20),
		},
		Tail: []byte("tail"),
	}
}

// The text is the format: a change that fails here breaks recipes that are
// already on their way. It stands in docs/formats/recipe-v1.md as well.
const testRecipeHex = "0103" +
	"01010900000a1f8b08000000000000ff0003808080028080800211" +
	"01010601000a1f8b08000000000000ff0001e807" +
	"010805008080400a1f8b08000000000000ff000180808023" +
	"047461696c"

func TestRecipeGolden(t *testing.T) {
	b, err := testRecipe().Append([]byte("before"))
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(b[len("before"):]); got != testRecipeHex {
		t.Errorf("Append = %s, want %s", got, testRecipeHex)
	}
	r, err := Parse(b[len("before"):])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(testRecipe(), r); diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}
}

// Changing any byte to any other either breaks the recipe or changes what it
// says, and no part of one is one.
func TestRecipeNotMalleable(t *testing.T) {
	oneGoroutine(t)
	b, err := testRecipe().Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, old := range b {
		if _, err := Parse(b[:i]); err == nil {
			t.Errorf("the first %d bytes are a recipe", i)
		}
		for c := range 256 {
			if byte(c) == old {
				continue
			}
			b[i] = byte(c)
			if r, err := Parse(b); err == nil && cmp.Equal(r, testRecipe()) {
				t.Errorf("byte %d changed from %#02x to %#02x: same recipe", i, old, c)
			}
		}
		b[i] = old
	}
}

func TestRecipeRefused(t *testing.T) {
	tests := []struct {
		name string
		edit func(r *Recipe)
		want string
	}{
		{"no members", func(r *Recipe) { r.Groups = nil }, "no members"},
		{"empty group", func(r *Recipe) { r.Groups[1].Plain = nil }, "group without members"},
		{"split group", func(r *Recipe) { r.Groups[1].Params = r.Groups[0].Params }, "made like the one before"},
		{"unknown encoder", func(r *Recipe) { r.Groups[0].Encoder = 200 }, "encoder 200 is not known to this version"},
		{"unknown level", func(r *Recipe) { r.Groups[0].Level = 10 }, "go126 has no level 10"},
		{"level beyond a byte", func(r *Recipe) { r.Groups[0].Level = 256 + 9 }, "go126 has no level 265"},
		{"block of one that has none", func(r *Recipe) { r.Groups[0].Block = 1 << 20 }, "go126 has no blocks of 1048576 bytes"},
		{"small block", func(r *Recipe) { r.Groups[2].Block = 1 << 10 }, "kpH has no blocks of 1024 bytes"},
		{"odd block", func(r *Recipe) { r.Groups[2].Block++ }, "kpH has no blocks of 1048577 bytes"},
		{"feed of one that has none", func(r *Recipe) { r.Groups[2].Feed = Tar }, "kpH has no feed 1"},
		{"unknown frame", func(r *Recipe) { r.Groups[0].Frame = 9 }, "frame 9 is not known"},
		{"header of another frame", func(r *Recipe) { r.Groups[0].Frame = Zlib }, "header is not one of zlib"},
		{"header and more", func(r *Recipe) { r.Groups[0].Header = []byte(testHeader + "x") }, "header is not one of gzip"},
		{"corrections of two members", func(r *Recipe) { r.Groups[0].Fix = []byte("x") }, "corrections of more than one member"},
		{"tokens without corrections", func(r *Recipe) { r.Groups[1].Params = Params{Encoder: Tokens} }, "tokens without corrections"},
		{"zstd of an encoder of deflate", func(r *Recipe) { r.Groups[0].Frame = Zstd }, "go126 does not make zstd"},
		{"stored and compressed", func(r *Recipe) { r.Groups[1].Frame, r.Groups[1].Header = Stored, nil }, "stored in more than one way"},
		{"stored and more", func(r *Recipe) { r.Groups[0] = Group{Frame: Stored, Plain: []int64{1}} }, "more than what is stored"},
		{"too many members", func(r *Recipe) { r.Groups[0].Plain = make([]int64, maxMember+1) }, "more than 1048576 members"},
		{"header of none", func(r *Recipe) { r.Groups[0].Frame = Raw }, "header is not one of deflate"},
		{"negative size", func(r *Recipe) { r.Groups[0].Plain[0] = -1 }, "plain text of -1 bytes"},
		{"too much text", func(r *Recipe) { r.Groups[0].Plain[0] = maxPlain }, "more than"},
		{"long tail", func(r *Recipe) { r.Tail = make([]byte, maxTail+1) }, "bytes after the last member"},
		{"headers that multiply", func(r *Recipe) {
			r.Groups[0].Header = []byte("\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\xff" + strings.Repeat("n", 60000) + "\x00")
			r.Groups[0].Plain = make([]int64, 2000)
		}, "headers of"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := testRecipe()
			tt.edit(r)
			_, err := r.Append(nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !errors.As(err, new(*FormatError)) {
				t.Errorf("Append error = %v, want a *FormatError with %q", err, tt.want)
			}
			if err := Replay(r, strings.NewReader(""), io.Discard); !errors.As(err, new(*FormatError)) {
				t.Errorf("Replay error = %v, want a *FormatError", err)
			}
		})
	}
}

func TestReplayWantsAllText(t *testing.T) {
	r := &Recipe{Groups: []Group{{Gzip, []byte(testHeader), Params{Encoder: Go126, Level: 1}, nil, []int64{10}}}}
	if err := Replay(r, strings.NewReader("123456789"), io.Discard); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Replay of too little = %v, want io.ErrUnexpectedEOF", err)
	}
	err := Replay(r, strings.NewReader("12345678901"), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "more plain text than the 10 bytes") {
		t.Errorf("Replay of too much = %v", err)
	}
}

// failAfter fails each write but the first n.
type failAfter struct{ n int }

var errDisk = errors.New("disk full")

func (w *failAfter) Write(p []byte) (int, error) {
	if w.n--; w.n < 0 {
		return 0, errDisk
	}
	return len(p), nil
}

// Every encoder says when what it wrote was not taken, whichever write it was,
// and works again afterwards.
func TestReplayWriteFails(t *testing.T) {
	oneGoroutine(t)
	text := makeMixed(41, 400<<10)
	c := new(Codec)
	for _, e := range encoders {
		p := Params{Encoder: e.id, Level: e.levels[0], Block: e.blockMin}
		r := &Recipe{Groups: []Group{{Gzip, []byte(testHeader), p, nil, []int64{int64(len(text))}}}}
		n := 0
		for ; ; n++ {
			err := c.Replay(r, bytes.NewReader(text), &failAfter{n})
			if err == nil {
				break
			}
			if !errors.Is(err, errDisk) {
				t.Fatalf("%s: write %d failed, Replay = %v", p, n, err)
			}
		}
		if n < 4 {
			t.Errorf("%s: only %d writes", p, n)
		}
	}
}

func FuzzParse(f *testing.F) {
	seed, err := testRecipe().Append(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add(seed[:30])
	f.Add([]byte{formatV1, 1, byte(Stored), 0, 0, 0, 0, 0, 0, 1, 100, 0})
	f.Add([]byte{formatV1, 1, byte(Raw), byte(Tokens), 0, 0, 0, 0, 2, 1, 0, 1, 5, 0})
	f.Add([]byte{formatV1, 1, byte(Raw), byte(ZlibLevel), 6, 0, 0, 0, 0, 1, 5, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := Parse(in)
		if err != nil {
			if !errors.As(err, new(*FormatError)) {
				t.Errorf("Parse error is %T, want a *FormatError in it", err)
			}
			return
		}
		b, err := r.Append(nil)
		if err != nil {
			t.Fatalf("accepted recipe does not encode: %v", err)
		}
		if !bytes.Equal(b, in) {
			t.Errorf("read %x, wrote %x", in, b)
		}
		// What a recipe makes of text is bounded by the text and its own size.
		if r.PlainSize() > 1<<16 {
			return
		}
		var out bytes.Buffer
		err = Replay(r, bytes.NewReader(make([]byte, r.PlainSize())), &out)
		if err != nil && !corrected(r) {
			t.Fatal(err)
		}
	})
}

// corrected reports whether r has corrections, which may fit no text.
func corrected(r *Recipe) bool {
	return slices.ContainsFunc(r.Groups, func(g Group) bool { return len(g.Fix) > 0 })
}

// Whatever Find accepts, Replay makes again.
func FuzzFind(f *testing.F) {
	text := makeText(42, 3000)
	c := new(Codec)
	for _, e := range encoders {
		p := Params{Encoder: e.id, Level: e.levels[0], Block: e.blockMin}
		r := &Recipe{Groups: []Group{{Gzip, []byte(testHeader), p, nil, []int64{int64(len(text))}}}}
		var b bytes.Buffer
		if err := c.Replay(r, bytes.NewReader(text), &b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var plain, again bytes.Buffer
		c := new(Codec)
		r, err := c.Find(bytes.NewReader(in), int64(len(in)), Options{Plain: &plain})
		if err != nil {
			return
		}
		if err := c.Replay(r, &plain, &again); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.Bytes(), in) {
			t.Errorf("recipe of %d bytes makes %d others", len(in), again.Len())
		}
	})
}

// Any text goes through every encoder and comes back through inflate.
func FuzzEncoders(f *testing.F) {
	f.Add([]byte("abcabcabcabc"), uint8(0), uint8(0), uint16(100))
	f.Add(makeMixed(43, 2000), uint8(3), uint8(5), uint16(7))
	c := new(Codec)
	f.Fuzz(func(t *testing.T, seed []byte, which, level uint8, repeat uint16) {
		e := encoders[int(which)%len(encoders)]
		p := Params{Encoder: e.id, Level: e.levels[int(level)%len(e.levels)], Block: e.blockMin}
		text := bytes.Repeat(seed, min(int(repeat), 1+200<<10/max(1, len(seed))))
		out := encode(t, c.encoder(p), p, text, 997)
		in := new(inflater)
		in.reset(bytes.NewReader(out), 0, int64(len(out)))
		var back []byte
		for {
			b, err := in.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", p, err)
			}
			back = append(back, b...)
		}
		if !bytes.Equal(back, text) || in.offset() != int64(len(out)) {
			t.Errorf("%s: %d bytes came back as %d", p, len(text), len(back))
		}
	})
}
