package corpus

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

const blockSize = 512

// A member is one member of a volume, with whatever header.
type member struct {
	header  [blockSize]byte
	content []byte // with its padding
}

// newMember returns the member that docs/formats/bundle-v1.md demands.
func newMember(name string, content []byte) member {
	var m member
	copy(m.header[:100], name)
	copy(m.header[100:], "0000444\x000000000\x000000000\x00")
	copy(m.header[124:], fmt.Sprintf("%011o\x00", len(content)))
	copy(m.header[136:], "00000000000\x00")
	m.header[156] = '0'
	copy(m.header[257:], "ustar\x0000")
	copy(m.header[329:], "0000000\x000000000\x00")
	m.content = append(bytes.Clone(content), make([]byte, -len(content)&(blockSize-1))...)
	return m.summed()
}

// summed returns m with the checksum that its header has.
func (m member) summed() member {
	copy(m.header[148:], "        ")
	sum := 0
	for _, b := range m.header {
		sum += int(b)
	}
	copy(m.header[148:], fmt.Sprintf("%06o\x00 ", sum))
	return m
}

// with returns m with other bytes at a place in its header, and the checksum
// that goes with them.
func (m member) with(offset int, field string) member {
	copy(m.header[offset:], field)
	return m.summed()
}

// named returns m with another name.
func (m member) named(name string) member {
	copy(m.header[:100], make([]byte, 100))
	return m.with(0, name)
}

func (m member) name() string {
	name, _, _ := strings.Cut(string(m.header[:100]), "\x00")
	return name
}

// body returns the content without its padding.
func (m member) body() []byte {
	size := must(strconv.ParseInt(string(m.header[124:135]), 8, 64))
	return m.content[:size]
}

func join(members []member) []byte {
	var b []byte
	for _, m := range members {
		b = append(append(b, m.header[:]...), m.content...)
	}
	return b
}

// split takes a good volume apart.
func split(volume []byte) []member {
	var members []member
	for volume[0] != 0 {
		var m member
		copy(m.header[:], volume)
		size := must(strconv.ParseInt(string(m.header[124:135]), 8, 64))
		end := blockSize + (size+blockSize-1)&^(blockSize-1)
		m.content = bytes.Clone(volume[blockSize:end])
		members = append(members, m)
		volume = volume[end:]
	}
	return members
}
