package main

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	kgzip "github.com/klauspost/compress/gzip"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/delta/recipe"
)

const detectorBar = 300 * time.Millisecond

// An encoding is one of the ways in which layers are compressed again.
type encoding struct {
	name   string
	bar    float64 // bytes of plain text per second, 0 for none
	header string  // of the gzip file
	params recipe.Params

	// peer compresses a file as it is done elsewhere, and returns the
	// processor time and, if it makes the very same bytes, their digest.
	peerName string
	peer     func(ctx context.Context, name string) (time.Duration, bundle.Digest, error)
}

// encodings returns what is measured.
func (b *bench) encodings() []encoding {
	const (
		goHeader  = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
		gnuHeader = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
	)
	return []encoding{
		{"Go, level 6", 80e6, goHeader, recipe.Params{Encoder: recipe.Go126, Level: 6}, "compress/gzip", goPeer},
		{"pgzip, level 5", 100e6, goHeader, recipe.Params{Encoder: recipe.KPH, Level: 5, Block: 1 << 20}, "klauspost/compress/gzip", klauspostPeer},
		{"zlib, level 6", 45e6, gnuHeader, recipe.Params{Encoder: recipe.ZlibLevel, Level: 6}, "pigz -p 1", b.toolPeer("pigz", "-p", "1", "-6", "-n", "-c")},
		{"GNU gzip, level 6", 0, gnuHeader, recipe.Params{Encoder: recipe.GNU, Level: 6}, "gzip", b.toolPeer("gzip", "-6", "-n", "-c")},
	}
}

// encoders measures how fast layers are compressed again, and how fast it is
// found out how they were compressed.
func (b *bench) encoders(ctx context.Context) error {
	if err := b.loadCorpus(ctx); err != nil {
		return err
	}
	_, _, plain := b.sums()
	rows := [][]string{{"encoder", "ferry", "elsewhere", "by", "times faster"}}
	for _, e := range b.encodings() {
		ours, theirs, err := b.replay(ctx, e)
		if err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		speed := perSecond(plain, ours)
		if e.bar > 0 {
			b.doc.bar("compressing again on one core: "+e.name, "≥ "+rate(e.bar), rate(speed), speed >= e.bar)
		}
		row := []string{e.name, rate(speed), "-", e.peerName + " is not installed", "-"}
		if theirs > 0 {
			row = []string{e.name, rate(speed), rate(perSecond(plain, theirs)), e.peerName, fmt.Sprintf("%.2f", theirs.Seconds()/ours.Seconds())}
		}
		rows = append(rows, row)
	}
	b.doc.section("Compressing again", fmt.Sprintf(
		"The %d tars of the corpus after the update, %s in all, compressed by the encoders that layers are rebuilt with, and by the originals or what comes nearest, in bytes of tar per second of processor time. "+
			"What ferry's Go encoder makes is compared with what the original makes.", len(b.pairs), megabytes(plain)))
	b.doc.table(rows)
	return b.detector()
}

// replay compresses the corpus, and returns the processor times of ferry and
// of the peer, which is 0 if there is none.
func (b *bench) replay(ctx context.Context, e encoding) (ours, theirs time.Duration, err error) {
	var codec recipe.Codec
	for _, p := range b.pairs {
		if err := ctx.Err(); err != nil {
			return 0, 0, err
		}
		r := &recipe.Recipe{Groups: []recipe.Group{{Frame: recipe.Gzip, Header: []byte(e.header), Params: e.params, Plain: []int64{p.new.plain}}}}
		var digest bundle.Digest
		took, err := processor(func() error {
			return compress(p.new.tar, &digest, func(text io.Reader, w io.Writer) error { return codec.Replay(r, text, w) })
		})
		if err != nil {
			return 0, 0, err
		}
		ours += took
		took, wanted, err := e.peer(ctx, p.new.tar)
		if err != nil {
			return 0, 0, err
		}
		theirs += took
		if wanted != "" && wanted != digest {
			return 0, 0, fmt.Errorf("pair %q: the blob is not the one that %s makes", p.name, e.peerName)
		}
	}
	return ours, theirs, nil
}

// compress compresses a file, and sets digest to that of the result.
func compress(name string, digest *bundle.Digest, encode func(text io.Reader, w io.Writer) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	d := newDigester()
	err = encode(f, d)
	*digest = d.digest()
	return errors.Join(err, f.Close())
}

// goPeer compresses as Go's standard library does.
func goPeer(_ context.Context, name string) (took time.Duration, digest bundle.Digest, err error) {
	took, err = processor(func() error {
		return compress(name, &digest, func(text io.Reader, w io.Writer) error {
			z, err := gzip.NewWriterLevel(w, 6)
			if err != nil {
				return err
			}
			_, err = io.Copy(z, text)
			return errors.Join(err, z.Close())
		})
	})
	return took, digest, err
}

// klauspostPeer compresses with the library that pgzip cuts into blocks; so
// the bytes are others.
func klauspostPeer(_ context.Context, name string) (took time.Duration, _ bundle.Digest, err error) {
	var digest bundle.Digest
	took, err = processor(func() error {
		return compress(name, &digest, func(text io.Reader, w io.Writer) error {
			z, err := kgzip.NewWriterLevel(w, 5)
			if err != nil {
				return err
			}
			_, err = io.Copy(z, text)
			return errors.Join(err, z.Close())
		})
	})
	return took, "", err
}

// toolPeer returns a function that compresses with a program, if it is there.
func (b *bench) toolPeer(program string, args ...string) func(ctx context.Context, name string) (time.Duration, bundle.Digest, error) {
	return func(ctx context.Context, name string) (time.Duration, bundle.Digest, error) {
		if _, err := exec.LookPath(program); err != nil {
			return 0, "", nil
		}
		u, err := b.runInto(ctx, io.Discard, program, append(args, name)...)
		return u.cpu, "", err
	}
}

// processor returns the processor time that this process takes for work.
func processor(work func() error) (time.Duration, error) {
	before, err := ownTime()
	if err != nil {
		return 0, err
	}
	if err := work(); err != nil {
		return 0, err
	}
	after, err := ownTime()
	return after - before, err
}

// ownTime returns the processor time that this process has taken so far.
func ownTime() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

// detector measures what it takes to find the recipes of layers, beyond
// reading them.
func (b *bench) detector() error {
	rows := [][]string{{"layer", "recipe", "inflate", "find the recipe", "more"}}
	var worst time.Duration
	for _, p := range b.pairs {
		inflate, err := processor(func() error { return inflate(p.new.blob) })
		if err != nil {
			return err
		}
		var found *recipe.Recipe
		find, err := processor(func() (err error) {
			found, err = findRecipe(p.new.blob)
			return err
		})
		if err != nil {
			return fmt.Errorf("pair %q: %w", p.name, err)
		}
		more := max(find-inflate, 0)
		worst = max(worst, more)
		rows = append(rows, []string{p.name, found.Groups[0].String(), seconds(inflate), seconds(find), seconds(more)})
	}
	b.doc.bar("finding a recipe, beyond inflating, for any layer of the corpus", "< "+seconds(detectorBar), seconds(worst), worst < detectorBar)
	b.doc.section("Finding recipes", "Processor time to find out how a layer was compressed, beside that of inflating it, which is needed anyway. The proof, which is to compress all of it again, is not in it.")
	b.doc.table(rows)
	return nil
}

// inflate reads the plain text of a blob.
func inflate(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	text, _, err := recipe.Plain(f)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	_, err = io.Copy(io.Discard, text)
	return errors.Join(err, text.Close(), f.Close())
}

// findRecipe finds the recipe of a blob.
func findRecipe(name string) (*recipe.Recipe, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r, err := recipe.Find(f, info.Size(), recipe.Options{Plain: io.Discard, Unproven: true})
	return r, errors.Join(err, f.Close())
}
