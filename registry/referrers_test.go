package registry_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	gcr "github.com/google/go-containerregistry/pkg/registry"
	"golang.org/x/sync/errgroup"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
	"github.com/airgap-ferry/ferry/registry"
	"github.com/airgap-ferry/ferry/registry/registrytest"
)

// withReferrersAPI replaces a registry by one that has the referrers API. It
// says so only if announce is set.
func withReferrersAPI(announce bool) func(http.Handler) http.Handler {
	h := gcr.New(gcr.WithReferrersSupport(true), gcr.Logger(log.New(io.Discard, "", 0)))
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if announce && r.Method == http.MethodPut {
				w.Header().Set("OCI-Subject", "yes")
			}
			h.ServeHTTP(w, r)
		})
	}
}

// pushSubject pushes an image and what artifacts of it need.
func pushSubject(t *testing.T, c *registry.Client, repo string, blobs ...string) registry.Descriptor {
	t.Helper()
	subject := registrytest.PushImage(t, repo+":1.0", "one")
	desc, ok, err := c.StatManifest(t.Context(), repo, string(subject))
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	for _, blob := range append(blobs, "{}") {
		if _, err := c.PushBlob(t.Context(), upload(repo, []byte(blob))); err != nil {
			t.Fatal(err)
		}
	}
	return desc
}

func TestReferrersAPI(t *testing.T) {
	for _, announce := range []bool{true, false} {
		r := registrytest.Start(t, registrytest.Options{Wrap: withReferrersAPI(announce)})
		c := registrytest.Client(t)
		repo := r.Repository("shop/api")
		subject := pushSubject(t, c, repo, "sbom")
		raw := artifact(t, subject, "application/vnd.example.sbom", "sbom")
		d := bundle.DigestOf(raw)
		if err := c.PushManifest(t.Context(), repo, string(d), oci.MediaTypeManifest, raw); err != nil {
			t.Fatal(err)
		}
		_, kept, err := c.StatManifest(t.Context(), repo, oci.FallbackTag(subject.Digest))
		if err != nil || kept == announce {
			t.Errorf("registry that says that it keeps referrers, %v: fallback tag there: %v, %v", announce, kept, err)
		}
		r.Reset()
		got, err := c.Referrers(t.Context(), repo, subject.Digest)
		if err != nil || len(got) != 1 || got[0].Digest != d {
			t.Errorf("Referrers = %v, %v, want %s", got, err, d)
		}
		if r.Count("") != 1 || c.NoReferrersAPI(r.Host) {
			t.Errorf("Referrers made the requests %v, NoReferrersAPI = %v", r.Requests(), c.NoReferrersAPI(r.Host))
		}
	}
}

// pages serves lists of n entries, one per page.
func pages(t *testing.T, n int, next string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page := 0
		_, _ = fmt.Sscan(r.URL.Query().Get("page"), &page)
		if page+1 < n {
			w.Header().Set("Link", fmt.Sprintf(next, r.Host, r.URL.Path, page+1))
		}
		if strings.HasSuffix(r.URL.Path, "/tags/list") {
			_, _ = fmt.Fprintf(w, `{"name":"shop/api","tags":["v%d"]}`, page)
			return
		}
		w.Header().Set("Content-Type", oci.MediaTypeIndex)
		_, _ = fmt.Fprintf(w, `{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"digest":%q,"size":1}]}`,
			oci.MediaTypeIndex, oci.MediaTypeManifest, bundle.DigestOf([]byte{byte(page / 2)}))
	}))
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://") + "/shop/api"
}

func TestListsInPages(t *testing.T) {
	c := registrytest.Client(t)
	for next, want := range map[string][]string{
		`</%[2]s?page=%[3]d>; rel="next"`:                            {"v0", "v1", "v2"},
		`<http://%[1]s%[2]s?page=%[3]d>; rel=next`:                   {"v0", "v1", "v2"},
		`<http://elsewhere.invalid/?page=2>; rel="next"%.0s%.0s%.0d`: {"v0"},
		`<%[2]s?page=%[3]d>; rel="prev"`:                             {"v0"},
		`nonsense%.0s%.0s%.0d`:                                       {"v0"},
	} {
		repo := pages(t, 3, strings.Replace(next, "</%", "<%", 1))
		tags, err := c.Tags(t.Context(), repo)
		if err != nil || !slices.Equal(tags, want) {
			t.Errorf("with Link %s: Tags = %v, %v, want %v", next, tags, err, want)
		}
	}
	// Pages 0 and 1 list the same.
	list, err := c.Referrers(t.Context(), pages(t, 3, `<%[2]s?page=%[3]d>; rel="next"`), bundle.DigestOf(nil))
	if err != nil || len(list) != 2 {
		t.Errorf("Referrers = %v, %v, want two", list, err)
	}
}

func TestListsAreBounded(t *testing.T) {
	_, err := registrytest.Client(t).Tags(t.Context(), pages(t, 1<<30, `<%[2]s?page=%[3]d>; rel="next"`))
	if err == nil || !strings.Contains(err.Error(), "pages") {
		t.Errorf("Tags of a list without end = %v", err)
	}
}

func TestReferrersPushedTogetherAreAllListed(t *testing.T) {
	r := registrytest.Start(t, registrytest.Options{})
	c := registrytest.Client(t)
	repo := r.Repository("shop/api")
	const n = 8
	var blobs []string
	for i := range n {
		blobs = append(blobs, fmt.Sprintf("scan %d", i))
	}
	subject := pushSubject(t, c, repo, blobs...)
	g, ctx := errgroup.WithContext(t.Context())
	for _, blob := range blobs {
		raw := artifact(t, subject, "application/vnd.example.scan", blob)
		g.Go(func() error {
			return c.PushManifest(ctx, repo, string(bundle.DigestOf(raw)), oci.MediaTypeManifest, raw)
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Referrers(t.Context(), repo, subject.Digest); err != nil || len(got) != n {
		t.Errorf("Referrers = %d, %v, want %d", len(got), err, n)
	}
}

// TestRefusalIsNotTakenForMissingAPI: signatures that we may not see are not
// signatures that don't exist.
func TestRefusalIsNotTakenForMissingAPI(t *testing.T) {
	for _, code := range []int{http.StatusForbidden, http.StatusUnauthorized, http.StatusBadGateway} {
		r := registrytest.Start(t, registrytest.Options{Wrap: at(0, 1000, func(r *http.Request) bool {
			return strings.Contains(r.URL.Path, "/referrers/")
		}, status(code))})
		c := registrytest.Client(t)
		_, err := c.Referrers(t.Context(), r.Repository("shop/api"), bundle.DigestOf(nil))
		if e, ok := errors.AsType[*registry.Error](err); !ok || e.Status != code || c.NoReferrersAPI(r.Host) {
			t.Errorf("Referrers = %v, want status %d", err, code)
		}
	}
}

func TestKnownLackOfReferrersAPIIsUsed(t *testing.T) {
	r := registrytest.Start(t, registrytest.Options{})
	c := registrytest.Client(t)
	c.SetNoReferrersAPI(r.Host)
	if got, err := c.Referrers(t.Context(), r.Repository("shop/api"), bundle.DigestOf(nil)); len(got) != 0 || err != nil {
		t.Errorf("Referrers = %v, %v, want none", got, err)
	}
	if got := r.Requests(); len(got) != 1 || !strings.Contains(got[0].Path, "/manifests/sha256-") {
		t.Errorf("Referrers made the requests %v, want one for the fallback tag", got)
	}
}

func TestMissingRepositoryIsNotTakenForMissingAPI(t *testing.T) {
	r := registrytest.Start(t, registrytest.Options{Wrap: func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"errors":[{"code":"NAME_UNKNOWN"}]}`)
		})
	}})
	c := registrytest.Client(t)
	got, err := c.Referrers(t.Context(), r.Repository("shop/api"), bundle.DigestOf(nil))
	if len(got) != 0 || err != nil || c.NoReferrersAPI(r.Host) {
		t.Errorf("Referrers = %v, %v, NoReferrersAPI = %v; want none, nil, false", got, err, c.NoReferrersAPI(r.Host))
	}
}
