package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/airgap-ferry/ferry/internal/durable"
)

const (
	memoryBar = 256 << 20 // bytes

	// writtenBar is how often a byte of payload may be written by ferry, and
	// bookkeeping how much else it may write in addition.
	writtenBar  = 1
	bookkeeping = 4 << 20 // bytes: ledger, index, statement, archive
)

// largeLayer ships an image with one large layer, with ferry and by hand.
func (b *bench) largeLayer(ctx context.Context) (err error) {
	e, err := b.newEnds(ctx, "large")
	if err != nil {
		return err
	}
	defer e.close()
	l, err := newLayer("large", b.sizes.layer)
	if err != nil {
		return err
	}
	image := e.source.host + "/bench/large:1"
	if _, err := b.pushImage(ctx, e.source.host+"/bench/large", "1", l); err != nil {
		return err
	}
	if err := e.writeRelease("1", []string{image}); err != nil {
		return err
	}
	packed, err := e.pack(ctx, "--no-patch")
	if err != nil {
		return err
	}
	imported, err := e.imports(ctx)
	if err != nil {
		return err
	}
	if err := b.remove(e.outbox, "large/site"); err != nil {
		return err
	}
	hand, err := b.byHand(ctx, e.name, []string{image})
	if err != nil {
		return err
	}
	b.describeLarge(l.size, packed, imported, hand)
	e.close()
	return b.remove(e.name)
}

func (b *bench) describeLarge(payload int64, packed, imported usage, hand *handiwork) {
	for _, m := range []struct {
		name string
		u    usage
	}{{"pack", packed}, {"import", imported}} {
		b.doc.bar(fmt.Sprintf("memory of `ferry %s`, one layer of %s", m.name, mib(payload)),
			"< "+mib(memoryBar), m.u.memory(), m.u.peak < memoryBar)
		b.doc.bar(fmt.Sprintf("written by `ferry %s`, in payloads", m.name),
			fmt.Sprintf("≤ %d and %s", writtenBar, mib(bookkeeping)), times(m.u.written, payload), m.u.written <= writtenBar*payload+bookkeeping)
	}
	b.doc.section("A large layer", fmt.Sprintf(
		"An image with one layer of %s that can't be compressed, from a registry to a bundle, and from the bundle into an empty registry, whole (`--no-patch`); beside it the same by hand. "+
			"ferry signs, verifies every byte before it acts, and syncs what it writes; by hand the archive is synced, because it is to be carried away, and nothing is verified before it is unpacked. "+
			"Written is what the disk was made to take by the process itself, in payloads; the registries write theirs besides.", mib(payload)))
	rows := [][]string{{"step", "time", "processor", "memory", "written"}}
	for _, s := range append([]step{{"`ferry pack`", packed}, {"`ferry import`", imported}}, hand.steps...) {
		rows = append(rows, []string{s.name, seconds(s.wall), seconds(s.cpu), s.memory(), times(s.written, payload)})
	}
	b.doc.table(rows)
	b.doc.table([][]string{
		{"in all", "outside", "inside"},
		{"ferry", seconds(packed.wall), seconds(imported.wall)},
		{"by hand", seconds(hand.outside.wall), seconds(hand.inside.wall)},
	})
}

// A step is a part of a delivery.
type step struct {
	name string
	usage
}

// Handiwork is a delivery with stock tools.
type handiwork struct {
	steps           []step
	outside, inside usage
	archive         int64 // bytes
}

// byHand carries images with skopeo and tar: everything, every time. The
// registry inside is one that was filled by hand, too: folder/hand-site.
func (b *bench) byHand(ctx context.Context, folder string, images []string) (*handiwork, error) {
	site, err := b.serve(ctx, folder+"/hand-site")
	if err != nil {
		return nil, err
	}
	defer site.stop()
	layout, unpacked, archive := folder+"/layout", folder+"/unpacked", folder+"/bundle.tar"
	if err := b.remove(layout, unpacked, archive); err != nil {
		return nil, err
	}
	if err := durable.MkdirAll(durable.OS, filepath.Join(b.dir, unpacked), 0o755); err != nil {
		return nil, err
	}
	var export, push [][]string
	for i, image := range images {
		tag := fmt.Sprintf("i%d", i)
		export = append(export, []string{"skopeo", "--insecure-policy", "copy", "--src-tls-verify=false", "docker://" + image, "oci:" + layout + ":" + tag})
		push = append(push, []string{
			"skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false", "oci:" + unpacked + ":" + tag,
			"docker://" + site.host + "/hand/" + tag + ":1",
		})
	}
	h := new(handiwork)
	for _, s := range []struct {
		name     string
		sum      *usage
		commands [][]string
	}{
		{"`skopeo copy` to a folder", &h.outside, export},
		{"`tar cf`", &h.outside, [][]string{{"tar", "cf", archive, "-C", layout, "."}}},
		{"`sync` of the archive", &h.outside, [][]string{{"sync", archive}}},
		{"`tar xf`", &h.inside, [][]string{{"tar", "xf", archive, "-C", unpacked}}},
		{"`skopeo copy` to a registry", &h.inside, push},
	} {
		u, err := b.runAll(ctx, s.commands...)
		if err != nil {
			return nil, err
		}
		h.steps = append(h.steps, step{s.name, u})
		*s.sum = s.sum.add(u)
	}
	info, err := durable.OS.Stat(filepath.Join(b.dir, archive))
	if err != nil {
		return nil, err
	}
	h.archive = info.Size()
	return h, nil
}
