package registry_test

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/airgap-ferry/ferry/registry"
	"github.com/airgap-ferry/ferry/registry/registrytest"
)

// TestReadersAreClosedBeforePushBlobReturns lets registries answer before they
// have read what is sent.
func TestReadersAreClosedBeforePushBlobReturns(t *testing.T) {
	early := func(code int) fault {
		return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
			w.WriteHeader(code)
			return true
		}
	}
	for _, code := range []int{http.StatusForbidden, http.StatusBadGateway, http.StatusRequestEntityTooLarge, http.StatusCreated} {
		for _, m := range []string{http.MethodPut, http.MethodPatch} {
			r := registrytest.Start(t, registrytest.Options{Wrap: at(0, 1000, method(m), early(code))})
			c := newClient(t, registry.Options{UploadThreshold: map[string]int64{http.MethodPut: 1 << 30, http.MethodPatch: 1}[m]})
			u := upload(r.Repository("shop/api"), noise(1, 8<<20))
			var open atomic.Int32
			inner := u.Open
			u.Open = func(offset int64) (io.ReadCloser, error) {
				if open.Add(1) != 1 {
					t.Errorf("%s answered with %d: Open was called while a reader was open", m, code)
				}
				rc, err := inner(offset)
				return slowCloser{rc, &open}, err
			}
			_, err := c.PushBlob(t.Context(), u)
			if (err == nil) != (code == http.StatusCreated && m == http.MethodPut) {
				t.Errorf("%s answered with %d: PushBlob = %v", m, code, err)
			}
			if n := open.Load(); n != 0 {
				t.Errorf("%s answered with %d: %d readers are open after PushBlob", m, code, n)
			}
		}
	}
}

// A slowCloser takes a while to close, and then counts down.
type slowCloser struct {
	io.ReadCloser
	open *atomic.Int32
}

func (s slowCloser) Close() error {
	time.Sleep(5 * time.Millisecond)
	s.open.Add(-1)
	return s.ReadCloser.Close()
}

func TestRegistryMayThinkAboutABody(t *testing.T) {
	const stall = time.Second // a busy machine must answer the other requests within it
	think := func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
		next.ServeHTTP(w, r)
		time.Sleep(stall * 3 / 2)
		return true
	}
	r := registrytest.Start(t, registrytest.Options{Wrap: at(0, 1000, method(http.MethodPut), think)})
	c := newClient(t, registry.Options{Stall: stall, Retries: -1})
	mustPush(t, c, upload(r.Repository("shop/api"), noise(1, 1000)), registry.Uploaded)
}

func TestRefusedFirstChunkGoesOnInTheSameUpload(t *testing.T) {
	for _, b := range backends {
		r := b.start(t, registrytest.Options{
			Wrap: at(0, 1, method(http.MethodPatch), status(http.StatusServiceUnavailable)),
		})
		c := newClient(t, registry.Options{UploadThreshold: 1, UploadChunk: 1000})
		mustPush(t, c, upload(r.Repository("shop/api"), noise(2, 3000)), registry.Uploaded)
		if posts, patches := r.Count(http.MethodPost), r.Count(http.MethodPatch); posts != 1 || patches != 4 {
			t.Errorf("%s: %d uploads and %d chunks, want 1 and 4", b.name, posts, patches)
		}
	}
}

// TestUploadThatWentWrongAfterResuming damages the chunk with which an upload
// goes on, as a registry does that still writes what the broken request
// brought.
func TestUploadThatWentWrongAfterResuming(t *testing.T) {
	var chunks atomic.Int32
	r := registrytest.Start(t, registrytest.Options{Wrap: at(0, 1000, method(http.MethodPatch),
		func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
			switch chunks.Add(1) {
			case 2:
				return status(http.StatusServiceUnavailable)(w, r, nil)
			case 3:
				r.Body = struct {
					io.Reader
					io.Closer
				}{zeros{r.Body}, r.Body}
			}
			return false
		})})
	c := newClient(t, registry.Options{UploadThreshold: 1, UploadChunk: 1000})
	mustPush(t, c, upload(r.Repository("shop/api"), noise(3, 3000)), registry.Uploaded)
	if got := r.Count(http.MethodPost); got != 2 {
		t.Errorf("%d uploads, want 2", got)
	}
}

// zeros reads as many bytes as r has, but zeros.
type zeros struct{ r io.Reader }

func (z zeros) Read(p []byte) (int, error) {
	n, err := z.r.Read(p)
	clear(p[:n])
	return n, err
}

func TestRefusedUploadIsCancelled(t *testing.T) {
	r := registrytest.Start(t, registrytest.Options{
		Wrap: at(0, 1, method(http.MethodPut), status(http.StatusForbidden)),
	})
	_, err := registrytest.Client(t).PushBlob(t.Context(), upload(r.Repository("shop/api"), noise(4, 100)))
	if !errors.Is(err, registry.ErrUnauthorized) || r.Count(http.MethodDelete) != 1 {
		t.Errorf("PushBlob = %v with %v, want ErrUnauthorized and a DELETE of the upload", err, r.Requests())
	}
}

// TestRegistryThatGetsItsSchemeWrong imitates one behind a proxy that ends TLS,
// the other way round.
func TestRegistryThatGetsItsSchemeWrong(t *testing.T) {
	r := registrytest.Start(t, registrytest.Options{Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(absoluteLocation{w, "https://" + r.Host}, r)
		})
	}})
	mustPush(t, registrytest.Client(t), upload(r.Repository("shop/api"), noise(5, 100)), registry.Uploaded)
}

type absoluteLocation struct {
	http.ResponseWriter
	base string
}

func (a absoluteLocation) WriteHeader(code int) {
	if loc := a.Header().Get("Location"); loc != "" {
		a.Header().Set("Location", a.base+loc)
	}
	a.ResponseWriter.WriteHeader(code)
}
