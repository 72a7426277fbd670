package recipe

import (
	"fmt"
	"io"
)

// An ID names an encoder for ever: a number once given keeps its meaning, bit
// by bit. New ones are appended.
type ID uint8

// The encoders, as the package comment lists them.
const (
	Go126     ID = 1
	ZlibLevel ID = 2
	GNU       ID = 3
	GNUR      ID = 4
	Pigz      ID = 5
	PigzI     ID = 6
	KPG       ID = 7
	KPH       ID = 8
	Tokens    ID = 9
)

// encoderInfo is a line of the table of encoders.
type encoderInfo struct {
	id       ID
	name     string
	levels   []int // in the order in which Find tries them
	blockMin int   // 0: does not cut its input
	blockMax int
	feeds    bool // output depends on the pieces in which input arrives
	allows   func(l *look) (block int, ok bool)
	open     func(p Params) encoder // nil for what makes no deflate streams
}

// An encoder makes one raw deflate stream after another. reset begins a
// stream, write takes input, close ends the stream, spill hands over what is
// certain so far.
type encoder interface {
	reset(w io.Writer, p Params)
	write(p []byte) error
	spill() error
	close() error
}

// Every encoder takes its input in pieces of any size, and makes the same of
// them as of the whole.

var encoders = []encoderInfo{
	{id: Go126, name: "go126", levels: []int{6, 1, 9, 5, 4, 7, 8, 3, 2}, feeds: true, allows: allowsGo, open: openGo},
	{id: ZlibLevel, name: "zlib", levels: zlibLevels, allows: allowsZlib, open: openZ},
	{id: GNU, name: "gnu", levels: zlibLevels, allows: allowsGNU, open: openZ},
	{id: GNUR, name: "gnur", levels: zlibLevels, allows: allowsGNUR, open: openZ},
	{id: Pigz, name: "pigz", levels: zlibLevels, blockMin: windowSize, blockMax: 16 << 20, allows: allowsPigz, open: openPigz},
	{id: PigzI, name: "pigzi", levels: zlibLevels, blockMin: windowSize, blockMax: 16 << 20, allows: allowsPigz, open: openPigz},
	{id: KPG, name: "kpG", levels: []int{5}, blockMin: pgzipMin, blockMax: pgzipMax, allows: allowsKP, open: openKP},
	{id: KPH, name: "kpH", levels: []int{5}, blockMin: pgzipMin, blockMax: pgzipMax, allows: allowsKP, open: openKP},
}

// tokensInfo is the encoder that predicts nothing by itself: all is in the
// corrections.
var tokensInfo = encoderInfo{id: Tokens, name: "tokens", levels: []int{0}}

func openKP(Params) encoder { return newKPFast() }

var zlibLevels = []int{6, 9, 1, 5, 8, 7, 4, 3, 2}

func openZ(Params) encoder { return newZDeflate() }

func openPigz(Params) encoder { return newPigz() }

func openGo(p Params) encoder {
	if p.Level == 1 {
		return newGoFast()
	}
	return newGoDeflate()
}

// info returns the line of id, or nil if there is none.
func (id ID) info() *encoderInfo {
	for _, table := range [2][]encoderInfo{encoders, zstdEncoders} {
		for i := range table {
			if table[i].id == id {
				return &table[i]
			}
		}
	}
	if id == Tokens {
		return &tokensInfo
	}
	return nil
}

// isZstd reports whether id is one of the encoders of frame [Zstd].
func (id ID) isZstd() bool { return id >= firstZstd }

// String returns the name of id as docs/formats/recipe-v1.md gives it.
func (id ID) String() string {
	if e := id.info(); e != nil {
		return e.name
	}
	return fmt.Sprintf("encoder %d", uint8(id))
}
