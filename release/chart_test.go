package release

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/ignore"
	helmregistry "helm.sh/helm/v4/pkg/registry"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
)

const shopChartYAML = `apiVersion: v2
name: shop
version: 1.2.3+build.5
appVersion: "1.10"
description: A shop.
home: https://shop.example
sources: [https://git.example/shop]
keywords: [a, b]
maintainers: [{name: Jo, email: jo@example.com}]
annotations: {category: Shops}
kubeVersion: ">=1.25"
type: application
dependencies:
- {name: db, version: ~1, repository: "https://charts.example", tags: [x], import-values: [a, {child: b, parent: c}], alias: d}
unknown: ignored
`

// shopChart is a chart as a folder.
func shopChart() map[string]string {
	return map[string]string{
		"shop/Chart.yaml":                                  shopChartYAML,
		"shop/values.yaml":                                 "replicas: 2\n",
		"shop/templates/deploy.yaml":                       "kind: Deployment\n",
		"shop/templates/.hidden":                           "x",
		"shop/templates/run.sh*":                           "#!/bin/sh\n",
		"shop/charts/db/Chart.yaml":                        "apiVersion: v2\nname: db\nversion: 1.0.0\n",
		"shop/charts/db/templates/x.yml":                   "kind: X\n",
		"shop/.helmignore":                                 "*.bak\nci/\n# comment\n",
		"shop/old.bak":                                     "x",
		"shop/ci/values.yaml":                              "x: 1\n",
		"shop/" + strings.Repeat("long/", 30) + "name.txt": "x",
	}
}

// packed returns a packaged chart with a Chart.yaml and nothing else.
func packed(t *testing.T, name, version string) []byte {
	t.Helper()
	b, err := archiveChart(name, []chartFile{{chartYAMLName, fmt.Appendf(nil, "apiVersion: v2\nname: %s\nversion: %s\n", name, version)}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// blobOf returns the local content of an item of r.
func blobOf(t *testing.T, r *Resolution, d bundle.Digest) []byte {
	t.Helper()
	for _, item := range r.Items() {
		if item.Digest != d || item.Open == nil {
			continue
		}
		rc, err := item.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer rc.Close()
		b, err := io.ReadAll(rc)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	t.Fatalf("%s is not a local item", d)
	return nil
}

// Helm opens what ferry packages from a folder, finds what it would find in
// the folder itself, and writes the same config.
func TestFolderChartIsHelms(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, shopChart())
	r := mustResolve(t, nil, dir, "charts: [./shop]\n", ResolveOptions{})
	c := r.Resolved.Charts[0]
	if c.Name != "shop" || c.Version != "1.2.3+build.5" || c.Tag != "1.2.3_build.5" || c.Repository != "ferry/shop/charts/shop" || c.Source != "./shop" {
		t.Errorf("chart is %+v", c)
	}
	_, raw, err := r.ManifestBytes(c.Digest)
	if err != nil {
		t.Fatal(err)
	}
	m, err := oci.ParseManifest(c.MediaType, raw)
	if err != nil {
		t.Fatal(err)
	}
	got, err := loader.LoadArchive(bytes.NewReader(blobOf(t, r, m.Layers[0].Digest)))
	if err != nil {
		t.Fatal(err)
	}
	want, err := loader.LoadDir(filepath.Join(dir, "shop"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(chartContent(want), chartContent(got)); diff != "" {
		t.Errorf("content (-folder +archive):\n%s", diff)
	}
	config, err := json.Marshal(want.Metadata)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(config), string(blobOf(t, r, m.Config.Digest))); diff != "" {
		t.Errorf("config (-Helm +ferry):\n%s", diff)
	}
}

// chartContent returns the files of a chart and of those it contains.
func chartContent(c *chart.Chart) map[string]string {
	content := make(map[string]string)
	for _, f := range c.Raw {
		content[f.Name] = string(f.Data)
	}
	for _, d := range c.Dependencies() {
		for name, data := range chartContent(d) {
			content["charts/"+d.Name()+"/"+name] = data
		}
	}
	return content
}

// The bytes of a packaged chart may change only on purpose: sites would get
// every chart again.
func TestFolderChartBytesAreFrozen(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, shopChart())
	b, err := packageChart(filepath.Join(dir, "shop"))
	if err != nil {
		t.Fatal(err)
	}
	const want = "sha256:0bde3c37b821388d3d73d8badd04c40de5fea8cb3b8632a8137c391b936360f1"
	if got := bundle.DigestOf(b); got != want {
		t.Errorf("packaged chart is %s, want %s", got, want)
	}
	zr, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	tr := tar.NewReader(zr)
	h, err := tr.Next()
	if err != nil || h.Name != "shop/Chart.yaml" || h.ModTime.Unix() != 0 || h.Mode != 0o644 || h.Uname != "" || !zr.ModTime.IsZero() {
		t.Errorf("first entry is %+v, %v", h, err)
	}
}

// Helm's own client pulls the artifact that ferry makes.
func TestHelmPullsArtifact(t *testing.T) {
	reg := newTestRegistry(t)
	dir := t.TempDir()
	writeFiles(t, dir, shopChart())
	r := mustResolve(t, reg, dir, "charts: [./shop]\n", ResolveOptions{})
	c := r.Resolved.Charts[0]
	_, raw, err := r.ManifestBytes(c.Digest)
	if err != nil {
		t.Fatal(err)
	}
	m, err := oci.ParseManifest(c.MediaType, raw)
	if err != nil {
		t.Fatal(err)
	}
	repo := reg.repo("inside/" + c.Repository)
	for _, b := range m.Blobs() {
		layer := static.NewLayer(blobOf(t, r, b.Digest), types.MediaType(b.MediaType))
		if err := remote.WriteLayer(repo, layer); err != nil {
			t.Fatal(err)
		}
	}
	if err := remote.Put(repo.Tag(c.Tag), rawManifest{raw, types.MediaType(c.MediaType)}); err != nil {
		t.Fatal(err)
	}
	client, err := helmregistry.NewClient(helmregistry.ClientOptPlainHTTP(), helmregistry.ClientOptWriter(io.Discard),
		helmregistry.ClientOptCredentialsFile(filepath.Join(dir, "credentials.json")))
	if err != nil {
		t.Fatal(err)
	}
	got, err := client.Pull(repo.Name() + ":" + c.Version)
	if err != nil {
		t.Fatal(err)
	}
	if got.Manifest.Digest != string(c.Digest) || got.Chart.Meta.Name != "shop" || got.Chart.Meta.AppVersion != "1.10" {
		t.Errorf("pulled %+v, want chart %s", got.Chart.Meta, c.Digest)
	}

	// And ferry pins it from there, by the version and by a range.
	for _, version := range []string{"1.2.3+build.5", "^1.2"} {
		again := mustResolve(t, reg, t.TempDir(),
			fmt.Sprintf("charts: [{chart: 'oci://%s', version: '%s'}]\n", repo.Name(), version), ResolveOptions{})
		if a := again.Resolved.Charts[0]; a.Digest != c.Digest || a.Tag != c.Tag || a.Version != c.Version || a.Repository != repo.Name() {
			t.Errorf("version %s: chart is %+v, want %s", version, a, c.Digest)
		}
	}
}

type rawManifest struct {
	raw       []byte
	mediaType types.MediaType
}

func (r rawManifest) RawManifest() ([]byte, error)        { return r.raw, nil }
func (r rawManifest) MediaType() (types.MediaType, error) { return r.mediaType, nil }

var _ interface {
	remote.Taggable
	MediaType() (types.MediaType, error)
} = rawManifest{}

func TestOCIChartRefuses(t *testing.T) {
	reg := newTestRegistry(t)
	reg.push("image", "1.0.0", testImage(t, "linux/amd64", "no chart"))
	tests := []struct{ name, chart, want string }{
		{"image", "{chart: 'oci://%s/image', version: 1.0.0}", "is no Helm chart"},
		{"no version", "{chart: 'oci://%s/image', version: '~2'}", "has no version ~2; it has 1.0.0"},
		{"no tag", "{chart: 'oci://%s/image', version: 1.0.1}", "404"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := resolve(t, reg, t.TempDir(), "charts: ["+fmt.Sprintf(tt.chart, reg.host)+"]\n", ResolveOptions{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Resolve = %v, want %q", err, tt.want)
			}
		})
	}
}

// newChartRepo serves index.yaml, made of text with %s for the repository's
// address, and files. It counts requests for the index.
func newChartRepo(t *testing.T, index string, files map[string][]byte) (address string, asked *int) {
	t.Helper()
	asked = new(int)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/Stable/index.yaml" {
			*asked++
			fmt.Fprint(w, strings.ReplaceAll(index, "%s", "http://"+req.Host))
			return
		}
		b, ok := files[req.URL.Path]
		if !ok {
			http.NotFound(w, req)
			return
		}
		w.Write(b)
	}))
	t.Cleanup(srv.Close)
	return srv.URL + "/Stable/", asked
}

func TestHTTPChart(t *testing.T) {
	newer, older := packed(t, "n9e", "1.2.9"), packed(t, "n9e", "1.2.3")
	reg := newTestRegistry(t)
	repo, asked := newChartRepo(t, fmt.Sprintf(`apiVersion: v1
entries:
  n9e:
  - {version: 2.0.0-rc.1, urls: [n9e-2.tgz]}
  - {version: 1.2.3, urls: ["%%s/files/n9e-1.2.3.tgz"], digest: %s}
  - {version: 1.2.9, urls: [n9e-1.2.9.tgz], digest: sha256:%s, unknown: x}
  - {version: 1.1.0, urls: ["oci://%s/n9e:1.1.0"]}
generated: "2026-01-01T00:00:00Z"
`, bundle.DigestOf(older).Hex(), strings.ToUpper(bundle.DigestOf(newer).Hex()), reg.host),
		map[string][]byte{"/Stable/n9e-1.2.9.tgz": newer, "/files/n9e-1.2.3.tgz": older})
	tests := []struct{ version, want string }{{"~1.2", "1.2.9"}, {"1.2.3", "1.2.3"}, {"*", "1.2.9"}, {"v1.2.9", "1.2.9"}}
	for _, tt := range tests {
		t.Run(tt.version, func(t *testing.T) {
			r := mustResolve(t, reg, t.TempDir(),
				fmt.Sprintf("charts: [{chart: n9e, repo: '%[1]s', version: '%[2]s'}, {chart: n9e, repo: '%[1]s', version: '%[2]s'}]\n", repo, tt.version), ResolveOptions{})
			if len(r.Resolved.Charts) != 1 {
				t.Fatalf("%d charts, want the same one once", len(r.Resolved.Charts))
			}
			c := r.Resolved.Charts[0]
			host := strings.TrimPrefix(strings.TrimSuffix(repo, "/Stable/"), "http://")
			if c.Version != tt.want || c.Repository != host+"/stable/n9e" || c.Source != repo+"n9e" {
				t.Errorf("chart is %+v, want version %s", c, tt.want)
			}
		})
	}
	if *asked != len(tests) {
		t.Errorf("%d requests for the index, want one for each release", *asked)
	}
	t.Run("in a registry", func(t *testing.T) {
		config := []byte(`{"name":"n9e","version":"1.1.0","apiVersion":"v2"}`)
		raw, err := appendManifest(manifestJSON{
			Config: describe(oci.MediaTypeHelmConfig, config),
			Layers: []descriptorJSON{describe(oci.MediaTypeHelmChart, older)},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, layer := range []v1.Layer{static.NewLayer(config, oci.MediaTypeHelmConfig), static.NewLayer(older, oci.MediaTypeHelmChart)} {
			if err := remote.WriteLayer(reg.repo("n9e"), layer); err != nil {
				t.Fatal(err)
			}
		}
		if err := remote.Put(reg.repo("n9e").Tag("1.1.0"), rawManifest{raw, oci.MediaTypeManifest}); err != nil {
			t.Fatal(err)
		}
		r := mustResolve(t, reg, t.TempDir(), fmt.Sprintf("charts: [{chart: n9e, repo: '%s', version: '1.1.0'}]\n", repo), ResolveOptions{})
		if c := r.Resolved.Charts[0]; c.Repository != reg.host+"/n9e" || c.Source != repo+"n9e" || c.Digest != bundle.DigestOf(raw) {
			t.Errorf("chart is %+v", c)
		}
	})
}

func TestHTTPChartRefuses(t *testing.T) {
	good := packed(t, "n9e", "1.0.0")
	repo, _ := newChartRepo(t, `entries:
  n9e: [{version: 1.0.0, urls: [a.tgz], digest: "00"}, {version: 1.0.1, urls: [gone.tgz]}, {version: 1.0.2}, {version: 1.0.3, urls: ["file:///etc/passwd"]},
        {version: 1.0.4, urls: [a.tgz]}, {version: 1.0.5, urls: [bad.tgz]}, {version: 1.0.6, urls: [cut.tgz]}]
  other: [{version: 1.0.0, urls: [a.tgz]}]
`, map[string][]byte{"/Stable/a.tgz": good, "/Stable/bad.tgz": []byte("bad"), "/Stable/cut.tgz": good[:len(good)-5]})
	tests := []struct{ name, chart, version, want string }{
		{"other digest", "n9e", "1.0.0", "but the index of the repo says \"00\""},
		{"gone", "n9e", "1.0.1", "404 Not Found"},
		{"no address", "n9e", "1.0.2", "names no address for version \"1.0.2\""},
		{"local address", "n9e", "1.0.3", "want http, https or oci"},
		{"other version inside", "n9e", "1.0.4", "is chart \"n9e\" version \"1.0.0\", but the repo says \"n9e\" version \"1.0.4\""},
		{"no chart inside", "n9e", "1.0.5", "is not a packaged chart"},
		{"truncated", "n9e", "1.0.6", "is not a packaged chart: unexpected EOF"},
		{"other name inside", "other", "1.0.0", "but the repo says \"other\""},
		{"no such version", "n9e", "~3", "has no version ~3; it has 1.0.6, 1.0.5, 1.0.4, 1.0.3, 1.0.2 and 2 older ones"},
		{"no such chart", "n9", "*", "has no chart \"n9\", did you mean \"n9e\"?"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := resolve(t, nil, t.TempDir(), fmt.Sprintf("charts: [{chart: %s, repo: '%s', version: '%s'}]\n", tt.chart, repo, tt.version), ResolveOptions{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Resolve = %v, want %q", err, tt.want)
			}
		})
	}
	t.Run("no repository", func(t *testing.T) {
		_, err := resolve(t, nil, t.TempDir(), fmt.Sprintf("charts: [{chart: a, repo: '%s', version: '*'}]\n", strings.TrimSuffix(repo, "Stable/")), ResolveOptions{})
		if err == nil || !strings.Contains(err.Error(), "index.yaml\": 404 Not Found") {
			t.Errorf("Resolve = %v", err)
		}
	})
}

// What was asked for through TLS must come through TLS.
func TestHTTPChartNotDowngraded(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "entries: {}\n") }))
	defer plain.Close()
	tls := httptest.NewTLSServer(http.RedirectHandler(plain.URL+"/index.yaml", http.StatusFound))
	defer tls.Close()
	_, err := resolve(t, nil, t.TempDir(), fmt.Sprintf("charts: [{chart: a, repo: '%s', version: '*'}]\n", tls.URL), ResolveOptions{HTTP: tls.Client()})
	if err == nil || !strings.Contains(err.Error(), "which is not encrypted") {
		t.Errorf("Resolve = %v, want it refused", err)
	}
}

func TestLocalChart(t *testing.T) {
	dir := t.TempDir()
	b := packed(t, "n9e", "1.0.0")
	if err := os.WriteFile(filepath.Join(dir, "n9e.tgz"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	r := mustResolve(t, nil, dir, "charts: [{chart: n9e.tgz, version: ~1.0}]\n", ResolveOptions{})
	_, raw, err := r.ManifestBytes(r.Resolved.Charts[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(raw, []byte(bundle.DigestOf(b))) {
		t.Errorf("manifest %s does not have the archive as it is, %s", raw, bundle.DigestOf(b))
	}
}

func TestLocalChartRefuses(t *testing.T) {
	const meta = "apiVersion: v2\nversion: 1.0.0\nname: "
	tests := []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"nothing", map[string]string{"x": ""}, "chart \"./c\": no such file or directory"},
		{"no Chart.yaml", map[string]string{"c/values.yaml": ""}, "is not a chart: has no Chart.yaml"},
		{"broken", map[string]string{"c/Chart.yaml": "a: ["}, "Chart.yaml: yaml: line 1"},
		{"name", map[string]string{"c/Chart.yaml": meta + "A/b\n"}, "name \"A/b\" can't be part of a repository"},
		{"version", map[string]string{"c/Chart.yaml": "apiVersion: v2\nname: c\nversion: new\n"}, "version \"new\" is not a version"},
		{"apiVersion", map[string]string{"c/Chart.yaml": "name: c\nversion: 1.0.0\n"}, "has no apiVersion"},
		{"dependency", map[string]string{"c/Chart.yaml": meta + "c\ndependencies: [{name: db, version: '1'}]\n"}, "needs chart \"db\", which is not in its folder charts"},
		{"broken dependency", map[string]string{"c/Chart.yaml": meta + "c\n", "c/charts/db.tgz": "x"}, "\"charts/db.tgz\": is not a packaged chart"},
		{"ignore rule", map[string]string{"c/Chart.yaml": meta + "c\n", "c/.helmignore": "a\nb/**\n"}, ".helmignore: line 2: \"b/**\": ** is not known to Helm"},
		{"other version", map[string]string{"c/Chart.yaml": meta + "c\n"}, "has no version ~2; it has 1.0.0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			writeFiles(t, dir, tt.files)
			body := "charts: [./c]\n"
			if tt.name == "other version" {
				body = "charts: [{chart: ./c, version: ~2}]\n"
			}
			if _, err := resolve(t, nil, dir, body, ResolveOptions{}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Resolve = %v, want %q", err, tt.want)
			}
		})
	}
}

// A chart that unpacks to more than Helm takes is refused while it is read.
func TestChartBomb(t *testing.T) {
	if testing.Short() {
		t.Skip("unpacks 100 MiB")
	}
	var b bytes.Buffer
	zw, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(zw, zeros{}, maxUnpackedChart+1); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	// Two blocks of zeros end a tar, so the bomb is in what comes after it.
	if _, err := readArchiveMeta(b.Bytes()); err == nil || !strings.Contains(err.Error(), "when it is unpacked") {
		t.Errorf("readArchiveMeta = %v, want it to be too large", err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// Helm and ferry leave out the same.
func TestIgnoresLikeHelm(t *testing.T) {
	rules := []string{
		"*.bak\n", "/top\n", "dir/\n", "a/b*\n", "!keep\n", "!*.yaml\n", "!dir/\n", "# c\n\n  x  \n", "\ufeffx\n",
		"[a-c]?\n", "*.bak\n!*.yaml\n", ".*\n", "/dir/\n", "/a/b\n", `\!x` + "\n",
	}
	names := []string{"x", "top", "dir", "a/top", "a/dir", "a/b", "a/bc", "x/a/b", "f.bak", "a/f.bak", "keep", "f.yaml", "ab", "!x", ".git", "templates/.x", "templates/x", "charts/c/templates/.x"}
	for _, text := range rules {
		theirs, err := ignore.Parse(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		theirs.AddDefaults()
		ours, err := parseIgnore([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		writeFiles(t, dir, map[string]string{"file": ""})
		for _, path := range []string{dir, filepath.Join(dir, "file")} {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				if got, want := ours.ignores(name, info.IsDir()), theirs.Ignore(name, info); got != want {
					t.Errorf("rules %q, %q, folder %v: ignored is %v, Helm says %v", text, name, info.IsDir(), got, want)
				}
			}
		}
	}
}

func FuzzReadArchiveMeta(f *testing.F) {
	b, err := archiveChart("c", []chartFile{{chartYAMLName, []byte("apiVersion: v2\nname: c\nversion: 1.0.0\n")}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := readArchiveMeta(b)
		if err != nil {
			return
		}
		if !oci.ValidTag(versionTag(m.Version)) || !oci.ValidPath("ferry/"+m.Name) {
			t.Errorf("accepted chart %q version %q, which can't be named", m.Name, m.Version)
		}
	})
}

func FuzzParseRepoIndex(f *testing.F) {
	f.Add([]byte("entries: {a: [{version: 1.0.0, urls: [x]}]}\n"))
	f.Add([]byte(`{"entries":{"a":[{"version":"1.0.0","urls":["x"]}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		index, err := parseRepoIndex(b)
		if err != nil {
			return
		}
		for name := range index.Entries {
			if e, err := index.find(name, "*"); err == nil && e.Version == "" {
				t.Errorf("chart %q has no version", name)
			}
		}
	})
}
