package strictyaml

import (
	"errors"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

type sample struct {
	name  string
	on    bool
	count int
	list  []string
	hosts map[string]string
}

// read reads a document that has a field of each kind.
func read(data string) (sample, error) {
	r := NewReader("a.yaml")
	s := sample{hosts: make(map[string]string)}
	n := r.Document([]byte(data))
	if n == nil {
		return s, r.Err()
	}
	r.Mapping(
		n, "the file",
		Field{"kind", func(n *yaml.Node) { r.Constant(n, "kind", "Sample") }},
		Field{"name", func(n *yaml.Node) { s.name = r.Text(n, "name") }},
		Field{"enabled", func(n *yaml.Node) { s.on = r.Bool(n, "enabled") }},
		Field{"count", func(n *yaml.Node) { s.count = r.Int(n, "count", 1, 10) }},
		Field{"list", func(n *yaml.Node) {
			r.Sequence(n, "list", func(n *yaml.Node) { s.list = append(s.list, r.Text(n, "list")) })
		}},
		Field{"hosts", func(n *yaml.Node) {
			r.Entries(n, "hosts", func(key, value *yaml.Node) { s.hosts[key.Value] = r.Text(value, key.Value) })
		}},
	)
	return s, r.Err()
}

func TestRead(t *testing.T) {
	if _, err := read("enabled: yes\n"); err == nil {
		t.Error(`"yes" was taken as true`)
	}
	s, err := read("kind: Sample\nname: &n north\nenabled: true\ncount: 3\nlist: [a, *n]\nhosts: {h: x}\n")
	if err != nil {
		t.Fatal(err)
	}
	if s.name != "north" || !s.on || s.count != 3 || strings.Join(s.list, " ") != "a north" || s.hosts["h"] != "x" {
		t.Errorf("read %+v", s)
	}
}

func TestMistakes(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"empty", "", "a.yaml:1: is empty"},
		{"comment alone", "# nothing\n", "a.yaml:1: is empty"},
		{"no YAML", "a: [\n", "reading YAML"},
		{"second document", "name: a\n---\nname: b\n", "second document"},
		{"list", "- a\n", "a.yaml:1: the file is a list, want fields"},
		{"unknown, near", "\nnzme: a\n", `a.yaml:2: the file has no field "nzme", did you mean "name"?`},
		{"unknown", "colour: a\n", `has no field "colour"; its fields are kind, name`},
		{"twice", "name: a\nname: b\n", `a.yaml:2: the file has "name" twice, first in line 1`},
		{"number as text", "name: 1.10\n", `write it in quotes, "1.10"`},
		{"null as text", "name:\n", "name is empty, want text"},
		{"empty text", "name: ''\n", "a.yaml:1: name is empty"},
		{"space", "name: 'a '\n", "ends with a space"},
		{"not printable", "name: \"a\\u0007\"\n", "printable"},
		{"text as bool", "enabled: 'true'\n", "want true or false"},
		{"text as number", "count: many\n", "want a whole number"},
		{"number out of range", "count: 11\n", "want a whole number from 1 to 10"},
		{"fraction", "count: 1.5\n", "want a whole number"},
		{"text as list", "list: a\n", "want a list"},
		{"constant", "kind: Other\n", `kind is "Other", want "Sample"`},
		{"mapping as key", "? {a: b}\n: c\n", "as name of a field"},
		{"too large", strings.Repeat("#", MaxSize+1), "larger than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := read(tt.in)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want %q", err, tt.want)
			}
			if !errors.As(err, new(*Error)) {
				t.Errorf("error is %T, want an Error in it", err)
			}
		})
	}
}

func TestAllMistakesAtOnce(t *testing.T) {
	_, err := read("count: x\nnzme: a\nlist: b\n")
	if got := strings.Count(err.Error(), "\n") + 1; got != 3 {
		t.Errorf("%d mistakes, want 3:\n%v", got, err)
	}
}

// A few lines can stand for millions of values.
func TestAliasBomb(t *testing.T) {
	in := "hosts:\n  a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	r := NewReader("bomb")
	n := r.Document([]byte(in + "  b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n" +
		"  c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\n  d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\n" +
		"  e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]\n  f: [*e, *e, *e, *e, *e, *e, *e, *e, *e, *e]\n"))
	if n == nil {
		t.Skip("the YAML library refuses it already: ", r.Err())
	}
	var all func(*yaml.Node)
	all = func(n *yaml.Node) {
		v := n
		if n.Kind == yaml.AliasNode {
			v = n.Alias
		}
		if v.Kind == yaml.SequenceNode {
			r.Sequence(n, "list", all)
			return
		}
		r.Text(n, "item")
	}
	r.Mapping(n, "bomb", Field{"hosts", func(n *yaml.Node) {
		r.Entries(n, "hosts", func(_, value *yaml.Node) { all(value) })
	}})
	if err := r.Err(); err == nil || !strings.Contains(err.Error(), "aliases followed") {
		t.Errorf("error = %v, want too many values", err)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"registries", "parallel", "expires"}
	tests := []struct{ in, want string }{
		{"registry", "registries"},
		{"sites", ""},
		{"regstries", "registries"},
		{"parxllel", "parallel"},
		{"expire", "expires"},
		{"x", ""},
		{strings.Repeat("expires", 9), ""},
	}
	for _, tt := range tests {
		if got := Nearest(tt.in, names); got != tt.want {
			t.Errorf("Nearest(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func FuzzDocument(f *testing.F) {
	f.Add("kind: Sample\nname: &n north\nlist: [a, *n]\nhosts: {h: x}\n")
	f.Add("a: &a [*a]\n")
	f.Fuzz(func(t *testing.T, in string) {
		s, err := read(in)
		if err == nil && s.count != 0 && (s.count < 1 || s.count > 10) {
			t.Errorf("count %d was accepted", s.count)
		}
	})
}
