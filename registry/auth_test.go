package registry_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
	"github.com/airgap-ferry/ferry/registry"
	"github.com/airgap-ferry/ferry/registry/registrytest"
)

const (
	user     = "carrier"
	password = "correct horse"
)

// A keychain has one user, for one host or, if that is "", for all, and counts
// how often it is asked.
type keychain struct {
	mu    sync.Mutex
	asked int
	cfg   authn.AuthConfig
}

func newKeychain() *keychain {
	return &keychain{cfg: authn.AuthConfig{Username: user, Password: password}}
}

func (k *keychain) Resolve(authn.Resource) (authn.Authenticator, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked++
	return authn.FromConfig(k.cfg), nil
}

// basicAuth wants the user with Basic authentication.
func basicAuth(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, _ := r.BasicAuth(); u != user || p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			unauthorized(w, "who are you")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func unauthorized(w http.ResponseWriter, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusUnauthorized)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]any{"code": "UNAUTHORIZED", "message": message}}})
}

// A tokenServer hands out tokens that are good for a number of requests, and
// lets requests through that have one for what they do.
type tokenServer struct {
	uses      int             // of each token
	forbidden map[string]bool // repositories that nobody may touch
	extra     string          // scope that every request needs besides

	mu     sync.Mutex // guards the following
	tokens map[string]*grant
	issued []string // scopes, as asked
}

type grant struct {
	left   int
	scopes []string
}

func (s *tokenServer) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/service/token" {
			s.issue(w, r)
			return
		}
		want := needed(r)
		if s.extra != "" {
			want = append(want, s.extra)
		}
		if !s.good(r, want) {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(
				`Bearer realm="http://%s/service/token",service="test",scope="%s"`, r.Host, strings.Join(want, " ")))
			unauthorized(w, "token wanted")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// needed returns the scopes that r needs.
func needed(r *http.Request) []string {
	path := strings.TrimPrefix(r.URL.Path, "/v2/")
	for _, part := range []string{"/blobs/", "/manifests/", "/tags/", "/referrers/"} {
		path, _, _ = strings.Cut(path, part)
	}
	actions := "pull,push"
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		actions = "pull"
	}
	scopes := []string{"repository:" + path + ":" + actions}
	if from := r.URL.Query().Get("from"); from != "" {
		scopes = append(scopes, "repository:"+from+":pull")
	}
	return scopes
}

func (s *tokenServer) issue(w http.ResponseWriter, r *http.Request) {
	if u, p, _ := r.BasicAuth(); u != user || p != password || r.URL.Query().Get("service") != "test" {
		unauthorized(w, "wrong password")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tokens == nil {
		s.tokens = make(map[string]*grant)
	}
	g := &grant{left: s.uses}
	for _, sc := range r.URL.Query()["scope"] {
		for one := range strings.SplitSeq(sc, " ") {
			if !s.forbidden[strings.Split(one, ":")[1]] {
				g.scopes = append(g.scopes, one)
			}
		}
	}
	name := fmt.Sprintf("token-%d", len(s.tokens))
	s.tokens[name] = g
	s.issued = append(s.issued, strings.Join(r.URL.Query()["scope"], " "))
	_ = json.NewEncoder(w).Encode(map[string]any{"token": name, "access_token": "", "expires_in": 60})
}

func (s *tokenServer) good(r *http.Request, want []string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if g == nil || g.left == 0 {
		return false
	}
	for _, w := range want {
		if !slices.ContainsFunc(g.scopes, func(have string) bool { return strings.HasPrefix(have, w) }) {
			return false
		}
	}
	g.left--
	return true
}

func TestBasicAuthentication(t *testing.T) {
	r := registrytest.Start(t, registrytest.Options{Wrap: basicAuth})
	k := newKeychain()
	c := newClient(t, registry.Options{Keychain: k, UploadThreshold: 1000, UploadChunk: 4000})
	if err := pushImage(t, c, r.Repository("shop/api")); err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, req := range r.Requests() {
		if req.Header.Get("Authorization") == "" {
			refused++
		}
	}
	if refused != 1 || k.asked != 1 {
		t.Errorf("%d requests without credentials, keychain asked %d times; want 1 and 1", refused, k.asked)
	}
}

func TestTokensAreKeptAndRenewed(t *testing.T) {
	tests := []struct {
		uses      int
		maxIssued int
	}{
		{1 << 30, 2}, // one to pull, one to push
		{3, 1000},    // expires while a blob is sent
		{1, 1000},
	}
	for _, tt := range tests {
		s := &tokenServer{uses: tt.uses}
		r := registrytest.Start(t, registrytest.Options{Wrap: s.wrap})
		k := newKeychain()
		c := newClient(t, registry.Options{Keychain: k, UploadThreshold: 1000, UploadChunk: 4000})
		if err := pushImage(t, c, r.Repository("shop/api")); err != nil {
			t.Fatalf("tokens for %d requests: %v", tt.uses, err)
		}
		if _, err := c.Tags(t.Context(), r.Repository("shop/api")); err != nil {
			t.Fatalf("tokens for %d requests: %v", tt.uses, err)
		}
		if got := len(s.issued); got > tt.maxIssued {
			t.Errorf("tokens for %d requests: %d were issued, want at most %d: %q", tt.uses, got, tt.maxIssued, s.issued)
		}
		if tt.uses > 1000 && k.asked != 1 {
			t.Errorf("keychain asked %d times, want once", k.asked)
		}
		if n := strings.Count(fmt.Sprint(r.Requests()), "/v2/ "); n != 0 {
			t.Errorf("%d pings, want none", n)
		}
	}
}

func TestScopeThatTheRegistryNamesIsAskedFor(t *testing.T) {
	s := &tokenServer{uses: 1 << 30, extra: "repository:shared/base:pull"}
	r := registrytest.Start(t, registrytest.Options{Wrap: s.wrap})
	c := newClient(t, registry.Options{Keychain: newKeychain()})
	mustPush(t, c, upload(r.Repository("shop/api"), noise(1, 100)), registry.Uploaded)
}

// TestPasswordIsNotSentInsteadOfToken imitates Harbor, which asks for a
// password where a token lacks a right.
func TestPasswordIsNotSentInsteadOfToken(t *testing.T) {
	s := &tokenServer{uses: 1 << 30}
	r := registrytest.Start(t, registrytest.Options{Wrap: func(next http.Handler) http.Handler {
		return s.wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/v2/closed/") {
				w.Header().Set("WWW-Authenticate", `Basic realm="harbor"`)
				unauthorized(w, "unauthorized to access repository")
				return
			}
			next.ServeHTTP(w, r)
		}))
	}})
	c := newClient(t, registry.Options{Keychain: newKeychain()})
	mustPush(t, c, upload(r.Repository("shop/api"), noise(1, 100)), registry.Uploaded)
	if _, err := c.PushBlob(t.Context(), upload(r.Repository("closed/api"), []byte("x"))); !errors.Is(err, registry.ErrUnauthorized) {
		t.Errorf("PushBlob = %v, want ErrUnauthorized", err)
	}
	mustPush(t, c, upload(r.Repository("shop/web"), noise(2, 100)), registry.Uploaded)
	for _, req := range r.Requests() {
		if strings.HasPrefix(req.Path, "/v2/") && strings.HasPrefix(req.Header.Get("Authorization"), "Basic") {
			t.Errorf("%v has the password", req)
		}
	}
}

func TestMountAsksForBothRepositories(t *testing.T) {
	for name, forbidden := range map[string]map[string]bool{"allowed": nil, "source forbidden": {"shop/api": true}} {
		s := &tokenServer{uses: 1 << 30}
		r := registrytest.Start(t, registrytest.Options{Wrap: s.wrap})
		c := newClient(t, registry.Options{Keychain: newKeychain()})
		u := upload(r.Repository("shop/api"), noise(1, 100))
		mustPush(t, c, u, registry.Uploaded)
		s.forbidden = forbidden
		u.Repository, u.MountFrom = r.Repository("shop/web"), []string{u.Repository}
		want := registry.Mounted
		if forbidden != nil {
			want = registry.Uploaded
		}
		if how, err := c.PushBlob(t.Context(), u); err != nil || how != want {
			t.Errorf("%s: PushBlob = %v, %v, want %v", name, how, err, want)
		}
	}
}

func TestWrongPassword(t *testing.T) {
	s := &tokenServer{uses: 100}
	for name, wrap := range map[string]func(http.Handler) http.Handler{"basic": basicAuth, "token": s.wrap} {
		r := registrytest.Start(t, registrytest.Options{Wrap: wrap})
		k := newKeychain()
		k.cfg.Password = "wrong"
		c := newClient(t, registry.Options{Keychain: k})
		_, errRead := c.Resolve(t.Context(), registry.Reference{Repository: r.Repository("shop/api"), Tag: "1"})
		_, errPush := c.PushBlob(t.Context(), upload(r.Repository("shop/api"), []byte("x")))
		for _, err := range []error{errRead, errPush} {
			e, ok := errors.AsType[*registry.Error](err)
			if !errors.Is(err, registry.ErrUnauthorized) || !ok || e.Status != http.StatusUnauthorized || e.Detail == "" {
				t.Errorf("%s: %v, want ErrUnauthorized with the registry's words", name, err)
			}
		}
		if r.Count("") > 20 {
			t.Errorf("%s: %d requests until the password was given up", name, r.Count(""))
		}
	}
}

// TestHarborMissingProject imitates Harbor, which answers 401 with an empty
// challenge for a project that does not exist.
func TestHarborMissingProject(t *testing.T) {
	s := &tokenServer{uses: 1 << 30}
	const words = "project nosuch not found"
	r := registrytest.Start(t, registrytest.Options{Wrap: func(next http.Handler) http.Handler {
		return s.wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", "")
			unauthorized(w, words)
		}))
	}})
	c := newClient(t, registry.Options{Keychain: newKeychain()})
	_, errRead := c.Resolve(t.Context(), registry.Reference{Repository: r.Repository("nosuch/api"), Tag: "1"})
	_, errPush := c.PushBlob(t.Context(), upload(r.Repository("nosuch/api"), []byte("x")))
	for _, err := range []error{errRead, errPush} {
		if e, ok := errors.AsType[*registry.Error](err); !ok || e.Detail != words || !errors.Is(err, registry.ErrUnauthorized) {
			t.Errorf("error is %v, want ErrUnauthorized with %q", err, words)
		}
	}
}

func TestHarborRefusals(t *testing.T) {
	tests := []struct {
		status        int
		code, message string
		want          error
	}{
		{http.StatusForbidden, "DENIED", "The system is in read only mode. Any modification is prohibited.", registry.ErrReadOnly},
		{http.StatusForbidden, "DENIED", "adding 390.9 KiB of storage resource, which when updated to current usage of 98.6 KiB will exceed the configured upper limit of 293.0 KiB.", registry.ErrQuota},
		{http.StatusForbidden, "DENIED", "denied: can not push artifact to a proxy project: hub", registry.ErrUnauthorized},
		{http.StatusPreconditionFailed, "PRECONDITION", "Failed to process request due to 'api:1.0' configured as immutable.", nil},
	}
	for _, tt := range tests {
		r := registrytest.Start(t, registrytest.Options{Wrap: at(0, 100, method(http.MethodPost), func(w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
			w.WriteHeader(tt.status)
			_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]any{"code": tt.code, "message": tt.message}}})
			return true
		})})
		_, err := registrytest.Client(t).PushBlob(t.Context(), upload(r.Repository("shop/api"), []byte("x")))
		e, ok := errors.AsType[*registry.Error](err)
		if !ok || e.Status != tt.status || e.Code != tt.code || e.Detail != tt.message || !errors.Is(e.Err, tt.want) {
			t.Errorf("error is %v, want %d %s and %v", err, tt.status, tt.code, tt.want)
		}
	}
}

// TestCredentialsStayWithTheRegistry sends reads and uploads to another host.
func TestCredentialsStayWithTheRegistry(t *testing.T) {
	content := []byte("content")
	d := bundle.DigestOf(content)
	var (
		mu    sync.Mutex
		leaks []string
		got   []string
	)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r.Method)
		for _, h := range []string{"Authorization", "Cookie", "Referer"} {
			if r.Header.Get(h) != "" {
				leaks = append(leaks, r.Method+" "+h)
			}
		}
		if r.Method == http.MethodPut {
			w.WriteHeader(http.StatusCreated)
			return
		}
		_, _ = w.Write(content)
	}))
	defer other.Close()
	r := registrytest.Start(t, registrytest.Options{Wrap: func(http.Handler) http.Handler {
		return basicAuth(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "sid", Value: "x", Path: "/"})
			switch r.Method {
			case http.MethodHead:
				w.WriteHeader(http.StatusNotFound)
			case http.MethodPost:
				w.Header().Set("Location", other.URL+"/upload?state=1")
				w.WriteHeader(http.StatusAccepted)
			default:
				http.Redirect(w, r, other.URL+"/blob?signed=1", http.StatusTemporaryRedirect)
			}
		}))
	}})
	c := newClient(t, registry.Options{Keychain: newKeychain()})
	if b := readBlob(t, c, r.Repository("shop/api"), d, 0); string(b) != string(content) {
		t.Errorf("Blob = %q, want what the other host has", b)
	}
	mustPush(t, c, upload(r.Repository("shop/api"), content), registry.Uploaded)
	if !slices.Equal(got, []string{http.MethodGet, http.MethodPut}) || len(leaks) != 0 {
		t.Errorf("the other host got %v, among them secrets: %v", got, leaks)
	}
	for _, req := range r.Requests() {
		if req.Header.Get("Cookie") != "" {
			t.Errorf("%v has a cookie", req)
		}
	}
}

func TestRedirectsEnd(t *testing.T) {
	r := registrytest.Start(t, registrytest.Options{Wrap: func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path+"0", http.StatusTemporaryRedirect)
		})
	}})
	c := registrytest.Client(t)
	if _, err := c.Blob(t.Context(), r.Repository("shop/api"), bundle.DigestOf(nil), 0); err == nil || r.Count("") > 10 {
		t.Errorf("Blob = %v after %d requests, want an error after a few", err, r.Count(""))
	}
	raw := rawManifest(t, registrytest.SmallImage(t, "linux/amd64", "one"))
	r.Reset()
	err := c.PushManifest(t.Context(), r.Repository("shop/api"), "1", oci.MediaTypeManifest, raw)
	if err == nil || !strings.Contains(err.Error(), "redirect to") || r.Count("") != 1 {
		t.Errorf("PushManifest = %v after %d requests, want one that names the redirect", err, r.Count(""))
	}
}

func TestTLSWithOwnCertificates(t *testing.T) {
	plain := registrytest.Start(t, registrytest.Options{})
	secure := httptest.NewUnstartedServer(http.RedirectHandler("http://"+plain.Host+"/", http.StatusTemporaryRedirect))
	secure.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	host := strings.TrimPrefix(secure.URL, "https://")
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	ref := registry.Reference{Repository: host + "/shop/api", Tag: "1"}

	_, err := newClient(t, registry.Options{}).Resolve(t.Context(), ref)
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); !ok {
		t.Errorf("Resolve without the certificate = %v, want %T", err, e)
	}
	// With it, the answer arrives: a redirect to plain HTTP, which is refused.
	_, err = newClient(t, registry.Options{CAFiles: []string{ca}}).Resolve(t.Context(), ref)
	if !errors.Is(err, registry.ErrPlainHTTP) || plain.Count("") != 0 {
		t.Errorf("Resolve = %v, want ErrPlainHTTP", err)
	}
	for _, bad := range []string{filepath.Join(t.TempDir(), "none"), os.Args[0]} {
		if _, err := registry.New(registry.Options{CAFiles: []string{bad}}); err == nil {
			t.Errorf("New with certificates in %s did not fail", bad)
		}
	}
}

func TestPlainHTTPOnlyWhereAllowed(t *testing.T) {
	tests := []struct {
		host  string
		plain []string
		ok    bool
	}{
		{"harbor.invalid", nil, false},
		{"harbor.invalid", []string{"other.invalid", "10.0.0.1"}, false},
		{"harbor.invalid", []string{"harbor.invalid"}, true},
		{"harbor.invalid:8080", []string{"harbor.invalid"}, true},
		{"harbor.invalid:8080", []string{"harbor.invalid:80"}, false},
		{"10.0.0.1:5000", nil, false},
		{"localhost.invalid", nil, false},
	}
	for _, tt := range tests {
		r := registrytest.Start(t, registrytest.Options{Wrap: func(http.Handler) http.Handler {
			return http.RedirectHandler("http://"+tt.host+"/", http.StatusTemporaryRedirect)
		}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second) // to a host that may not answer
		c := newClient(t, registry.Options{PlainHTTP: tt.plain, Retries: -1})
		_, err := c.Blob(ctx, r.Repository("shop/api"), bundle.DigestOf(nil), 0)
		cancel()
		if refused := errors.Is(err, registry.ErrPlainHTTP); err == nil || refused == tt.ok {
			t.Errorf("redirect to %s with plain HTTP for %v: %v, allowed should be %v", tt.host, tt.plain, err, tt.ok)
		}
	}
}

// TestUnlistedHostIsSpokenToWithTLS listens on an address of this machine that
// is not the loopback's.
func TestUnlistedHostIsSpokenToWithTLS(t *testing.T) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(addrs, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && !n.IP.IsLoopback() && n.IP.To4() != nil
	})
	if i < 0 {
		t.Skip("this machine has only a loopback address")
	}
	ip, _, _ := strings.Cut(addrs[i].String(), "/")
	ln, err := net.Listen("tcp", ip+":0")
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusNotFound)
	}))
	srv.Listener = ln
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.Start()
	defer srv.Close()
	host := ln.Addr().String()
	for _, listed := range []bool{false, true} {
		o := registry.Options{Retries: -1}
		want := registry.ErrPlainHTTP
		if listed {
			o.PlainHTTP, want = []string{host}, registry.ErrNotFound
		}
		_, err := newClient(t, o).Resolve(t.Context(), registry.Reference{Repository: host + "/shop/api", Tag: "1"})
		if !errors.Is(err, want) || (asked == 1) != listed {
			t.Errorf("listed: %v: Resolve = %v after %d requests, want %v", listed, err, asked, want)
		}
	}
}
