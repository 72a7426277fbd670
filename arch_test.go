package ferry

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/airgap-ferry/ferry"

// imports says what each package may import from outside the standard
// library: packages of this module by their path in it, others by their
// module path. It is a statement of policy. Do not widen it to make a build
// pass; move the code, or talk about it first.
//
// The order is from the bottom up: a package may name only packages above it
// in the table. A package that is not built yet may stand here already.
// Test files are free to import what they test against.
var imports = []struct {
	pkg     string
	allowed string
}{
	{"internal/durable", "golang.org/x/sys"},
	{"internal/term", "golang.org/x/term github.com/cheggaaa/pb/v3"},
	{"internal/strictyaml", "go.yaml.in/yaml/v3"},

	{"internal/scratch", "internal/durable"},
	{"internal/testtool", ""},

	{"bundle", ""},
	{"bundle/volume", "bundle github.com/klauspost/reedsolomon"},
	{"internal/oci", "bundle github.com/opencontainers/go-digest"},

	{"delta/recipe/tokens", ""},
	{"delta/recipe", "delta/recipe/tokens github.com/klauspost/compress"},
	{"delta/entropy", "github.com/klauspost/compress"},
	{"delta/diff", ""},
	{"delta/nested", "delta/recipe github.com/klauspost/compress"},
	{"delta", "bundle delta/recipe delta/entropy delta/diff delta/nested"},

	{"verify/statement", "bundle"},
	{"verify", "bundle delta verify/statement github.com/sigstore/cosign/v2 " +
		"github.com/sigstore/sigstore github.com/secure-systems-lab/go-securesystemslib golang.org/x/mod"},

	{"ledger", "internal/durable bundle go.etcd.io/bbolt github.com/klauspost/compress golang.org/x/mod"},
	{"registry", "internal/durable bundle internal/oci github.com/google/go-containerregistry " +
		"github.com/opencontainers/go-digest golang.org/x/sync"},
	{"registry/harbor", "bundle internal/oci"},
	{"registry/serve", "github.com/distribution/distribution/v3 github.com/sirupsen/logrus"},
	{"registry/registrytest", "internal/testtool bundle internal/oci registry registry/serve github.com/google/go-containerregistry"},
	{"release", "internal/durable internal/strictyaml bundle internal/oci github.com/Masterminds/semver/v3 " +
		"go.yaml.in/yaml/v3 golang.org/x/sync"},
	{"rollout", "internal/durable bundle internal/oci k8s.io helm.sh/helm/v4 github.com/fluxcd/pkg sigs.k8s.io"},
	{"report", "internal/term bundle"},
	{"gateway", "internal/durable internal/term bundle bundle/volume verify/statement report github.com/klauspost/reedsolomon"},

	{"outside", "internal/durable internal/scratch delta/recipe delta/entropy internal/strictyaml internal/oci internal/term bundle bundle/volume delta verify verify/statement " +
		"ledger registry release report go.yaml.in/yaml/v3 golang.org/x/sync filippo.io/age"},
	{"inside", "internal/durable internal/scratch delta/recipe internal/strictyaml internal/oci internal/term bundle bundle/volume delta verify verify/statement " +
		"ledger registry registry/harbor release rollout report go.yaml.in/yaml/v3 golang.org/x/sync filippo.io/age"},

	{"verify/corpus", "bundle bundle/volume verify/statement"},

	{"cmd/ferry-verify", "bundle bundle/volume verify/statement"},
	{"cmd/ferry", "internal/durable internal/term delta bundle bundle/volume verify verify/statement " +
		"ledger registry registry/harbor registry/serve release rollout gateway report outside inside internal/strictyaml " +
		"github.com/urfave/cli/v2 go.yaml.in/yaml/v3"},

	// Programs that measure ferry from outside, as a user would run it.
	{"bench", "internal/durable internal/oci bundle delta/recipe registry github.com/klauspost/compress github.com/google/go-containerregistry golang.org/x/sync golang.org/x/sys"},
	{"bench/layers", "github.com/klauspost/compress"},
	{"examples/apps/hello-api", ""},
	{"examples/apps/hello-worker", ""},
	{"examples/imagebuild", "github.com/google/go-containerregistry"},
}

// pure are the packages that work on bytes they are given. A gateway officer
// who reads them need not ask what else they touch.
var pure = []string{
	"bundle", "delta", "delta/recipe", "delta/recipe/tokens", "delta/entropy", "delta/diff", "delta/nested", "verify/statement", "internal/oci",
}

// effects are the packages of the standard library that reach outside the
// process. A pure package imports none.
var effects = []string{"net", "net/http", "os", "os/exec", "os/signal", "plugin", "syscall"}

// sequential are the trees in which no goroutine is started.
var sequential = []string{"bundle", "delta", "ledger", "verify"}

func TestImports(t *testing.T) {
	allowed := map[string][]string{"": nil} // the overview package
	for _, r := range imports {
		for _, p := range strings.Fields(r.allowed) {
			if _, ok := allowed[p]; !ok && !strings.Contains(p, ".") {
				t.Fatalf("policy: %s may import %s, which is not above it", r.pkg, p)
			}
		}
		allowed[r.pkg] = strings.Fields(r.allowed)
	}

	for _, f := range sources(t) {
		ok, known := allowed[f.pkg]
		if !known {
			t.Errorf("%s: package %q is not in the policy; add it where it belongs", f.path, f.pkg)
			continue
		}
		for _, imp := range f.imports(t) {
			if !permitted(imp, ok) {
				t.Errorf("%s imports %s; policy allows %s only %q", f.path, imp, f.pkg, ok)
			}
		}
	}
}

func TestPureImports(t *testing.T) {
	for _, f := range sources(t) {
		for _, imp := range f.imports(t) {
			if imp == "unsafe" {
				t.Errorf("%s imports unsafe; nothing here is worth it", f.path)
			}
			if slices.Contains(pure, f.pkg) && slices.Contains(effects, imp) {
				t.Errorf("%s imports %s; package %s works on bytes it is given", f.path, imp, f.pkg)
			}
		}
	}
}

func TestNoGoroutines(t *testing.T) {
	for _, f := range sources(t) {
		tree, _, _ := strings.Cut(f.pkg, "/")
		if !slices.Contains(sequential, tree) {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				t.Errorf("%s: package %s starts a goroutine", f.fset.Position(g.Pos()), f.pkg)
			}
			return true
		})
	}
}

// permitted reports whether imp is of the standard library, or is one of the
// allowed packages, or, for another module, below one. Cgo is not of the
// standard library: ferry is one static file.
func permitted(imp string, allowed []string) bool {
	if imp == "C" {
		return false
	}
	if first, _, _ := strings.Cut(imp, "/"); !strings.Contains(first, ".") {
		return true
	}
	return slices.ContainsFunc(allowed, func(a string) bool {
		return imp == module+"/"+a || strings.Contains(a, ".") && (imp == a || strings.HasPrefix(imp, a+"/"))
	})
}

func TestPermitted(t *testing.T) {
	tests := []struct {
		imp     string
		allowed string
		want    bool
	}{
		{"crypto/sha256", "", true},
		{"C", "", false},
		{module + "/bundle", "bundle", true},
		{module + "/bundle/volume", "bundle", false},
		{module + "/ledger", "bundle", false},
		{"go.etcd.io/bbolt", "go.etcd.io/bbolt", true},
		{"go.etcd.io/bbolt/errors", "go.etcd.io/bbolt", true},
		{"go.etcd.io/bboltx", "go.etcd.io/bbolt", false},
		{"github.com/stretchr/testify/assert", "bundle", false},
	}
	for _, tt := range tests {
		if got := permitted(tt.imp, strings.Fields(tt.allowed)); got != tt.want {
			t.Errorf("permitted(%q, %q) = %v, want %v", tt.imp, tt.allowed, got, tt.want)
		}
	}
}

// A source is one Go file that is not a test.
type source struct {
	pkg    string // its folder, "" for the root
	path   string
	fset   *token.FileSet
	syntax *ast.File
}

func (f *source) imports(t *testing.T) []string {
	t.Helper()
	var imps []string
	for _, spec := range f.syntax.Imports {
		imp, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatalf("%s: %v", f.path, err)
		}
		imps = append(imps, imp)
	}
	return imps
}

// sources returns every Go file of the module but the tests. It reads the
// files itself, under every build tag, instead of asking go list: go test
// then knows the files, and does not report a cached pass after one of them
// has changed.
func sources(t *testing.T) []*source {
	t.Helper()
	var files []*source
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && skipped(d.Name()) {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		syntax, err := parser.ParseFile(fset, path, src, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		pkg := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), ".")
		files = append(files, &source{pkg, path, fset, syntax})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 2 {
		t.Fatalf("found %d files; run in the root of the module", len(files))
	}
	return files
}

// skipped reports whether go build would not look into a folder of this name.
func skipped(name string) bool {
	return name == "testdata" || name == "vendor" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}
