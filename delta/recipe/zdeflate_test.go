package recipe

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/airgap-ferry/ferry/internal/testtool"
)

// TestSearchSameAsFind holds the search by other chains against a walk of the
// original's. The tables are those of another text before, as in use.
func TestSearchSameAsFind(t *testing.T) {
	d := new(zDeflate)
	r := rand.New(rand.NewPCG(8, 8))
	places := 3000
	if testing.Short() {
		places = 150
	}
	for level := 4; level <= 9; level++ {
		for _, s := range samples() {
			if len(s.plain) < windowSize {
				continue
			}
			d.reset(io.Discard, Params{Encoder: ZlibLevel, Level: level})
			d.end = copy(d.window[:2*windowSize], s.plain)
			d.enter(&d.window, 0, d.end-7)
			for range places {
				d.index = 1 + r.IntN(d.end-zLookahead)
				length := []int{2, 2, 2, 3, 4, 5, 6, 7, 8, 9, 15, 31, 32, 100, 257}[r.IntN(15)]
				n, at := d.search(d.index, length)
				want, wantAt := d.find(&d.link3, length, maxMatch)
				if want == zMinMatch && d.index-wantAt > zTooFar {
					want, wantAt = 0, 0
				}
				if n != want || at != wantAt {
					t.Errorf("level %d, %q at %d: search(%d) = %d at %d, want %d at %d", level, s.name, d.index, length, n, at, want, wantAt)
				}
			}
		}
	}
}

// edges are lengths at which something happens in an encoder, and texts of such
// lengths.
func edges() [][]byte {
	lengths := []int{
		0, 1, 2, 3, 4, 7, 8, 9, 257, 258, 259, 261, 262, 263, 269, 270, 2048,
		windowSize - 1, windowSize, 2*windowSize - zLookahead, 2*windowSize - 1, 2 * windowSize, 2*windowSize + 1,
		3*windowSize - zLookahead, 3 * windowSize, 150001,
	}
	var texts [][]byte
	for i, n := range lengths {
		for _, make := range []func(uint64, int) []byte{makeText, makeBinary, makeFar, makeMixed, makeSkewed, makeRandom, makeZeros} {
			texts = append(texts, make(uint64(100+i), n))
		}
	}
	return texts
}

// makeZeros is runs of zeros.
func makeZeros(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 7))
	b := make([]byte, n)
	for range n / 3000 {
		b[r.IntN(n)] = byte(r.Uint32())
	}
	return b
}

// The script takes its texts with their lengths before them, and answers in
// the same way.
const zlibScript = `import struct, sys, zlib
src, dst = sys.stdin.buffer, sys.stdout.buffer
while (head := src.read(4)):
    plain = src.read(struct.unpack(">I", head)[0])
    c = zlib.compressobj(int(sys.argv[1]), zlib.DEFLATED, -15, 8)
    out = c.compress(plain) + c.flush()
    dst.write(struct.pack(">I", len(out)) + out)
`

func TestZlibSameAsPythonAtEdges(t *testing.T) {
	oneGoroutine(t)
	python := testtool.Find(t, "python3")
	texts := edges()
	var all []byte
	for _, text := range texts {
		all = binary.BigEndian.AppendUint32(all, uint32(len(text)))
		all = append(all, text...)
	}
	e := newZDeflate()
	for level := 1; level <= 9; level++ {
		if testing.Short() && level != 1 && level != 6 {
			continue
		}
		p := Params{Encoder: ZlibLevel, Level: level}
		answer := run(t, all, python, "-c", zlibScript, strconv.Itoa(level))
		for i, text := range texts {
			n := binary.BigEndian.Uint32(answer)
			if got := encode(t, e, p, text, 10007); !bytes.Equal(got, answer[4:4+n]) {
				t.Errorf("level %d: text %d, of %d bytes, differs from what Python makes", level, i, len(text))
			}
			answer = answer[4+n:]
		}
	}
}

func TestGNUAndPigzSameAtEdges(t *testing.T) {
	if testing.Short() {
		t.Skip("runs several hundred programs")
	}
	tests := []struct {
		p    Params
		name string
		args []string
	}{
		{Params{Encoder: GNU}, "gzip", []string{"-nc"}},
		{Params{Encoder: GNUR}, "gzip", []string{"-nc", "--rsyncable"}},
		{Params{Encoder: Pigz, Block: windowSize}, "pigz", []string{"-nTc", "-b32", "-p2"}},
		{Params{Encoder: PigzI, Block: 128 << 10}, "pigz", []string{"-nTc", "-i", "-p2"}},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.p.Encoder), func(t *testing.T) {
			program := testtool.Find(t, tt.name)
			e := tt.p.Encoder.info().open(tt.p)
			for i, text := range edges() {
				p := tt.p
				p.Level = 1 + i%9
				got := encode(t, e, p, text, 10007)
				want := deflated(t, run(t, text, program, append(tt.args, "-"+strconv.Itoa(p.Level))...))
				if !bytes.Equal(got, want) {
					t.Errorf("level %d: text %d, of %d bytes, differs from what %s makes", p.Level, i, len(text), tt.name)
				}
			}
		})
	}
}

// BenchmarkZlibSmall is what a large jar needs: many streams of 2 KiB.
func BenchmarkZlibSmall(b *testing.B) { benchSmall(b, Params{Encoder: ZlibLevel, Level: 6}) }
func BenchmarkGNUSmall(b *testing.B)  { benchSmall(b, Params{Encoder: GNU, Level: 9}) }

func benchSmall(b *testing.B, p Params) {
	b.Helper()
	const size = 2048
	text := benchText(b)
	text = text[:min(len(text), 17000*size)]
	e := p.Encoder.info().open(p)
	defer reportCPU(b, len(text))()
	for b.Loop() {
		for at := 0; at < len(text); at += size {
			e.reset(io.Discard, p)
			if err := e.write(text[at:min(at+size, len(text))]); err != nil {
				b.Fatal(err)
			}
			if err := e.close(); err != nil {
				b.Fatal(err)
			}
		}
	}
}
