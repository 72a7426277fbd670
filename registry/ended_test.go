package registry_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/airgap-ferry/ferry/registry"
	"github.com/airgap-ferry/ferry/registry/registrytest"
)

// TestEndedByAnotherError: of a group of requests that ends with the first
// failure, the others report that they were ended, and not the failure as
// their own.
func TestEndedByAnotherError(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	other := &registry.Error{Side: "reading from", Host: "other.example", Status: http.StatusNotFound, Err: registry.ErrNotFound}
	r := registrytest.Start(t, registrytest.Options{Wrap: func(http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			cancel(other)
			<-req.Context().Done()
		})
	}})
	c := registrytest.Client(t)
	_, ok, err := c.StatManifest(ctx, r.Repository("shop/api"), "1.0")
	if ok || !errors.Is(err, context.Canceled) || errors.Is(err, registry.ErrNotFound) {
		t.Errorf("StatManifest = %v, %v, want that it was canceled", ok, err)
	}
	if e, ok := errors.AsType[*registry.Error](err); !ok || e == other || e.Host != r.Host {
		t.Errorf("StatManifest: %v, want an Error about %q", err, r.Host)
	}
	if _, err := c.PushBlob(ctx, upload(r.Repository("shop/api"), []byte("x"))); !errors.Is(err, context.Canceled) || errors.Is(err, registry.ErrNotFound) {
		t.Errorf("PushBlob: %v, want that it was canceled", err)
	}
}
