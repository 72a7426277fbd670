package diff

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"testing"
)

func TestAddressesAreGuessed(t *testing.T) {
	tests := []struct {
		name    string
		machine int
	}{{"x86-64", machineX86}, {"arm64", machineARM64}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			base, target := elfProgram(1, tt.machine), elfProgram(2, tt.machine)
			plain := roundTrip(t, base, target, Options{Plain: true})
			guessed := roundTrip(t, base, target, Options{})
			if p, g := plain.size(), guessed.size(); g*3 > p {
				t.Errorf("patch with addresses guessed has %d bytes, without %d; want less than a third", g, p)
			}
		})
	}
}

// Each kind of field is found in the made-up program, or its guesses are
// tested by nothing.
func TestProgramHasAllFields(t *testing.T) {
	b := elfFile(1)
	var m image
	var f fields
	m.parse(b)
	f.find(&m, b)
	var count [fieldKinds]int
	for _, x := range f.list {
		count[x.kind]++
	}
	for kind, n := range count {
		if n == 0 && kind != fromDynSymbols {
			t.Errorf("there is no field of kind %d", kind)
		}
	}
}

func TestGuessedFieldsAreRight(t *testing.T) {
	base, target := elfFile(1), elfFile(2)
	var d Differ
	var s Streams
	d.Diff(&s, base, target, Options{})
	right, all := 0, 0
	for _, o := range d.ops {
		for _, x := range d.guess.fields.list {
			if x.off < o.from || int(x.off)+x.width() > int(o.from+o.n) {
				continue
			}
			there := x
			there.off += o.to - o.from
			all++
			if there.read(d.out) == there.read(target) {
				right++
			}
		}
	}
	if all < 2000 || right*100 < all*95 {
		t.Errorf("%d of %d fields are guessed right, want 95 of 100 of at least 2000", right, all)
	}
}

// Any damage to the headers of either file may cost bytes, never correctness.
func TestDamagedHeadersRoundTrip(t *testing.T) {
	base, target := elfFile(1), elfFile(2)
	r := rand.New(rand.NewPCG(6, 6))
	table := int(binary.LittleEndian.Uint64(base[40:]))
	step := 3
	if testing.Short() {
		step = 29
	}
	var places []int
	for i := 0; i < elfHead+2*segHead; i += step {
		places = append(places, i)
	}
	for i := table; i < len(base); i += step {
		places = append(places, i)
	}
	for _, i := range places {
		v, old := byte(r.Uint32()), base[i]
		base[i] = v
		roundTrip(t, base, target, Options{})
		if i < len(target) {
			was := target[i]
			target[i] = v
			roundTrip(t, base, target, Options{})
			base[i] = old
			roundTrip(t, base, target, Options{})
			target[i] = was
		}
		base[i] = old
	}
}

// Sections that lie anywhere, over each other and over the headers, make
// fields that mean nothing. Guesses there must be the same on both sides.
func TestSectionsAnywhereRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	n := 150
	if testing.Short() {
		n = 20
	}
	for i := range n {
		machine := []int{machineX86, machineARM64}[i%2]
		base, target := elfProgram(1, machine), elfProgram(2+i%3, machine)
		for _, b := range [][]byte{base, target} {
			table := int(binary.LittleEndian.Uint64(b[40:]))
			for h := table; h+secHead <= len(b) && i%5 > 0; h += secHead {
				if r.IntN(3) > 0 && h+2*secHead <= len(b) { // not the names
					binary.LittleEndian.PutUint64(b[h+24:], uint64(r.IntN(len(b))&^7))
					binary.LittleEndian.PutUint64(b[h+32:], uint64(r.IntN(len(b)/2)))
				}
			}
			for range r.IntN(200) {
				b[64+r.IntN(table-64)] = byte(r.Uint32())
			}
		}
		roundTrip(t, base, target, Options{Stride: r.IntN(9)})
	}
}

// The program that runs this test is a real one, of Go where that makes ELF.
func TestRealProgramRoundTrips(t *testing.T) {
	if testing.Short() {
		t.Skip("a few million bytes")
	}
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	base, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	third := len(base) / 3 &^ 15
	target := join(base[:third], noise(4, 160), base[third:2*third], base[2*third+48:])
	roundTrip(t, base, target, Options{})
	roundTrip(t, target, base, Options{})
}

// javaDump makes a dump of records that point to each other; some are longer
// by grow bytes.
func javaDump(grow int) []byte {
	b := make([]byte, dumpHead)
	binary.LittleEndian.PutUint32(b, dumpMagic)
	const records = 200
	at := 0
	var places []int
	for i := range records {
		places = append(places, at)
		at += 64
		if i%50 == 7 {
			at += grow
		}
	}
	for i, p := range places {
		b = append(b, noise(uint64(i), dumpHead+p-len(b))...)
		b = append(b, noise(uint64(i+1000), 64)...)
		binary.LittleEndian.PutUint64(b[dumpHead+p+8:], uint64(dumpAddress+places[i*7%records]))
		binary.LittleEndian.PutUint64(b[dumpHead+p+40:], uint64(dumpAddress+places[i*11%records]))
	}
	return b
}

func TestDumpAddressesAreGuessed(t *testing.T) {
	base, target := javaDump(0), javaDump(24)
	plain, guessed := roundTrip(t, base, target, Options{Plain: true}), roundTrip(t, base, target, Options{})
	if p, g := plain.size(), guessed.size(); g*2 > p {
		t.Errorf("patch with addresses guessed has %d bytes, without %d; want less than half", g, p)
	}
}
