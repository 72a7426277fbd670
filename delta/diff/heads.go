package diff

// Kinds of files, as the control stream says them.
const (
	kindPlain byte = iota // nothing is guessed
	kindELF               // both are ELF files; addresses are guessed
	kindDump              // both are dumps of a Java machine; addresses are guessed
	kinds
)

// kindOf returns the kind of a base and a target.
func kindOf(base, target []byte) byte {
	switch {
	case isELF(base) && isELF(target):
		return kindELF
	case isDump(base) && isDump(target):
		return kindDump
	}
	return kindPlain
}

// The headers of an ELF target are made right before anything is guessed,
// because the guesses lean on them. Which bytes they are follows from the
// headers themselves: first the ELF header, then the others.

// appendHeads appends the corrections of the headers of out, which are to be
// those of target, and makes them.
func (s *Streams) appendHeads(out, target []byte) {
	s.appendHead(out, target, [2]int{0, elfHead})
	rest := headRanges(target)
	for _, r := range rest[1:] {
		s.appendHead(out, target, r)
	}
	s.appendHead(out, target, namesRange(target))
}

func (s *Streams) appendHead(out, target []byte, r [2]int) {
	have, want := out[r[0]:r[1]], target[r[0]:r[1]]
	var list []byte
	count := 0
	for i, right := 0, 0; i < len(have); i++ {
		if have[i] == want[i] {
			right++
			continue
		}
		list = appendNumber(list, right)
		list = append(list, want[i]-have[i])
		count, right = count+1, 0
	}
	s[Control] = append(appendNumber(s[Control], count), list...)
	copy(have, want)
}

// takeHeads corrects the headers of out.
func (s *Streams) takeHeads(out []byte) bool {
	if len(out) < elfHead || !s.takeHead(out, [2]int{0, elfHead}) || !isELF(out) {
		return false
	}
	rest := headRanges(out)
	for _, r := range rest[1:] {
		if !s.takeHead(out, r) {
			return false
		}
	}
	return s.takeHead(out, namesRange(out))
}

func (s *Streams) takeHead(out []byte, r [2]int) bool {
	count, ok := takeNumber(&s[Control])
	if !ok || count > r[1]-r[0] {
		return false
	}
	at := r[0]
	for range count {
		gap, ok := takeNumber(&s[Control])
		add, ok2 := s.takeByte(Control)
		if !ok || !ok2 || add == 0 || gap >= r[1]-at {
			return false
		}
		at += gap
		out[at] += add
		at++
	}
	return true
}
