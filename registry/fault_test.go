package registry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
	"github.com/airgap-ferry/ferry/registry"
	"github.com/airgap-ferry/ferry/registry/registrytest"
)

// allocated returns how many bytes were allocated so far.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// A fault is what happens to a request instead of an answer. It returns
// whether it answered.
type fault func(w http.ResponseWriter, r *http.Request, next http.Handler) bool

// A plan lets a fault happen to some of the requests that a registry gets.
type plan struct {
	match func(*http.Request) bool // which requests count

	mu       sync.Mutex // guards the following
	f        fault
	from, to int // of those that count, the fault happens to [from, to)
	seen     int
}

// set starts counting anew.
func (p *plan) set(n, times int, f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.from, p.to, p.f, p.seen = n, n+times, f, 0
}

func (p *plan) next(r *http.Request) fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.match(r) {
		return nil
	}
	p.seen++
	if p.seen <= p.from || p.seen > p.to {
		return nil
	}
	return p.f
}

func (p *plan) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := p.next(r); f == nil || !f(w, r, next) {
			next.ServeHTTP(w, r)
		}
	})
}

// at returns a Wrap that lets f happen to the n-th request, from 0, for which
// match holds, and to the times-1 following such ones.
func at(n, times int, match func(*http.Request) bool, f fault) func(http.Handler) http.Handler {
	p := &plan{match: match}
	p.set(n, times, f)
	return p.wrap
}

func anyRequest(*http.Request) bool { return true }

func method(m string) func(*http.Request) bool {
	return func(r *http.Request) bool { return r.Method == m }
}

func status(code int, header ...string) fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		_, _ = io.Copy(io.Discard, r.Body)
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		return true
	}
}

// reset cuts the connection before the request is handled.
func reset(http.ResponseWriter, *http.Request, http.Handler) bool { panic(http.ErrAbortHandler) }

// resetAfter lets the request be handled, and cuts the connection instead of
// answering.
func resetAfter(_ http.ResponseWriter, r *http.Request, next http.Handler) bool {
	next.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// cutRequest lets the registry see only the first n bytes of the body.
func cutRequest(n int64) fault {
	return func(_ http.ResponseWriter, r *http.Request, next http.Handler) bool {
		r.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, n), failingReader{}))
		next.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// cutAnswer cuts the connection after n bytes of the answer's body.
func cutAnswer(n int) fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(rec.Code)
		if body := rec.Body.Bytes(); len(body) > n {
			_, _ = w.Write(body[:n])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write(rec.Body.Bytes())
		return true
	}
}

// pushImage pushes all parts of a small image in chunks, and then its manifest.
func pushImage(t *testing.T, c *registry.Client, repo string) error {
	t.Helper()
	img := registrytest.SmallImage(t, "linux/amd64", "one")
	content := noise(5, 10_000)
	for _, b := range [][]byte{content[:100], content} {
		if _, err := c.PushBlob(t.Context(), upload(repo, b)); err != nil {
			return err
		}
	}
	pushParts(t, c, repo, img)
	return c.PushManifest(t.Context(), repo, "1.0", oci.MediaTypeManifest, rawManifest(t, img))
}

// TestEveryRequestSurvivesEveryFault lets each fault happen to each request of
// a push, one after the other, with each registry.
func TestEveryRequestSurvivesEveryFault(t *testing.T) {
	if testing.Short() {
		t.Skip("makes some thousand requests")
	}
	faults := map[string]fault{
		"503":          status(http.StatusServiceUnavailable),
		"reset before": reset,
		"reset after":  resetAfter,
	}
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			p := &plan{match: anyRequest}
			r := b.start(t, registrytest.Options{Wrap: p.wrap})
			c := newClient(t, registry.Options{UploadThreshold: 1000, UploadChunk: 4000})
			if err := pushImage(t, c, r.Repository("clean")); err != nil {
				t.Fatal(err)
			}
			clean := r.Count("")
			for name, f := range faults {
				for n := range clean {
					r.Reset()
					p.set(n, 1, f)
					if err := pushImage(t, c, r.Repository(fmt.Sprintf("f%d/%x", n, name))); err != nil {
						t.Fatalf("%s at request %d, %v: %v", name, n, r.Requests()[n], err)
					}
					if got := r.Count(""); got > clean+9 {
						t.Errorf("%s at request %d took %d requests instead of %d", name, n, got, clean)
					}
				}
			}
		})
	}
}

func TestChunkThatBreaksInTheMiddle(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			r := b.start(t, registrytest.Options{Wrap: at(2, 1, method(http.MethodPatch), cutRequest(30_000))})
			c := newClient(t, registry.Options{UploadThreshold: 1000, UploadChunk: 64 << 10})
			var sent, most int64
			u := upload(r.Repository("shop/api"), noise(6, 300_000))
			u.Progress = func(n int64) { sent += n; most = max(most, sent) }
			mustPush(t, c, u, registry.Uploaded)
			if got := readBlob(t, c, u.Repository, u.Digest, 0); bundle.DigestOf(got) != u.Digest {
				t.Error("the blob has other bytes")
			}
			if sent != u.Size || most > u.Size {
				t.Errorf("Progress ended at %d and was at most %d, want %d", sent, most, u.Size)
			}
			// distribution 2.8 forgets an upload that broke within a chunk.
			limit := map[string]int{"serve": 6, "distribution-2.8": 3 + 1 + 5}[b.name]
			if got := r.Count(http.MethodPatch); got > limit {
				t.Errorf("%d PATCH requests, want at most %d: %v", got, limit, r.Requests())
			}
		})
	}
}

func TestTooLargeForProxyIsSentInChunks(t *testing.T) {
	tooLarge := func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.ContentLength <= 3<<20 {
			return false
		}
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return true
	}
	content := noise(7, 9<<20)
	for _, threshold := range []int64{1, 1 << 30} {
		r := registrytest.Start(t, registrytest.Options{Wrap: at(0, 1000, anyRequest, tooLarge)})
		c := newClient(t, registry.Options{UploadThreshold: threshold, UploadChunk: 8 << 20})
		u := upload(r.Repository("shop/api"), content)
		mustPush(t, c, u, registry.Uploaded)
		if got := readBlob(t, c, u.Repository, u.Digest, 0); bundle.DigestOf(got) != u.Digest {
			t.Error("the blob has other bytes")
		}
	}
}

func TestRegistryWithoutChunksGetsWholeBlobs(t *testing.T) {
	r := registrytest.Start(t, registrytest.Options{
		Wrap: at(0, 1000, method(http.MethodPatch), status(http.StatusMethodNotAllowed)),
	})
	c := newClient(t, registry.Options{UploadThreshold: 1, UploadChunk: 1000})
	mustPush(t, c, upload(r.Repository("shop/api"), noise(8, 5000)), registry.Uploaded)
}

func TestAnswerOfFinishedUploadLost(t *testing.T) {
	r := registrytest.Start(t, registrytest.Options{Wrap: at(0, 1, method(http.MethodPut), resetAfter)})
	c := registrytest.Client(t)
	mustPush(t, c, upload(r.Repository("shop/api"), noise(8, 5000)), registry.Uploaded)
	if got := r.Count(http.MethodPut); got != 1 {
		t.Errorf("%d PUT requests, want 1: the blob was there", got)
	}
}

func TestSourceErrorIsNotRetried(t *testing.T) {
	errDisk := errors.New("disk is gone")
	r := registrytest.Start(t, registrytest.Options{})
	for _, size := range []int{1000, 100_000} {
		c := newClient(t, registry.Options{UploadThreshold: 2000, UploadChunk: 30_000})
		u := upload(r.Repository("shop/api"), noise(9, size))
		opened := 0
		u.Open = func(int64) (io.ReadCloser, error) {
			opened++
			return io.NopCloser(io.MultiReader(bytes.NewReader(make([]byte, 500)), errorReader{errDisk})), nil
		}
		if _, err := c.PushBlob(t.Context(), u); !errors.Is(err, errDisk) || opened != 1 {
			t.Errorf("PushBlob = %v after %d times opening, want the reader's error after 1", err, opened)
		}
		u.Open = func(int64) (io.ReadCloser, error) { return nil, errDisk }
		if _, err := c.PushBlob(t.Context(), u); !errors.Is(err, errDisk) {
			t.Errorf("PushBlob = %v, want the error of Open", err)
		}
		u.Open = func(int64) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("short")), nil }
		if _, err := c.PushBlob(t.Context(), u); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("PushBlob of a source that is too short: %v, want io.ErrUnexpectedEOF", err)
		}
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

func TestBlobGoesOnAfterBrokenConnections(t *testing.T) {
	content := noise(10, 200_000)
	for _, n := range []int{0, 1, 150_000} {
		r := registrytest.Start(t, registrytest.Options{
			Wrap: at(0, 3, func(r *http.Request) bool { return r.Method == http.MethodGet }, cutAnswer(n)),
		})
		c := registrytest.Client(t)
		u := upload(r.Repository("shop/api"), content)
		mustPush(t, c, u, registry.Uploaded)
		if got := readBlob(t, c, u.Repository, u.Digest, 7); !bytes.Equal(got, content[7:]) {
			t.Errorf("after cuts at byte %d the blob has %d other bytes", n, len(got))
		}
	}
}

func TestBlobWithoutRanges(t *testing.T) {
	noRange := func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		r.Header.Del("Range")
		return false
	}
	r := registrytest.Start(t, registrytest.Options{Wrap: at(0, 1000, anyRequest, noRange)})
	c := registrytest.Client(t)
	content := noise(11, 50_000)
	u := upload(r.Repository("shop/api"), content)
	mustPush(t, c, u, registry.Uploaded)
	if got := readBlob(t, c, u.Repository, u.Digest, 40_000); !bytes.Equal(got, content[40_000:]) {
		t.Error("the tail of the blob has other bytes")
	}
}

func TestBlobGivesUpInTheEnd(t *testing.T) {
	r := registrytest.Start(t, registrytest.Options{Wrap: at(0, 1000, method(http.MethodGet), cutAnswer(10))})
	c := newClient(t, registry.Options{Retries: 2})
	u := upload(r.Repository("shop/api"), noise(12, 5000))
	mustPush(t, c, u, registry.Uploaded)
	rc, err := c.Blob(t.Context(), u.Repository, u.Digest, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	if n, err := io.Copy(io.Discard, rc); !errors.Is(err, registry.ErrUnavailable) || n != 30 {
		t.Errorf("read %d bytes, %v, want 30 and ErrUnavailable", n, err)
	}
	if _, err := rc.Read(make([]byte, 1)); !errors.Is(err, registry.ErrUnavailable) {
		t.Errorf("reading on: %v, want the same error", err)
	}
}

func TestStalledConnectionsAreGivenUp(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	hang := func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-release:
		case <-r.Context().Done():
		}
		panic(http.ErrAbortHandler)
	}
	hangInBody := func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write(make([]byte, 10))
		_ = http.NewResponseController(w).Flush()
		return hang(w, r, nil)
	}
	d := bundle.DigestOf([]byte("x"))
	for name, f := range map[string]fault{"header": hang, "body": hangInBody} {
		r := registrytest.Start(t, registrytest.Options{Wrap: at(0, 1000, anyRequest, f)})
		c := newClient(t, registry.Options{Stall: 20 * time.Millisecond, Retries: 1})
		_, _, err := c.Manifest(t.Context(), r.Repository("shop/api"), d)
		if !errors.Is(err, registry.ErrUnavailable) || !strings.Contains(err.Error(), "stalled") || r.Count("") != 2 {
			t.Errorf("%s hangs: %v after %d requests, want a stall after 2", name, err, r.Count(""))
		}
	}
}

func TestSlowSourceIsNoStall(t *testing.T) {
	r := registrytest.Start(t, registrytest.Options{})
	c := newClient(t, registry.Options{Stall: 500 * time.Millisecond, Retries: -1})
	content := noise(13, 100)
	u := upload(r.Repository("shop/api"), content)
	u.Open = func(offset int64) (io.ReadCloser, error) {
		time.Sleep(750 * time.Millisecond)
		return io.NopCloser(slowReader{bytes.NewReader(content[offset:])}), nil
	}
	mustPush(t, c, u, registry.Uploaded)
}

type slowReader struct{ r io.Reader }

func (s slowReader) Read(p []byte) (int, error) {
	time.Sleep(600 * time.Millisecond)
	return s.r.Read(p[:min(len(p), 50)])
}

func TestRetryAfter(t *testing.T) {
	date := time.Date(2026, 8, 21, 10, 0, 0, 0, time.UTC)
	tests := []struct {
		name   string
		header []string
		want   time.Duration // of the pause; 0 if the request fails at once
	}{
		{"seconds", []string{"Retry-After", "7"}, 7 * time.Second},
		{"date", []string{"Retry-After", date.Add(9 * time.Second).Format(http.TimeFormat), "Date", date.Format(http.TimeFormat)}, 9 * time.Second},
		{"date in the past", []string{"Retry-After", date.Add(-time.Hour).Format(http.TimeFormat), "Date", date.Format(http.TimeFormat)}, 500 * time.Millisecond},
		{"nonsense", []string{"Retry-After", "soon"}, 500 * time.Millisecond},
		{"negative", []string{"Retry-After", "-1"}, 500 * time.Millisecond},
		{"none", nil, 500 * time.Millisecond},
		{"hours", []string{"Retry-After", "7200"}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := registrytest.Start(t, registrytest.Options{
				Wrap: at(0, 1, anyRequest, status(http.StatusTooManyRequests, tt.header...)),
			})
			var pauses []time.Duration
			c := newClient(t, registry.Options{
				Jitter: func(d time.Duration) time.Duration { return d },
				Sleep: func(_ context.Context, d time.Duration) error {
					pauses = append(pauses, d)
					return nil
				},
			})
			_, _, err := c.StatBlob(t.Context(), r.Repository("shop/api"), bundle.DigestOf(nil))
			if tt.want == 0 {
				if !errors.Is(err, registry.ErrUnavailable) || len(pauses) != 0 {
					t.Errorf("StatBlob = %v after pauses of %v, want ErrUnavailable at once", err, pauses)
				}
				return
			}
			if err != nil || !slices.Equal(pauses, []time.Duration{tt.want}) {
				t.Errorf("StatBlob = %v after pauses of %v, want one of %v", err, pauses, tt.want)
			}
		})
	}
}

func TestPausesGrowAndEnd(t *testing.T) {
	r := registrytest.Start(t, registrytest.Options{
		Wrap: at(0, 1000, anyRequest, status(http.StatusBadGateway)),
	})
	var pauses []time.Duration
	c := newClient(t, registry.Options{
		Jitter: func(d time.Duration) time.Duration { return d },
		Sleep: func(_ context.Context, d time.Duration) error {
			pauses = append(pauses, d)
			return nil
		},
	})
	_, _, err := c.StatBlob(t.Context(), r.Repository("shop/api"), bundle.DigestOf(nil))
	want := []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second}
	if !errors.Is(err, registry.ErrUnavailable) || !slices.Equal(pauses, want) {
		t.Errorf("StatBlob = %v after pauses of %v, want ErrUnavailable after %v", err, pauses, want)
	}
}

func TestNobodyListens(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	host := strings.TrimPrefix(srv.URL, "http://")
	srv.Close()
	c := registrytest.Client(t)
	_, err := c.Resolve(t.Context(), registry.Reference{Repository: host + "/shop/api", Tag: "1"})
	if !errors.Is(err, registry.ErrUnavailable) {
		t.Errorf("Resolve = %v, want ErrUnavailable", err)
	}
}

func TestCancelEndsTheTries(t *testing.T) {
	r := registrytest.Start(t, registrytest.Options{
		Wrap: at(0, 1000, anyRequest, status(http.StatusBadGateway)),
	})
	ctx, cancel := context.WithCancel(t.Context())
	c := newClient(t, registry.Options{Sleep: func(ctx context.Context, _ time.Duration) error {
		cancel()
		return ctx.Err()
	}})
	if _, err := c.PushBlob(ctx, upload(r.Repository("shop/api"), []byte("x"))); !errors.Is(err, context.Canceled) || r.Count("") != 1 {
		t.Errorf("PushBlob = %v after %d requests, want context.Canceled after 1", err, r.Count(""))
	}
}

// TestWrongContentFromRegistry serves other bytes than were asked for, and
// names of other bytes.
func TestWrongContentFromRegistry(t *testing.T) {
	raw := []byte(`{"schemaVersion":2}`)
	asked, other := bundle.DigestOf(raw), bundle.DigestOf([]byte("other"))
	serve := func(digest bundle.Digest, body []byte) string {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Docker-Content-Digest", string(digest))
			w.Header().Set("Content-Type", oci.MediaTypeManifest)
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			if r.Method == http.MethodPost {
				w.Header().Set("Location", "/upload")
				w.Header().Set("Content-Length", "0")
				w.WriteHeader(http.StatusAccepted)
				return
			}
			if r.Method == http.MethodPut {
				w.Header().Set("Content-Length", "0")
				w.WriteHeader(http.StatusCreated)
				return
			}
			if r.Method == http.MethodHead && strings.Contains(r.URL.Path, "/missing/") {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			_, _ = w.Write(body)
		}))
		t.Cleanup(srv.Close)
		return strings.TrimPrefix(srv.URL, "http://") + "/shop/api"
	}
	c := registrytest.Client(t)
	ctx := t.Context()

	named := serve(other, raw)
	_, _, errManifest := c.Manifest(ctx, named, asked)
	_, errResolve := c.Resolve(ctx, registry.Reference{Repository: named, Digest: asked})
	_, errBlob := c.Blob(ctx, named, asked, 0)
	_, _, errStat := c.StatBlob(ctx, named, asked)
	_, errPush := c.PushBlob(ctx, upload(named+"/missing", []byte("x")))
	_, _, errBytes := c.Manifest(ctx, serve(asked, []byte("{}")), asked)
	_, errSize := c.PushBlob(ctx, registry.Upload{Repository: serve(asked, raw), Digest: asked, Size: 3})
	for name, err := range map[string]error{
		"Manifest": errManifest, "Resolve": errResolve, "Blob": errBlob, "StatBlob": errStat, "PushBlob": errPush,
		"Manifest with other bytes": errBytes, "PushBlob of a blob that is there with another size": errSize,
	} {
		if !errors.Is(err, registry.ErrWrongContent) {
			t.Errorf("%s = %v, want ErrWrongContent", name, err)
		}
	}
}

func TestManifestIsBounded(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	}))
	defer srv.Close()
	c := registrytest.Client(t)
	_, _, err := c.Manifest(t.Context(), strings.TrimPrefix(srv.URL, "http://")+"/shop/api", bundle.DigestOf(nil))
	if err == nil || !strings.Contains(err.Error(), "more than 4194304 bytes") {
		t.Errorf("Manifest = %v, want that it is too large", err)
	}
}

func TestHeadWithoutDigestOrHead(t *testing.T) {
	for name, f := range map[string]fault{
		"no digest": func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
			next.ServeHTTP(headerDropper{w}, r)
			return true
		},
		"no HEAD": status(http.StatusMethodNotAllowed),
	} {
		p := &plan{match: method(http.MethodHead)}
		r := registrytest.Start(t, registrytest.Options{Wrap: p.wrap})
		want := registrytest.PushIndex(t, r.Repository("shop/api:1.0"), "one")
		p.set(0, 1000, f)
		c := registrytest.Client(t)
		got, err := c.Resolve(t.Context(), registry.Reference{Repository: r.Repository("shop/api"), Tag: "1.0"})
		if err != nil || got.Digest != want {
			t.Errorf("%s: Resolve = %v, %v, want %s", name, got, err, want)
		}
	}
}

// A headerDropper answers without a digest.
type headerDropper struct{ http.ResponseWriter }

func (h headerDropper) WriteHeader(code int) {
	h.Header().Del("Docker-Content-Digest")
	h.ResponseWriter.WriteHeader(code)
}
