package inside

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/ledger"
	"github.com/airgap-ferry/ferry/registry/registrytest"
	"github.com/airgap-ferry/ferry/report"
)

// TestStatus says what the site holds: the contents of the release in use, and
// nothing but the name of one that it replaced.
func TestStatus(t *testing.T) {
	s, p := setUp(t)
	if got := p.status(true); got.Seq != 0 || len(got.Bundles)+len(got.Releases) != 0 || !got.Probed {
		t.Errorf("status of a new site is %+v", got)
	}
	s.fill()
	p.mustImport(s.pack("shop", "1.0", wholeBody, packing{}).all())
	b := s.pack("shop", "1.1", wholeBody, packing{})
	p.mustImport(b.all())
	p.registry.Reset()
	got := p.status(false)
	if r := p.registry.Requests(); len(r) > 0 {
		t.Errorf("status without --probe asked the registry: %v", r)
	}
	if got.Site != "north" || got.Registry != p.registry.Host || got.Epoch != 1 || got.Seq != 2 || got.Head != b.digest || got.Probed {
		t.Errorf("status is %+v", got)
	}
	if len(got.Bundles) != 2 || got.Bundles[0].State != "imported" || got.Bundles[0].Means == "" || got.Bundles[0].Missing != nil {
		t.Errorf("bundles are %+v, want two, imported", got.Bundles)
	}
	if len(got.Releases) != 2 || got.Releases[0].Current || !got.Releases[1].Current || len(got.Releases[0].Contents) != 0 {
		t.Fatalf("releases are %+v, want the second in use", got.Releases)
	}
	kinds := make(map[string]int)
	for _, c := range got.Releases[1].Contents {
		kinds[c.Kind]++
		if c.Verdict != report.VerdictHeld || c.Blobs < 2 || c.Bytes <= 0 {
			t.Errorf("content is %+v", c)
		}
		if strings.Contains(c.Name, "shop/api") && c.Signed != 3 {
			t.Errorf("%s has %d attachments, want 3", c.Name, c.Signed)
		}
	}
	if diff := cmp.Diff(map[string]int{report.KindImage: 4, report.KindChart: 1, report.KindRelease: 1}, kinds); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
}

// TestEveryStateHasAMeaning: an operator is told what to do in each state.
func TestEveryStateHasAMeaning(t *testing.T) {
	for _, state := range []ledger.BundleState{
		ledger.BundleSeen, ledger.BundleVerified, ledger.BundleStaged, ledger.BundleBlobs, ledger.BundleManifests, ledger.BundleTagged,
		ledger.BundleRolled, ledger.BundleImported, ledger.BundleParked, ledger.BundleRefused, ledger.BundleFailed,
	} {
		if meanings[state] == "" {
			t.Errorf("state %q has no meaning", state)
		}
	}
}

// TestProbe does damage to the registry, and finds it named.
func TestProbe(t *testing.T) {
	s, p := setUp(t)
	s.fill()
	b := s.pack("shop", "1.0", wholeBody, packing{})
	p.mustImport(b.all())
	if got := p.status(true); got.Missing != 0 {
		t.Fatalf("before any harm: %d missing", got.Missing)
	}
	worker := s.image(b, "shop/worker")
	all := s.image(b, "multi/all")
	remove := func(repo, ref string) {
		t.Helper()
		del(t, p, strings.TrimPrefix(p.inside(s.ref(repo)), p.registry.Host+"/"), ref)
	}
	other := registrytest.PushImage(t, p.inside(s.ref("shop/worker"))+":1.0", "something else")
	remove("multi/all", "manifests/"+string(all.Selected[0]))
	layer := digestOfLayer(t, registrytest.SmallImage(t, "linux/amd64", "any"))
	remove("shop/api", "blobs/"+string(layer))
	remove("multi/one", "manifests/1.0")

	want := map[string][]string{
		"shop/api:1.0":    {string(layer)},
		"shop/worker:1.0": {"tag 1.0 names " + string(other) + ", want " + string(worker.Digest)},
		"multi/all:1.0":   {string(all.Selected[0])},
		"multi/one:1.0":   {"tag 1.0"},
	}
	status := p.status(true)
	for _, c := range status.Releases[0].Contents {
		name := strings.TrimPrefix(c.Name, s.source.Host+"/")
		if diff := cmp.Diff(want[name], c.Missing); diff != "" {
			t.Errorf("missing of %s (-want +got):\n%s", name, diff)
		}
	}
	if status.Missing != 4 {
		t.Errorf("%d missing, want 4", status.Missing)
	}
	if got := p.status(false); got.Missing != 0 {
		t.Errorf("without --probe %d are missing", got.Missing)
	}
}

// del deletes something from p's registry.
func del(t *testing.T, p *place, repo, what string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, "http://"+p.registry.Repository("v2/"+repo+"/"+what), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		t.Fatalf("deleting %s of %s: status %d", what, repo, resp.StatusCode)
	}
}
