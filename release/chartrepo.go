package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/strictyaml"
)

// maxRepoIndex bounds the index of an HTTP chart repository. The largest
// public ones have some 20 MB.
const maxRepoIndex = 64 << 20 // bytes

// chartRepos remembers the index of each repository, once it was read.
type chartRepos struct {
	mu    sync.Mutex
	repos map[string]*chartRepo // guarded by mu
}

type chartRepo struct {
	mu   sync.Mutex
	read *repoIndex // guarded by mu; nil until it was read
}

// A repoIndex is the part of an index.yaml that ferry needs.
type repoIndex struct {
	Entries map[string][]repoEntry `json:"entries" yaml:"entries"`
}

type repoEntry struct {
	Version string   `json:"version" yaml:"version"`
	URLs    []string `json:"urls" yaml:"urls"`
	Digest  string   `json:"digest" yaml:"digest"`
}

func (c *chartRepos) index(ctx context.Context, client *http.Client, repo string) (*repoIndex, error) {
	c.mu.Lock()
	if c.repos == nil {
		c.repos = make(map[string]*chartRepo)
	}
	r, ok := c.repos[repo]
	if !ok {
		r = new(chartRepo)
		c.repos[repo] = r
	}
	c.mu.Unlock()

	r.mu.Lock()
	defer r.mu.Unlock()
	if r.read != nil {
		return r.read, nil
	}
	address := strings.TrimSuffix(repo, "/") + "/index.yaml"
	b, err := httpGet(ctx, client, address, maxRepoIndex)
	if err != nil {
		return nil, err
	}
	r.read, err = parseRepoIndex(b)
	if err != nil {
		return nil, fmt.Errorf("reading from %q: %w", address, err)
	}
	return r.read, nil
}

// parseRepoIndex parses an index.yaml, which may be JSON.
func parseRepoIndex(b []byte) (*repoIndex, error) {
	index := new(repoIndex)
	if json.Unmarshal(b, index) == nil {
		return index, nil
	}
	*index = repoIndex{}
	if err := yaml.Unmarshal(b, index); err != nil {
		return nil, err
	}
	if index.Entries == nil {
		return nil, errors.New("is not the index of a chart repository: has no entries")
	}
	return index, nil
}

// find returns the newest version of a chart that satisfies version.
func (i *repoIndex) find(chart, version string) (repoEntry, error) {
	entries, ok := i.Entries[chart]
	if !ok {
		names := slices.Sorted(maps.Keys(i.Entries))
		if near := strictyaml.Nearest(chart, names); near != "" {
			return repoEntry{}, fmt.Errorf("has no chart %.80q, did you mean %.80q?", chart, near)
		}
		return repoEntry{}, fmt.Errorf("has no chart %.80q", chart)
	}
	var versions []string
	for _, e := range entries {
		versions = append(versions, e.Version)
	}
	found, err := newest(versions, version)
	if err != nil {
		return repoEntry{}, err
	}
	return entries[slices.Index(versions, found)], nil
}

// address returns where e can be had. Addresses may be relative to repo.
func (e *repoEntry) address(repo string) (string, error) {
	if len(e.URLs) == 0 {
		return "", fmt.Errorf("names no address for version %.80q", e.Version)
	}
	base, err := url.Parse(strings.TrimSuffix(repo, "/") + "/")
	if err != nil {
		return "", err
	}
	u, err := base.Parse(e.URLs[0])
	if err != nil {
		return "", err
	}
	switch u.Scheme {
	case "http", "https", strings.TrimSuffix(ociScheme, "://"):
		return u.String(), nil
	}
	return "", fmt.Errorf("has address %.300q for version %.80q, want http, https or oci", e.URLs[0], e.Version)
}

// download returns the packaged chart, compared with the digest in the index
// if there is one.
func (e *repoEntry) download(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	b, err := httpGet(ctx, client, address, maxChartSize)
	if err != nil {
		return nil, err
	}
	if want := strings.ToLower(strings.TrimPrefix(e.Digest, "sha256:")); want != "" && want != bundle.DigestOf(b).Hex() {
		return nil, fmt.Errorf("reading from %q: got %s, but the index of the repo says %.80q", address, bundle.DigestOf(b), e.Digest)
	}
	return b, nil
}

// httpGet reads at most limit bytes from address. What was asked for through
// TLS is not taken from an address without.
func httpGet(ctx context.Context, client *http.Client, address string, limit int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("reading from %q: %w", address, err)
	}
	req.Header.Set("User-Agent", "ferry")
	resp, err := client.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return nil, fmt.Errorf("reading from %q: %w", address, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("reading from %q: %s", address, resp.Status)
	}
	if req.URL.Scheme == "https" && resp.Request.URL.Scheme != "https" {
		return nil, fmt.Errorf("reading from %q: redirected to %q, which is not encrypted", address, resp.Request.URL.Redacted())
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading from %q: %w", address, err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("reading from %q: more than %d bytes", address, limit)
	}
	return b, nil
}
