package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/airgap-ferry/ferry/internal/oci"
)

const (
	dialTimeout  = 15 * time.Second
	idleTimeout  = 90 * time.Second
	maxRedirects = 5
)

// errRedirect: a redirect that is not followed.
var errRedirect = errors.New("redirect is not followed")

// newTransport returns the transport below all requests of a Client.
func newTransport(o *Options) (http.RoundTripper, error) {
	roots, err := certPool(o.CAFiles)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: dialTimeout}
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           d.DialContext,
		TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   dialTimeout,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          0, // no limit but that per host
		MaxIdleConnsPerHost:   2 * o.Parallel,
		IdleConnTimeout:       idleTimeout,
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true, // digests are of the bytes as stored
		WriteBufferSize:       64 << 10,
		ReadBufferSize:        64 << 10,
	}
	return &guard{inner: t, plain: o.PlainHTTP, userAgent: o.UserAgent}, nil
}

// certPool returns the system's certificates and those of files.
func certPool(files []string) (*x509.CertPool, error) {
	if len(files) == 0 {
		return nil, nil //nolint:nilnil // the zero value of tls.Config.RootCAs is the system's
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("reading the system's certificates: %w", err)
	}
	for _, name := range files {
		pem, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("reading certificates: %w", err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading certificates: %q has none in PEM", name)
		}
	}
	return pool, nil
}

// A guard lets plain HTTP go only to where it may, and says who asks.
type guard struct {
	inner     *http.Transport
	plain     []string
	userAgent string
}

// RoundTrip implements [http.RoundTripper].
func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" && !plainAllowed(g.plain, r.URL.Host) {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, fmt.Errorf("%w with %.80q", ErrPlainHTTP, r.URL.Host)
	}
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", g.userAgent)
	resp, err := g.inner.RoundTrip(r)
	if e, ok := errors.AsType[tls.RecordHeaderError](err); ok && string(e.RecordHeader[:]) == "HTTP/" {
		err = fmt.Errorf("%w with %.80q: %w", ErrPlainHTTP, r.URL.Host, err)
	}
	return resp, err
}

// CloseIdleConnections lets http.Client.CloseIdleConnections through.
func (g *guard) CloseIdleConnections() { g.inner.CloseIdleConnections() }

// plainAllowed reports whether host may be spoken to in plain HTTP: it is in
// list, or is this machine.
func plainAllowed(list []string, host string) bool {
	return plainListed(list, host) || loopback(host)
}

func plainListed(list []string, host string) bool {
	return slices.Contains(list, host) || slices.Contains(list, oci.Hostname(host))
}

// loopback reports whether host is this machine.
func loopback(host string) bool {
	name := oci.Hostname(host)
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}

// sameHost reports whether a and b are the same address under scheme.
func sameHost(scheme, a, b string) bool {
	port := map[string]string{"http": ":80", "https": ":443"}[scheme]
	return strings.EqualFold(strings.TrimSuffix(a, port), strings.TrimSuffix(b, port))
}

// checkRedirect follows a few redirects of reading requests, and takes the
// credentials off those that lead to another host.
func checkRedirect(r *http.Request, via []*http.Request) error {
	first := via[0]
	if first.Method != http.MethodGet && first.Method != http.MethodHead {
		return http.ErrUseLastResponse
	}
	if len(via) > maxRedirects {
		return fmt.Errorf("%w: more than %d in a row", errRedirect, maxRedirects)
	}
	if first.URL.Scheme == "https" && r.URL.Scheme != "https" {
		return fmt.Errorf("%w: redirect from %.80q to %.80q", ErrPlainHTTP, first.URL.Host, r.URL.Host)
	}
	r.Header.Del("Referer")
	if r.URL.Scheme != first.URL.Scheme || !sameHost(r.URL.Scheme, r.URL.Host, first.URL.Host) {
		r.Header.Del("Authorization")
	}
	return nil
}

// scheme returns the scheme of h. Hosts on this machine that are not listed
// may speak either; one handshake finds out, and is not repeated once it has
// succeeded.
func (c *Client) scheme(ctx context.Context, h *host) string {
	if plainListed(c.o.PlainHTTP, h.addr) || plainListed(c.o.PlainHTTP, h.name) {
		return "http"
	}
	if !loopback(h.addr) {
		return "https"
	}
	h.schemeMu.Lock()
	defer h.schemeMu.Unlock()
	if h.scheme != "" {
		return h.scheme
	}
	s, known := probe(ctx, h.addr)
	if known {
		h.scheme = s
	}
	return s
}

// probe returns the scheme that addr, on this machine, speaks, and whether it
// was there to ask.
func probe(ctx context.Context, addr string) (scheme string, known bool) {
	if !strings.Contains(addr[strings.LastIndexByte(addr, ']')+1:], ":") {
		addr = net.JoinHostPort(strings.Trim(addr, "[]"), "443")
	}
	d := tls.Dialer{
		NetDialer: &net.Dialer{Timeout: dialTimeout},
		Config:    &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // asks whether TLS is spoken at all; nothing is sent
	}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err == nil {
		_ = conn.Close()
		return "https", true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "http", true
	}
	return "http", false
}
