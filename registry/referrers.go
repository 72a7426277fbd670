package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
)

// maxPages bounds the lists of a registry that come in pages.
const maxPages = 1000

// Referrers returns the manifests in repo whose subject is d, each once, in
// the registry's order. It asks the referrers API and, where there is none,
// the index at [oci.FallbackTag]. That a host has no such API is remembered; see
// [Client.NoReferrersAPI].
func (c *Client) Referrers(ctx context.Context, repo string, d bundle.Digest) ([]Descriptor, error) {
	host, _ := splitRepository(repo)
	if !c.NoReferrersAPI(host) {
		list, err := c.askReferrers(ctx, repo, d)
		if !errors.Is(err, errNoReferrersAPI) {
			return list, err
		}
		c.SetNoReferrersAPI(host)
	}
	index, _, err := c.fallbackIndex(ctx, repo, d)
	if err != nil || index == nil {
		return nil, err
	}
	return unique(index.Children), nil
}

// errNoReferrersAPI: the registry does not know the referrers API.
var errNoReferrersAPI = errors.New("no referrers API")

func (c *Client) askReferrers(ctx context.Context, repo string, d bundle.Digest) ([]Descriptor, error) {
	r := &request{
		side: sideRead, method: http.MethodGet, repo: repo, ref: string(d),
		path:   "referrers/" + string(d),
		header: http.Header{"Accept": {oci.MediaTypeIndex}},
	}
	var list []Descriptor
	err := c.pages(ctx, r, func(a *answer) error {
		if t := mediaType(a.header); t != oci.MediaTypeIndex && t != "application/json" {
			return errNoReferrersAPI
		}
		m, err := oci.ParseManifest(oci.MediaTypeIndex, a.body)
		if err != nil {
			return err
		}
		if list = append(list, m.Children...); len(list) > oci.MaxDescriptors {
			return fmt.Errorf("more than %d manifests refer to it", oci.MaxDescriptors)
		}
		return nil
	})
	e, ok := errors.AsType[*Error](err)
	switch {
	case errors.Is(err, errNoReferrersAPI), ok && noReferrersAnswer(e):
		return nil, errNoReferrersAPI
	case ok && e.Status == http.StatusNotFound:
		return nil, nil // no such repository
	}
	return unique(list), err
}

// noReferrersAnswer reports whether e is how a registry answers to an API that
// it does not know.
func noReferrersAnswer(e *Error) bool {
	switch e.Status {
	case http.StatusNotFound:
		return !e.has("NAME_UNKNOWN")
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusNotImplemented,
		http.StatusSeeOther, http.StatusFound:
		return true
	}
	return false
}

// fallbackIndex returns the index of the referrers of d that their pushers
// keep, parsed and as it is; nil if there is none.
func (c *Client) fallbackIndex(ctx context.Context, repo string, d bundle.Digest) (*Manifest, []byte, error) {
	desc, raw, err := c.getManifest(ctx, repo, oci.FallbackTag(d))
	if errors.Is(err, ErrNotFound) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	r := c.manifestRequest(http.MethodGet, repo, oci.FallbackTag(d))
	m, err := oci.ParseManifest(desc.MediaType, raw)
	if err != nil {
		return nil, nil, r.fail(err)
	}
	if !m.IsIndex {
		return nil, nil, r.fail(fmt.Errorf("what should be an index of referrers is %.80q", m.MediaType))
	}
	return m, raw, nil
}

// addReferrer makes the index at the fallback tag of m's subject list m. What
// else it lists stays as it is.
func (c *Client) addReferrer(ctx context.Context, repo string, m *Manifest) error {
	defer c.fallback.lock(repo, string(m.Subject.Digest))()
	index, raw, err := c.fallbackIndex(ctx, repo, m.Subject.Digest)
	if err != nil {
		return err
	}
	if index != nil && slices.ContainsFunc(index.Children, func(d Descriptor) bool { return d.Digest == m.Digest }) {
		return nil
	}
	raw, err = appendReferrer(raw, m)
	if err != nil {
		return err
	}
	return c.PushManifest(ctx, repo, oci.FallbackTag(m.Subject.Digest), oci.MediaTypeIndex, raw)
}

// referrersIndex is the index at a fallback tag. Its entries are kept as their
// pushers wrote them.
type referrersIndex struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	Manifests     []json.RawMessage `json:"manifests"`
}

// appendReferrer returns the index raw, nil for an empty one, with m at its
// end.
func appendReferrer(raw []byte, m *Manifest) ([]byte, error) {
	var index referrersIndex
	if raw != nil {
		if err := json.Unmarshal(raw, &index); err != nil {
			return nil, err
		}
	}
	artifactType := m.ArtifactType
	if artifactType == "" && m.Config != nil {
		artifactType = m.Config.MediaType
	}
	entry, err := json.Marshal(struct {
		MediaType    string            `json:"mediaType"`
		Digest       bundle.Digest     `json:"digest"`
		Size         int64             `json:"size"`
		Annotations  map[string]string `json:"annotations,omitempty"`
		ArtifactType string            `json:"artifactType,omitempty"`
	}{m.MediaType, m.Digest, m.Size, m.Annotations, artifactType})
	if err != nil {
		return nil, err
	}
	index.SchemaVersion, index.MediaType = 2, oci.MediaTypeIndex
	index.Manifests = append(index.Manifests, entry)
	return json.Marshal(index)
}

// Tags returns the tags in repo, in the registry's order.
func (c *Client) Tags(ctx context.Context, repo string) ([]string, error) {
	r := &request{side: sideRead, method: http.MethodGet, repo: repo, path: "tags/list"}
	var tags []string
	err := c.pages(ctx, r, func(a *answer) error {
		var page struct {
			Tags []string `json:"tags"`
		}
		if err := json.Unmarshal(a.body, &page); err != nil {
			return err
		}
		for _, t := range page.Tags {
			if !oci.ValidTag(t) {
				return fmt.Errorf("%.80q can't be a tag", t)
			}
		}
		tags = append(tags, page.Tags...)
		return nil
	})
	return tags, err
}

// pages sends r, and again to where each answer says that there is more. f
// gets every answer.
func (c *Client) pages(ctx context.Context, r *request, f func(a *answer) error) error {
	for range maxPages {
		a, err := c.fetch(ctx, r, oci.MaxManifestSize)
		if err != nil {
			return err
		}
		if err := f(a); err != nil {
			return r.fail(err)
		}
		if r.url = nextPage(a); r.url == nil {
			return nil
		}
	}
	return r.fail(fmt.Errorf("answer has more than %d pages", maxPages))
}

// nextPage returns the address of the page after a, nil if there is none or it
// is elsewhere.
func nextPage(a *answer) *url.URL {
	for _, link := range a.header.Values("Link") {
		addr, params, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(link), "<"), ">")
		if !ok || !strings.Contains(strings.ReplaceAll(params, `"`, ""), "rel=next") {
			continue
		}
		u, err := a.url.Parse(addr)
		if err == nil && sameHost(u.Scheme, u.Host, a.url.Host) {
			return u
		}
	}
	return nil
}

// unique returns list without what it has twice.
func unique(list []Descriptor) []Descriptor {
	seen := make(map[bundle.Digest]bool, len(list))
	return slices.DeleteFunc(list, func(d Descriptor) bool {
		twice := seen[d.Digest]
		seen[d.Digest] = true
		return twice
	})
}
