package outside

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/durable"
)

// Names in the archive of one shipment.
const (
	archiveStatement = "ferry.statement"
	archiveIndex     = "ferry.index"
	archiveLock      = "release.lock.json"
	archiveSig       = ".sig"
)

// A record is what the archive keeps of a shipment: all that it consists of
// but the payload, and the release that it brought.
type record struct {
	statement []byte
	sigs      []bundle.Signature
	index     []byte
	lock      []byte // the resolved release
}

// shipmentName returns the name of a shipment in the archive. It is how the
// names of its volumes begin.
func shipmentName(site string, epoch, seq int64) string {
	return strings.TrimSuffix(bundle.VolumeName(site, epoch, seq, 1), ".v001.tar")
}

// writeRecord keeps r in place of what an earlier plan left under the name.
// The statement is written last: with it the record is complete.
func (a *Agent) writeRecord(name string, r *record) error {
	dir := filepath.Join(a.path(archiveDir), name)
	if old, err := a.readRecord(name); err == nil && bytes.Equal(old.statement, r.statement) && sameSignatures(old.sigs, r.sigs) {
		return durable.RemoveTemps(a.o.FS, dir) // of a run that was killed at the last file
	}
	err := a.o.FS.RemoveAll(dir)
	if err == nil {
		err = durable.MkdirAll(a.o.FS, dir, 0o700)
	}
	write := func(file string, data []byte) {
		if err == nil {
			err = durable.CreateExclusive(a.o.FS, filepath.Join(dir, file), 0o644, data)
		}
	}
	for _, s := range r.sigs {
		text, errText := s.AppendText(nil)
		if errText != nil {
			return errText
		}
		write(s.KeyID+archiveSig, text)
	}
	write(archiveIndex, r.index)
	write(archiveLock, r.lock)
	write(archiveStatement, r.statement)
	if err != nil {
		return fmt.Errorf("archiving shipment %q: %w", name, err)
	}
	return nil
}

// readRecord returns what the archive keeps of a shipment; the error is
// [fs.ErrNotExist] if that is nothing, or not all.
func (a *Agent) readRecord(name string) (*record, error) {
	r, err := a.readRecordFiles(filepath.Join(a.path(archiveDir), name))
	if err != nil {
		return nil, fmt.Errorf("reading shipment %q from the archive: %w", name, err)
	}
	return r, nil
}

func (a *Agent) readRecordFiles(dir string) (*record, error) {
	r := new(record)
	var err error
	for file, to := range map[string]*[]byte{archiveStatement: &r.statement, archiveIndex: &r.index, archiveLock: &r.lock} {
		if *to, err = durable.ReadFile(a.o.FS, filepath.Join(dir, file)); err != nil {
			return nil, err
		}
	}
	entries, err := a.o.FS.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), archiveSig)
		if !ok {
			continue
		}
		text, err := durable.ReadFile(a.o.FS, filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		sig, err := bundle.ParseSignature(id, text)
		if err != nil {
			return nil, err
		}
		r.sigs = append(r.sigs, sig)
	}
	return r, nil
}

// readArchivedLock returns the resolved release that a shipment brought.
func (a *Agent) readArchivedLock(name string) ([]byte, error) {
	text, err := durable.ReadFile(a.o.FS, filepath.Join(a.path(archiveDir), name, archiveLock))
	if err != nil {
		return nil, fmt.Errorf("reading shipment %q from the archive: %w", name, err)
	}
	return text, nil
}

// layout parses the statement and the index of r.
func (r *record) layout() (*bundle.Statement, *bundle.Plan, error) {
	s, err := bundle.ParseStatement(r.statement)
	if err != nil {
		return nil, nil, err
	}
	plan, err := bundle.PlanOf(s, r.index)
	return s, plan, err
}
