package outside

import (
	"fmt"
	"strings"
	"testing"

	"github.com/airgap-ferry/ferry/registry/registrytest"
)

// BenchmarkNothingNew plans a pack of a release with 1,000 images that the site
// holds already. It is to take less than 2 s.
func BenchmarkNothingNew(b *testing.B) {
	e, file := manyImages(b, 1000)
	e.registry.Reset()
	for b.Loop() {
		planNothing(b, e, file)
	}
	b.ReportMetric(float64(e.registry.Count(""))/float64(b.N), "requests/op")
}

// Images that are held cost HEAD requests alone, five for each.
func TestManyImagesHeld(t *testing.T) {
	e, file := manyImages(t, 60)
	e.registry.Reset()
	planNothing(t, e, file)
	if n, heads := e.registry.Count(""), e.registry.Count("HEAD"); n != heads || n != 5*60 {
		t.Errorf("%d requests, %d of them HEAD, want %d", n, heads, 5*60)
	}
}

// manyImages returns an agent whose site holds a release of n images.
func manyImages(tb testing.TB, n int) (*env, string) {
	tb.Helper()
	r := registrytest.Start(tb, registrytest.Options{})
	var list strings.Builder
	for i := range n {
		ref := fmt.Sprintf("/many/app%d:1.0-%d", i%50, i)
		registrytest.PushImage(tb, r.Host+ref, fmt.Sprint("content ", i))
		fmt.Fprintf(&list, "  - HOST%s\n", ref)
	}
	e := agentFor(tb, r)
	file := e.write(tb, "many.yaml", "apiVersion: ferry/v1\nkind: Release\nname: many\nversion: \"1.0\"\nplatforms: [linux/amd64]\nimages:\n"+list.String())
	if _, err := e.pack(tb, file); err != nil {
		tb.Fatal(err)
	}
	return e, file
}

func planNothing(tb testing.TB, e *env, file string) {
	tb.Helper()
	a, err := e.tryOpen()
	if err != nil {
		tb.Fatal(err)
	}
	defer a.Close()
	p, err := a.Plan(tb.Context(), e.options(file))
	if err != nil {
		tb.Fatal(err)
	}
	if !p.Empty() {
		tb.Fatalf("%d blobs are new", p.Report().NewBlobs)
	}
}
