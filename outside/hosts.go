package outside

import (
	"encoding/json"
	"io"
	"path/filepath"
	"time"

	"github.com/airgap-ferry/ferry/internal/durable"
	"github.com/airgap-ferry/ferry/registry"
)

const (
	hostsFile = "registries.json"

	// hostsMemory is for how long is believed what a registry could not do:
	// it may have been updated since.
	hostsMemory = day
)

// hosts remembers which registries have no referrers API. Where that is known
// one HEAD per image is enough to see that nothing refers to it.
type hosts struct {
	NoReferrersAPI map[string]time.Time `json:"noReferrersAPI"` // when it was found out

	name    string
	changed bool
}

// readHosts reads what an earlier run learned. It is a cache: what can't be
// read is not known.
func readHosts(fsys durable.FS, dir string, now time.Time) *hosts {
	h := &hosts{name: filepath.Join(dir, hostsFile)}
	if b, err := durable.ReadFile(fsys, h.name); err == nil && json.Unmarshal(b, h) != nil {
		h.NoReferrersAPI = nil
	}
	if h.NoReferrersAPI == nil {
		h.NoReferrersAPI = make(map[string]time.Time)
	}
	for host, since := range h.NoReferrersAPI {
		if now.Sub(since) > hostsMemory || since.After(now) {
			delete(h.NoReferrersAPI, host)
		}
	}
	return h
}

// teach tells c what is known.
func (h *hosts) teach(c *registry.Client) {
	for host := range h.NoReferrersAPI {
		c.SetNoReferrersAPI(host)
	}
}

// learn takes from c what it found out about host.
func (h *hosts) learn(c *registry.Client, host string, now time.Time) {
	if _, known := h.NoReferrersAPI[host]; !known && c.NoReferrersAPI(host) {
		h.NoReferrersAPI[host] = now
		h.changed = true
	}
}

// save writes what was learned since readHosts.
func (h *hosts) save(fsys durable.FS) error {
	if !h.changed {
		return nil
	}
	b, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		return err
	}
	if err := durable.MkdirAll(fsys, filepath.Dir(h.name), 0o700); err != nil {
		return err
	}
	err = durable.Replace(fsys, h.name, 0o600, func(w io.Writer) error {
		_, err := w.Write(append(b, '\n'))
		return err
	})
	h.changed = err != nil
	return err
}
