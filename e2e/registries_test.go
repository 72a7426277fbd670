package e2e

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/internal/oci"
	"github.com/airgap-ferry/ferry/registry"
	"github.com/airgap-ferry/ferry/registry/registrytest"
	"github.com/airgap-ferry/ferry/report"
)

// TestRegistriesHoldTheSource imports into each kind of registry: every
// manifest is there with the digest that it had at the source, and skopeo
// pulls every image.
func TestRegistriesHoldTheSource(t *testing.T) {
	slow(t)
	tests := []struct {
		name  string
		start func(*testing.T) string
	}{
		{"ferry serve", func(t *testing.T) string { t.Helper(); return serve(t, t.TempDir()) }},
		{"distribution 2.8", func(t *testing.T) string { t.Helper(); return serveDebian(t) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, 3<<20, tt.start(t))
			packed, imported := w.deliver()
			compareManifests(t, w, packed, imported)
			pullImages(t, w, imported)
			compareFiles(t, w)
			var status report.InsideStatus
			w.json(&status, "--dir", "north", "status", "--probe")
			if !status.Probed || status.Missing != 0 {
				t.Errorf("status --probe: probed %v, %d missing", status.Probed, status.Missing)
			}
		})
	}
}

// targets returns where the repositories of the source are at the site.
func targets(t *testing.T, w *world, imported *report.Import) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, c := range imported.Changes {
		source, _, okSource := cutTag(c.Name)
		target, _, okTarget := cutTag(c.Target)
		if okSource && okTarget && strings.HasPrefix(source, w.source+"/") {
			all[source] = target
		}
	}
	if len(all) != 3 {
		t.Fatalf("repositories of the source and where they are: %q, want 3", all)
	}
	return all
}

func cutTag(ref string) (repository, tag string, ok bool) {
	i := strings.LastIndexByte(ref, ':')
	if i < 0 || strings.Contains(ref[i:], "/") {
		return ref, "", false
	}
	return ref[:i], ref[i+1:], true
}

// compareManifests compares every tag of the source, the children of every
// index, and what refers to them. The release manifest is at the site alone.
func compareManifests(t *testing.T, w *world, packed *report.Packed, imported *report.Import) {
	t.Helper()
	client := registrytest.Client(t)
	tags, children, referrers := 0, 0, 0
	for source, target := range targets(t, w, imported) {
		for _, tag := range registrytest.Tags(t, source) {
			from := stat(t, client, source, tag)
			if strings.HasPrefix(tag, "sha256-") && !strings.Contains(tag, ".") {
				continue // the index of referrers that registries without an API have; compared below
			}
			if to := stat(t, client, target, tag); !cmp.Equal(to, from) {
				t.Errorf("%s:%s is %+v inside, want %+v", target, tag, to, from)
			}
			tags++
			referrers += compareReferrers(t, client, source, target, from)
			_, raw, err := client.Manifest(t.Context(), target, from.Digest)
			if err != nil {
				t.Fatal(err)
			}
			m, err := oci.ParseManifest(from.MediaType, raw)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range m.Children {
				if to := stat(t, client, target, string(c.Digest)); to.Digest != c.Digest || to.Size != c.Size {
					t.Errorf("child %s of %s:%s is %+v inside", c.Digest, target, tag, to)
				}
				children++
			}
		}
	}
	if tags != 4 || children != 3 || referrers != 1 {
		t.Errorf("compared %d tags, %d children, %d referrers; want 4, 3, 1", tags, children, referrers)
	}
	release := stat(t, client, w.site+"/ferry/releases/shop", "1.0")
	if release.Digest != packed.Release.Digest {
		t.Errorf("release manifest is %s inside, want %s", release.Digest, packed.Release.Digest)
	}
}

// compareReferrers returns how many manifests refer to d.
func compareReferrers(t *testing.T, client *registry.Client, source, target string, d oci.Descriptor) int {
	t.Helper()
	var digests [2][]string
	for i, repository := range []string{source, target} {
		list, err := client.Referrers(t.Context(), repository, d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			digests[i] = append(digests[i], string(stat(t, client, repository, string(r.Digest)).Digest))
		}
		slices.Sort(digests[i])
	}
	if !slices.Equal(digests[0], digests[1]) {
		t.Errorf("%s is referred to by %q inside, want %q", d.Digest, digests[1], digests[0])
	}
	return len(digests[0])
}

// stat asks for a manifest, which has to be there.
func stat(t *testing.T, client *registry.Client, repository, ref string) oci.Descriptor {
	t.Helper()
	d, ok, err := client.StatManifest(t.Context(), repository, ref)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		t.Errorf("%s has no %s", repository, ref)
	}
	return d
}

// pullImages pulls every image with skopeo: an index whole, and the one child
// that is for this machine.
func pullImages(t *testing.T, w *world, imported *report.Import) {
	t.Helper()
	pulled := 0
	for _, c := range imported.Changes {
		if _, tag, _ := cutTag(c.Target); !strings.HasPrefix(c.Name, w.source+"/") || strings.HasPrefix(tag, "sha256-") {
			continue // no image
		}
		pulled++
		want := pullAll(t, "docker://"+c.Name)
		if diff := cmp.Diff(want, pullAll(t, "docker://"+c.Target)); diff != "" {
			t.Errorf("skopeo pulls other files from %s than from the source (-source +inside):\n%s", c.Target, diff)
		}
		if strings.Contains(c.Name, jobRepository) {
			continue // is for another platform only
		}
		skopeo(t, "--override-os", "linux", "--override-arch", "amd64",
			"copy", "--src-tls-verify=false", "docker://"+c.Target, "dir:"+t.TempDir())
	}
	if pulled != 3 {
		t.Errorf("skopeo pulled %d images, want 3", pulled)
	}
}

// pullAll copies an image or an index, whole, into a folder and returns what is
// in there by digest. Skopeo names blobs and children by their digest. An index
// it writes anew, in its own spelling, so its bytes are compared elsewhere.
func pullAll(t *testing.T, from string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	skopeo(t, "copy", "--all", "--src-tls-verify=false", from, "dir:"+dir)
	return digestsBelow(t, dir)
}

// compareFiles compares the files of the release with those at the site.
func compareFiles(t *testing.T, w *world) {
	t.Helper()
	for from, to := range map[string]string{
		"files/shop.conf": "files/etc/shop.conf",
		"files/empty":     "files/etc/empty",
		"deploy/api.yaml": "manifests/deploy/api.yaml",
	} {
		want, err := os.ReadFile(w.path(from))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(w.path("north/files/shop/1.0/" + to))
		if err != nil || string(got) != string(want) {
			t.Errorf("%s is %q at the site, %v, want %q", to, got, err, want)
		}
	}
}
