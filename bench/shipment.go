package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
)

// A shipment is a release that was packed, and imported.
type shipment struct {
	packed, imported usage
	bundle           int64 // bytes of all volumes
	plan             plan
}

// A plan is what "ferry --json pack" prints, as far as it counts here.
type plan struct {
	Payload int64   `json:"payload"` // bytes
	Patches []patch `json:"patches"`
}

// A patch is how a blob travels.
type patch struct {
	Digest  bundle.Digest `json:"digest"`
	Rung    string        `json:"rung"`
	Encoder string        `json:"encoder"`
	Why     string        `json:"why"` // it goes whole
}

// of returns how l travels.
func (p *plan) of(l *layer) (patch, error) {
	i := slices.IndexFunc(p.Patches, func(q patch) bool { return q.Digest == l.digest })
	if i < 0 {
		return patch{}, fmt.Errorf("ferry pack says nothing of how blob %s travels", l.digest)
	}
	return p.Patches[i], nil
}

// doors returns how long it takes from the release outside to the images
// inside, over a link of so many bits per second.
func (s *shipment) doors(rate int64) time.Duration {
	return s.packed.wall + carry(s.bundle, rate) + s.imported.wall
}

// carry returns how long a link takes that does nothing else.
func carry(size, rate int64) time.Duration {
	return time.Duration(float64(size) * 8 / float64(rate) * float64(time.Second))
}

// A version is a version of a release, and how it is packed.
type version struct {
	name   string
	images []string
	flags  []string // of ferry pack
}

// ship packs a version into an empty outbox and imports it.
func (e *ends) ship(ctx context.Context, v version) (*shipment, error) {
	if err := e.writeRelease(v.name, v.images); err != nil {
		return nil, err
	}
	if err := e.b.remove(e.outbox); err != nil {
		return nil, err
	}
	s := new(shipment)
	args := append([]string{"--json", "--dir", e.vendor, "pack", "--site", "north", e.release, "-o", e.outbox}, v.flags...)
	var out string
	var err error
	if s.packed, out, err = e.b.run(ctx, e.b.ferry, args...); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(out), &s.plan); err != nil {
		return nil, fmt.Errorf("reading what ferry pack printed: %w", err)
	}
	if s.bundle, err = folderSize(filepath.Join(e.b.dir, e.outbox)); err != nil {
		return nil, err
	}
	s.imported, err = e.imports(ctx)
	return s, err
}

// deliver ships versions, one after the other, from a registry to a new site,
// and removes all that it made.
func (b *bench) deliver(ctx context.Context, name string, source *server, versions ...version) (shipments []*shipment, err error) {
	e, err := b.newEndsOf(ctx, name, source)
	if err != nil {
		return nil, err
	}
	defer e.close()
	for _, v := range versions {
		fmt.Fprintf(b.log, "bench: delivering release %s, %s\n", v.name, name)
		s, err := e.ship(ctx, v)
		if err != nil {
			return nil, err
		}
		shipments = append(shipments, s)
	}
	e.close()
	return shipments, b.remove(name)
}

// middle returns the run that took the median of what of says.
func middle[T any](runs []T, of func(T) time.Duration) T {
	sorted := slices.SortedFunc(slices.Values(runs), func(a, b T) int { return int(of(a) - of(b)) })
	return sorted[len(sorted)/2]
}
