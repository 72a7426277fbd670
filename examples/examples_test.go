// Package examples_test holds the examples to what their comments say.
package examples_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"text/template"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// A releaseFile is as much of a release as these tests need. That the files
// are accepted as releases is for the tests of package release and the demo.
type releaseFile struct {
	Version   string
	Images    []yaml.Node
	Charts    []struct{ Chart string }
	Files     []struct{ Path string }
	Manifests []string
}

func readRelease(t *testing.T, version string) *releaseFile {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("platform", "release-"+version+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	r := new(releaseFile)
	if err := yaml.Unmarshal(data, r); err != nil {
		t.Fatal(err)
	}
	if r.Version != version {
		t.Errorf("release-%s.yaml has version %q", version, r.Version)
	}
	return r
}

// images returns the references of the images, in short and in long form.
func (r *releaseFile) images(t *testing.T) []string {
	t.Helper()
	var refs []string
	for _, node := range r.Images {
		ref := node.Value
		if node.Kind == yaml.MappingNode {
			var image struct{ Image string }
			if err := node.Decode(&image); err != nil {
				t.Fatal(err)
			}
			ref = image.Image
		}
		refs = append(refs, ref)
	}
	return refs
}

func (r *releaseFile) paths() []string {
	var paths []string
	for _, c := range r.Charts {
		paths = append(paths, c.Chart)
	}
	for _, f := range r.Files {
		paths = append(paths, f.Path)
	}
	return append(paths, r.Manifests...)
}

func TestReleasesNameWhatIsThere(t *testing.T) {
	for _, version := range []string{"1.0", "1.1"} {
		r := readRelease(t, version)
		for _, path := range r.paths() {
			if _, err := os.Stat(filepath.Join("platform", path)); err != nil {
				t.Errorf("release %s: %v", version, err)
			}
		}
		for _, ref := range r.images(t) {
			app, _, _ := strings.Cut(filepath.Base(ref), ":")
			if _, err := os.Stat(filepath.Join("apps", app, "main.go")); err != nil {
				t.Errorf("release %s: image %q: %v", version, ref, err)
			}
		}
	}
}

func TestUpdateIsOneAppAndOneFile(t *testing.T) {
	before, after := readRelease(t, "1.0"), readRelease(t, "1.1")
	want := []string{"localhost:5000/demo/hello-api:1.1"}
	if diff := cmp.Diff(want, added(before.images(t), after.images(t))); diff != "" {
		t.Errorf("new images (-want +got):\n%s", diff)
	}
	want = []string{"deploy/hello-api-1.1.yaml"}
	if diff := cmp.Diff(want, added(before.paths(), after.paths())); diff != "" {
		t.Errorf("new files (-want +got):\n%s", diff)
	}
}

// added returns what is in after and not in before.
func added(before, after []string) []string {
	had := make(map[string]bool)
	for _, s := range before {
		had[s] = true
	}
	var news []string
	for _, s := range after {
		if !had[s] {
			news = append(news, s)
		}
	}
	return news
}

// TestManifestsNameTheirImages tells of a release whose manifests deploy an
// image that it does not ship.
func TestManifestsNameTheirImages(t *testing.T) {
	for _, version := range []string{"1.0", "1.1"} {
		r := readRelease(t, version)
		shipped := make(map[string]bool)
		for _, ref := range r.images(t) {
			shipped[ref] = true
		}
		used := 0
		for _, text := range kubernetes(t, r) {
			for line := range strings.Lines(text) {
				ref, ok := strings.CutPrefix(strings.TrimSpace(line), "image: ")
				if !ok {
					continue
				}
				used++
				if !shipped[ref] {
					t.Errorf("release %s: a manifest deploys %s, which it does not ship", version, ref)
				}
			}
		}
		if used != len(shipped) {
			t.Errorf("release %s: manifests deploy %d images, it ships %d", version, used, len(shipped))
		}
	}
}

// kubernetes returns the manifests of a release and those of its chart, all
// of which are valid YAML.
func kubernetes(t *testing.T, r *releaseFile) []string {
	t.Helper()
	texts := []string{render(t, filepath.Join("platform", "charts", "hello"))}
	for _, path := range r.Manifests {
		data, err := os.ReadFile(filepath.Join("platform", path))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(data))
	}
	for _, text := range texts {
		var object struct{ Kind string }
		if err := yaml.Unmarshal([]byte(text), &object); err != nil || object.Kind == "" {
			t.Errorf("not a Kubernetes object (%v):\n%s", err, text)
		}
	}
	return texts
}

// render fills the template of a chart with its default values, with as much
// of Helm as the template uses.
func render(t *testing.T, chart string) string {
	t.Helper()
	var values, metadata map[string]any
	for name, into := range map[string]any{"values.yaml": &values, "Chart.yaml": &metadata} {
		data, err := os.ReadFile(filepath.Join(chart, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(data, into); err != nil {
			t.Fatal(err)
		}
	}
	tmpl, err := template.New("cronjob.yaml").Option("missingkey=error").
		Funcs(template.FuncMap{"quote": strconv.Quote}).
		ParseFiles(filepath.Join(chart, "templates", "cronjob.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = tmpl.Execute(&out, map[string]any{
		"Values":  values,
		"Release": map[string]any{"Name": "shop"},
		"Chart":   map[string]any{"AppVersion": metadata["appVersion"]},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}
