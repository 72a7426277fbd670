package oci

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/airgap-ferry/ferry/bundle"
)

const (
	hubHost = "docker.io"

	hubAlias = "index.docker.io"

	defaultTag = "latest"

	maxHostLen       = 255
	maxRepositoryLen = 255 // below the host, as registries have it
	maxTagLen        = 128

	alnum = "abcdefghijklmnopqrstuvwxyz0123456789"
	upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// A Reference names a manifest in a repository.
type Reference struct {
	Repository string        // with its host: "docker.io/library/nginx"
	Tag        string        // "" if only Digest counts
	Digest     bundle.Digest // "" if Tag decides
}

// ParseReference parses a reference as Docker writes them. Without a host it
// is on Docker Hub, and without a path there in "library/"; without tag and
// digest the tag is "latest". The result has all of that written out:
// String returns the full form, and parsing that gives the same.
func ParseReference(s string) (Reference, error) {
	bad := func(format string, args ...any) (Reference, error) {
		return Reference{}, fmt.Errorf("reference %.300q: %s", s, fmt.Sprintf(format, args...))
	}
	var r Reference
	rest, digest, ok := strings.Cut(s, "@")
	if ok {
		d, err := ParseDigest(digest)
		if err != nil {
			return bad("%v", err)
		}
		r.Digest = d
	}
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, '/') {
		rest, r.Tag = rest[:i], rest[i+1:]
		if !ValidTag(r.Tag) {
			return bad("%.80q can't be a tag", r.Tag)
		}
	}
	if r.Tag == "" && r.Digest == "" {
		r.Tag = defaultTag
	}
	repo, err := ParseRepository(rest)
	if err != nil {
		return bad("%v", err)
	}
	r.Repository = repo
	return r, nil
}

// ParseRepository returns s, a repository as Docker writes them, with its host
// and path written out: "docker.io/library/nginx" for "nginx".
func ParseRepository(s string) (string, error) {
	host, path, ok := strings.Cut(s, "/")
	if !ok || !strings.ContainsAny(host, ".:") && host != "localhost" {
		host, path = hubHost, s
	}
	host = strings.ToLower(host)
	if !validHost(host) {
		return "", fmt.Errorf("%.80q can't be a host", host)
	}
	if host == hubAlias {
		host = hubHost
	}
	if host == hubHost && !strings.Contains(path, "/") {
		path = "library/" + path
	}
	if !ValidPath(path) {
		return "", fmt.Errorf("%.80q can't be a repository: want names of a-z and 0-9 "+
			"with '.', '_', '__' or '-' inside, separated by '/'", path)
	}
	return host + "/" + path, nil
}

// String returns r in full: repository, tag and digest, as far as it has them.
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

// Host returns the host of r.
func (r Reference) Host() string {
	host, _, _ := strings.Cut(r.Repository, "/")
	return host
}

// ValidTag reports whether s can be a tag.
func ValidTag(s string) bool {
	return s != "" && len(s) <= maxTagLen && strings.Trim(s, alnum+upper+"_.-") == "" && !strings.ContainsAny(s[:1], ".-")
}

// FallbackTag returns the tag under which registries without a referrers API
// keep the index of what refers to d. With ".sig", ".att" or ".sbom" it is the
// tag of what cosign attached to d.
func FallbackTag(d bundle.Digest) string { return "sha256-" + d.Hex() }

// validHost reports whether s is a host, perhaps with a port.
func validHost(s string) bool {
	if len(s) > maxHostLen {
		return false
	}
	name := Hostname(s)
	if port, ok := strings.CutPrefix(s[len(name):], ":"); ok {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
			return false
		}
	}
	if v6, ok := strings.CutPrefix(name, "["); ok {
		addr, err := netip.ParseAddr(strings.TrimSuffix(v6, "]"))
		return err == nil && addr.Is6() && addr.Zone() == "" && strings.HasSuffix(v6, "]")
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || strings.Trim(label, alnum+"-") != "" || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return true
}

// ValidRepository reports whether s is a repository, with its host and path
// written out.
func ValidRepository(s string) bool {
	full, err := ParseRepository(s)
	return err == nil && full == s
}

// ValidPath reports whether s is a repository below a host.
func ValidPath(s string) bool {
	if s == "" || len(s) > maxRepositoryLen {
		return false
	}
	for part := range strings.SplitSeq(s, "/") {
		if !validPathPart(part) {
			return false
		}
	}
	return true
}

// validPathPart reports whether s is runs of a-z and 0-9, with one of ".",
// "_", "__" or any number of "-" between them.
func validPathPart(s string) bool {
	for {
		rest := strings.TrimLeft(s, alnum)
		if rest == s {
			return false
		}
		if rest == "" {
			return true
		}
		s = strings.TrimLeft(rest, "._-")
		sep := rest[:len(rest)-len(s)]
		if sep != "." && sep != "_" && sep != "__" && strings.Trim(sep, "-") != "" {
			return false
		}
	}
}

// Hostname returns host without its port.
func Hostname(host string) string {
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		return host[:i]
	}
	return host
}
