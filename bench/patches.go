package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// The bars of patches, over the corpus.
const (
	updateBar   = 0.033 // of the update's layers
	pairBar     = 0.12  // of the layer of one pair
	firstBar    = 0.70  // of the first release's layers
	leastBar    = 0.60  // likewise, made for few bytes
	packSpeed   = 50e6  // bytes of tar per second
	twentyBar   = 3     // times faster than blobs, at 20 Mbit/s
	hundredBar  = 1     // likewise, at 100 Mbit/s
	fastLinkBar = 1.05  // of the time that blobs take, at 10 Gbit/s
)

// Rates of links, in bits per second.
const (
	twentyMbit  = 20e6
	hundredMbit = 100e6
	oneGbit     = 1e9
	tenGbit     = 10e9
)

// A corpusRun is what came out of delivering the corpus.
type corpusRun struct {
	usual, least []*shipment         // the first release and the update: as it is, and with --for bytes
	soonest      map[int64]*shipment // update with --for time, by rate of the link
	blobs        *handiwork          // update with stock tools
}

// patches delivers the corpus in all ways.
func (b *bench) patches(ctx context.Context) error {
	if err := b.loadCorpus(ctx); err != nil {
		return err
	}
	source, err := b.serve(ctx, "patches-source")
	if err != nil {
		return err
	}
	defer source.stop()
	images, err := b.pushPairs(ctx, source.host)
	if err != nil {
		return err
	}
	r := corpusRun{soonest: make(map[int64]*shipment)}
	ship := func(name string, first, update []string) ([]*shipment, error) {
		return b.deliver(ctx, name, source, version{"1", images[0], first}, version{"2", images[1], update})
	}
	if r.usual, err = ship("patches", nil, nil); err != nil {
		return err
	}
	forBytes := []string{"--for", "bytes"}
	if r.least, err = ship("patches for bytes", forBytes, forBytes); err != nil {
		return err
	}
	if err := b.repeatDeliveries(ctx, &r, images, ship); err != nil {
		return err
	}
	if err := b.describeBytes(ctx, &r); err != nil {
		return err
	}
	b.describeWays(&r)
	b.describeDoors(&r)
	source.stop()
	return b.remove("patches-source")
}

// repeatDeliveries delivers in the ways that differ by little, in turns and
// several times, and keeps the run in the middle.
func (b *bench) repeatDeliveries(ctx context.Context, r *corpusRun, images [2][]string, ship func(name string, first, update []string) ([]*shipment, error)) error {
	soonest := make(map[int64][]*shipment)
	var blobs []*handiwork
	for range b.sizes.deliveries {
		for _, rate := range []int64{oneGbit, tenGbit} {
			name := fmt.Sprintf("patches for time at %s", bits(rate))
			s, err := ship(name, []string{"--no-patch"}, []string{"--for", "time", "--link", fmt.Sprintf("%dGbit", rate/1e9)})
			if err != nil {
				return err
			}
			soonest[rate] = append(soonest[rate], s[1])
		}
		h, err := b.blobDelta(ctx, "blobs", images)
		if err != nil {
			return err
		}
		blobs = append(blobs, h)
	}
	for rate, runs := range soonest {
		r.soonest[rate] = middle(runs, func(s *shipment) time.Duration { return s.doors(rate) })
	}
	r.blobs = middle(blobs, func(h *handiwork) time.Duration { return h.doors(tenGbit) })
	return nil
}

// pushPairs pushes an image for each side of each pair, and returns the names
// of the old and of the new ones.
func (b *bench) pushPairs(ctx context.Context, host string) (images [2][]string, err error) {
	for _, p := range b.pairs {
		repository := host + "/bench/" + p.name
		for i, l := range []*stored{p.old, p.new} {
			tag := fmt.Sprint(i + 1)
			if _, err := b.pushImage(ctx, repository, tag, l.layer); err != nil {
				return images, err
			}
			images[i] = append(images[i], repository+":"+tag)
		}
	}
	return images, nil
}

// sums returns the sizes of the layers of the corpus: of the blobs before the
// update, of those after it, and of their tars.
func (b *bench) sums() (before, after, plain int64) {
	for _, p := range b.pairs {
		before, after, plain = before+p.old.size, after+p.new.size, plain+p.new.plain
	}
	return before, after, plain
}

// describeBytes says what travels, for each pair and in all.
func (b *bench) describeBytes(ctx context.Context, r *corpusRun) error {
	peers := b.peers()
	head := []string{"pair", "tar", "layer", "rung", "encoder", "patch", "share", "`--for bytes`"}
	for _, p := range peers {
		head = append(head, "`"+p.name+"`")
	}
	rows := [][]string{head}
	worst, worstName := 0.0, ""
	sums := make([]int64, len(peers))
	for _, p := range b.pairs {
		how, err := r.usual[1].plan.of(p.new.layer)
		if err != nil {
			return err
		}
		alone, err := b.diff(ctx, p)
		if err != nil {
			return err
		}
		least, err := b.diff(ctx, p, "--for", "bytes")
		if err != nil {
			return err
		}
		share := ratio(alone, p.new.size)
		if share > worst {
			worst, worstName = share, p.name
		}
		row := []string{
			p.name, megabytes(p.new.plain), megabytes(p.new.size), cmp.Or(how.Why, how.Rung), cmp.Or(how.Encoder, "-"), kilobytes(alone), percent(share), kilobytes(least),
		}
		for i, peer := range peers {
			n, err := b.peerDelta(ctx, peer, p)
			if err != nil {
				return err
			}
			sums[i] += n
			row = append(row, kilobytes(n))
		}
		rows = append(rows, row)
	}
	_, after, plain := b.sums()
	shipped := r.usual[1].plan.Payload
	sum := []string{
		"all, in one bundle", megabytes(plain), megabytes(after), "", "", kilobytes(shipped), percent(ratio(shipped, after)), kilobytes(r.least[1].plan.Payload),
	}
	for _, n := range sums {
		sum = append(sum, kilobytes(n))
	}
	b.doc.bar("the update of the corpus, in its layers", "≤ "+percent(updateBar), percent(ratio(shipped, after)), ratio(shipped, after) <= updateBar)
	b.doc.bar("the pair that costs most: "+worstName, "≤ "+percent(pairBar), percent(worst), worst <= pairBar)
	b.doc.section("Patches: bytes", fmt.Sprintf(
		"An update of %d images with one layer each, made by `bench/corpus/make.sh` from public packages, to a site that has the version before. "+
			"A delta of blobs ships all of the layers, because each has changed. "+
			"For each pair it is the patch that `ferry delta diff` makes of it alone; the last line is the payload of the bundle, manifests and configs included. "+
			"The columns behind that, if there are any, are what other tools make of the two tars.",
		len(b.pairs)))
	b.doc.table(append(rows, sum))
	return nil
}

// diff returns how large a patch of a pair is.
func (b *bench) diff(ctx context.Context, p pair, flags ...string) (int64, error) {
	fmt.Fprintf(b.log, "bench: comparing the pair %s\n", p.name)
	args := append([]string{"--json", "delta", "diff"}, flags...)
	_, out, err := b.run(ctx, b.ferry, append(args, p.old.blob, p.new.blob)...)
	if err != nil {
		return 0, err
	}
	var d struct {
		Bytes int64 `json:"bytes"`
	}
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		return 0, fmt.Errorf("reading what ferry delta diff printed: %w", err)
	}
	return d.Bytes, nil
}

// describeWays says how large and how fast bundles are, by how they are made.
func (b *bench) describeWays(r *corpusRun) {
	before, after, plain := b.sums()
	b.doc.bar("the first bundle of the corpus, in its layers", "≤ "+percent(firstBar),
		percent(ratio(r.usual[0].plan.Payload, before)), ratio(r.usual[0].plan.Payload, before) <= firstBar)
	b.doc.bar("likewise with `--for bytes`", "≤ "+percent(leastBar),
		percent(ratio(r.least[0].plan.Payload, before)), ratio(r.least[0].plan.Payload, before) <= leastBar)
	update := r.usual[1]
	speed := perSecond(plain, update.packed.wall)
	b.doc.bar("`ferry pack` of the update, in bytes of tar", "≥ "+rate(packSpeed), rate(speed), speed >= packSpeed)
	b.doc.bar("`ferry import` of the update, in time of the first one", "< 1",
		fmt.Sprintf("%.2f", update.imported.wall.Seconds()/r.usual[0].imported.wall.Seconds()), update.imported.wall < r.usual[0].imported.wall)

	rows := [][]string{{"bundle", "payload", "of the layers", "`ferry pack`", "processor", "speed", "memory", "`ferry import`", "processor", "memory"}}
	add := func(name string, s *shipment, layers int64) {
		rows = append(rows, []string{
			name, megabytes(s.plan.Payload), percent(ratio(s.plan.Payload, layers)),
			seconds(s.packed.wall), seconds(s.packed.cpu), rate(perSecond(plain, s.packed.wall)), s.packed.memory(),
			seconds(s.imported.wall), seconds(s.imported.cpu), s.imported.memory(),
		})
	}
	add("the first", r.usual[0], before)
	add("the update", r.usual[1], after)
	add("the first, `--for bytes`", r.least[0], before)
	add("the update, `--for bytes`", r.least[1], after)
	for _, link := range []int64{oneGbit, tenGbit} {
		add("the update, `--for time` at "+bits(link), r.soonest[link], after)
	}
	b.doc.section("Patches: time", "The same, with all that the commands do: read from the registry, find the recipes, compare, code, prove, sign and write; "+
		"verify, rebuild, compress again and push. The speed is in bytes of tar per second of all cores.")
	b.doc.table(rows)
}

// A peer is a tool that makes a delta of two files.
type peer struct {
	name string
	args func(from, to, out string) []string
}

// peers returns those that are installed, if there is the time for them.
func (b *bench) peers() (installed []peer) {
	if !b.slow {
		return nil
	}
	for _, p := range []peer{
		{"zstd -19 --patch-from", func(from, to, out string) []string {
			return []string{"zstd", "-19", "--long=31", "-q", "-f", "--patch-from=" + from, to, "-o", out}
		}},
		{"xdelta3 -9", func(from, to, out string) []string {
			return []string{"xdelta3", "-9", "-S", "lzma", "-B", "1073741824", "-e", "-f", "-s", from, to, out}
		}},
	} {
		if _, err := exec.LookPath(p.args("", "", "")[0]); err == nil {
			installed = append(installed, p)
		}
	}
	return installed
}

// peerDelta returns how large the delta of the tars of a pair is.
func (b *bench) peerDelta(ctx context.Context, tool peer, p pair) (int64, error) {
	fmt.Fprintf(b.log, "bench: %s, %s\n", tool.name, p.name)
	args := tool.args(p.old.tar, p.new.tar, "peer.delta")
	if _, _, err := b.run(ctx, args[0], args[1:]...); err != nil {
		return 0, err
	}
	info, err := os.Stat(filepath.Join(b.dir, "peer.delta"))
	if err != nil {
		return 0, err
	}
	return info.Size(), b.remove("peer.delta")
}
