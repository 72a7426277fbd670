package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/airgap-ferry/ferry/internal/oci"
	"github.com/airgap-ferry/ferry/registry"
	"github.com/airgap-ferry/ferry/registry/registrytest"
	"github.com/airgap-ferry/ferry/report"
)

// epoch is when files of a version are dated.
func epoch(version int) time.Time { return time.Unix(1_700_000_000+int64(version)*100_000, 0) }

// producers are who makes layers, and what ferry finds out about these.
var producers = []producer{
	{name: "go-1", rung: report.RungRecipe, encoder: "go126 level 1", layer: goGzip(1)},
	{name: "go-6", rung: report.RungRecipe, encoder: "go126 level 6", layer: goGzip(6)},
	{name: "go-9", rung: report.RungRecipe, encoder: "go126 level 9", layer: goGzip(9)},
	{name: "go-tar", rung: report.RungRecipe, encoder: "go126 level 6", layer: tarToGzip},
	{name: "gnu-6", rung: report.RungRecipe, encoder: "gnu level 6", layer: piped("gzip", "-n")},
	{name: "gnu-9", rung: report.RungRecipe, encoder: "gnu level 9", layer: piped("gzip", "-9")},
	{name: "gnu-rsyncable", rung: report.RungRecipe, encoder: "gnur level 6", layer: piped("gzip", "--rsyncable")},
	{name: "pigz", rung: report.RungRecipe, encoder: "pigz level 6 block 131072", layer: piped("pigz")},
	{name: "pigz-independent", rung: report.RungRecipe, encoder: "pigzi level 6 block 131072", layer: piped("pigz", "-i")},
	{name: "python", rung: report.RungRecipe, encoder: "zlib level 9", layer: piped("python3", "-c", `
import gzip, sys
with gzip.GzipFile(fileobj=sys.stdout.buffer, mode="wb", filename="", mtime=0) as z:
    z.write(sys.stdin.buffer.read())`)},
	{name: "bsdtar", rung: report.RungRecipe, encoder: "zlib level 6", layer: piped("bsdtar", "-czf", "-", "@-")},
	{name: "zstd", rung: report.RungRecipe, encoder: "kpz", layer: klauspostZstd},
	{name: "stored", rung: report.RungRecipe, encoder: "stored", layer: stored},
	{name: "skopeo", rung: report.RungRecipe, encoder: "kpG level 5 block 1048576", layer: stored, copy: bySkopeo("gzip")},
	{name: "skopeo-zstd", rung: report.RungRecipe, encoder: "kpz", layer: stored, copy: bySkopeo("zstd")},
	{name: "umoci", rung: report.RungRecipe, encoder: "kpG level 5 block 262144", layer: stored, copy: byUmoci},
	{name: "busybox", layer: piped("busybox", "gzip")},
}

// ship packs the release and imports that bundle alone.
func (w *world) ship(flags ...string) (*report.Packed, *report.Import) {
	w.tb.Helper()
	packed := w.pack(flags...)
	line := []string{"--dir", "north", "import"}
	for _, v := range packed.Volumes {
		line = append(line, v.Path)
	}
	imported := new(report.Import)
	w.json(imported, line...)
	if imported.State != "imported" {
		w.tb.Fatalf("state is %q, want imported", imported.State)
	}
	return packed, imported
}

// push pushes an image that p makes of tree, and returns its reference.
func (p *producer) push(t *testing.T, w *world, version int) string {
	t.Helper()
	layer := p.layer(t, tree(t, p.name, version))
	tag := fmt.Sprintf("%d.0", version)
	if p.copy == nil {
		return w.pushLayers("made-by/"+p.name, tag, layer)
	}
	to := w.source + "/made-by/" + p.name + ":" + tag
	p.copy(t, w.pushLayers("raw/"+p.name, tag, layer), to)
	return to
}

// TestLayersOfEveryProducerTravelAsPatches ships a release, and then one in
// which a few files of each layer are others.
func TestLayersOfEveryProducerTravelAsPatches(t *testing.T) {
	once(t)
	w := newWorld(t, 1, "")
	for version := 1; version <= 2; version++ {
		var images []string
		made := make(map[string]*producer)
		for i := range producers {
			p := &producers[i]
			t.Run(fmt.Sprintf("push %s %d", p.name, version), func(t *testing.T) {
				ref := p.push(t, w, version)
				images = append(images, ref)
				made[ref] = p
			})
		}
		w.releaseOf(fmt.Sprintf("%d.0", version), images...)
		packed, imported := w.ship()
		compareBlobs(t, w, imported)
		compareRungs(t, packed, made, version)
		if version == 2 && packed.Payload > packed.NewBytes/5 {
			t.Errorf("%d bytes travel for %d, want a fifth or less", packed.Payload, packed.NewBytes)
		}
		t.Logf("version %d: %d bytes travel for %d", version, packed.Payload, packed.NewBytes)
		if version == 2 {
			pulledFromTheSite(t, imported)
		}
	}
	var status report.InsideStatus
	w.json(&status, "--dir", "north", "status", "--probe")
	if !status.Probed || status.Missing != 0 {
		t.Errorf("status --probe: probed %v, %d missing", status.Probed, status.Missing)
	}
}

// TestFilesTravelAsPatches ships an archive as a file of a release, and not as
// a layer of an image.
func TestFilesTravelAsPatches(t *testing.T) {
	slow(t)
	w := newWorld(t, 1, "")
	for version := 1; version <= 2; version++ {
		name := fmt.Sprintf("%d.0", version)
		archive := gzipped(t, tree(t, "file", version))
		w.write("data.tar.gz", string(archive))
		w.write("words.txt", string(prose("words", 60_000))+name)
		w.releaseOf(name, w.pushLayers("shop/small", name))
		text, err := os.ReadFile(w.path("release.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		w.write("release.yaml", string(text)+"files:\n  - path: data.tar.gz\n  - path: words.txt\n")
		packed, imported := w.ship()
		if version == 2 && packed.Payload > packed.NewBytes/5 {
			t.Errorf("%d bytes travel for %d, want a fifth or less: %+v", packed.Payload, packed.NewBytes, packed.Patches)
		}
		if len(imported.Files) != 1 {
			t.Fatalf("files in %q, want one directory", imported.Files)
		}
		for _, file := range []string{"data.tar.gz", "words.txt"} {
			got := digestOfFile(t, w.path(filepath.Join("north/files/shop", name, "files", file)))
			if want := digestOfFile(t, w.path(file)); got != want {
				t.Errorf("version %s of %s has digest %s at the site, want %s", name, file, got, want)
			}
		}
	}
}

// compareRungs compares what pack found out about layers with who made them.
func compareRungs(t *testing.T, packed *report.Packed, made map[string]*producer, version int) {
	t.Helper()
	seen := make(map[string]bool)
	for _, b := range packed.Patches {
		p := made[b.Owner]
		if p == nil {
			continue // of the release itself
		}
		seen[b.Owner] = true
		t.Logf("%-16s %s %s: %d of %d bytes %s", p.name, b.Rung, b.Encoder, b.Bytes, b.Size, b.Why)
		if p.rung != "" && b.Rung != report.RungWhole && (b.Rung != p.rung || !strings.HasPrefix(b.Encoder, p.encoder)) {
			t.Errorf("%s stands on rung %q as %q, want %q, %q", p.name, b.Rung, b.Encoder, p.rung, p.encoder)
		}
		if version == 2 && p.rung != "" && (b.Rung == report.RungWhole || len(b.Bases) == 0) {
			t.Errorf("%s: rung %q from %d bases (%s), want a patch against the version before", p.name, b.Rung, len(b.Bases), b.Why)
		}
	}
	if len(seen) != len(made) {
		t.Errorf("pack tells of %d images, want %d", len(seen), len(made))
	}
}

// pulledFromTheSite has skopeo pull every image that an import has set, which
// compares digests.
func pulledFromTheSite(t *testing.T, imported *report.Import) {
	t.Helper()
	for _, c := range imported.Changes {
		if strings.Contains(c.Name, "/made-by/") {
			skopeo(t, "copy", "--src-tls-verify=false", "docker://"+c.Target, "dir:"+t.TempDir())
		}
	}
}

// compareBlobs reads every image that an import has set, at both ends: the
// manifests are the same, and every blob has its digest.
func compareBlobs(t *testing.T, w *world, imported *report.Import) {
	t.Helper()
	client := registrytest.Client(t)
	images := 0
	for _, c := range imported.Changes {
		source, tag, _ := cutTag(c.Name)
		target, _, _ := cutTag(c.Target)
		if !strings.HasPrefix(source, w.source+"/") {
			continue
		}
		images++
		want := stat(t, client, source, tag)
		desc, raw, err := client.Manifest(t.Context(), target, want.Digest)
		if err != nil {
			t.Fatal(err)
		}
		m, err := oci.ParseManifest(desc.MediaType, raw)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range append(m.Layers, *m.Config) {
			compareBlob(t, client, target, l)
		}
	}
	if images == 0 {
		t.Error("the import has set no image")
	}
}

// compareBlob reads a blob and compares it with its digest.
func compareBlob(t *testing.T, client *registry.Client, repository string, d oci.Descriptor) {
	t.Helper()
	r, err := client.Blob(t.Context(), repository, d.Digest, 0)
	if err != nil {
		t.Error(err)
		return
	}
	defer r.Close()
	hash := sha256.New()
	n, err := io.Copy(hash, r)
	if err != nil {
		t.Error(err)
		return
	}
	if got := "sha256:" + hex.EncodeToString(hash.Sum(nil)); n != d.Size || got != string(d.Digest) {
		t.Errorf("%s has %d bytes with digest %s as blob %s of %d bytes", repository, n, got, d.Digest, d.Size)
	}
}
