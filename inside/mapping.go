package inside

import (
	"fmt"
	"strings"

	"github.com/airgap-ferry/ferry/internal/oci"
)

// A Mapping says which repository of the inside registry takes the content of
// a repository of a release. Its zero value keeps the whole source, host
// included, as the path: so two sources never meet in one repository.
type Mapping struct {
	Host   string // of the inside registry, with the port if there is one
	Prefix string // put before every path, such as the one project that takes all; may be ""
	Rules  []Rule // the one with the longest From that fits is used
}

// A Rule maps the repositories that are From, or below it, to To in its
// place.
type Rule struct {
	From string // such as "docker.io/library"
	To   string // path in the inside registry, below the prefix
}

// Target returns the repository inside, host and path, for a repository of a
// release.
func (m *Mapping) Target(source string) (string, error) {
	path := hostToPath(source)
	if rule, rest, ok := m.rule(source); ok {
		path = strings.Trim(rule.To+rest, "/")
	}
	if m.Prefix != "" {
		path = m.Prefix + "/" + path
	}
	want := strings.ToLower(m.Host) + "/" + path
	target, err := oci.ParseRepository(want)
	if err != nil {
		return "", fmt.Errorf("mapping repository %.300q: %w", source, err)
	}
	if target != want {
		return "", fmt.Errorf("mapping repository %.300q: %.80q is not the host of a registry: want one with a dot or a port", source, m.Host)
	}
	return target, nil
}

// rule returns the rule for source with the longest From, and what stands
// behind that.
func (m *Mapping) rule(source string) (best Rule, rest string, ok bool) {
	for _, r := range m.Rules {
		from := strings.TrimSuffix(r.From, "/")
		tail, found := strings.CutPrefix(source, from)
		if found && (tail == "" || tail[0] == '/') && (!ok || len(from) > len(best.From)) {
			best, rest, ok = Rule{from, strings.TrimSuffix(r.To, "/")}, tail, true
		}
	}
	return best, rest, ok
}

// hostToPath makes a path of a repository with its host: a port's colon can't
// stand in a path.
func hostToPath(source string) string {
	host, path, found := strings.Cut(source, "/")
	if !found {
		return source
	}
	return strings.ToLower(strings.ReplaceAll(host, ":", "-")) + "/" + path
}

// targets maps all of sources and refuses two that would land in one
// repository: a tag of the one could then take the place of a tag of the
// other.
func (m *Mapping) targets(sources []string) (map[string]string, error) {
	bySource := make(map[string]string, len(sources))
	byTarget := make(map[string]string, len(sources))
	for _, s := range sources {
		t, err := m.Target(s)
		if err != nil {
			return nil, err
		}
		if other, taken := byTarget[t]; taken && other != s {
			return nil, &CollisionError{Target: t, Sources: [2]string{other, s}}
		}
		bySource[s], byTarget[t] = t, s
	}
	return bySource, nil
}

// A CollisionError reports rules of site.yaml that bring two source
// repositories into one.
type CollisionError struct {
	Target  string
	Sources [2]string
}

func (e *CollisionError) Error() string {
	return fmt.Sprintf("repositories %q and %q both map to %q", e.Sources[0], e.Sources[1], e.Target)
}
