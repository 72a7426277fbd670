package recipe

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"
)

func TestPlain(t *testing.T) {
	text := makeMixed(71, 700<<10)
	one := gzipped(t, 6, text)
	var named bytes.Buffer
	w := gzip.NewWriter(&named)
	w.Name, w.Comment, w.Extra = "name", "comment", []byte("extra")
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	tests := []struct {
		name  string
		blob  []byte
		frame Frame
		want  []byte
	}{
		{"empty", nil, Stored, nil},
		{"three bytes", []byte("tar"), Stored, []byte("tar")},
		{"tar", text, Stored, text},
		{"gzip", one, Gzip, text},
		{"gzip with all there is in a header", named.Bytes(), Gzip, text},
		{"gzip of nothing", gzipped(t, 6, nil), Gzip, nil},
		{
			"members", bytes.Join([][]byte{one, gzipped(t, 1, nil), gzipped(t, 9, text[:5]), named.Bytes()}, nil), Gzip,
			bytes.Join([][]byte{text, text[:5], text}, nil),
		},
		{"tail", append(bytes.Clone(one), "tail"...), Gzip, text},
		{"tail of one byte", append(bytes.Clone(one), 0x1f), Gzip, text},
		{"zeros after it", append(bytes.Clone(one), make([]byte, 100_000)...), Gzip, text},
		{"zstd", enc.EncodeAll(text, nil), Zstd, text},
	}
	for _, tt := range tests {
		for _, wrap := range []func(io.Reader) io.Reader{iotest.HalfReader, iotest.DataErrReader} {
			r, frame, err := Plain(wrap(bytes.NewReader(tt.blob)))
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			got, err := io.ReadAll(r)
			if err != nil || frame != tt.frame || !bytes.Equal(got, tt.want) {
				t.Errorf("%s: %d bytes of %s, %v, want %d of %s", tt.name, len(got), frame, err, len(tt.want), tt.frame)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestPlainErrors(t *testing.T) {
	text := makeText(72, 100<<10)
	blob := append(gzipped(t, 6, text), gzipped(t, 6, text[:100])...)
	first := len(gzipped(t, 6, text))
	for n := 3; n < len(blob); n += 1 + n%97 {
		if n >= first && n < first+3 {
			continue // a tail
		}
		r, _, err := Plain(bytes.NewReader(blob[:n]))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(r); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("the first %d bytes of %d: %v, want io.ErrUnexpectedEOF", n, len(blob), err)
		}
	}
	for _, at := range []int{3, first - 8, first - 1, first + 3, len(blob) - 5} {
		bad := bytes.Clone(blob)
		bad[at] ^= 0x80
		r, _, err := Plain(bytes.NewReader(bad))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(r); !errors.As(err, new(*FormatError)) {
			t.Errorf("byte %d changed: %v, want a *FormatError", at, err)
		}
	}
	r, _, err := Plain(io.MultiReader(bytes.NewReader(blob[:5000]), iotest.ErrReader(errDisk)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); !errors.Is(err, errDisk) {
		t.Errorf("reading what cannot be read: %v", err)
	}
}

// Whatever the standard library reads of a gzip file, Plain reads too, and
// nothing else.
func FuzzPlain(f *testing.F) {
	f.Add(gzipped(f, 6, makeText(73, 1000)))
	f.Add(append(gzipped(f, 1, makeText(74, 100)), gzipped(f, 9, nil)...))
	f.Fuzz(func(t *testing.T, blob []byte) {
		if !isGzip(blob) {
			return
		}
		const most = 4 << 20
		r, _, err := Plain(bytes.NewReader(blob))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(io.LimitReader(r, most))
		z, zerr := gzip.NewReader(bytes.NewReader(blob))
		var want []byte
		if zerr == nil {
			want, zerr = io.ReadAll(io.LimitReader(z, most))
		}
		if zerr == nil && (err != nil || !bytes.Equal(got, want)) {
			t.Errorf("%d bytes, %v, want %d", len(got), err, len(want))
		}
	})
}
