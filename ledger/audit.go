package ledger

import (
	"fmt"
	"time"
)

// An AuditRow is one verdict over a bundle. Rows are never changed or removed.
type AuditRow struct {
	Time      time.Time `json:"time"`
	Statement string    `json:"statement"` // digest of the bytes that passed for one, "" if there were none
	Verdict   string    `json:"verdict"`   // stable name, such as "imported", "fork", "bad-signature"
	Text      string    `json:"text"`
}

// Audit appends a row.
func (i *Inside) Audit(row AuditRow) error {
	row.Time = row.Time.UTC()
	err := i.f.update(func(t *tx) error {
		b, err := t.bucket(keyAudit)
		if err != nil {
			return err
		}
		last, _ := b.Cursor().Last()
		n := int64(1)
		if last != nil {
			if len(last) != numberLen {
				return fmt.Errorf("%w: audit row %x", ErrDamaged, last)
			}
			n = number(last) + 1
		}
		return t.putJSON(b, appendNumber(nil, n), row)
	})
	if err != nil {
		return fmt.Errorf("writing to the audit: %w", err)
	}
	return nil
}

// Audits calls each for every row in the order of writing, until it returns an
// error, which is returned as it is. each must not use the ledger.
func (i *Inside) Audits(each func(n int64, row AuditRow) error) error {
	return i.f.view(func(t *tx) error {
		b, err := t.bucket(keyAudit)
		if err != nil {
			return err
		}
		return b.ForEach(func(k, v []byte) error {
			var row AuditRow
			if err := parseJSON(v, &row); err != nil {
				return fmt.Errorf("audit row %x: %w", k, err)
			}
			if len(k) != numberLen {
				return fmt.Errorf("%w: audit row %x", ErrDamaged, k)
			}
			return each(number(k), row)
		})
	})
}
