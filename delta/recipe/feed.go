package recipe

import "bytes"

const (
	tarBlock = 512
	tarPiece = 32 << 10 // what io.Copy moves at a time
)

// A tarFeeder cuts input into the pieces in which Go's archive/tar writes it:
// each header, contents in pieces of 32 KiB, padding. With feed [Whole] it cuts
// nothing.
type tarFeeder struct {
	feed    Feed
	piece   int64 // bytes left of the piece under way
	max     int64 // the longest piece of content
	content int64 // bytes left of the content under way, after piece
	padding int64 // bytes after the content
	header  []byte
}

func (f *tarFeeder) reset(feed Feed) {
	*f = tarFeeder{feed: feed, header: f.header[:0]}
}

// next returns how many bytes of p, which is not empty, are of one piece, and
// whether the piece begins with them.
func (f *tarFeeder) next(p []byte) (n int, begins bool) {
	if f.feed == Whole {
		return len(p), false
	}
	if begins = f.piece == 0 && len(f.header) == 0; begins {
		f.begin()
	}
	if f.piece == 0 {
		return f.readHeader(p), begins
	}
	n = int(min(f.piece, int64(len(p))))
	f.piece -= int64(n)
	return n, begins
}

// begin sets piece to the length of the next piece, 0 if that is a header.
func (f *tarFeeder) begin() {
	if f.content > 0 {
		f.piece = min(f.content, f.max)
		f.content -= f.piece
		return
	}
	f.piece, f.padding = f.padding, 0
}

// readHeader takes bytes of a header and, when it is complete, learns what
// follows it.
func (f *tarFeeder) readHeader(p []byte) int {
	n := min(len(p), tarBlock-len(f.header))
	f.header = append(f.header, p[:n]...)
	if len(f.header) < tarBlock {
		return n
	}
	f.content, f.max = 0, tarPiece
	switch f.header[156] {
	case 'x', 'g', 'L', 'K':
		// Extended headers are written at once.
		f.content = tarSize(f.header[124:136])
		f.max = max(f.content, 1)
	case 0, '0', '7':
		f.content = tarSize(f.header[124:136])
	}
	f.padding = -f.content & (tarBlock - 1)
	f.header = f.header[:0]
	return n
}

// tarSize reads the size field of a header; what it cannot read has size 0.
func tarSize(field []byte) int64 {
	const most = 1 << 50
	var n int64
	if field[0] == 0x80 {
		for _, c := range field[1:] {
			if n = n<<8 | int64(c); n > most {
				return 0
			}
		}
		return n
	}
	for _, c := range bytes.Trim(field, " \x00") {
		if c < '0' || c > '7' {
			return 0
		}
		n = n<<3 | int64(c-'0')
	}
	return n
}
