// Package serve runs an OCI registry in this process, for sites that have
// none. It is the CNCF's distribution, on a directory.
//
// The registry takes indexes some of whose children it lacks, since ferry
// carries only the platforms that a release selects. It lets manifests be
// deleted. It knows no users and no TLS: it is to listen on this machine, or
// behind a proxy that sees to both.
//
// The directory has the layout of distribution's file system driver, so that
// any registry of that family can serve it. One process at a time should.
package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem" // the storage that New configures
)

const (
	// headerTimeout bounds how long a client may take for the header of a
	// request. Bodies may take as long as they move.
	headerTimeout = time.Minute
	idleTimeout   = 3 * time.Minute

	// shutdownTimeout is how long requests under way may go on after the end
	// of Serve's context.
	shutdownTimeout = 10 * time.Second

	// uploadAge is after which time an upload that nobody ends is removed.
	uploadAge = "168h"
)

// Options says what a registry serves.
type Options struct {
	Store    string    // directory; made if it does not exist
	ReadOnly bool      // takes no pushes
	Log      io.Writer // gets what went wrong inside, a line each; nil for nobody
}

// Serve serves a registry on ln until ctx ends; then it lets requests under
// way end, for a few seconds, and returns nil. It closes ln.
func Serve(ctx context.Context, ln net.Listener, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h, err := New(ctx, o)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout,
		ErrorLog: log.New(writerOrDiscard(o.Log), "", 0),
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ln) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving the registry: %w", err)
	case <-ctx.Done():
	}
	grace, cancelGrace := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancelGrace()
	if err := srv.Shutdown(grace); err != nil {
		_ = srv.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the registry: %w", err)
	}
	return nil
}

// New returns the handler of a registry. What it does in the background ends
// with ctx.
func New(ctx context.Context, o Options) (h http.Handler, err error) {
	if o.Store == "" {
		return nil, errors.New("setting up the registry: no directory for its store")
	}
	routeLog(o.Log)
	defer func() {
		// distribution panics on a configuration that it can't use.
		if p := recover(); p != nil {
			h, err = nil, fmt.Errorf("setting up the registry in %q: %v", o.Store, p)
		}
	}()
	return handlers.NewApp(ctx, o.configuration()), nil
}

func (o *Options) configuration() *configuration.Configuration {
	c := &configuration.Configuration{
		Version: configuration.CurrentVersion,
		Storage: configuration.Storage{
			"filesystem": {"rootdirectory": o.Store},
			"cache":      {"blobdescriptor": "inmemory"},
			"delete":     {"enabled": true},
			"redirect":   {"disable": true},
			"maintenance": {
				"readonly": map[any]any{"enabled": o.ReadOnly},
				"uploadpurging": map[any]any{
					"enabled": !o.ReadOnly, "age": uploadAge, "interval": "24h", "dryrun": false,
				},
			},
		},
	}
	c.HTTP.RelativeURLs = true // right behind any proxy
	c.Validation.Manifests.URLs.Allow = []string{".*"}
	c.Validation.Manifests.Indexes.Platforms = "none"
	c.Catalog.MaxEntries = 1000
	return c
}

func writerOrDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}
