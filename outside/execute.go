package outside

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"syscall"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/durable"
	"github.com/airgap-ferry/ferry/internal/term"
	"github.com/airgap-ferry/ferry/ledger"
	"github.com/airgap-ferry/ferry/report"
	"github.com/airgap-ferry/ferry/verify"
)

// Execute packs what the plan says, or goes on where an earlier run with the
// same plan was stopped. If there is nothing to ship it writes the lock file
// alone. See the package comment for the order of what it does.
//
// If it fails before the shipment is sealed, there is nothing under the names
// of volumes.
func (p *Plan) Execute(ctx context.Context) (*report.Packed, error) {
	if p.Empty() {
		return &report.Packed{Plan: p.report, Volumes: []report.Volume{}, Signers: []string{}}, p.writeLock()
	}
	signer, err := p.a.signer(p.key.ID)
	if err != nil {
		return nil, err
	}
	if err := p.preflight(); err != nil {
		return nil, err
	}
	shipment, err := p.a.ledger.Plan(p.o.Site, p.shipment())
	if err != nil {
		return nil, err
	}
	s, err := p.stage(ctx, shipment)
	if err != nil {
		return nil, err
	}
	record, err := p.seal(s, shipment, signer)
	if err != nil {
		return nil, err
	}
	p.a.o.Log.InfoContext(ctx, "shipment is sealed", slog.String("site", p.o.Site), slog.Int64("seq", shipment.Seq),
		slog.String("statement", string(bundle.DigestOf(record.statement))))
	if err := s.publish(); err != nil {
		return nil, err
	}
	if err := p.a.ship(shipment, p.index, record); err != nil {
		return nil, err
	}
	return p.packed(s, shipment, record), nil
}

// signer opens the private key of the agent.
func (a *Agent) signer(keyID string) (verify.Signer, error) {
	if a.o.Password == nil {
		return nil, fmt.Errorf("opening the private key: %w", verify.ErrPassword)
	}
	password, err := a.o.Password()
	if err != nil {
		return nil, err
	}
	name := a.path(privateKeyFile)
	private, err := durable.ReadFile(a.o.FS, name)
	if err != nil {
		return nil, fmt.Errorf("reading the private key: %w", err)
	}
	signer, err := a.loadSigner(private, password)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", name, err)
	}
	if signer.KeyID() != keyID {
		return nil, fmt.Errorf("reading %q: it is key %s, but %q is key %s", name, signer.KeyID(), publicKeyFile, keyID)
	}
	return signer, nil
}

// preflight makes the output directory, and checks what would let the run fail
// after a seq is consumed.
func (p *Plan) preflight() error {
	if err := durable.MkdirAll(p.a.o.FS, p.output, 0o755); err != nil {
		return err
	}
	if p.resumed {
		return nil // space is taken already, and names belong to this shipment
	}
	next := p.shipment()
	next.Site, next.Epoch, next.Seq, next.Prev = p.site.Name, p.site.Epoch, p.report.Seq, p.site.Head
	w, err := p.newWriter(next)
	if err != nil {
		return err
	}
	var need int64
	for i, path := range p.volumePaths(next) {
		if _, err := p.a.o.FS.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("packing shipment %d for site %q: %q: %w", next.Seq, next.Site, path, ErrOccupied)
		}
		need += w.VolumeSize(i + 1)
		if info, err := p.a.o.FS.Stat(path + partialSuffix); err == nil {
			need -= min(info.Size(), w.VolumeSize(i+1)) // of an earlier try
		}
	}
	free, err := p.a.freeSpace(p.output)
	if err == nil && free < need {
		return fmt.Errorf("packing into %q: the bundle takes %s, %s are free: %w",
			p.output, term.Bytes(need), term.Bytes(free), syscall.ENOSPC)
	}
	return nil
}

// newWriter returns a writer for the bundle as shipment s.
func (p *Plan) newWriter(s ledger.Shipment) (*bundle.Writer, error) {
	text, err := p.statement(s, nil).AppendText(nil)
	if err != nil {
		return nil, err
	}
	return bundle.NewWriter(p.layout, len(text), 1)
}

func (p *Plan) volumePaths(s ledger.Shipment) []string {
	return volumePaths(p.output, s.Site, s.Epoch, s.Seq, p.layout.Layout.Volumes)
}

// stage brings the payload into partial volumes.
func (p *Plan) stage(ctx context.Context, shipment ledger.Shipment) (*staging, error) {
	w, err := p.newWriter(shipment)
	if err != nil {
		return nil, err
	}
	s := newStaging(p.a.o.FS, p.layout, w, p.volumePaths(shipment))
	if shipment.State == ledger.ShipmentSealed {
		if err := p.takeWhole(ctx, s, shipment); err != nil {
			return nil, err
		}
	}
	p.a.o.Progress.Stage("packing %s for site %s as shipment %d", term.Bytes(p.report.Payload), p.o.Site, shipment.Seq)
	err = s.open()
	if err == nil {
		err = p.fetch(ctx, s)
	}
	if err != nil {
		_ = s.close() // nothing was promised about these files
		return nil, err
	}
	return s, nil
}

// takeWhole finds the volumes that an earlier run has finished. Without a
// record in the archive there are none: all is read again then.
func (p *Plan) takeWhole(ctx context.Context, s *staging, shipment ledger.Shipment) error {
	r, err := p.a.readRecord(shipmentName(shipment.Site, shipment.Epoch, shipment.Seq))
	if err != nil || bundle.DigestOf(r.statement) != shipment.Statement {
		return nil
	}
	_, plan, err := r.layout()
	if err != nil || len(plan.Index().Entries) != len(p.index.Entries) {
		return nil
	}
	for i, e := range plan.Index().Entries {
		p.index.Entries[i].Chunks = e.Chunks
	}
	return s.findWhole(ctx, r)
}

// seal writes the rest of the volumes, keeps the record and the lock file, and
// binds the seq to the statement.
func (p *Plan) seal(s *staging, shipment ledger.Shipment, signer verify.Signer) (*record, error) {
	r, err := p.sign(shipment, signer)
	if err == nil {
		err = s.seal(r)
	}
	if err != nil {
		_ = s.close() // nothing was promised about these files
		return nil, err
	}
	if err := p.a.writeRecord(shipmentName(shipment.Site, shipment.Epoch, shipment.Seq), r); err != nil {
		return nil, err
	}
	if err := p.writeLock(); err != nil {
		return nil, err
	}
	return r, p.a.ledger.Seal(p.o.Site, shipment.Seq, ledger.Sealed{
		Statement: bundle.DigestOf(r.statement), Index: bundle.DigestOf(r.index), Volumes: p.volumePaths(shipment),
	})
}

// sign makes index, statement and signature of the bundle.
func (p *Plan) sign(shipment ledger.Shipment, signer verify.Signer) (*record, error) {
	index, err := p.index.AppendText(nil, p.layout.Layout.ChunkSize)
	if err != nil {
		return nil, err
	}
	text, err := p.statement(shipment, index).AppendText(nil)
	if err != nil {
		return nil, err
	}
	if d := bundle.DigestOf(text); shipment.State == ledger.ShipmentSealed && d != shipment.Statement {
		return nil, fmt.Errorf("shipment %d for site %q: it was sealed with statement %s and would now have %s: %w",
			shipment.Seq, shipment.Site, shipment.Statement, d, ledger.ErrConflict)
	}
	sig, err := signer.Sign(text)
	if err != nil {
		return nil, err
	}
	return &record{statement: text, sigs: []bundle.Signature{sig}, index: index, lock: p.resolution.Text}, nil
}

// ship records that the site will hold what the index lists.
func (a *Agent) ship(s ledger.Shipment, index *bundle.Index, r *record) error {
	var blobs []ledger.Blob
	for _, b := range index.Holdings() {
		blobs = append(blobs, ledger.Blob(b))
	}
	releases := make([]ledger.Release, 0, len(s.Releases))
	for _, info := range s.Releases {
		releases = append(releases, ledger.Release{
			Name: info.Name, Version: info.Version, Manifest: info.Digest, Resolved: bundle.DigestOf(r.lock),
		})
	}
	return a.ledger.Ship(s.Site, s.Seq, blobs, releases)
}

func (p *Plan) packed(s *staging, shipment ledger.Shipment, r *record) *report.Packed {
	out := &report.Packed{
		Plan: p.report, Statement: bundle.DigestOf(r.statement),
		Issued: shipment.Issued, Expires: shipment.Expires, Signers: []string{p.key.ID},
	}
	out.Seq = shipment.Seq
	for _, v := range s.volumes {
		out.Volumes = append(out.Volumes, report.Volume{Path: filepath.Join(p.o.Output, filepath.Base(v.name)), Bytes: v.size})
	}
	return out
}
