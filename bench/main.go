// Bench measures ferry against its bars and beside the tools that people use
// for the same thing today, all in one run on one machine, and writes what
// came out to docs/benchmarks.md:
//
//	go run ./bench
//	go run ./bench -quick -o /tmp/benchmarks.md
//
// It needs the ferry that "make build" makes, about 20 GB below -tmp and, for
// the comparisons, skopeo and tar. Registries are "ferry serve" processes on
// the loopback interface. With -quick everything is tiny: that shows that the
// program works, and no figure of it means anything.
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
	client *registry.Client
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
}

var (
	fullSizes  = sizes{starts: 21, layer: 2 << 30, images: 1000, repeats: 5, delivered: 20, deliveredLayer: 10 << 20}
	quickSizes = sizes{starts: 3, layer: 9 << 20, images: 20, repeats: 1, delivered: 4, deliveredLayer: 1 << 20}
)

// run is main without the process.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	ferry := flags.String("ferry", "bin/ferry", "`file` to measure")
	out := flags.String("o", "docs/benchmarks.md", "`file` to write")
	tmp := flags.String("tmp", "", "`folder` to measure in; the system's for such things")
	quick := flags.Bool("quick", false, "measure next to nothing, to see that it works")
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
		ferry: path, dir: dir, sizes: fullSizes, client: client, log: stderr,
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
		name string
		run  func(context.Context) error
	}{
		{"start-up", b.startup},
		{"size", b.size},
		{"a large layer", b.largeLayer},
		{"nothing new", b.nothingNew},
		{"an update, door to door", b.update},
	} {
		fmt.Fprintf(b.log, "bench: measuring %s\n", m.name)
		if err := m.run(ctx); err != nil {
			return fmt.Errorf("measuring %s: %w", m.name, err)
		}
	}
	return nil
}
