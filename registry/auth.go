package registry

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// A host is what a Client knows about a registry. What it could not find out
// it does not remember, so that the next request asks again.
type host struct {
	name string // in references: "docker.io"
	addr string // where its API is: "index.docker.io"

	schemeMu sync.Mutex // guards the following; held during the handshake
	scheme   string     // of loopback hosts; "" before the handshake

	authMu sync.Mutex          // guards the following; held while a helper is asked
	auth   authn.Authenticator // nil before they are asked for

	mu          sync.Mutex           // guards the following; never held while waiting
	challenge   *transport.Challenge // nil if the registry never asked who we are
	tokens      map[string]*token    // by scopes
	noReferrers bool
}

// A token is a registry's word that we may do something for a while.
type token struct {
	mu    sync.Mutex // guards value; held while the token server is asked
	value string     // of the Authorization header, "" if there is none yet
}

// scope returns the scope of repo in which to do actions.
func scope(repo, actions string) string {
	_, path := splitRepository(repo)
	return "repository:" + path + ":" + actions
}

// authorization returns the Authorization header for a request with scopes,
// "" if the registry has never asked for one. stale is the value that was
// refused just now, if any; extra is a scope that the registry asked for then.
func (c *Client) authorization(ctx context.Context, h *host, scopes []string, stale, extra string) (string, error) {
	h.mu.Lock()
	challenge := h.challenge
	if challenge == nil {
		h.mu.Unlock()
		return "", nil
	}
	key := strings.Join(scopes, " ")
	t, ok := h.tokens[key]
	if !ok {
		t = new(token)
		h.tokens[key] = t
	}
	h.mu.Unlock()

	t.mu.Lock()
	defer t.mu.Unlock()
	if t.value != "" && t.value != stale {
		return t.value, nil
	}
	t.value = ""
	if extra != "" && !covered(scopes, extra) {
		// Some token servers look at the first scope only.
		scopes = append([]string{extra}, scopes...)
	}
	v, err := c.newAuthorization(ctx, h, challenge, scopes)
	if err != nil {
		return "", err
	}
	t.value = v
	return v, nil
}

// newAuthorization asks for credentials and, if the registry wants one, for a
// token.
func (c *Client) newAuthorization(ctx context.Context, h *host, challenge *transport.Challenge, scopes []string) (string, error) {
	auth, err := c.credentials(ctx, h)
	if err != nil {
		return "", err
	}
	cfg, err := authn.Authorization(ctx, auth)
	if err != nil {
		return "", fmt.Errorf("%w: asking for credentials: %w", ErrUnauthorized, err)
	}
	if cfg.RegistryToken != "" {
		return "Bearer " + cfg.RegistryToken, nil
	}
	if !strings.EqualFold(challenge.Scheme, "bearer") {
		return basic(cfg), nil
	}
	reg, err := name.NewRegistry(h.addr)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, c.o.Stall)
	defer cancel()
	tok, err := transport.Exchange(ctx, reg, auth, c.base, scopes, challenge)
	if err != nil {
		return "", fmt.Errorf("asking for a token: %w", err)
	}
	if tok.AccessToken != "" {
		return "Bearer " + tok.AccessToken, nil
	}
	return "Bearer " + tok.Token, nil
}

func basic(cfg *authn.AuthConfig) string {
	switch {
	case cfg.Username != "" || cfg.Password != "":
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(cfg.Username+":"+cfg.Password))
	case cfg.Auth != "":
		return "Basic " + cfg.Auth
	}
	return ""
}

// credentials asks the keychain, once per host: a helper is a program to run.
func (c *Client) credentials(ctx context.Context, h *host) (authn.Authenticator, error) {
	h.authMu.Lock()
	defer h.authMu.Unlock()
	if h.auth != nil {
		return h.auth, nil
	}
	reg, err := name.NewRegistry(h.addr)
	if err != nil {
		return nil, err
	}
	auth, err := authn.Resolve(ctx, c.o.Keychain, reg)
	if err != nil {
		return nil, fmt.Errorf("%w: asking for credentials: %w", ErrUnauthorized, err)
	}
	h.auth = auth
	return auth, nil
}

// learn remembers how the registry h wants to be told who asks, from its
// answer with status 401, and returns the scope that it names. ok is false if
// it wants nothing that we could give.
func (h *host) learn(ctx context.Context, resp *http.Response) (extra string, ok bool) {
	reg, err := name.NewRegistry(h.addr)
	if err != nil {
		return "", false
	}
	ch, err := transport.Ping(ctx, reg, recorded{resp})
	if err != nil || !strings.EqualFold(ch.Scheme, "basic") && !strings.EqualFold(ch.Scheme, "bearer") {
		return "", false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.challenge != nil && strings.EqualFold(h.challenge.Scheme, "bearer") && !strings.EqualFold(ch.Scheme, "bearer") {
		// Harbor asks for a password where a token lacks a right. It would
		// take one, but a token is what it wanted at first.
		return "", true
	}
	h.challenge = ch
	return ch.Parameters["scope"], true
}

// forget drops credentials that were refused, so that the next request asks
// for them again. Those of some helpers live for hours only.
func (h *host) forget() {
	h.authMu.Lock()
	defer h.authMu.Unlock()
	h.auth = nil
}

// recorded answers every request with the answer that a registry gave to
// another one, so that [transport.Ping] reads the challenge in it.
type recorded struct{ resp *http.Response }

// RoundTrip implements [http.RoundTripper].
func (r recorded) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusUnauthorized, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Www-Authenticate": r.resp.Header.Values("Www-Authenticate")},
		Body:   http.NoBody, Request: r.resp.Request,
	}, nil
}

// covered reports whether one of scopes allows everything that s does.
func covered(scopes []string, s string) bool {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return false
	}
	return slices.ContainsFunc(scopes, func(have string) bool {
		actions, ok := strings.CutPrefix(have, s[:i+1])
		if !ok {
			return false
		}
		for a := range strings.SplitSeq(s[i+1:], ",") {
			if !slices.Contains(strings.Split(actions, ","), a) {
				return false
			}
		}
		return true
	})
}

// authError returns the error of r that err, of asking for credentials or for
// a token, means.
func (r *request) authError(err error) error {
	if _, ok := errors.AsType[*url.Error](err); ok {
		return err // the network's
	}
	te, ok := errors.AsType[*transport.Error](err)
	if !ok {
		return r.permanent(err)
	}
	e := r.newError()
	e.Status, e.transient = te.StatusCode, transientStatus(te.StatusCode)
	if len(te.Errors) > 0 {
		e.Code, e.Detail = printable(string(te.Errors[0].Code)), printable(te.Errors[0].Message)
	}
	switch {
	case e.transient:
		e.Err = fmt.Errorf("asking for a token: %w", ErrUnavailable)
	case te.StatusCode/100 == 4:
		e.Err = fmt.Errorf("asking for a token: %w", ErrUnauthorized)
	default:
		e.Err = errors.New("asking for a token")
	}
	return e
}
