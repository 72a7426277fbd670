package inside

import (
	"errors"
	"fmt"

	"github.com/airgap-ferry/ferry/internal/durable"
	"github.com/airgap-ferry/ferry/verify"
)

// finish does what follows when the ledger says imported: the floor file, the
// receipt, and the end of the staging. All of it may have been done before.
func (i *importing) finish() error {
	a, st := i.a, i.b.Statement
	for _, dir := range []string{a.dir, a.path(receiptsDir)} {
		if err := durable.RemoveTemps(a.o.FS, dir); err != nil {
			return err
		}
	}
	if err := a.saveFloor(); err != nil {
		return err
	}
	name := a.path(receiptsDir, fmt.Sprintf("%s-%d-%d.txt", st.Site, st.Epoch, st.Seq))
	signed, err := durable.ReadFile(a.o.FS, name)
	if errors.Is(err, errNotExist) {
		if signed, err = i.sign(); err != nil {
			return err
		}
		if signed != nil {
			err = durable.CreateExclusive(a.o.FS, name, 0o644, signed)
		}
	}
	if err != nil {
		return fmt.Errorf("writing the receipt: %w", err)
	}
	if signed != nil {
		i.report.Receipt, i.report.ReceiptAt = string(signed), name
	}
	return removeStaging(a.o.FS, a.path(stagingDir), i.b.Digest)
}

// sign returns the signed receipt of the bundle. A receipt tells what the site
// holds now: if later bundles were imported since, there is none to be had of
// this one, and nobody needs it.
func (i *importing) sign() ([]byte, error) {
	a, st := i.a, i.b.Statement
	head, err := a.ledger.Head()
	if err != nil {
		return nil, err
	}
	if head.Statement != i.b.Digest {
		return nil, nil
	}
	blobs, size, err := a.ledger.Totals()
	if err != nil {
		return nil, err
	}
	inventory, err := a.ledger.Inventory()
	if err != nil {
		return nil, err
	}
	images, err := a.countImages()
	if err != nil {
		return nil, err
	}
	return verify.SignReceipt(&verify.Receipt{
		Site: st.Site, Epoch: st.Epoch, Seq: st.Seq, Head: i.b.Digest, State: verify.Imported,
		Images: images, Blobs: blobs, Bytes: size, Inventory: inventory, Time: a.now,
	}, a.key)
}

// countImages returns the images of the releases in use.
func (a *Agent) countImages() (n int64, err error) {
	rows, err := a.ledger.Releases()
	if err != nil {
		return 0, err
	}
	for _, r := range rows {
		if !r.Current {
			continue
		}
		resolved, err := a.resolved(r.Release)
		if err != nil {
			return 0, err
		}
		n += int64(len(resolved.Images))
	}
	return n, nil
}

// checkLedger makes sure that the ledger is this site's.
func (a *Agent) checkLedger() error {
	self, err := a.ledger.Self()
	if err != nil {
		return err
	}
	if self.Site != a.site.Name || a.key.Public().Site() != a.site.Name {
		return fmt.Errorf("%s is for site %q, the ledger for %q, the key for %q", a.path(siteFile), a.site.Name, self.Site, a.key.Public().Site())
	}
	return nil
}
