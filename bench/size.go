package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	command   = "./cmd/ferry"
	shownDeps = 9 // rows of the table

	ownerFerry = "ferry itself"
	ownerGo    = "the standard library and the runtime"
)

// A pkg is a package that ferry is built from, as go list knows it.
type pkg struct {
	ImportPath string
	Standard   bool
	Imports    []string
	ImportMap  map[string]string
	Module     *struct {
		Path     string
		Main     bool
		Indirect bool
	}
}

// owner returns who is responsible for p.
func (p *pkg) owner() string {
	if p.Standard || p.Module == nil {
		return ownerGo
	}
	if p.Module.Main {
		return ownerFerry
	}
	return p.Module.Path
}

// size attributes the size of the binary to the modules that it is built from.
func (b *bench) size(ctx context.Context) error {
	info, err := os.Stat(b.ferry)
	if err != nil {
		return err
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	symbols := filepath.Join(b.dir, "ferry-with-symbols")
	if err := b.goBuild(ctx, root, "-o", symbols, command); err != nil {
		return err
	}
	graph, err := packages(ctx, root)
	if err != nil {
		return err
	}
	weights, err := weigh(ctx, symbols, graph)
	if err != nil {
		return err
	}
	b.describeSize(info.Size(), graph, weights)
	return nil
}

func (b *bench) describeSize(total int64, graph map[string]*pkg, weights map[string]int64) {
	own := make(map[string]int64)
	var sum int64
	for path, n := range weights {
		own[graph[path].owner()] += n
		sum += n
	}
	// without returns what would not be there without these modules.
	without := func(modules ...string) int64 {
		n := sum
		for path := range reachable(graph, modules) {
			n -= weights[path]
		}
		return n
	}
	direct := make(map[string]int64)
	for _, p := range graph {
		if p.Module != nil && !p.Module.Main && !p.Module.Indirect {
			direct[p.Module.Path] = without(p.Module.Path)
		}
	}
	heaviest := slices.SortedFunc(maps.Keys(direct), func(a, b string) int {
		return cmp.Or(cmp.Compare(direct[b], direct[a]), cmp.Compare(a, b))
	})
	b.doc.section("Size", fmt.Sprintf(
		"`bin/ferry` is one static file of %s. Of that %s are machine code; the rest is constants and what the runtime knows about the code, and grows with it. "+
			"So the share of the code is about the share of the file.\n\n"+
			"The last columns are what would not be there without a dependency: its own packages, and those that nothing else needs.",
		megabytes(total), megabytes(sum)))
	rows := [][]string{{"built from", "its code", "with what only it needs", "share"}}
	add := func(name string, itself, all int64) {
		rows = append(rows, []string{name, megabytes(itself), megabytes(all), fmt.Sprintf("%.1f %%", 100*float64(all)/float64(sum))})
	}
	for _, owner := range []string{ownerFerry, ownerGo} {
		add(owner, own[owner], own[owner])
	}
	for i, module := range heaviest[:min(shownDeps, len(heaviest))] {
		add(module, own[module], direct[module])
		if i == 1 {
			add("these two together", own[heaviest[0]]+own[module], without(heaviest[:2]...))
		}
	}
	b.doc.table(rows)
}

// reachable returns the packages that ferry would be built from without those
// of some modules.
func reachable(graph map[string]*pkg, without []string) map[string]bool {
	seen := make(map[string]bool)
	var visit func(path string)
	visit = func(path string) {
		p := graph[path]
		if p == nil || seen[path] || slices.Contains(without, p.owner()) {
			return
		}
		seen[path] = true
		for _, imp := range p.Imports {
			visit(cmp.Or(p.ImportMap[imp], imp))
		}
	}
	visit(commandPath(graph))
	visit("runtime") // is in every program, whether something imports it or not
	return seen
}

// commandPath returns the import path of the command, which symbols call main.
func commandPath(graph map[string]*pkg) string {
	for path, p := range graph {
		if p.owner() == ownerFerry && strings.HasSuffix(path, strings.TrimPrefix(command, ".")) {
			return path
		}
	}
	return ""
}

// weigh returns how many bytes of code each package has in binary.
func weigh(ctx context.Context, binary string, graph map[string]*pkg) (map[string]int64, error) {
	out, err := output(exec.CommandContext(ctx, "go", "tool", "nm", "-size", binary)) //nolint:gosec // built by this program
	if err != nil {
		return nil, err
	}
	weights := make(map[string]int64)
	for line := range strings.Lines(string(out)) {
		// address, size, kind, name
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[2] != "T" && fields[2] != "t" {
			continue // no code
		}
		size, err := strconv.ParseInt(fields[1], 10, 64)
		path := packageOf(fields[3])
		if path == "main" {
			path = commandPath(graph)
		}
		if err != nil || graph[path] == nil {
			continue
		}
		weights[path] += size
	}
	if len(weights) == 0 {
		return nil, errors.New("go tool nm names no symbol of a package")
	}
	return weights, nil
}

// packageOf returns the import path in the name of a symbol: all before the
// first dot behind the last slash, which is escaped where it is not the end.
func packageOf(symbol string) string {
	if i := strings.IndexAny(symbol, "[({"); i >= 0 {
		symbol = symbol[:i] // type parameters and receivers have paths of their own
	}
	slash := strings.LastIndexByte(symbol, '/') + 1
	last, _, _ := strings.Cut(symbol[slash:], ".")
	return strings.ReplaceAll(symbol[:slash]+last, "%2e", ".")
}

// packages returns all packages that ferry is built from, by import path.
func packages(ctx context.Context, root string) (map[string]*pkg, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-json=ImportPath,Standard,Imports,ImportMap,Module", command)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	out, err := output(cmd)
	if err != nil {
		return nil, err
	}
	graph := make(map[string]*pkg)
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		p := new(pkg)
		if err := dec.Decode(p); errors.Is(err, io.EOF) {
			return graph, nil
		} else if err != nil {
			return nil, fmt.Errorf("reading what go list printed: %w", err)
		}
		graph[p.ImportPath] = p
	}
}

// moduleRoot returns the folder of the module that this program is run in.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := output(exec.CommandContext(ctx, "go", "env", "GOMOD"))
	return filepath.Dir(strings.TrimSpace(string(out))), err
}

// output runs a command and returns what it printed on standard output.
func output(cmd *exec.Cmd) ([]byte, error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, stderr.String())
	}
	return out, nil
}
