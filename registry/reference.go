package registry

import (
	"strings"

	"github.com/airgap-ferry/ferry/internal/oci"
)

const (
	hubHost = "docker.io"

	// hubAPI is where Docker Hub's registry is, and the name under which
	// Docker keeps its credentials.
	hubAPI = "index.docker.io"
)

// A Reference names a manifest in a repository.
type Reference = oci.Reference

// identifier returns what r is called in the API: its digest or its tag.
func identifier(r Reference) string {
	if r.Digest != "" {
		return string(r.Digest)
	}
	return r.Tag
}

// splitRepository returns the host of repo and the path below it.
func splitRepository(repo string) (host, path string) {
	host, path, ok := strings.Cut(repo, "/")
	if !ok {
		return "", repo
	}
	return host, path
}

// apiHost returns where the API of host is.
func apiHost(host string) string {
	if host == hubHost {
		return hubAPI
	}
	return host
}
