package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"
)

const (
	firstPause = 500 * time.Millisecond
	maxPause   = 30 * time.Second

	// maxRetryAfter is the longest pause that a registry may ask for. Some ask
	// for hours; then it is better to say so and end.
	maxRetryAfter = 2 * time.Minute
)

// errStalled: nothing moved for Options.Stall.
var errStalled = errors.New("connection stalled")

// retry calls f, once and up to c.o.Retries times more while it fails with
// what may pass. Its error is about r.
func (c *Client) retry(ctx context.Context, r *request, f func() error) error {
	for try := 0; ; try++ {
		err := f()
		if err == nil {
			return nil
		}
		e := c.judge(ctx, r, err)
		if !e.transient || try >= c.o.Retries {
			return e
		}
		if err := c.pause(ctx, e, try); err != nil {
			return err
		}
	}
}

// judge turns err, which came of r, into an Error that knows whether it may
// pass.
func (c *Client) judge(ctx context.Context, r *request, err error) *Error {
	if ctx.Err() != nil {
		e := r.newError()
		e.Err = reasonOf(ctx)
		return e
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	e := r.newError()
	e.Err = err
	switch {
	case permanent(err):
	default:
		e.transient = true
		e.Err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return e
}

// reasonOf returns why ctx, which has ended, did so. Where a group of requests
// ends with the first that fails, that is the Error of another request, which
// says nothing about this one and belongs to another goroutine.
func reasonOf(ctx context.Context) error {
	cause := context.Cause(ctx)
	if _, ok := errors.AsType[*Error](cause); ok {
		return ctx.Err()
	}
	return cause
}

// pause sleeps before try is followed by another one, because of e. If the
// registry wants a longer pause than is sensible, that ends the tries.
func (c *Client) pause(ctx context.Context, e *Error, try int) error {
	d := e.retryAfter
	if d > maxRetryAfter {
		e.Err = fmt.Errorf("%w: it asks for a pause of %v", ErrUnavailable, d)
		e.transient = false
		return e
	}
	if d <= 0 {
		d = c.o.Jitter(min(firstPause<<min(try, 10), maxPause))
	}
	if err := c.o.Sleep(ctx, d); err != nil {
		e.Err = err
		e.transient = false
		return e
	}
	return nil
}

// permanent reports whether err of a round trip will not pass.
func permanent(err error) bool {
	if errors.Is(err, ErrPlainHTTP) || errors.Is(err, errRedirect) || errors.Is(err, ErrWrongContent) {
		return true
	}
	if _, ok := errors.AsType[*sourceError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}

var transientStatuses = []int{
	http.StatusRequestTimeout, http.StatusTooManyRequests, 499,
	http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, 522,
}

func transientStatus(status int) bool { return slices.Contains(transientStatuses, status) }

// parseRetryAfter returns the pause that h asks for: seconds, or a date, which
// is compared with the registry's own clock. It returns 0 if there is none.
func parseRetryAfter(h http.Header) time.Duration {
	s := h.Get("Retry-After")
	if s == "" {
		return 0
	}
	if n, err := strconv.ParseInt(s, 10, 32); err == nil {
		return max(0, time.Duration(n)*time.Second)
	}
	then, err := http.ParseTime(s)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return max(0, then.Sub(now))
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return reasonOf(ctx)
	case <-t.C:
		return nil
	}
}

func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d) //nolint:gosec // spreads load, protects nothing
}
