// Package registrytest runs registries for tests and fills them with small
// images.
//
// The registries are real: the one of package serve, and distribution 2.8 as
// Debian packages it. What they are asked is recorded, so that a test can say
// how many requests something may cost.
package registrytest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/airgap-ferry/ferry/internal/testtool"
	"github.com/airgap-ferry/ferry/registry"
	"github.com/airgap-ferry/ferry/registry/serve"
)

// debian is where Debian's package docker-registry puts its program.
const debian = "docker-registry"

// startTimeout bounds how long that may take to start.
const startTimeout = 20 * time.Second

// Options says which registry a test wants. The zero value is an empty one.
type Options struct {
	Store    string // directory; "" for a new one
	ReadOnly bool

	// Wrap, if not nil, stands before the registry, behind the recorder. Tests
	// put faults there.
	Wrap func(http.Handler) http.Handler
}

// A Registry runs until its test ends.
type Registry struct {
	Host  string // "127.0.0.1:port", speaks plain HTTP
	Store string // directory

	mu       sync.Mutex // guards the following
	requests []Request
}

// A Request is one that a registry got.
type Request struct {
	Method string
	Path   string // without the query
	Query  string
	Header http.Header
}

// String returns method and path.
func (r Request) String() string { return r.Method + " " + r.Path }

// Start starts the registry of package serve.
func Start(tb testing.TB, o Options) *Registry {
	tb.Helper()
	if o.Store == "" {
		o.Store = tb.TempDir()
	}
	h, err := serve.New(tb.Context(), serve.Options{Store: o.Store, ReadOnly: o.ReadOnly})
	if err != nil {
		tb.Fatal(err)
	}
	return start(tb, o, h)
}

// StartDebian starts distribution 2.8, if it is installed (package testtool).
func StartDebian(tb testing.TB, o Options) *Registry {
	tb.Helper()
	program := testtool.Find(tb, debian)
	if o.Store == "" {
		o.Store = tb.TempDir()
	}
	config := filepath.Join(tb.TempDir(), "config.yml")
	text := fmt.Sprintf(debianConfig, o.Store, o.ReadOnly)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil { //nolint:forbidigo // of a test, need not survive a crash
		tb.Fatal(err)
	}
	target := &url.URL{Scheme: "http", Host: startProgram(tb, program, config)}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // so that the registry's addresses lead back here
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	return start(tb, o, proxy)
}

const debianConfig = `version: 0.1
log:
  level: info
storage:
  filesystem:
    rootdirectory: %q
  delete:
    enabled: true
  maintenance:
    uploadpurging:
      enabled: false
    readonly:
      enabled: %v
http:
  addr: 127.0.0.1:0
  secret: not-secret
`

var listening = regexp.MustCompile(`listening on ([0-9.]+:[0-9]+)`)

// startProgram starts the registry program and returns where it listens.
func startProgram(tb testing.TB, program, config string) string {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "serve", config) //nolint:gosec // the program that the test asked for
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		tb.Fatal(err)
	}
	addr := make(chan string, 1)
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			if m := listening.FindStringSubmatch(lines.Text()); m != nil {
				select {
				case addr <- m[1]:
				default:
				}
			}
		}
		_, _ = io.Copy(io.Discard, stderr)
	}()
	tb.Cleanup(func() {
		cancel()
		<-read
		_ = cmd.Wait()
	})
	select {
	case a := <-addr:
		return a
	case <-read:
		tb.Fatalf("%s ended before it listened", program)
	case <-time.After(startTimeout):
		tb.Fatalf("%s did not start within %v", program, startTimeout)
	}
	return ""
}

// start puts the recorder before h and listens.
func start(tb testing.TB, o Options, h http.Handler) *Registry {
	tb.Helper()
	if o.Wrap != nil {
		h = o.Wrap(h)
	}
	r := &Registry{Store: o.Store}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.record(req)
		h.ServeHTTP(w, req)
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // what tests do to connections is no news
	srv.Start()
	tb.Cleanup(srv.Close)
	r.Host = strings.TrimPrefix(srv.URL, "http://")
	return r
}

func (r *Registry) record(req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, Request{
		Method: req.Method, Path: req.URL.Path, Query: req.URL.RawQuery, Header: req.Header.Clone(),
	})
}

// Requests returns what r was asked since it started or was reset.
func (r *Registry) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

// Count returns how many requests with method r was asked; "" counts all.
func (r *Registry) Count(method string) int {
	n := 0
	for _, req := range r.Requests() {
		if method == "" || req.Method == method {
			n++
		}
	}
	return n
}

// Reset forgets what r was asked.
func (r *Registry) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = nil
}

// Repository returns path with r's host.
func (r *Registry) Repository(path string) string { return r.Host + "/" + path }

// Client returns a client for r that does not sleep.
func Client(tb testing.TB) *registry.Client {
	tb.Helper()
	c, err := registry.New(registry.Options{
		Keychain: NoCredentials{},
		Sleep:    func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}
