package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// A SignedForm is how ferry spells what is signed: a first line that says what
// it is and of which version, then one line with one JSON object. The first
// line keeps a signature over one kind of thing from being offered as one over
// another; and each thing has one spelling, because who reads it encodes it
// again and compares.
type SignedForm struct {
	Part    string // of which errors speak, such as "statement"
	Magic   string // first line, ending with a version number
	MaxSize int    // bytes
}

// Decode decodes b into v, a pointer to a struct of the fields of the form.
// Another version gives a [*VersionError], anything else that is not of the
// form a [*FormatError]. The caller then encodes what it understood, and gives
// it to Compare.
func (f SignedForm) Decode(b []byte, v any) error {
	if len(b) > f.MaxSize {
		return f.errorf("%d bytes, at most %d are allowed", len(b), f.MaxSize)
	}
	magic, body, ok := bytes.Cut(b, []byte("\n"))
	if !ok || string(magic) != f.Magic {
		if ok && isVersion(magic, strings.TrimRight(f.Magic, digits)) {
			return &VersionError{Got: string(magic)}
		}
		return f.errorf("first line is %.40q, want %q", magic, f.Magic)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return f.errorf("%v", err)
	}
	return nil
}

// Append appends v in the form.
func (f SignedForm) Append(b []byte, v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, f.errorf("%v", err)
	}
	if n := len(f.Magic) + len(body) + 2; n > f.MaxSize {
		return nil, f.errorf("%d bytes, at most %d are allowed", n, f.MaxSize)
	}
	b = append(append(b, f.Magic+"\n"...), body...)
	return append(b, '\n'), nil
}

// Compare returns a [*FormatError] unless b, which was read, is again, which
// the same would be written as.
func (f SignedForm) Compare(b, again []byte) error {
	if !bytes.Equal(b, again) {
		return f.errorf("not in canonical form: differs at byte %d", commonPrefix(b, again))
	}
	return nil
}

func (f SignedForm) errorf(format string, args ...any) error {
	return &FormatError{Part: f.Part, Msg: fmt.Sprintf(format, args...)}
}

// isVersion reports whether line is the first line of some version of a
// format: prefix and a number.
func isVersion(line []byte, prefix string) bool {
	n, ok := bytes.CutPrefix(line, []byte(prefix))
	return ok && len(n) > 0 && len(n) < 10 && strings.Trim(string(n), digits) == ""
}
