package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/verify/statement"
)

// maxKeyFile bounds what is read of a file that is no public key.
const maxKeyFile = 4 << 10 // bytes

// A trust is what bundles are held against.
type trust struct {
	root        *statement.Root
	fingerprint string // of the root; "" for a key
	now         time.Time
	site        string        // "": any
	siteKey     bundle.Digest // "": any

	// The shipment that passed last, and its statement.
	chained    bool // false: nobody said which it was
	epoch, seq int64
	head       bundle.Digest // "": not known
}

// newTrust reads what o names. The clock says now.
func newTrust(o *options, now time.Time) (*trust, error) {
	t := &trust{site: o.site, now: now.UTC().Truncate(time.Second)}
	var err error
	if o.time != "" {
		if t.now, err = bundle.ParseTime(o.time); err != nil {
			return nil, fmt.Errorf("%w: --at: %w", errUsage, err)
		}
	}
	if o.siteKey != "" {
		if t.siteKey, err = bundle.ParseDigest(o.siteKey); err != nil {
			return nil, fmt.Errorf("%w: --site-key: %w", errUsage, err)
		}
	}
	if o.head != "" {
		if t.head, err = bundle.ParseDigest(o.head); err != nil {
			return nil, fmt.Errorf("%w: --head: %w", errUsage, err)
		}
	}
	if o.after != "" {
		t.chained = true
		if t.epoch, t.seq, err = parseNumber(o.after); err != nil {
			return nil, fmt.Errorf("%w: --after: %w", errUsage, err)
		}
	}
	if o.key != "" {
		t.root, err = rootOfKey(o.key)
	} else {
		t.root, t.fingerprint, err = readRoot(o.root, o.fingerprint)
	}
	return t, err
}

// parseNumber parses the number of a shipment: epoch, "/", seq.
func parseNumber(s string) (epoch, seq int64, err error) {
	before, after, _ := strings.Cut(s, "/")
	epoch, err = strconv.ParseInt(before, 10, 64)
	if err == nil {
		seq, err = strconv.ParseInt(after, 10, 64)
	}
	if err != nil || fmt.Sprintf("%d/%d", epoch, seq) != s || epoch < 0 || seq < 0 {
		return 0, 0, fmt.Errorf("shipment %.40q: want EPOCH/SEQ, such as 1/41", s)
	}
	return epoch, seq, nil
}

// rootOfKey returns a root that trusts the key in a file as the only packer,
// for any site and at any time.
func rootOfKey(name string) (*statement.Root, error) {
	text, err := readFile(name, maxKeyFile)
	if err != nil {
		return nil, fmt.Errorf("reading public key: %w", err)
	}
	key, err := statement.ParsePublicKey(text)
	if err != nil {
		return nil, fmt.Errorf("reading public key %q: %w", name, err)
	}
	key.Name = "given key"
	const ever = 1<<53 - 1
	const day = 24 * time.Hour
	only := statement.Role{Keys: []string{key.ID}, Threshold: 1}
	return &statement.Root{
		Version: ever, Epoch: ever,
		Issued: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), Expires: time.Date(2999, 12, 31, 0, 0, 0, 0, time.UTC),
		Keys: []statement.Key{key}, Root: only, Packer: only,
		Policy: statement.Policy{MaxSeqStep: 1, MaxAge: 36_500 * day, ClockSkew: day, Sites: []string{statement.AnySite}},
	}, nil
}

// readRoot reads a root. If typed is not empty, it must be its fingerprint.
func readRoot(name, typed string) (*statement.Root, string, error) {
	text, err := readFile(name, statement.MaxRootSize)
	if err != nil {
		return nil, "", fmt.Errorf("reading root: %w", err)
	}
	if typed != "" && !statement.MatchFingerprint(text, typed) {
		return nil, "", &statement.UntrustedError{
			Name: statement.RootFingerprint,
			Msg:  fmt.Sprintf("%q does not have the fingerprint given", name),
		}
	}
	root, err := statement.ParseRoot(text)
	if err != nil {
		return nil, "", fmt.Errorf("reading root %q: %w", name, err)
	}
	return root, statement.Fingerprint(text), nil
}

// readFile returns the content of a file of at most limit bytes.
func readFile(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name) //nolint:gosec // the file that the officer named
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%q has more than %d bytes", name, limit)
	}
	return b, err
}

// state returns what s is held against. Where nobody said what to hold it
// against, it is held against itself.
func (t *trust) state(s *bundle.Statement) statement.State {
	st := statement.State{Site: t.site, SiteKey: t.siteKey, Epoch: t.epoch, Seq: t.seq, Head: t.head, Now: t.now}
	if t.site == "" {
		st.Site = s.Site
	}
	if t.siteKey == "" {
		st.SiteKey = s.SiteKey
	}
	if !t.chained {
		st.Epoch, st.Seq = s.Epoch, s.Seq-1
	}
	if st.Head == "" && s.Seq > st.Seq {
		st.Head = s.Prev
	}
	return st
}

// passed notes that b was the shipment that passed last.
func (t *trust) passed(s *bundle.Statement, d bundle.Digest) {
	if t.chained {
		t.epoch, t.seq, t.head = s.Epoch, s.Seq, d
	}
}
