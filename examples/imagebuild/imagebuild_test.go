package main

import (
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// imagebuild runs the command against host and returns the names it printed.
func imagebuild(t *testing.T, host string, args ...string) []string {
	t.Helper()
	var out strings.Builder
	if err := run(t.Context(), append([]string{"-registry", host}, args...), &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	return strings.Fields(out.String())
}

func startRegistry(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(registry.New())
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func pull(t *testing.T, ref string) *remote.Descriptor {
	t.Helper()
	r, err := name.ParseReference(ref, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	desc, err := remote.Get(r, remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	return desc
}

func TestSameInputsSameImages(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the examples")
	}
	var got [2][]string
	for i := range got {
		host := startRegistry(t)
		for _, ref := range imagebuild(t, host, "hello-api", "hello-worker") {
			got[i] = append(got[i], strings.TrimPrefix(ref, host))
		}
	}
	if len(got[0]) != 2 {
		t.Fatalf("imagebuild printed %q, want two images", got[0])
	}
	for i := range got[0] {
		if got[0][i] != got[1][i] {
			t.Errorf("second build gave %s, first gave %s", got[1][i], got[0][i])
		}
	}
}

func TestImagesShareTheBase(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the examples")
	}
	host := startRegistry(t)
	imagebuild(t, host, "hello-worker")
	imagebuild(t, host, "-version", "1.1", "-platforms", "linux/amd64,linux/arm64", "hello-worker")

	worker, err := pull(t, host+"/demo/hello-worker:1.0").Image()
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(worker); err != nil {
		t.Error(err)
	}
	index, err := pull(t, host+"/demo/hello-worker:1.1").ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Manifests) != 2 {
		t.Fatalf("index of two platforms has %d manifests", len(manifest.Manifests))
	}
	want := firstLayer(t, worker)
	for _, child := range manifest.Manifests {
		image, err := index.Image(child.Digest)
		if err != nil {
			t.Fatal(err)
		}
		if got := firstLayer(t, image); got != want {
			t.Errorf("base layer of %s is %s, want %s", child.Platform, got, want)
		}
	}
}

func TestWrongCommandLine(t *testing.T) {
	host := startRegistry(t)
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no app", nil, "no app named"},
		{"unknown app", []string{"hello-nobody"}, `building image of "hello-nobody"`},
		{"platform", []string{"-platforms", "linux", "hello-worker"}, `platform "linux": want os/arch`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := run(t.Context(), append([]string{"-registry", host}, tt.args...), io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("run(%q) = %v, want an error with %q", tt.args, err, tt.want)
			}
		})
	}
}

func firstLayer(t *testing.T, image v1.Image) v1.Hash {
	t.Helper()
	layers, err := image.Layers()
	if err != nil || len(layers) != 2 {
		t.Fatalf("image has %d layers, %v, want two", len(layers), err)
	}
	digest, err := layers[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest
}
