// Package registry reads from and pushes to OCI registries. It is the only
// speaker to registries.
//
// A [Client] resolves references, reads manifests and blobs, finds what refers
// to a manifest, and pushes blobs and manifests. It speaks the OCI distribution
// specification 1.1 and gets along with what came before: registries without a
// referrers API, with Docker's media types, with Basic or token authentication.
//
// # Requests
//
// A question costs one request. There is no ping: a registry that wants to
// know who asks says so in its first answer, and is told from then on. Names
// and passwords come from Docker's configuration and its credential helpers.
// They, and tokens, go to the registry that they are for and to the token
// server that it names, never to another host: not after a redirect, not to an
// upload location elsewhere. Cookies are not kept.
//
// Requests that meet a busy registry (408, 429, 5xx), a broken connection or
// silence are sent again, a few times, after a pause that grows or that the
// registry asks for in Retry-After. A transfer that broke goes on where it
// broke if the registry allows it.
//
// Plain HTTP is spoken with hosts in [Options].PlainHTTP, and with this
// machine itself; to others it is never tried.
//
// # Guarantees
//
// Manifests are hashed here: what [Client.Manifest] returns has the digest
// that was asked for. Blobs are streams, never held in memory, and whoever
// reads one checks its size and digest. A push has succeeded only when the
// registry has said so and, where it names a digest, has named the right one.
//
// Errors of a registry are of type [*Error] and say which side failed, where,
// and what the registry answered.
//
// This package checks content, not origin: signatures are the business of
// package verify. Methods of Client may be called concurrently; the package
// starts no goroutines that outlive a call.
package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
)

// Errors that callers may test for with errors.Is.
var (
	// ErrNotFound: the registry has no such repository, manifest or blob.
	ErrNotFound = errors.New("not found")

	// ErrUnauthorized: the registry wants other credentials, or does not let
	// these do what was asked.
	ErrUnauthorized = errors.New("not authorized")

	// ErrUnavailable: the registry can't be reached, or was busy or broken
	// each time that it was asked.
	ErrUnavailable = errors.New("registry is not available")

	// ErrReadOnly: the registry takes no pushes at present.
	ErrReadOnly = errors.New("registry is read-only")

	// ErrQuota: what is pushed would be more than the project may hold.
	ErrQuota = errors.New("quota exceeded")

	// ErrSparseRefused: the registry does not take an index some of whose
	// children it lacks.
	ErrSparseRefused = errors.New("registry refuses an index whose children it lacks")

	// ErrWrongContent: a registry served or stored other bytes than those
	// that the digest names.
	ErrWrongContent = errors.New("content does not match its digest")

	// ErrPlainHTTP: a host that may not be spoken to in plain HTTP does not
	// speak TLS, or sent us to where TLS is not spoken.
	ErrPlainHTTP = errors.New("plain HTTP is not allowed")
)

// Options says how a Client behaves. The zero value is right for registries
// with TLS certificates that the system trusts.
type Options struct {
	// Keychain finds credentials. nil: Docker's configuration file and its
	// credential helpers, then Podman's.
	Keychain authn.Keychain

	// PlainHTTP lists the hosts that are spoken to without TLS: "host:port",
	// or "host" for each of its ports.
	PlainHTTP []string

	CAFiles   []string // PEM files with certificates to trust besides the system's
	UserAgent string   // "" for "ferry"
	Parallel  int      // requests that callers make at a time; connections kept. 0 for 8

	Retries         int           // times that a request is repeated. 0 for 4, less for none
	Stall           time.Duration // silence after which a connection counts as broken. 0 for a minute
	UploadThreshold int64         // blobs up to this go in one request. 0 for 64 MiB
	UploadChunk     int64         // what larger blobs are cut into. 0 for 160 MiB

	// Sleep pauses before a request is repeated. nil: a real pause, until ctx
	// ends. Tests need not wait.
	Sleep func(ctx context.Context, d time.Duration) error

	// Jitter spreads a pause, so that those who failed together don't try
	// again together. nil: between half and one and a half times d.
	Jitter func(d time.Duration) time.Duration
}

const (
	defaultParallel = 8
	defaultRetries  = 4
	defaultStall    = time.Minute

	// defaultThreshold is where sending again from the start begins to cost
	// more than the requests of a chunked upload.
	defaultThreshold = 64 << 20 // bytes

	// defaultChunk is a multiple of the part sizes that registries use towards
	// object stores (5, 8, 10, 16, 20 and 32 MiB). An odd rest would be copied
	// once more with each chunk.
	defaultChunk = 160 << 20 // bytes
)

// A Client speaks to registries. Its methods are safe for concurrent use.
type Client struct {
	o    Options
	base http.RoundTripper // adds no credentials, keeps plain HTTP out
	http *http.Client      // base and the redirect policy

	mu    sync.Mutex
	hosts map[string]*host // by the host of a reference

	fallback keyedMutex // read-modify-write of referrers tags
}

// New returns a Client. It reads o.CAFiles; nothing is sent before the first
// request.
func New(o Options) (*Client, error) {
	o = o.withDefaults()
	base, err := newTransport(&o)
	if err != nil {
		return nil, fmt.Errorf("setting up the registry client: %w", err)
	}
	c := &Client{o: o, base: base, hosts: make(map[string]*host)}
	c.http = &http.Client{Transport: base, CheckRedirect: checkRedirect}
	return c, nil
}

func (o Options) withDefaults() Options {
	if o.Keychain == nil {
		o.Keychain = authn.DefaultKeychain
	}
	if o.UserAgent == "" {
		o.UserAgent = "ferry"
	}
	if o.Parallel <= 0 {
		o.Parallel = defaultParallel
	}
	switch {
	case o.Retries == 0:
		o.Retries = defaultRetries
	case o.Retries < 0:
		o.Retries = 0
	}
	if o.Stall <= 0 {
		o.Stall = defaultStall
	}
	if o.UploadThreshold <= 0 {
		o.UploadThreshold = defaultThreshold
	}
	if o.UploadChunk <= 0 {
		o.UploadChunk = defaultChunk
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.Jitter == nil {
		o.Jitter = jitter
	}
	return o
}

// Parallel returns how many requests at a time the Client is set up for.
func (c *Client) Parallel() int { return c.o.Parallel }

// Close lets go of idle connections. The Client can still be used.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// NoReferrersAPI reports whether host is known to have no referrers API,
// because [Client.Referrers] found out or a caller said so. Without the API, a
// manifest's referrers are listed by the manifest at [oci.FallbackTag], so that
// one HEAD tells whether they have changed.
func (c *Client) NoReferrersAPI(host string) bool {
	h := c.host(host)
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.noReferrers
}

// SetNoReferrersAPI tells c what an earlier run learned about host.
func (c *Client) SetNoReferrersAPI(host string) {
	h := c.host(host)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.noReferrers = true
}

// host returns what c knows about the host of a reference.
func (c *Client) host(name string) *host {
	c.mu.Lock()
	defer c.mu.Unlock()
	h, ok := c.hosts[name]
	if !ok {
		h = &host{name: name, addr: apiHost(name), tokens: make(map[string]*token)}
		c.hosts[name] = h
	}
	return h
}

// A keyedMutex is one mutex per key.
type keyedMutex struct {
	mu    sync.Mutex
	locks map[string]*sync.Mutex
}

// lock locks key and returns what unlocks it.
func (k *keyedMutex) lock(key ...string) (unlock func()) {
	name := strings.Join(key, "\n")
	k.mu.Lock()
	if k.locks == nil {
		k.locks = make(map[string]*sync.Mutex)
	}
	l, ok := k.locks[name]
	if !ok {
		l = new(sync.Mutex)
		k.locks[name] = l
	}
	k.mu.Unlock()
	l.Lock()
	return l.Unlock
}
