package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/airgap-ferry/ferry/internal/durable"
)

// Ends are a vendor and a site, in folders of their own below b.dir.
type ends struct {
	b              *bench
	name           string
	vendor, inside string // directories of ferry
	release        string // file
	outbox         string // folder
	source, site   *server
	shared         bool // source is somebody else's
}

// newEnds starts the registries of both ends and sets both up. The caller must
// call close.
func (b *bench) newEnds(ctx context.Context, name string) (*ends, error) {
	source, err := b.serve(ctx, name+"/source")
	if err != nil {
		return nil, err
	}
	e, err := b.newEndsOf(ctx, name, source)
	if err != nil {
		source.stop()
		return nil, err
	}
	e.shared = false
	return e, nil
}

// newEndsOf sets both ends up, with a source registry that is there already
// and stays when they are closed.
func (b *bench) newEndsOf(ctx context.Context, name string, source *server) (_ *ends, err error) {
	e := &ends{
		b: b, name: name, vendor: name + "/vendor", inside: name + "/north",
		release: name + "/release.yaml", outbox: name + "/outbox",
		source: source, shared: true,
	}
	defer func() {
		if err != nil {
			e.close()
		}
	}()
	if err := durable.MkdirAll(durable.OS, filepath.Join(b.dir, name), 0o755); err != nil {
		return nil, err
	}
	if e.site, err = b.serve(ctx, name+"/site"); err != nil {
		return nil, err
	}
	_, out, err := b.run(ctx, b.ferry, "--json", "init", "outside", e.vendor)
	if err != nil {
		return nil, err
	}
	var made struct {
		Root        string `json:"root"`
		Fingerprint string `json:"fingerprint"`
	}
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		return nil, err
	}
	_, err = b.runAll(
		ctx,
		[]string{b.ferry, "init", "inside", e.inside, "--site", "north", "--registry", e.site.host},
		[]string{b.ferry, "--dir", e.inside, "trust", "init", made.Root, "--fingerprint", made.Fingerprint},
		[]string{b.ferry, "--dir", e.vendor, "site", "add", "north"},
	)
	return e, err
}

func (e *ends) close() {
	if e.site != nil {
		e.site.stop()
	}
	if !e.shared {
		e.source.stop()
	}
}

// writeRelease writes the release file.
func (e *ends) writeRelease(version string, images []string) error {
	text := fmt.Sprintf("apiVersion: ferry/v1\nkind: Release\nname: bench\nversion: %q\nimages:\n  - %s\n", version, strings.Join(images, "\n  - "))
	name := filepath.Join(e.b.dir, e.release)
	if err := durable.OS.RemoveAll(name); err != nil {
		return err
	}
	return durable.CreateExclusive(durable.OS, name, 0o644, []byte(text))
}

// pack packs the release.
func (e *ends) pack(ctx context.Context, flags ...string) (usage, error) {
	return e.b.runFerry(ctx, append([]string{"--dir", e.vendor, "pack", "--site", "north", e.release, "-o", e.outbox}, flags...)...)
}

// imports imports what was packed.
func (e *ends) imports(ctx context.Context) (usage, error) {
	return e.b.runFerry(ctx, "--dir", e.inside, "import", e.outbox)
}

// remove removes folders below b.dir, to have their space.
func (b *bench) remove(names ...string) error {
	for _, name := range names {
		if err := durable.OS.RemoveAll(filepath.Join(b.dir, name)); err != nil {
			return err
		}
	}
	return nil
}
