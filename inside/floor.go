package inside

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/durable"
	"github.com/airgap-ferry/ferry/ledger"
)

// A Floor is below what nothing is accepted any more: a copy of the ledger's
// head, in a file beside it. The file is one line of JSON.
type Floor struct {
	Epoch     int64         `json:"epoch"`
	Seq       int64         `json:"seq"`
	Statement bundle.Digest `json:"statement"`
	Floor     time.Time     `json:"floor"`
}

// newer reports whether f knows of a later bundle than the ledger.
func (f Floor) newer(h ledger.Head) bool {
	return f.Epoch > h.Epoch || f.Epoch == h.Epoch && f.Seq > h.Seq
}

// A FloorError reports a ledger that is older than the floor file: it was
// restored from a copy, and would let old bundles in.
type FloorError struct {
	Floor Floor
	Head  ledger.Head
}

func (e *FloorError) Error() string {
	return fmt.Sprintf("the ledger ends at bundle %d/%d, but %d/%d was imported here already: the ledger is an old copy",
		e.Head.Epoch, e.Head.Seq, e.Floor.Epoch, e.Floor.Seq)
}

// parseFloor parses what text returns, and no other spelling. Errors are
// of type [*bundle.FormatError].
func parseFloor(b []byte) (Floor, error) {
	var f Floor
	if err := json.Unmarshal(b, &f); err != nil {
		return Floor{}, floorError("%v", err)
	}
	again, err := f.text()
	if err != nil {
		return Floor{}, err
	}
	if !bytes.Equal(again, b) {
		return Floor{}, floorError("not in the form that ferry writes")
	}
	return f, nil
}

// text returns f as the floor file has it. It fails if f is not the head
// of a ledger in which something was imported.
func (f Floor) text() ([]byte, error) {
	if f.Epoch < 1 || f.Seq < 1 {
		return nil, floorError("epoch %d and seq %d do not count from 1", f.Epoch, f.Seq)
	}
	if _, err := bundle.ParseDigest(string(f.Statement)); err != nil {
		return nil, floorError("%v", err)
	}
	f.Floor = f.Floor.UTC()
	text, err := json.Marshal(f)
	if err != nil {
		return nil, floorError("%v", err)
	}
	return append(text, '\n'), nil
}

func floorError(format string, args ...any) error {
	return &bundle.FormatError{Part: "floor", Msg: fmt.Sprintf(format, args...)}
}

// readFloor returns what the floor file says, the zero Floor if there is none.
func (a *Agent) readFloor() (Floor, error) {
	b, err := durable.ReadFile(a.o.FS, a.path(floorFile))
	if errors.Is(err, errNotExist) {
		return Floor{}, nil
	}
	if err != nil {
		return Floor{}, fmt.Errorf("reading the floor: %w", err)
	}
	f, err := parseFloor(b)
	if err != nil {
		return Floor{}, fmt.Errorf("reading %q: %w", a.path(floorFile), err)
	}
	return f, nil
}

// saveFloor brings the floor file up to the ledger's head.
func (a *Agent) saveFloor() error {
	head, err := a.ledger.Head()
	if err != nil {
		return err
	}
	old, err := a.readFloor()
	if err != nil {
		return err
	}
	text, err := Floor(head).text()
	if err != nil {
		return err
	}
	before, err := old.text()
	if err == nil && (bytes.Equal(before, text) || old.newer(head)) {
		return nil
	}
	return durable.Replace(a.o.FS, a.path(floorFile), 0o644, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}
