package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
)

const (
	headerDigest  = "Docker-Content-Digest"
	headerSubject = "OCI-Subject"

	// answerStalls is how many times Options.Stall a registry may think about
	// a body that it has received in full: it may have to hash and copy it.
	answerStalls = 10
)

// A request is one question to a registry, which may take several tries.
type request struct {
	side   side
	method string
	repo   string // with its host
	ref    string // for errors
	path   string // below the repository
	query  url.Values
	url    *url.URL // where the registry said, instead of path and query
	header http.Header
	scopes []string // nil: what side and repo need
	ok     []int    // statuses that are no error; nil for 200

	body   func() (io.ReadCloser, error) // nil for none; called once per try
	length int64                         // of the body
}

// do sends r until there is an answer, and returns it if it is one of r.ok.
// The caller closes its body. Errors are of type [*Error].
func (c *Client) do(ctx context.Context, r *request) (*http.Response, error) {
	var resp *http.Response
	err := c.retry(ctx, r, func() (err error) {
		resp, err = c.once(ctx, r) //nolint:bodyclose // the caller of do closes it
		return err
	})
	return resp, err
}

// An answer is a whole response.
type answer struct {
	url    *url.URL // that it came from
	header http.Header
	body   []byte
}

// fetch sends r until there is an answer with a whole body, of at most limit
// bytes.
func (c *Client) fetch(ctx context.Context, r *request, limit int64) (*answer, error) {
	a := new(answer)
	err := c.retry(ctx, r, func() error {
		resp, err := c.once(ctx, r)
		if err != nil {
			return err
		}
		a.url, a.header = resp.Request.URL, resp.Header
		a.body, err = io.ReadAll(io.LimitReader(resp.Body, limit+1))
		_ = resp.Body.Close()
		return err
	})
	if err != nil {
		return nil, err
	}
	if int64(len(a.body)) > limit {
		return nil, r.fail(fmt.Errorf("answer has more than %d bytes", limit))
	}
	return a, nil
}

// once sends r once, or twice if the registry asks who we are.
func (c *Client) once(ctx context.Context, r *request) (*http.Response, error) {
	name, path := splitRepository(r.repo)
	if name == "" || path == "" {
		return nil, r.permanent(fmt.Errorf("%.80q is not a repository with its host", r.repo))
	}
	h := c.host(name)
	u := r.target(c.scheme(ctx, h), h, path)
	scopes := r.scopes
	if scopes == nil {
		scopes = []string{scope(r.repo, "pull")}
		if r.side == sidePush {
			scopes = []string{scope(r.repo, "pull,push")}
		}
	}
	home := sameHost(u.Scheme, u.Host, h.addr)
	var authz string
	if home {
		var err error
		if authz, err = c.authorization(ctx, h, scopes, "", ""); err != nil {
			return nil, r.authError(err)
		}
	}
	resp, err := c.send(ctx, r, u, authz)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusUnauthorized && home && sameHost(u.Scheme, resp.Request.URL.Host, u.Host) {
		if resp, err = c.introduce(ctx, h, r, u, scopes, authz, resp); err != nil {
			return nil, err
		}
	}
	if !r.accepts(resp.StatusCode) {
		return nil, r.answerError(resp)
	}
	return resp, nil
}

// introduce sends r again with what resp asked for.
func (c *Client) introduce(ctx context.Context, h *host, r *request, u *url.URL, scopes []string, stale string, resp *http.Response) (*http.Response, error) {
	extra, ok := h.learn(ctx, resp)
	if !ok {
		return resp, nil
	}
	authz, err := c.authorization(ctx, h, scopes, stale, extra)
	if err != nil {
		_ = resp.Body.Close()
		return nil, r.authError(err)
	}
	if authz == "" || authz == stale {
		h.forget()
		return resp, nil
	}
	_, _ = io.CopyN(io.Discard, resp.Body, maxErrorBody) // so that the connection is kept
	_ = resp.Body.Close()
	resp, err = c.send(ctx, r, u, authz)
	if err == nil && resp.StatusCode == http.StatusUnauthorized {
		h.forget()
	}
	return resp, err
}

// target returns where r goes.
func (r *request) target(scheme string, h *host, path string) *url.URL {
	if r.url != nil {
		u := *r.url
		if sameHost(u.Scheme, u.Host, h.addr) {
			// Behind a proxy that ends TLS, registries get their own scheme wrong.
			u.Scheme = scheme
		}
		return &u
	}
	return &url.URL{Scheme: scheme, Host: h.addr, Path: "/v2/" + path + "/" + r.path, RawQuery: r.query.Encode()}
}

func (r *request) accepts(status int) bool {
	if r.ok == nil {
		return status == http.StatusOK
	}
	return slices.Contains(r.ok, status)
}

// checkDigest returns an error if the registry's answer names another digest
// than want.
func (r *request) checkDigest(resp *http.Response, want bundle.Digest) error {
	got, err := bundle.ParseDigest(resp.Header.Get(headerDigest))
	if err != nil || got == want {
		return nil
	}
	return r.fail(fmt.Errorf("%w: the registry names it %s", ErrWrongContent, got))
}

// send makes one HTTP exchange. If nothing moves for too long, its error is
// errStalled. The body of the response has to be closed.
func (c *Client) send(parent context.Context, r *request, u *url.URL, authz string) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(parent)
	req, err := http.NewRequestWithContext(ctx, r.method, u.String(), nil)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	req.Header = r.header.Clone()
	if req.Header == nil {
		req.Header = make(http.Header)
	}
	if authz != "" {
		req.Header.Set("Authorization", authz)
	}
	var src io.ReadCloser
	if r.body != nil && r.length > 0 {
		if src, err = r.body(); err != nil {
			cancel(nil)
			return nil, &sourceError{err}
		}
	}
	w := newWatchdog(c.o.Stall, func() { cancel(errStalled) })
	var body *sendBody
	if src != nil {
		body = newSendBody(src, r.length, w)
		req.Body, req.ContentLength = body, r.length
	}
	resp, err := c.http.Do(req)
	w.stop()
	if err != nil {
		cause := context.Cause(ctx)
		cancel(nil)
		err = body.explain(err, cause)
		if parent.Err() != nil {
			err = reasonOf(parent)
		}
		return nil, err
	}
	resp.Body = &watchedBody{inner: resp.Body, w: w, ctx: ctx, cancel: cancel, sent: body}
	return resp, nil
}

// A watchdog calls a function when nothing has moved for a while.
type watchdog struct {
	timer *time.Timer
	stall time.Duration
}

func newWatchdog(stall time.Duration, bite func()) *watchdog {
	return &watchdog{timer: time.AfterFunc(stall, bite), stall: stall}
}

func (w *watchdog) stop()           { w.timer.Stop() }
func (w *watchdog) start(times int) { w.timer.Reset(w.stall * time.Duration(times)) }

// A watchedBody is the body of a response whose reads may not stall.
type watchedBody struct {
	inner  io.ReadCloser
	w      *watchdog
	ctx    context.Context //nolint:containedctx // asked for its cause only
	cancel context.CancelCauseFunc
	sent   *sendBody // body of the request, nil if none
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.w.start(1)
	n, err := b.inner.Read(p)
	b.w.stop()
	if err != nil && err != io.EOF && context.Cause(b.ctx) == errStalled { //nolint:errorlint // both come as they are
		err = errStalled
	}
	return n, err
}

// Close closes the body, ends the exchange, and waits until the reader of the
// request's body is closed too.
func (b *watchedBody) Close() error {
	err := b.inner.Close()
	b.cancel(nil)
	b.sent.wait()
	return err
}

// A sourceError is an error of the reader that a body comes from: sending
// again will not help.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return "reading what is to be pushed: " + e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// A sendBody is the body of a request. The time that its source takes does not
// count as a stall.
type sendBody struct {
	src    io.ReadCloser
	w      *watchdog
	closed chan struct{}
	once   sync.Once
	ending atomic.Bool // Close was called; what src says from then on is no error of it

	mu   sync.Mutex // guards the following
	left int64      // bytes
	err  error      // of src
}

func newSendBody(src io.ReadCloser, length int64, w *watchdog) *sendBody {
	return &sendBody{src: src, left: length, w: w, closed: make(chan struct{})}
}

func (b *sendBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left == 0 {
		return 0, io.EOF
	}
	b.w.stop()
	n, err := b.src.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	times := 1
	switch {
	case b.left == 0:
		times, err = answerStalls, io.EOF
	case err == io.EOF: //nolint:errorlint // the contract of io.Reader
		err = fmt.Errorf("%d bytes are missing: %w", b.left, io.ErrUnexpectedEOF)
		fallthrough
	case err != nil:
		if !b.ending.Load() {
			b.err = err
		}
	}
	b.w.start(times)
	return n, err
}

// Close implements [io.Closer]. The transport calls it, perhaps more than
// once.
func (b *sendBody) Close() (err error) {
	b.ending.Store(true)
	b.once.Do(func() {
		err = b.src.Close()
		close(b.closed)
	})
	return err
}

// wait waits until the transport has let go of b, which may be nil.
func (b *sendBody) wait() {
	if b != nil {
		<-b.closed
	}
}

// explain returns what made an exchange with b as its body, which may be nil,
// fail: the source, a stall, or err.
func (b *sendBody) explain(err, cause error) error {
	b.wait()
	if b != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.err != nil {
			return &sourceError{b.err}
		}
	}
	if cause == errStalled { //nolint:errorlint // set by send as it is
		return errStalled
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err // without the address, which the Error gives in our words
	}
	return err
}
