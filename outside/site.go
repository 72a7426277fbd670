package outside

import (
	"context"
	"errors"
	"fmt"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/ledger"
	"github.com/airgap-ferry/ferry/verify"
)

// AddSite adds a site. siteKey is the public line that the inside printed when
// it was set up, or "" to bind bundles to the site by its name alone; it can
// be given later by adding the site again with it.
//
// A site that is there with the same key, or without one, is no error; one
// with another key gives [ledger.ErrConflict]. What is no key is a
// [*bundle.FormatError].
func (a *Agent) AddSite(_ context.Context, name, siteKey string) error {
	var digest bundle.Digest
	if siteKey != "" {
		key, err := verify.ParsePublicSiteKey(siteKey)
		if err == nil && key.Site() != name {
			err = &bundle.FormatError{Part: "site key", Msg: fmt.Sprintf("it is that of site %q", key.Site())}
		}
		if err != nil {
			return fmt.Errorf("adding site %q: %w", name, err)
		}
		digest = key.Digest()
	}
	err := a.ledger.AddSite(ledger.Site{Name: name, Key: digest, Added: a.now()})
	if errors.Is(err, ledger.ErrExists) {
		if digest == "" {
			return nil
		}
		return a.ledger.SetSiteKey(name, digest)
	}
	return err
}
