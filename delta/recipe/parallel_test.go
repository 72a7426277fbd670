package recipe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
)

// together is a Parallel that runs everything at once.
func together(n int, work func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = work(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Several encoders at a time make what one makes.
func TestParallel(t *testing.T) {
	text := makeMixed(81, 2200<<10)
	blocks := []int{pgzipMin, pigzBlock, pgzipBlock, 4 << 20}
	if underRace {
		text, blocks = text[:400<<10], blocks[1:2]
	}
	whole := text[:len(text)>>17<<17]
	serial, parallel := new(Codec), &Codec{Parallel: together}
	for _, id := range []ID{Pigz, PigzI, KPG, KPH} {
		for _, block := range blocks {
			for _, plain := range [][]byte{nil, text[:1], text[:block/2], text[:min(block, len(text))], whole, text} {
				p := Params{Encoder: id, Level: id.info().levels[0], Block: block}
				g := Group{Frame: Gzip, Header: []byte(testHeader), Params: p, Plain: []int64{int64(len(plain))}}
				checkParallel(t, serial, parallel, &Recipe{Groups: []Group{g}}, plain)
			}
		}
	}
	// Many small members, of any encoder.
	var sizes []int64
	for n := 0; n < len(text); {
		size := min(1+n*7919%60000, len(text)-n)
		sizes = append(sizes, int64(size), 0)
		n += size
	}
	g := Group{Frame: Gzip, Header: []byte(testHeader), Params: Params{Encoder: Go126, Level: 9}, Plain: sizes}
	checkParallel(t, serial, parallel, &Recipe{Groups: []Group{g}}, text)
}

func checkParallel(t *testing.T, serial, parallel *Codec, r *Recipe, plain []byte) {
	t.Helper()
	var want, got bytes.Buffer
	if err := serial.Replay(r, bytes.NewReader(plain), &want); err != nil {
		t.Fatal(err)
	}
	if err := parallel.Replay(r, bytes.NewReader(plain), &got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want.Bytes()) {
		t.Errorf("%s of %d bytes: %d bytes in parallel, %d one after another", r.Groups[0].Params, len(plain), got.Len(), want.Len())
	}
}

func TestFindParallel(t *testing.T) {
	text := bytes.Join([][]byte{makeText(82, 2<<20), makeBinary(83, 2<<20)}, nil)
	encoders := []Params{{Encoder: KPH, Level: 5, Block: pgzipBlock}, {Encoder: Pigz, Level: 1, Block: pigzBlock}}
	if underRace {
		encoders = encoders[:1]
	}
	for _, p := range encoders {
		blob := encode(t, p.Encoder.info().open(p), p, text, 1<<20)
		c := &Codec{Parallel: together}
		r, err := c.Find(bytes.NewReader(blob), int64(len(blob)), Options{Frame: Raw})
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Groups[0].Params; got != p {
			t.Errorf("found %s, want %s", got, p)
		}
		blob[len(blob)-3000] ^= 4
		if r, err := c.Find(bytes.NewReader(blob), int64(len(blob)), Options{Frame: Raw}); err == nil {
			t.Errorf("found %s of changed bytes", r.Groups[0].Params)
		}
	}
}

// The first error of one piece of work is that of the whole.
func TestParallelFails(t *testing.T) {
	text := makeText(84, 1<<20)
	c := &Codec{Parallel: func(int, func(int) error) error { return errDisk }}
	for _, g := range []Group{
		{Params: Params{Encoder: KPH, Level: 5, Block: pgzipMin}, Plain: []int64{1 << 20}},
		{Params: Params{Encoder: Go126, Level: 6}, Plain: []int64{1 << 19, 1 << 19}},
	} {
		g.Frame = Raw
		if err := c.Replay(&Recipe{Groups: []Group{g}}, bytes.NewReader(text), io.Discard); !errors.Is(err, errDisk) {
			t.Errorf("%s: %v", fmt.Sprint(g.Params), err)
		}
	}
}
