package ledger

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/airgap-ferry/ferry/bundle"
)

// Check verifies the invariants of the package documentation and returns all
// violations joined, or nil.
func (i *Inside) Check() error {
	return check(i.f, func(t *tx, side *checker) {
		c := &insideCheck{checker: side, t: t, imported: map[Carrier]Bundle{}, repositories: map[uint32]bool{}}
		c.checkMeta()
		c.checkBundles()
		c.checkRepositories()
		c.checkHoldings()
		c.checkReleases()
		c.checkAudit()
	})
}

type insideCheck struct {
	*checker
	t            *tx
	head         Head
	imported     map[Carrier]Bundle
	repositories map[uint32]bool
}

func (c *insideCheck) checkMeta() {
	var self Self
	c.fail("site", c.t.meta(keySite, &self))
	if !bundle.ValidSiteName(self.Site) {
		c.failf("site is called %.80q", self.Site)
	}
	c.digest("site key", self.Key, true)
	c.fail("head", c.t.meta(keyHead, &c.head))
}

// checkBundles checks the bundles, and that the head is the last one imported.
func (c *insideCheck) checkBundles() {
	var last Bundle
	c.each(c.t, keyBundles, func(k, v []byte) {
		epoch, seq, err := parsePair(k)
		if err != nil {
			c.fail("bundles", err)
			return
		}
		b, err := parseBundle(v)
		if err != nil {
			c.failf("bundle %d.%d: %w", epoch, seq, err)
		}
		if b.Epoch != epoch || b.Seq != seq {
			c.failf("bundle %d.%d: its record is of %d.%d", epoch, seq, b.Epoch, b.Seq)
		}
		if b.State != BundleImported {
			return
		}
		if b.Issued.After(c.head.Floor) {
			c.failf("bundle %d.%d was issued at %s, after the floor %s", epoch, seq, b.Issued, c.head.Floor)
		}
		c.imported[Carrier{epoch, seq}], last = b, b
	})
	if h := c.head; h.Epoch != last.Epoch || h.Seq != last.Seq || h.Statement != last.Statement {
		c.failf("head is %d.%d %s, the last bundle imported is %d.%d %s", h.Epoch, h.Seq, h.Statement,
			last.Epoch, last.Seq, last.Statement)
	}
}

// parseBundle decodes a bundle and checks what can be checked of it alone.
func parseBundle(v []byte) (b Bundle, err error) {
	if err := parseJSON(v, &b); err != nil {
		return b, err
	}
	if _, ok := transitions[b.State]; !ok {
		return b, fmt.Errorf("%w: state %.40q", ErrDamaged, string(b.State))
	}
	_, err = bundle.ParseDigest(string(b.Statement))
	return b, err
}

// checkRepositories checks that names and numbers are one to one.
func (c *insideCheck) checkRepositories() {
	in, err := c.t.inside()
	if err != nil {
		c.violations = append(c.violations, err)
		return
	}
	next := uint32(1)
	c.each(c.t, keyRepositoryIDs, func(k, name []byte) {
		id, err := parseID(k)
		if err != nil {
			c.fail("repositories", err)
			return
		}
		if id != next {
			c.failf("repository %d found where %d belongs", id, next)
		}
		next = id + 1
		c.repositories[id] = true
		if got := in.ids.Get(name); !bytes.Equal(got, k) {
			c.failf("repository %q is number %d, but is kept as %x", name, id, got)
		}
	})
	c.each(c.t, keyRepositories, func(name, id []byte) {
		if got := in.names.Get(id); !bytes.Equal(got, name) {
			c.failf("repository %q is number %x, which is %q", name, id, got)
		}
	})
}

func (c *insideCheck) checkHoldings() {
	c.each(c.t, keyHoldings, func(k, v []byte) {
		d, err := parseDigestKey(k)
		if err != nil {
			c.fail("holdings", err)
			return
		}
		_, rest, err := parseSize(v)
		if err != nil {
			c.failf("%s: %w", d, err)
			return
		}
		ids, err := parseIDs(rest)
		if err != nil {
			c.failf("%s: %w", d, err)
		}
		for _, id := range ids {
			if !c.repositories[id] {
				c.failf("%s is in repository %d, which is not known", d, id)
			}
		}
	})
}

// checkReleases checks that releases come from bundles, and that one of each
// name is current.
func (c *insideCheck) checkReleases() {
	known := map[string][]Carrier{}
	c.each(c.t, keyReleases, func(k, v []byte) {
		var r Release
		if err := parseJSON(v, &r); err != nil {
			c.failf("release %.80q: %w", k, err)
			return
		}
		if !bytes.Equal(k, r.key()) {
			c.failf("release %.80q is kept as %.80q", r.key(), k)
		}
		c.digest(fmt.Sprintf("release %q", r.Name), r.Resolved, false)
		by := Carrier{r.Epoch, r.Seq}
		if !slices.Contains(c.imported[by].Releases, r.Info()) {
			c.failf("release %q %q is not of an imported bundle %d.%d", r.Name, r.Version, r.Epoch, r.Seq)
		}
		known[r.Name] = append(known[r.Name], by)
	})
	current := map[string]bool{}
	c.each(c.t, keyCurrent, func(name, v []byte) {
		epoch, seq, err := parsePair(v)
		if err != nil || !slices.Contains(known[string(name)], Carrier{epoch, seq}) {
			c.failf("release %q is current as %x, which is not on record", name, v)
		}
		current[string(name)] = true
	})
	for name := range known {
		if !current[name] {
			c.failf("of release %q none is current", name)
		}
	}
}

func (c *insideCheck) checkAudit() {
	next := int64(1)
	c.each(c.t, keyAudit, func(k, v []byte) {
		var row AuditRow
		c.fail(fmt.Sprintf("audit row %x", k), parseJSON(v, &row))
		if len(k) != numberLen || number(k) != next {
			c.failf("audit row %x found where %d belongs", k, next)
		}
		if len(k) == numberLen {
			next = number(k) + 1
		}
	})
}
