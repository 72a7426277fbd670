package main

import (
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/airgap-ferry/ferry/registry/registrytest"
)

// hungTimeout bounds how long a script waits for a request.
const hungTimeout = 30 * time.Second

// registries are the registries of all scripts. They run until all scripts
// have ended.
type registries struct {
	t *testing.T

	mu     sync.Mutex // guards what follows
	byHost map[string]*scriptRegistry
}

// A scriptRegistry is a registry that a script can make hang.
type scriptRegistry struct {
	*registrytest.Registry

	mu      sync.Mutex // guards what follows
	method  string     // of the requests that hang
	passing int        // of them, how many still pass
	hanging chan struct{}
}

// start starts a registry and sets variables to its host and to the path that
// a site keeps its content under:
//
//	registry SITE
//	registry READONLY read-only $SITE
//
// The first sets SITE and SITE_PATH. The second serves what another registry
// of the script holds.
func (r *registries) start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 && (len(args) != 3 || args[1] != "read-only") {
		ts.Fatalf("usage: registry NAME [read-only HOST]")
	}
	reg := new(scriptRegistry)
	o := registrytest.Options{Wrap: reg.wrap}
	if len(args) == 3 {
		o.ReadOnly, o.Store = true, r.get(ts, args[2]).Store
	}
	reg.Registry = registrytest.Start(r.t, o)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byHost[reg.Host] = reg
	ts.Setenv(args[0], reg.Host)
	ts.Setenv(args[0]+"_PATH", strings.ReplaceAll(reg.Host, ":", "-"))
}

func (r *registries) get(ts *testscript.TestScript, host string) *scriptRegistry {
	r.mu.Lock()
	defer r.mu.Unlock()
	reg := r.byHost[host]
	if reg == nil {
		ts.Fatalf("%q is no registry that a script has started", host)
	}
	return reg
}

// wrap lets requests hang, once hang has been called, until their client ends.
func (s *scriptRegistry) wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if hanging := s.caught(req.Method); hanging != nil {
			// Only when the body was read does the server notice that the client
			// is gone.
			_, _ = io.Copy(io.Discard, req.Body)
			close(hanging)
			select {
			case <-req.Context().Done():
			case <-time.After(hungTimeout):
			}
			return
		}
		h.ServeHTTP(w, req)
	})
}

// caught returns a channel to close if a request is to hang.
func (s *scriptRegistry) caught(method string) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hanging == nil || method != s.method {
		return nil
	}
	if s.passing--; s.passing >= 0 {
		return nil
	}
	hanging := s.hanging
	s.hanging = nil // the next one passes
	return hanging
}

// hang makes one request of a method hang, after others have passed:
//
//	hang $SITE PUT 3
func (r *registries) hang(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: hang HOST METHOD PASSING")
	}
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	s := r.get(ts, args[0])
	s.mu.Lock()
	defer s.mu.Unlock()
	s.method, s.passing, s.hanging = args[1], n, make(chan struct{})
	ts.Setenv("HUNG", strconv.Itoa(hungs.add(s.hanging)))
}

// hung waits until the request of the last hang is there.
func (r *registries) hung(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: hung")
	}
	n, err := strconv.Atoi(ts.Getenv("HUNG"))
	ts.Check(err)
	select {
	case <-hungs.get(n):
	case <-time.After(hungTimeout):
		ts.Fatalf("no request hangs after %v", hungTimeout)
	}
}

// hungs are the channels of all scripts, by number.
var hungs channels

type channels struct {
	mu   sync.Mutex // guards list
	list []chan struct{}
}

func (c *channels) add(ch chan struct{}) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, ch)
	return len(c.list) - 1
}

func (c *channels) get(n int) chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.list[n]
}

// image pushes a small image, or an index if there are platforms:
//
//	image $SOURCE/shop/api:1.0 content
//	image $SOURCE/shop/web:1.0 content linux/amd64 linux/arm64
func (r *registries) image(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: image REFERENCE CONTENT [PLATFORM...]")
	}
	if len(args) == 2 {
		registrytest.PushImage(r.t, args[0], args[1])
	} else {
		registrytest.PushIndex(r.t, args[0], args[1], args[2:]...)
	}
	host, _, _ := strings.Cut(args[0], "/")
	r.get(ts, host).Reset()
}

// pushes requires that ferry has pushed something to a registry, or with "!"
// that it has not, since this was asked last:
//
//	! pushes $SITE
func (r *registries) pushes(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: [!] pushes HOST")
	}
	reg := r.get(ts, args[0])
	var pushed []string
	for _, req := range reg.Requests() {
		if req.Method != http.MethodGet && req.Method != http.MethodHead {
			pushed = append(pushed, req.String())
		}
	}
	reg.Reset()
	switch {
	case neg && len(pushed) > 0:
		ts.Fatalf("was pushed to:\n%s", strings.Join(pushed, "\n"))
	case !neg && len(pushed) == 0:
		ts.Fatalf("nothing was pushed")
	}
}

// tags requires the tags of a repository:
//
//	tags $SITE/platform/shop/api 1.0 1.1
func (r *registries) tags(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: tags REPOSITORY [TAG...]")
	}
	got, want := registrytest.Tags(r.t, args[0]), args[1:]
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		ts.Fatalf("tags of %s are %q, want %q", args[0], got, want)
	}
}
