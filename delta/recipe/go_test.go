package recipe

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

// encode compresses plain with the encoder of p, written in pieces of the given
// size.
func encode(tb testing.TB, e encoder, p Params, plain []byte, piece int) []byte {
	tb.Helper()
	var b bytes.Buffer
	e.reset(&b, p)
	for len(plain) > 0 {
		n := min(piece, len(plain))
		if err := e.write(plain[:n]); err != nil {
			tb.Fatal(err)
		}
		plain = plain[n:]
	}
	if err := e.close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// goReference compresses with the standard library, which is the original as
// long as the toolchain is one of Go 1.19 to 1.26.
func goReference(tb testing.TB, level int, plain []byte) []byte {
	tb.Helper()
	if v := runtime.Version(); !strings.HasPrefix(v, "go1.26") {
		tb.Skipf("%s is not the original of go126", v)
	}
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
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

func TestGoSameAsStandardLibrary(t *testing.T) {
	oneGoroutine(t)
	// The golden vectors try the other levels.
	for _, level := range []int{1, 6} {
		p := Params{Encoder: Go126, Level: level}
		e := openGo(p)
		for _, s := range samples() {
			t.Run(fmt.Sprintf("%d/%s", level, s.name), func(t *testing.T) {
				got := encode(t, e, p, s.plain, 10007)
				want := goReference(t, level, s.plain)
				checkSame(t, got, want)
			})
		}
	}
}

// checkSame compares compressed bytes, and says where they part.
func checkSame(t *testing.T, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	n := 0
	for n < len(got) && n < len(want) && got[n] == want[n] {
		n++
	}
	plain, err := io.ReadAll(flate.NewReader(bytes.NewReader(got)))
	t.Errorf("got %d bytes, want %d; they differ at byte %d; got inflates to %d bytes, %v",
		len(got), len(want), n, len(plain), err)
}
