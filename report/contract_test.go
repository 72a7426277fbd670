package report

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/bundle"
)

// contract is every struct that --json can print, whole or as a part.
var contract = []any{
	BundleStatus{},
	Bundle{},
	Change{},
	Content{},
	Count{},
	Diff{},
	Encoding{},
	Failure{},
	Group{},
	Import{},
	InsideInit{},
	InsideStatus{},
	OutsideInit{},
	OutsideStatus{},
	Packed{},
	Patch{},
	Plan{},
	Reference{},
	ReleaseStatus{},
	Release{},
	Served{},
	Shipment{},
	Signer{},
	SiteAdded{},
	SiteStatus{},
	Skipped{},
	Stream{},
	TagChange{},
	Trusted{},
	Version{},
	Volume{},
}

// The list above has every struct of this package that has fields for JSON.
func TestContractComplete(t *testing.T) {
	var want []string
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no sources: %v", err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if ok && spec.Name.IsExported() {
				if _, isStruct := spec.Type.(*ast.StructType); isStruct {
					want = append(want, spec.Name.Name)
				}
			}
			return true
		})
	}
	var got []string
	for _, v := range contract {
		got = append(got, reflect.TypeOf(v).Name())
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("structs of the package (-) and of the test (+):\n%s", diff)
	}
}

// docs/json.md names the fields of each struct, in their order and with their
// types, and whether they may be absent.
func TestDocumented(t *testing.T) {
	documented := readDocument(t)
	for _, v := range contract {
		typ := reflect.TypeOf(v)
		got, ok := documented[typ.Name()]
		if !ok {
			t.Errorf("docs/json.md has no section %s", typ.Name())
			continue
		}
		if diff := cmp.Diff(fields(typ), got); diff != "" {
			t.Errorf("fields of %s in the source (-) and in docs/json.md (+):\n%s", typ.Name(), diff)
		}
		delete(documented, typ.Name())
	}
	for name := range documented {
		t.Errorf("docs/json.md has a section %s that nothing prints", name)
	}
}

func fields(typ reflect.Type) []string {
	var list []string
	for f := range typ.Fields() {
		if f.Anonymous {
			list = append(list, "all of "+f.Type.Name())
			continue
		}
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		s := name + " " + typeName(f.Type)
		if option == "omitempty" {
			s += " may be absent"
		}
		list = append(list, s)
	}
	return list
}

func typeName(typ reflect.Type) string {
	switch typ {
	case reflect.TypeFor[bundle.Digest]():
		return "digest"
	case reflect.TypeFor[time.Time]():
		return "time"
	}
	switch typ.Kind() {
	case reflect.Pointer:
		return typeName(typ.Elem())
	case reflect.Slice:
		elem := typeName(typ.Elem())
		if typ.Elem().Kind() != reflect.Struct {
			elem += "s"
		}
		return "list of " + elem
	case reflect.Int, reflect.Int64:
		return "integer"
	case reflect.Bool:
		return "boolean"
	case reflect.Struct:
		return typ.Name()
	default:
		return typ.Kind().String()
	}
}

var (
	documentLink = regexp.MustCompile(`\[(\w+)\]\(#(\w+)\)`)
	documentRow  = regexp.MustCompile("^\\| `(\\w+)` \\| ([^|]+) \\| ([^|]+) \\|$")
)

// readDocument returns the rows of the tables in docs/json.md by section.
func readDocument(t *testing.T) map[string][]string {
	t.Helper()
	b, err := os.ReadFile("../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := make(map[string][]string)
	section := ""
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "## "); ok {
			section = name
			sections[section] = nil
			continue
		}
		for _, m := range documentLink.FindAllStringSubmatch(line, -1) {
			if m[2] != strings.ToLower(m[1]) {
				t.Errorf("%s: link to #%s for %s", section, m[2], m[1])
			}
		}
		plain := documentLink.ReplaceAllString(line, "$1")
		if m := documentRow.FindStringSubmatch(plain); m != nil {
			s := m[1] + " " + m[2]
			if strings.HasSuffix(m[3], "; may be absent") {
				s += " may be absent"
			}
			sections[section] = append(sections[section], s)
		} else if strings.HasPrefix(plain, "| all of ") {
			sections[section] = append(sections[section], strings.Trim(plain, "| "))
		} else if section != "" && strings.HasPrefix(plain, "|") && plain != "| field | type | meaning |" && plain != "|---|---|---|" {
			t.Errorf("%s: row %q is not of the usual form", section, line)
		}
	}
	return sections
}
