package inside

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
	"github.com/airgap-ferry/ferry/registry/registrytest"
)

// An exchange is a request with its answer, and when both were.
type exchange struct {
	method, path, query string
	body                []byte // of a manifest that was pushed
	mediaType           string
	status              int
	began, ended        int // on one clock that ticks with each
}

// An observer notes what passes between ferry and a registry.
type observer struct {
	http.Handler

	mu        sync.Mutex // guards the following
	clock     int
	exchanges []exchange
}

func (o *observer) tick() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.clock++
	return o.clock
}

func (o *observer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e := exchange{method: r.Method, path: r.URL.Path, query: r.URL.RawQuery, mediaType: r.Header.Get("Content-Type"), began: o.tick()}
	if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/") {
		e.body, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(e.body))
	}
	answer := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	o.Handler.ServeHTTP(answer, r)
	e.status, e.ended = answer.status, o.tick()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.exchanges = append(o.exchanges, e)
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// split returns the repository that e is about, and the reference or digest.
func (e *exchange) split() (repo, kind, ref string) {
	for _, kind := range []string{"/manifests/", "/blobs/uploads/", "/blobs/"} {
		if i := strings.Index(e.path, kind); i >= 0 {
			return strings.TrimPrefix(e.path[:i], "/v2/"), kind, e.path[i+len(kind):]
		}
	}
	return "", "", ""
}

// A history is what the exchanges established.
type history struct {
	blobs     map[string]int // "repository digest" to when the registry had it for certain
	readBack  map[string]int // the same of manifests that it gave back
	manifests []exchange     // pushed by digest
	tags      []exchange     // pushed by tag, but not the lists of referrers
}

func (o *observer) history() *history {
	h := &history{blobs: make(map[string]int), readBack: make(map[string]int)}
	note := func(m map[string]int, repo, d string, at int) {
		if old, ok := m[repo+" "+d]; !ok || at < old {
			m[repo+" "+d] = at
		}
	}
	for _, e := range o.exchanges {
		repo, kind, ref := e.split()
		if e.status/100 != 2 {
			continue
		}
		_, digest, _ := strings.Cut(strings.ReplaceAll(e.query, "%3A", ":"), "digest=")
		mount := strings.ReplaceAll(e.query, "%3A", ":")
		switch {
		case kind == "/blobs/" && e.method == http.MethodHead:
			note(h.blobs, repo, ref, e.ended)
		case kind == "/blobs/uploads/" && e.method == http.MethodPut:
			note(h.blobs, repo, digest[:71], e.ended)
		case kind == "/blobs/uploads/" && e.status == http.StatusCreated:
			_, d, _ := strings.Cut(mount, "mount=")
			note(h.blobs, repo, d[:71], e.ended)
		case kind == "/manifests/" && e.method != http.MethodPut && strings.HasPrefix(ref, "sha256:"):
			note(h.readBack, repo, ref, e.ended)
		case kind == "/manifests/" && e.method == http.MethodPut && strings.HasPrefix(ref, "sha256:"):
			h.manifests = append(h.manifests, e)
		case kind == "/manifests/" && e.method == http.MethodPut && !isFallback(ref):
			h.tags = append(h.tags, e)
		}
	}
	return h
}

// isFallback reports whether a tag is that of a list of referrers.
func isFallback(tag string) bool { return strings.HasPrefix(tag, "sha256-") && len(tag) == 71 }

// TestOrder: no manifest before its blobs and its children, no tag before
// every manifest was pushed and read back, and the tag of the release last.
func TestOrder(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			o := new(observer)
			s := newSupplier(t)
			p := newPlace(t, s, backend.start(t, registrytest.Options{Wrap: func(h http.Handler) http.Handler {
				o.Handler = h
				return o
			}}))
			s.fill()
			p.mustImport(s.pack("shop", "1.0", wholeBody, packing{}).all())
			manifests := 13
			if !backend.sparse {
				manifests-- // the index that is refused
			}
			checkOrder(t, o.history(), backend.sparse, manifests, 7)

			registrytest.PushImage(t, s.ref("shop/api:1.0"), "api 1.0, rebuilt")
			o.exchanges = nil
			p.mustImport(s.pack("shop", "1.1", wholeBody, packing{}).all())
			checkOrder(t, o.history(), backend.sparse, 2, 2)
		})
	}
}

// checkOrder checks the invariants over h, in which there must be that many
// manifests and tags.
func checkOrder(t *testing.T, h *history, sparse bool, manifests, tags int) {
	t.Helper()
	if len(h.manifests) != manifests || len(h.tags) != tags {
		t.Fatalf("%d manifests and %d tags were pushed, want %d and %d", len(h.manifests), len(h.tags), manifests, tags)
	}
	lastManifest, firstTag := 0, h.tags[0].began
	for _, e := range h.tags {
		firstTag = min(firstTag, e.began)
	}
	for _, e := range slices.Concat(h.manifests, h.tags) {
		repo, _, ref := e.split()
		m, err := oci.ParseManifest(e.mediaType, e.body)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range m.Blobs() {
			if at, ok := h.blobs[repo+" "+string(b.Digest)]; !ok || at > e.began {
				t.Errorf("%s@%s was pushed before its blob %s was there", repo, ref, b.Digest)
			}
		}
		for _, c := range m.Children {
			if at, ok := h.readBack[repo+" "+string(c.Digest)]; (ok || !sparse) && at > e.began {
				t.Errorf("%s@%s was pushed before its child %s", repo, ref, c.Digest)
			}
		}
	}
	for _, e := range h.manifests {
		lastManifest = max(lastManifest, e.ended)
	}
	if lastManifest > firstTag {
		t.Error("a manifest was pushed after a tag")
	}
	last := h.tags[0]
	for _, e := range h.tags {
		repo, _, ref := e.split()
		if at, ok := h.readBack[repo+" "+string(bundle.DigestOf(e.body))]; !ok || at > firstTag {
			t.Errorf("%s:%s was tagged before its manifest was read back", repo, ref)
		}
		if e.began > last.began {
			last = e
		}
	}
	for _, e := range h.manifests {
		repo, _, ref := e.split()
		if at, ok := h.readBack[repo+" "+ref]; !ok || at < e.ended {
			t.Errorf("%s@%s was not read back after it was pushed", repo, ref)
		}
	}
	if repo, _, ref := last.split(); !strings.HasPrefix(repo, "ferry/releases/") {
		t.Errorf("the last tag is %s:%s, want that of the release", repo, ref)
	}
	for _, e := range h.tags {
		repo, _, ref := e.split()
		if !strings.HasSuffix(ref, ".sig") {
			continue
		}
		for _, other := range h.tags {
			if r, _, tag := other.split(); r == repo && tag == "1.0" && other.began < e.ended {
				t.Errorf("%s:%s was tagged before its signature", repo, tag)
			}
		}
	}
}
