package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// changedEvery says of how many images one is new in the update.
const changedEvery = 10

// update delivers a release and then an update of it, with ferry and by hand.
func (b *bench) update(ctx context.Context) error {
	e, err := b.newEnds(ctx, "update")
	if err != nil {
		return err
	}
	defer e.close()
	d := new(delivery)
	for _, version := range []string{"1.0", "1.1"} {
		images, err := b.pushVersion(ctx, e.source.host, version)
		if err != nil {
			return err
		}
		if err := e.writeRelease(version, images); err != nil {
			return err
		}
		if err := b.remove(e.outbox); err != nil {
			return err
		}
		if d.packed, err = e.pack(ctx); err != nil {
			return err
		}
		if d.bundle, err = folderSize(filepath.Join(b.dir, e.outbox)); err != nil {
			return err
		}
		if d.imported, err = e.imports(ctx); err != nil {
			return err
		}
		if d.hand, err = b.byHand(ctx, e.name, images); err != nil {
			return err
		}
	}
	b.describeUpdate(d)
	return b.remove(e.name)
}

// A delivery is what an update took.
type delivery struct {
	packed, imported usage
	bundle           int64 // bytes
	hand             *handiwork
}

func (b *bench) describeUpdate(d *delivery) {
	n := b.sizes.delivered
	b.doc.section("An update, door to door", fmt.Sprintf(
		"A release of %d images of %s each, of which the site has the version before; one in %d has changed. "+
			"By hand everything is exported again, and the registry inside tells skopeo what it has. The way between is not counted: what is carried says what it takes.",
		n, megabytes(b.sizes.deliveredLayer), min(changedEvery, n)))
	b.doc.table([][]string{
		{"", "carried", "outside", "inside", "both ends"},
		{"`ferry pack`, `ferry import`", megabytes(d.bundle), seconds(d.packed.wall), seconds(d.imported.wall), seconds(d.packed.wall + d.imported.wall)},
		{"`skopeo copy` and `tar`", megabytes(d.hand.archive), seconds(d.hand.outside.wall), seconds(d.hand.inside.wall), seconds(d.hand.outside.wall + d.hand.inside.wall)},
	})
}

// pushVersion pushes the images of a version and returns their names.
func (b *bench) pushVersion(ctx context.Context, host, version string) ([]string, error) {
	base, err := newLayer("base", 64<<10)
	if err != nil {
		return nil, err
	}
	var images []string
	for i := range b.sizes.delivered {
		content := fmt.Sprintf("app %d", i)
		if i%changedEvery == 0 {
			content += " " + version
		}
		own, err := newLayer(content, b.sizes.deliveredLayer)
		if err != nil {
			return nil, err
		}
		repository := fmt.Sprintf("%s/bench/app%d", host, i)
		if _, err := b.pushImage(ctx, repository, version, base, own); err != nil {
			return nil, err
		}
		images = append(images, repository+":"+version)
	}
	return images, nil
}

// folderSize returns the sizes of the files in dir.
func folderSize(dir string) (size int64, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return 0, err
		}
		size += info.Size()
	}
	return size, nil
}
