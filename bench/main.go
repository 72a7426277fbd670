// Bench measures ferry against its bars and beside the tools that people use
// for the same thing today, all in one run on one machine, and writes what
// came out to docs/benchmarks.md:
//
//	go run ./bench
//	go run ./bench -quick -o /tmp/benchmarks.md
//	go run ./bench -only patches -pairs vite,node_exporter -o /tmp/benchmarks.md
//
// It needs the ferry that "make build" makes, about 20 GB below -tmp and, for
// the comparisons, skopeo and tar. Registries are "ferry serve" processes on
// the loopback interface. With -quick everything is tiny: that shows that the
// program works, and no figure of it means anything.
//
// Patches are measured on the corpus in $FERRY_BENCH_CORPUS, or in the user's
// cache, where bench/corpus/make.sh makes it if it is not there. With -slow
// they are compared with other tools for deltas, too.
//
// Whether a bar is met is written down, not enforced: the exit code is 1 only
// if something could not be measured.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/airgap-ferry/ferry/internal/durable"
	"github.com/airgap-ferry/ferry/registry"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: error: %v\n", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

// A bench is one run of all measurements.
type bench struct {
	ferry  string // path of the binary
	dir    string // for everything that is measured with
	sizes  sizes
	names  []string // of the pairs of the corpus to measure with
	only   []string // names of measurements; all if there are none
	quick  bool
	slow   bool
	client *registry.Client
	pairs  []pair // of the corpus, once loaded
	log    io.Writer
	now    func() time.Time
	doc    *document
}

// sizes says how much is measured with.
type sizes struct {
	starts         int   // of ferry version
	layer          int64 // bytes of the large layer
	images         int   // that are held already
	repeats        int   // of the pack that ships nothing
	delivered      int   // images of the release that is updated
	deliveredLayer int64 // bytes of each
	deliveries     int   // of the corpus, in each way that differs by little
	file           int64 // bytes of the large file that is patched
	files          int   // that are small and patched
}

var (
	fullSizes  = sizes{starts: 21, layer: 2 << 30, images: 1000, repeats: 5, delivered: 20, deliveredLayer: 10 << 20, deliveries: 3, file: 3 << 30, files: 1_000_000}
	quickSizes = sizes{starts: 3, layer: 9 << 20, images: 20, repeats: 1, delivered: 4, deliveredLayer: 1 << 20, deliveries: 1, file: 5 << 20, files: 2000}
)

// run is main without the process.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	ferry := flags.String("ferry", "bin/ferry", "`file` to measure")
	out := flags.String("o", "docs/benchmarks.md", "`file` to write")
	tmp := flags.String("tmp", "", "`folder` to measure in; the system's for such things")
	quick := flags.Bool("quick", false, "measure next to nothing, to see that it works")
	slow := flags.Bool("slow", false, "compare with other tools for deltas as well")
	only := flags.String("only", "", "measure only these `things`, such as patches,encoders")
	pairs := flags.String("pairs", strings.Join(pairNames, ","), "measure with these `pairs` of the corpus")
	if err := flags.Parse(args); err != nil {
		return err
	}
	path, err := filepath.Abs(*ferry)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("looking for ferry, which make build makes: %w", err)
	}
	dir, err := os.MkdirTemp(*tmp, "ferry-bench")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	client, err := registry.New(registry.Options{})
	if err != nil {
		return err
	}
	defer client.Close()
	b := &bench{
		ferry: path, dir: dir, sizes: fullSizes, client: client, log: stderr, quick: *quick, slow: *slow,
		names: strings.FieldsFunc(*pairs, isComma), only: strings.FieldsFunc(*only, isComma),
		now: time.Now, //nolint:forbidigo // this program is the caller that time is taken from
		doc: new(document),
	}
	if *quick {
		b.sizes = quickSizes
	}
	if err := b.measure(ctx); err != nil {
		return err
	}
	text := b.doc.text()
	if _, err := stdout.Write(text); err != nil {
		return err
	}
	return durable.Replace(durable.OS, *out, 0o644, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// measure runs all measurements, one after the other.
func (b *bench) measure(ctx context.Context) error {
	machine, err := b.machine(ctx)
	if err != nil {
		return err
	}
	b.doc.machine = machine
	for _, m := range []struct {
		name, text string
		run        func(context.Context) error
	}{
		{"startup", "start-up", b.startup},
		{"size", "size", b.size},
		{"layer", "a large layer", b.largeLayer},
		{"nothing", "nothing new", b.nothingNew},
		{"update", "an update, door to door", b.update},
		{"patches", "patches of the corpus", b.patches},
		{"encoders", "encoders", b.encoders},
		{"memory", "patches of large layers", b.largePatches},
	} {
		if len(b.only) > 0 && !slices.Contains(b.only, m.name) {
			b.doc.left = append(b.doc.left, m.text)
			continue
		}
		fmt.Fprintf(b.log, "bench: measuring %s\n", m.text)
		if err := m.run(ctx); err != nil {
			return fmt.Errorf("measuring %s: %w", m.text, err)
		}
	}
	return nil
}

func isComma(r rune) bool { return r == ',' }
