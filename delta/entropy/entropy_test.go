package entropy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
)

var coders = map[Coder]string{Stored: "stored", Zstd: "zstd", LZ: "lz", CM: "cm"}

func TestRoundTrip(t *testing.T) {
	var e Encoder
	var d Decoder
	sizes := []int{0, 1, 2, 3, 4, 5, 7, 100, 5000}
	if !testing.Short() {
		sizes = append(sizes, 70_000)
	}
	for _, size := range sizes {
		for _, s := range samples(size) {
			for _, c := range []Coder{Zstd, LZ, CM} {
				coded := e.encode([]byte("before"), s.data, c, s.kind, Most)
				if !bytes.HasPrefix(coded, []byte("before")) {
					t.Fatalf("%s of %d, %s: what stood in dst is lost", s.name, size, coders[c])
				}
				got, err := d.Decode([]byte("first"), coded[6:], c, size)
				if err != nil || !bytes.Equal(got, append([]byte("first"), s.data...)) {
					t.Errorf("Decode(%s of %d, %s) = %d bytes, %v", s.name, size, coders[c], len(got), err)
				}
			}
		}
	}
}

// Every kind codes every frame, at every effort, and never to more bytes.
func TestEncode(t *testing.T) {
	var d Decoder
	for _, s := range samples(3000) {
		for kind := range Sparse + 2 {
			for _, effort := range []Effort{Normal, Fast, Most} {
				var e Encoder
				c, coded := e.Encode(nil, s.data, kind, effort)
				if len(coded) > len(s.data) || (len(coded) == len(s.data)) != (c == Stored) {
					t.Errorf("Encode(%s, kind %d, effort %d) = %s of %d bytes", s.name, kind, effort, coders[c], len(coded))
				}
				if got, err := d.Decode(nil, coded, c, len(s.data)); err != nil || !bytes.Equal(got, s.data) {
					t.Errorf("Decode(Encode(%s, kind %d, effort %d)): %v", s.name, kind, effort, err)
				}
			}
		}
	}
}

// What an encoder coded before does not show in what it codes next.
func TestEncoderForgets(t *testing.T) {
	var used Encoder
	var d Decoder
	for _, s := range samples(4000) {
		for _, c := range []Coder{Zstd, LZ, CM} {
			var fresh Encoder
			want := fresh.encode(nil, s.data, c, s.kind, Most)
			if got := used.encode(nil, s.data, c, s.kind, Most); !bytes.Equal(got, want) {
				t.Errorf("%s, %s: a used encoder codes to other bytes", s.name, coders[c])
			}
			if _, err := d.Decode(nil, want, c, len(s.data)); err != nil {
				t.Errorf("%s, %s: a used decoder: %v", s.name, coders[c], err)
			}
		}
	}
}

func TestCoderOf(t *testing.T) {
	tests := []struct {
		size   int
		kind   Kind
		effort Effort
		want   Coder
	}{
		{100, Ops, Fast, Zstd},
		{100, Text, Fast, Zstd},
		{100, Ops, Normal, CM},
		{normalSize, Sparse, Normal, CM},
		{normalSize + 1, Sparse, Normal, Zstd},
		{normalSize, Text, Normal, CM},
		{normalSize + 1, Code, Normal, Zstd},
		{mostRecords, Headers, Most, CM},
		{mostRecords + 1, Headers, Most, LZ},
		{mostContent, Code, Most, CM},
		{mostContent + 1, Text, Most, LZ},
		{100, Ops, Most + 1, Zstd},
	}
	for _, tt := range tests {
		if got := choose(tt.size, tt.kind, tt.effort); got != tt.want {
			t.Errorf("choose(%d, %d, %d) = %s, want %s", tt.size, tt.kind, tt.effort, coders[got], coders[tt.want])
		}
	}
}

// The own coders earn their time.
func TestSmaller(t *testing.T) {
	tests := []struct {
		name    string
		lz, cm  int // per mille of zstd's size, at most
		content []byte
		kind    Kind
	}{
		{"prose", 980, 900, prose(2, 60_000), Text},
		{"machine", 900, 850, machine(3, 60_000), Code},
		{"numbers", 1000, 980, numbers(4, 60_000), Ops},
		{"headers", 850, 700, headers(5, 60_000), Headers},
		{"sparse", 970, 920, sparse(6, 60_000), Sparse},
	}
	var e Encoder
	for _, tt := range tests {
		z := len(e.encode(nil, tt.content, Zstd, tt.kind, Normal))
		lz := len(e.encode(nil, tt.content, LZ, tt.kind, Most))
		cm := len(e.encode(nil, tt.content, CM, tt.kind, Most))
		if lz*1000 > z*tt.lz || cm*1000 > z*tt.cm {
			t.Errorf("%s: zstd %d, lz %d (%d of 1000), cm %d (%d of 1000)", tt.name, z, lz, lz*1000/z, cm, cm*1000/z)
		}
	}
}

const golden = "testdata/golden.txt"

// The golden vectors are frames as patches hold them. A change that makes one
// decode to anything else needs a new coder. Encoders may change: lines are
// added with FERRY_UPDATE=1, and none is taken away.
func TestGolden(t *testing.T) {
	text, err := os.ReadFile(golden)
	if os.Getenv("FERRY_UPDATE") != "" {
		text, err = appendGolden(text), nil
		if err := os.WriteFile(golden, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	var d Decoder
	seen := make(map[string]int)
	for line := range strings.Lines(string(text)) {
		var name, coder, digest, coded string
		var size int
		if _, err := fmt.Sscan(line, &name, &coder, &size, &digest, &coded); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		b, err := hex.DecodeString(coded)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		for c := range coders {
			if coders[c] != coder {
				continue
			}
			seen[coder]++
			got, err := d.Decode(nil, b, c, size)
			if sum := sha256.Sum256(got); err != nil || hex.EncodeToString(sum[:]) != digest {
				t.Errorf("Decode(%s, %s) = sha256 %x, %v, want %s", name, coder, sum, err, digest)
			}
		}
	}
	if seen["lz"] < 8 || seen["cm"] < 8 || seen["zstd"] < 8 {
		t.Errorf("%s holds %v, want eight or more of each coder", golden, seen)
	}
}

// appendGolden adds the samples that the text lacks.
func appendGolden(text []byte) []byte {
	var e Encoder
	for _, s := range samples(1500) {
		for _, c := range []Coder{Zstd, LZ, CM} {
			key := fmt.Sprintf("%s %s %d %x ", s.name, coders[c], len(s.data), sha256.Sum256(s.data))
			if !bytes.Contains(text, []byte(key)) {
				text = fmt.Appendf(text, "%s%x\n", key, e.encode(nil, s.data, c, s.kind, Most))
			}
		}
	}
	return text
}
