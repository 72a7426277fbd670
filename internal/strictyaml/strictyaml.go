// Package strictyaml reads YAML that people write, and tells them about every
// mistake at once: with its line, and with the name that was probably meant.
//
// Only fields that are asked for may be there, each once. Values are taken as
// they are written: nothing is guessed, and text is not taken for a number. A
// document is bounded in size, in depth and in what its aliases stand for.
package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

const (
	// MaxSize bounds a document.
	MaxSize = 1 << 20 // bytes

	// maxVisits bounds how many nodes of a document are looked at, aliases
	// followed: a small document can stand for a huge one.
	maxVisits = 200_000

	// MaxNesting bounds how deep a document is looked into by those who walk
	// it themselves.
	MaxNesting = 200

	// maxTextLen bounds every text.
	maxTextLen = 2000 // bytes
)

// A Reader reads one document and collects what is wrong with it.
type Reader struct {
	*Problems
	visits int
}

// NewReader returns a reader; file is for messages.
func NewReader(file string) *Reader { return &Reader{Problems: NewProblems(file)} }

// Document returns the only document of data, or nil, which is a mistake.
func (r *Reader) Document(data []byte) *yaml.Node {
	if len(data) > MaxSize {
		r.Addf(0, "is larger than %d bytes", MaxSize)
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) {
		r.Addf(1, "is empty")
		return nil
	}
	if err == nil {
		if err = dec.Decode(&second); err == nil {
			r.Addf(second.Line, "has a second document, want one")
			return nil
		}
	}
	if !errors.Is(err, io.EOF) {
		line, msg := ErrorOf(err)
		r.Addf(line, "%s", msg)
		return nil
	}
	return doc.Content[0]
}

// A Field is one thing that a mapping may have.
type Field struct {
	Name string
	Read func(n *yaml.Node)
}

// Mapping reads the fields of n. Others are mistakes, and so is one that comes
// twice. what names n in messages.
func (r *Reader) Mapping(n *yaml.Node, what string, fields ...Field) {
	r.Entries(n, what, func(key, value *yaml.Node) {
		for _, f := range fields {
			if f.Name == key.Value {
				f.Read(value)
				return
			}
		}
		names := make([]string, 0, len(fields))
		for _, f := range fields {
			names = append(names, f.Name)
		}
		if near := Nearest(key.Value, names); near != "" {
			r.Addf(key.Line, "%s has no field %.80q, did you mean %q?", what, key.Value, near)
			return
		}
		r.Addf(key.Line, "%s has no field %.80q; its fields are %s", what, key.Value, strings.Join(names, ", "))
	})
}

// Entries calls entry for each key of n, which is a mapping whose keys may be
// anything, each once.
func (r *Reader) Entries(n *yaml.Node, what string, entry func(key, value *yaml.Node)) {
	v := r.visit(n)
	if v == nil {
		return
	}
	if v.Kind != yaml.MappingNode {
		r.Addf(n.Line, "%s is %s, want fields", what, Describe(v))
		return
	}
	seen := make(map[string]int)
	for i := 0; i+1 < len(v.Content); i += 2 {
		key, value := v.Content[i], v.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			r.Addf(key.Line, "%s has %s as name of a field", what, Describe(key))
			continue
		}
		if line, ok := seen[key.Value]; ok {
			r.Addf(key.Line, "%s has %.80q twice, first in line %d", what, key.Value, line)
			continue
		}
		seen[key.Value] = key.Line
		entry(key, value)
	}
}

// Sequence calls item for each element of the list n.
func (r *Reader) Sequence(n *yaml.Node, what string, item func(n *yaml.Node)) {
	v := r.visit(n)
	if v == nil {
		return
	}
	if v.Kind != yaml.SequenceNode {
		r.Addf(n.Line, "%s is %s, want a list", what, Describe(v))
		return
	}
	if len(v.Content) == 0 {
		r.Addf(n.Line, "%s is an empty list; leave it out", what)
	}
	for _, c := range v.Content {
		item(c)
	}
}

// Text returns the text n, or "", which is a mistake.
func (r *Reader) Text(n *yaml.Node, what string) string {
	v := r.scalar(n, what, "text", "!!str")
	switch {
	case v == nil:
	case v.Value == "":
		r.Addf(n.Line, "%s is empty", what)
	case len(v.Value) > maxTextLen || strings.ContainsFunc(v.Value, func(c rune) bool { return !unicode.IsPrint(c) }):
		r.Addf(n.Line, "%s is %.80q, want at most %d printable characters", what, v.Value, maxTextLen)
	case strings.TrimSpace(v.Value) != v.Value:
		r.Addf(n.Line, "%s is %.80q, which starts or ends with a space", what, v.Value)
	default:
		return v.Value
	}
	return ""
}

// Number returns the text n. A number is taken as it is written, so that 1.10
// stays 1.10.
func (r *Reader) Number(n *yaml.Node, what string) string {
	if v := n; v.Kind == yaml.ScalarNode && (v.Tag == "!!int" || v.Tag == "!!float") && len(v.Value) <= maxTextLen {
		return v.Value
	}
	return r.Text(n, what)
}

// Constant returns the text n, which must be want.
func (r *Reader) Constant(n *yaml.Node, what, want string) string {
	return r.Checked(n, what, func(s string) bool { return s == want }, strconv.Quote(want))
}

// Checked returns the text n if it is valid, or "", which is a mistake. want
// says what would be valid.
func (r *Reader) Checked(n *yaml.Node, what string, valid func(string) bool, want string) string {
	s := r.Text(n, what)
	if s != "" && !valid(s) {
		r.Addf(n.Line, "%s is %.80q, want %s", what, s, want)
		return ""
	}
	return s
}

// Bool returns true or false, as n says.
func (r *Reader) Bool(n *yaml.Node, what string) bool {
	v := r.scalar(n, what, "true or false", "!!bool")
	if v == nil {
		return false
	}
	b, err := strconv.ParseBool(strings.ToLower(v.Value))
	if err != nil {
		r.Addf(n.Line, "%s is %.80q, want true or false", what, v.Value)
	}
	return b
}

// Int returns the whole number n if it is from low to high.
func (r *Reader) Int(n *yaml.Node, what string, low, high int) int {
	v := r.scalar(n, what, "a whole number", "!!int")
	if v == nil {
		return 0
	}
	i, err := strconv.Atoi(v.Value)
	if err != nil || i < low || i > high {
		r.Addf(n.Line, "%s is %.80q, want a whole number from %d to %d", what, v.Value, low, high)
		return 0
	}
	return i
}

// scalar returns n, aliases followed, if it has the given tag.
func (r *Reader) scalar(n *yaml.Node, what, want, tag string) *yaml.Node {
	v := r.visit(n)
	if v == nil {
		return nil
	}
	if v.Kind != yaml.ScalarNode || v.Tag != tag {
		r.Addf(n.Line, "%s is %s, want %s%s", what, Describe(v), want, quotesHint(v, tag))
		return nil
	}
	return v
}

// visit follows an alias. It returns nil, which is a mistake, if there was too
// much to look at.
func (r *Reader) visit(n *yaml.Node) *yaml.Node {
	r.visits++
	if r.visits == maxVisits {
		r.Addf(n.Line, "has more than %d values, aliases followed", maxVisits)
	}
	if r.visits >= maxVisits {
		return nil
	}
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// Describe says what a node is, as it stands in messages.
func Describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!null":
		return "empty"
	case n.Tag == "!!str":
		return fmt.Sprintf("the text %.80q", n.Value)
	}
	return fmt.Sprintf("%.80q (%s)", n.Value, strings.TrimPrefix(n.Tag, "!!"))
}

func quotesHint(n *yaml.Node, tag string) string {
	if tag == "!!str" && n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		return fmt.Sprintf(": write it in quotes, %.80q", n.Value)
	}
	return ""
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// ErrorOf takes the line out of an error of package yaml; 0 if it has none.
func ErrorOf(err error) (line int, msg string) {
	msg = err.Error()
	m := yamlLine.FindStringSubmatch(msg)
	if m == nil {
		return 0, msg
	}
	line, _ = strconv.Atoi(m[1])
	return line, "reading YAML: " + strings.TrimPrefix(msg, m[0])
}
