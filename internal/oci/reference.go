package oci

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/airgap-ferry/ferry/bundle"
)

const (
	dockerHost = "docker.io"
	latestTag  = "latest"

	// maxRepositoryLen is the longest repository that registries take.
	maxRepositoryLen = 255
)

var (
	hostPattern = regexp.MustCompile(`^(?:\[[0-9a-fA-F:]+\]|[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*)(?::[0-9]+)?$`)
	pathPattern = regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagPattern  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)
)

// A Reference names a manifest in a repository, by tag, by digest, or by a
// digest with the tag that it had.
type Reference struct {
	Repository string        // host and path, "docker.io/library/nginx"; the host is never left out
	Tag        string        // "" if the reference is by digest alone
	Digest     bundle.Digest // "" if the reference is by tag alone
}

// ParseReference parses s as Docker's command line does: the host is docker.io
// and the tag is "latest" where s has none. Digests other than SHA-256 are
// refused.
func ParseReference(s string) (Reference, error) {
	rest, digest, byDigest := strings.Cut(s, "@")
	var r Reference
	if byDigest {
		d, err := bundle.ParseDigest(digest)
		if err != nil {
			return Reference{}, fmt.Errorf("reference %.300q: %w", s, err)
		}
		r.Digest = d
	}
	name := rest
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, '/') {
		name, r.Tag = rest[:i], rest[i+1:]
		if !ValidTag(r.Tag) {
			return Reference{}, fmt.Errorf("reference %.300q: %.130q is not a tag", s, r.Tag)
		}
	}
	if r.Tag == "" && !byDigest {
		r.Tag = latestTag
	}
	r.Repository = withHost(name)
	if !ValidRepository(r.Repository) {
		return Reference{}, fmt.Errorf("reference %.300q: want host/path:tag or host/path@sha256:…, the path in lower case", s)
	}
	return r, nil
}

// String returns r in full, as ParseReference reads it back.
func (r Reference) String() string {
	s := r.Repository
	if r.Tag != "" {
		s += ":" + r.Tag
	}
	if r.Digest != "" {
		s += "@" + string(r.Digest)
	}
	return s
}

// Host returns the host of r's repository, with the port if there is one.
func (r Reference) Host() string {
	host, _, _ := strings.Cut(r.Repository, "/")
	return host
}

// ValidRepository reports whether s is a host and a path that a registry takes
// as the name of a repository.
func ValidRepository(s string) bool {
	host, path, _ := strings.Cut(s, "/")
	return len(path) <= maxRepositoryLen && len(host) <= maxRepositoryLen &&
		hostPattern.MatchString(host) && ValidPath(path)
}

// ValidPath reports whether s can be the path of a repository: parts in lower
// case with single separators, joined by "/".
func ValidPath(s string) bool { return len(s) <= maxRepositoryLen && pathPattern.MatchString(s) }

// ValidTag reports whether s can be a tag.
func ValidTag(s string) bool { return tagPattern.MatchString(s) }

// withHost puts Docker's host, and its path for official images, before a
// name that has none.
func withHost(name string) string {
	host, path, found := strings.Cut(name, "/")
	if !found || !strings.ContainsAny(host, ".:") && host != "localhost" && host == strings.ToLower(host) {
		host, path = dockerHost, name
	}
	if host == "index.docker.io" {
		host = dockerHost
	}
	if host == dockerHost && !strings.Contains(path, "/") {
		path = "library/" + path
	}
	return host + "/" + path
}
