package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/bundle/volume"
	"github.com/airgap-ferry/ferry/delta"
	"github.com/airgap-ferry/ferry/inside"
	"github.com/airgap-ferry/ferry/internal/strictyaml"
	"github.com/airgap-ferry/ferry/ledger"
	"github.com/airgap-ferry/ferry/outside"
	"github.com/airgap-ferry/ferry/registry"
	"github.com/airgap-ferry/ferry/release"
	"github.com/airgap-ferry/ferry/verify"
	"github.com/airgap-ferry/ferry/verify/statement"
)

var (
	errDamage    = &bundle.DamageError{Place: "volume 1", Msg: "differs"}
	errUntrusted = &statement.UntrustedError{Name: statement.Unsigned, Msg: "no signature"}
	errMisfit    = &statement.MisfitError{Name: statement.Gap, Msg: "1 is missing", Need: []int64{1}}
	errRegistry  = &registry.Error{Side: "pushing to", Host: "harbor.example", Err: registry.ErrReadOnly}
)

func TestExitCode(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want int
	}{
		{"nothing", nil, 0},
		{"anything", errors.New("x"), 1},
		{"password", verify.ErrPassword, 1},
		{"release", &release.Error{File: "r", Msg: "x"}, 1},
		{"configuration", &strictyaml.Error{File: "site.yaml", Line: 1, Msg: "x"}, 1},
		{"lock file", outside.ErrLock, 1},
		{"waiting", &waitingError{[]string{"x"}}, 3},
		{"malformed", &bundle.FormatError{Part: "index", Msg: "x"}, 10},
		{"malformed key", &bundle.FormatError{Part: "public key", Msg: "x"}, 1},
		{"malformed root", &bundle.FormatError{Part: "root", Msg: "x"}, 1},
		{"no volume", volume.ErrNoVolume, 10},
		{"no bundle", inside.ErrNoBundle, 10},
		{"damage", errDamage, 11},
		{"cut", io.ErrUnexpectedEOF, 11},
		{"rebuilt wrongly", &delta.MismatchError{}, 11},
		{"no patch", &delta.FormatError{Part: "head", Msg: "x"}, 10},
		{"patch wants more memory", &delta.MemoryError{}, 1},
		{"patch with a lost base", &delta.BaseError{Err: &inside.MissingError{Digests: []bundle.Digest{"x"}}}, 14},
		{"no index", volume.ErrNoIndex, 11},
		{"version", &bundle.VersionError{Got: "ferry-statement-v2"}, 12},
		{"untrusted", errUntrusted, 13},
		{"no trust", inside.ErrNoTrust, 13},
		{"nobody named", errNoTrust, 13},
		{"misfit", errMisfit, 14},
		{"base missing", &inside.MissingError{Digests: []bundle.Digest{"x"}}, 14},
		{"old ledger", &inside.FloorError{}, 14},
		{"registry", errRegistry, 15},
		{"registry cut off", &registry.Error{Err: io.ErrUnexpectedEOF}, 15},
		{"registry in a release", &release.Error{File: "r", Err: errRegistry}, 15},
		{"locked", ledger.ErrLocked, 17},
		{"space", &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, 18},
		{"quota of the disk", syscall.EDQUOT, 18},
		{"space in staging", &inside.SpaceError{}, 18},
		{"usage", &usageError{msg: "x"}, 64},
		{"interrupted", &interruptedError{errRegistry}, 130},
		{"canceled", context.Canceled, 130},
		{"with a hint", &hintedError{errMisfit, "x"}, 14},
	}
	for _, tt := range tests {
		if got := exitCode(tt.err); got != tt.want {
			t.Errorf("%s: exitCode(%v) = %d, want %d", tt.name, tt.err, got, tt.want)
		}
		if tt.err == nil {
			continue
		}
		if got := exitCode(fmt.Errorf("doing: %w", tt.err)); got != tt.want {
			t.Errorf("%s: wrapped, exitCode = %d, want %d", tt.name, got, tt.want)
		}
		if got := exitCode(errors.Join(tt.err, nil)); got != tt.want {
			t.Errorf("%s: joined with nothing, exitCode = %d, want %d", tt.name, got, tt.want)
		}
		if got := exitCode(errors.Join(&waitingError{[]string{"y"}}, tt.err)); got != tt.want && tt.want != 64 {
			t.Errorf("%s: joined with something less, exitCode = %d, want %d", tt.name, got, tt.want)
		}
	}
}

// Of several errors the one that a person has to know first decides, in
// whatever order they stand.
func TestExitCodePrecedence(t *testing.T) {
	missing := &release.Error{File: "r", Line: 1, Msg: "no such file"}
	notFound := &release.Error{File: "r", Line: 2, Err: errRegistry}
	tests := []struct {
		name string
		errs []error
		want int
	}{
		{"all of one kind", []error{notFound, notFound}, 15},
		{"a mistake among them", []error{notFound, missing}, 1},
		{"trust before damage", []error{errDamage, errUntrusted}, 13},
		{"trust before fit", []error{errMisfit, errUntrusted}, 13},
		{"nested", []error{missing, fmt.Errorf("a: %w", errors.Join(notFound, errDamage))}, 11},
	}
	for _, tt := range tests {
		for range 2 {
			if got := exitCode(fmt.Errorf("doing: %w", errors.Join(tt.errs...))); got != tt.want {
				t.Errorf("%s: exitCode = %d, want %d", tt.name, got, tt.want)
			}
			slices.Reverse(tt.errs)
		}
	}
}

func TestSplit(t *testing.T) {
	a, b, c := errors.New("a"), errors.New("b"), errors.New("c")
	tests := []struct {
		name   string
		err    error
		prefix string
		want   []string
	}{
		{"one", a, "", nil},
		{"two wrapped in one line", fmt.Errorf("%w, so %w", a, b), "", nil},
		{"two", errors.Join(a, b), "", []string{"a", "b"}},
		{"two in something", fmt.Errorf("doing: %w", errors.Join(a, b)), "doing", []string{"a", "b"}},
		{"nested", errors.Join(a, fmt.Errorf("x: %w", errors.Join(b, c))), "", []string{"a", "x: b", "x: c"}},
		{"lines of one error", errors.New("a\nb"), "", nil},
	}
	for _, tt := range tests {
		got := split(tt.err)
		var parts []string
		for _, p := range got.parts {
			parts = append(parts, p.Error())
		}
		if diff := cmp.Diff(tt.want, parts); diff != "" || got.prefix != tt.prefix {
			t.Errorf("%s: split = %q and (-want +got):\n%s", tt.name, got.prefix, diff)
		}
	}
}

// constants returns the string constants of a Go file.
func constants(t *testing.T, name string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for _, v := range spec.Values {
			if lit, ok := v.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				s, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, s)
			}
		}
		return true
	})
	if len(list) == 0 {
		t.Fatalf("%s has no constants", name)
	}
	return list
}

// Each refusal has words, a hint, and a line in docs/exit-codes.md.
func TestRefusalsExplained(t *testing.T) {
	doc, err := os.ReadFile("../../docs/exit-codes.md")
	if err != nil {
		t.Fatal(err)
	}
	names := constants(t, "../../verify/statement/errors.go")
	for _, name := range names {
		if meaning[name] == "" {
			t.Errorf("no words for what %q may mean", name)
		}
		if !strings.Contains(string(doc), "| `"+name+"` |") {
			t.Errorf("docs/exit-codes.md has no line on %q", name)
		}
		for _, err := range []error{&statement.UntrustedError{Name: name}, &statement.MisfitError{Name: name}} {
			if hint(err) == "" {
				t.Errorf("no hint for %v", err)
			}
		}
	}
	for name := range meaning {
		if !slices.Contains(names, name) {
			t.Errorf("words for %q, which is no name of a refusal", name)
		}
	}
}

// docs/exit-codes.md has a row for each code here, and precedence a place.
func TestExitCodesDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/exit-codes.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[string]bool)
	for _, m := range regexp.MustCompile(`(?m)^\| ([0-9]+) \| [a-z ]+ \|`).FindAllStringSubmatch(string(doc), -1) {
		documented[m[1]] = true
	}
	codes := append(slices.Clone(precedence), exitOK, exitUsage)
	for _, code := range codes {
		if !documented[strconv.Itoa(code)] {
			t.Errorf("docs/exit-codes.md has no row for code %d", code)
		}
	}
	for _, code := range []int{
		exitFailure, exitPart, exitMalformed, exitDamaged, exitVersion, exitUntrusted, exitMisfit,
		exitRegistry, exitBusy, exitSpace, exitInterrupted,
	} {
		if !slices.Contains(precedence, code) {
			t.Errorf("code %d has no place in precedence", code)
		}
	}
}

func TestHint(t *testing.T) {
	reg := func(status int, err error) error { return &registry.Error{Host: "h.example", Status: status, Err: err} }
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"anything", errors.New("x"), ""},
		{"its own", &hintedError{errDamage, "do that"}, "do that"},
		{"usage", &usageError{msg: "x"}, "ferry help"},
		{"usage of a command", &usageError{msg: "x", command: "init inside"}, "ferry help init inside"},
		{"usage of a command by its full name", &usageError{msg: "x", command: "ferry pack"}, "ferry help pack"},
		{"password", verify.ErrPassword, "check COSIGN_PASSWORD or --password-file; without both, ferry asks on a terminal"},
		{"locked", ledger.ErrLocked, "wait for the other ferry command, or see who it is with fuser(1)"},
		{"old ledger", &inside.FloorError{}, "restore a newer copy of the ledger; with this one old bundles could come in"},
		{"collision", &inside.CollisionError{}, "change the rules in site.yaml: without a rule a source keeps its host in the path, and none meet"},
		{"unauthorized", reg(401, registry.ErrUnauthorized), "log in with an account that may do this: docker login h.example"},
		{"not found", reg(404, registry.ErrNotFound), "check the name and the tag; a registry also says so of what one may not see"},
		{"read-only", reg(405, registry.ErrReadOnly), "end the maintenance of the registry, then run the same command again"},
		{"rate limit", reg(429, registry.ErrUnavailable), "the registry limits the rate: wait, or log in for a higher limit, then run the same command again"},
		{"no name", reg(0, &net.DNSError{Name: "h.example"}), `check the name "h.example" and the name server`},
		{"refused", reg(0, syscall.ECONNREFUSED), "check that the registry h.example runs and can be reached, then run the same command again"},
		{"certificate", reg(0, x509.UnknownAuthorityError{}), "name the CA of the registry in ferry.yaml outside, or in site.yaml inside"},
		{"no TLS", reg(0, registry.ErrPlainHTTP), "if this registry has no TLS, say so: plainHTTP in ferry.yaml outside, or in site.yaml inside"},
		{"another answer", reg(418, nil), "run the same command again; if it stays like this, look into the log of the registry"},
		{"of several, that of the code", errors.Join(ledger.ErrNotFound, errMisfit), misfitHint(errMisfit)},
	}
	for _, tt := range tests {
		if got := hint(tt.err); got != tt.want {
			t.Errorf("%s: hint = %q, want %q", tt.name, got, tt.want)
		}
	}
}

// Every code that says more than "failed" has a hint.
func TestEachCodeHinted(t *testing.T) {
	for _, err := range []error{
		&waitingError{[]string{"x"}}, volume.ErrNoVolume, errDamage, &bundle.VersionError{}, errUntrusted, errMisfit,
		errRegistry, ledger.ErrLocked, syscall.ENOSPC, &usageError{msg: "x"}, &interruptedError{context.Canceled},
		&inside.MissingError{Digests: []bundle.Digest{"x"}}, &release.Error{File: "r", Msg: "x"},
	} {
		if hint(err) == "" {
			t.Errorf("no hint for code %d: %v", exitCode(err), err)
		}
	}
}
