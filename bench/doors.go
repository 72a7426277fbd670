package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/airgap-ferry/ferry/internal/durable"
)

// doors returns how long h takes from the images outside to those inside, over
// a link of so many bits per second.
func (h *handiwork) doors(rate int64) time.Duration {
	return h.outside.wall + carry(h.archive, rate) + h.inside.wall
}

// blobDelta carries two versions of images by hand, and returns what the
// second took: skopeo leaves out the blobs that a folder of shared blobs has,
// outside as inside, and tar takes only files that were not sent before.
func (b *bench) blobDelta(ctx context.Context, folder string, versions [2][]string) (*handiwork, error) {
	site, err := b.serve(ctx, folder+"/site")
	if err != nil {
		return nil, err
	}
	defer site.stop()
	d := &blobDelta{b: b, folder: folder, site: site, sent: make(map[string]bool)}
	for _, side := range []string{d.outside(), d.inside()} {
		if err := durable.MkdirAll(durable.OS, filepath.Join(b.dir, side), 0o755); err != nil {
			return nil, err
		}
	}
	var h *handiwork
	for i, images := range versions {
		fmt.Fprintf(b.log, "bench: delivering release %d, %s\n", i+1, folder)
		if h, err = d.carry(ctx, fmt.Sprint(i+1), images); err != nil {
			return nil, err
		}
	}
	site.stop()
	return h, b.remove(folder)
}

// A blobDelta is a pair of folders that are filled by hand.
type blobDelta struct {
	b      *bench
	folder string
	site   *server
	sent   map[string]bool // files
}

func (d *blobDelta) outside() string { return d.folder + "/outside" }
func (d *blobDelta) inside() string  { return d.folder + "/inside" }

// carry carries a version of the images.
func (d *blobDelta) carry(ctx context.Context, version string, images []string) (*handiwork, error) {
	list, archive := d.folder+"/list", d.folder+"/bundle.tar"
	if err := d.b.remove(list, archive); err != nil {
		return nil, err
	}
	var export, push [][]string
	for i, image := range images {
		layout := fmt.Sprintf("i%d-%s:%s", i, version, version)
		export = append(export, []string{
			"skopeo", "--insecure-policy", "copy", "--src-tls-verify=false", "--dest-shared-blob-dir", d.outside() + "/blobs",
			"docker://" + image, "oci:" + d.outside() + "/" + layout,
		})
		push = append(push, []string{
			"skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false", "--src-shared-blob-dir", d.inside() + "/blobs",
			"oci:" + d.inside() + "/" + layout, fmt.Sprintf("docker://%s/hand/i%d:%s", d.site.host, i, version),
		})
	}
	h := new(handiwork)
	var err error
	if h.outside, err = d.b.runAtOnce(ctx, export); err != nil {
		return nil, err
	}
	if err := d.listNew(list); err != nil {
		return nil, err
	}
	u, err := d.b.runAll(ctx, []string{"tar", "cf", archive, "-C", d.outside(), "-T", list}, []string{"sync", archive})
	if err != nil {
		return nil, err
	}
	h.outside = h.outside.add(u)
	info, err := os.Stat(filepath.Join(d.b.dir, archive))
	if err != nil {
		return nil, err
	}
	h.archive = info.Size()
	if h.inside, err = d.b.runAll(ctx, []string{"tar", "xf", archive, "-C", d.inside()}); err != nil {
		return nil, err
	}
	if u, err = d.b.runAtOnce(ctx, push); err != nil {
		return nil, err
	}
	h.inside = h.inside.add(u)
	return h, nil
}

// listNew writes the names of the files that were not sent so far.
func (d *blobDelta) listNew(list string) error {
	root := filepath.Join(d.b.dir, d.outside())
	var names []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if !d.sent[name] {
			d.sent[name] = true
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.Sort(names)
	return durable.CreateExclusive(durable.OS, filepath.Join(d.b.dir, list), 0o644, []byte(strings.Join(names, "\n")+"\n"))
}

// runAtOnce runs commands on all cores, and returns what they took together.
func (b *bench) runAtOnce(ctx context.Context, commands [][]string) (sum usage, err error) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.NumCPU())
	var mu sync.Mutex // guards sum
	start := b.now()
	for _, c := range commands {
		g.Go(func() error {
			u, _, err := b.run(ctx, c[0], c[1:]...)
			mu.Lock()
			defer mu.Unlock()
			sum = sum.add(u)
			return err
		})
	}
	err = g.Wait()
	sum.wall = b.now().Sub(start)
	return sum, err
}

// describeDoors compares how long it takes until the update is inside.
func (b *bench) describeDoors(r *corpusRun) {
	rows := [][]string{{"link", "ferry", "pack", "link", "import", "in all", "blobs by hand", "times faster"}}
	for _, l := range []struct {
		rate int64
		name string
		s    *shipment
		bar  float64 // times faster at least
		more bool    // not as fast, but faster
	}{
		{twentyMbit, "as it is", r.usual[1], twentyBar, false},
		{hundredMbit, "as it is", r.usual[1], hundredBar, true},
		{oneGbit, "as it is", r.usual[1], 0, false},
		{oneGbit, "`--for time`", r.soonest[oneGbit], 0, false},
		{tenGbit, "as it is", r.usual[1], 0, false},
		{tenGbit, "`--for time`", r.soonest[tenGbit], 1 / fastLinkBar, false},
	} {
		all, hand := l.s.doors(l.rate), r.blobs.doors(l.rate)
		faster := hand.Seconds() / all.Seconds()
		rows = append(rows, []string{
			bits(l.rate), l.name, seconds(l.s.packed.wall), seconds(carry(l.s.bundle, l.rate)), seconds(l.s.imported.wall),
			seconds(all), seconds(hand), fmt.Sprintf("%.2f", faster),
		})
		if l.bar > 0 {
			limit := fmt.Sprintf("≥ %.2f", l.bar)
			if l.more {
				limit = fmt.Sprintf("> %.2f", l.bar)
			}
			b.doc.bar(fmt.Sprintf("door to door at %s, %s: times faster than blobs", bits(l.rate), l.name), limit,
				fmt.Sprintf("%.2f", faster), faster > l.bar || !l.more && faster == l.bar)
		}
	}
	b.doc.section("Patches: door to door", fmt.Sprintf(
		"The update of the corpus, from the registry outside until it is in the one inside: what the commands take, and what the link takes for the bytes, which is computed. "+
			"By hand is a delta of blobs: `skopeo copy`, several at once, to a folder of blobs shared by all images, a `tar` of what is new there, %s, and `skopeo copy` to the registry inside, "+
			"which takes %s outside and %s inside. Of these and of `--for time` it is the run in the middle of %d.",
		megabytes(r.blobs.archive), seconds(r.blobs.outside.wall), seconds(r.blobs.inside.wall), b.sizes.deliveries))
	b.doc.table(rows)
}

// bits prints a rate of a link.
func bits(rate int64) string {
	if rate >= 1e9 {
		return fmt.Sprintf("%d Gbit/s", rate/1e9)
	}
	return fmt.Sprintf("%d Mbit/s", rate/1e6)
}
