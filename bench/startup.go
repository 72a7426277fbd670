package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/airgap-ferry/ferry/internal/durable"
)

const startupBar = 60 * time.Millisecond

// hello is the least that a Go program does.
const hello = "package main\n\nfunc main() { println(\"hello\") }\n"

// startup measures how long it takes until ferry has said its version, and
// how long a process takes that does nothing.
func (b *bench) startup(ctx context.Context) error {
	source := filepath.Join(b.dir, "hello.go")
	if err := durable.CreateExclusive(durable.OS, source, 0o644, []byte(hello)); err != nil {
		return err
	}
	tiny := filepath.Join(b.dir, "hello")
	if err := b.goBuild(ctx, b.dir, "-ldflags=-s -w", "-o", tiny, source); err != nil {
		return err
	}
	ferry, err := b.starts(ctx, b.ferry, "version")
	if err != nil {
		return err
	}
	other, err := b.starts(ctx, tiny)
	if err != nil {
		return err
	}
	b.doc.bar("start-up (`ferry version`)", "< "+millis(startupBar), millis(ferry.median), ferry.median < startupBar)
	b.doc.section("Start-up", fmt.Sprintf(
		"How long it takes until a process has done its work and ended, in %d runs.", b.sizes.starts))
	b.doc.table([][]string{
		{"program", "median", "fastest", "slowest"},
		{"`ferry version`", millis(ferry.median), millis(ferry.min), millis(ferry.max)},
		{"a Go program that prints one word", millis(other.median), millis(other.min), millis(other.max)},
	})
	return nil
}

// A spread is what came out of several runs.
type spread struct{ min, median, max time.Duration }

func newSpread(runs []time.Duration) spread {
	slices.Sort(runs)
	return spread{runs[0], runs[len(runs)/2], runs[len(runs)-1]}
}

// starts runs a program several times, after a first time that does not count.
func (b *bench) starts(ctx context.Context, program string, args ...string) (spread, error) {
	var runs []time.Duration
	for i := range b.sizes.starts + 1 {
		u, _, err := b.run(ctx, program, args...)
		if err != nil {
			return spread{}, err
		}
		if i > 0 {
			runs = append(runs, u.wall)
		}
	}
	return newSpread(runs), nil
}

// goBuild runs go build in dir.
func (b *bench) goBuild(ctx context.Context, dir string, args ...string) error {
	cmd := b.command(ctx, "go", append([]string{"build", "-trimpath", "-buildvcs=false"}, args...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	_, err := output(cmd)
	return err
}
