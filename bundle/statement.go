package bundle

import (
	"fmt"
	"strings"
	"time"
)

const (
	statementMagic = "ferry-statement-v1"

	// MaxStatementSize bounds what is read before a signature was checked.
	MaxStatementSize = 64 << 10 // bytes

	// MaxReleases bounds the releases of one statement.
	MaxReleases = 256

	maxInteger = 1<<53 - 1 // what every JSON reader takes without loss
)

var statementForm = SignedForm{Part: "statement", Magic: statementMagic, MaxSize: MaxStatementSize}

// A Statement is the signed heart of a bundle: what it is, for whom, and the
// digest of the index on which every other byte of the bundle hangs.
type Statement struct {
	Site            string    // destination, by its name in the outside ledger
	SiteKey         Digest    // digest of the site's receipt key, or "" if the site is bound by name alone
	Epoch           int64     // counts up when a new root starts the numbering again, from 1
	Seq             int64     // number of the shipment within site and epoch, from 1
	Prev            Digest    // digest of the statement seq-1, "" if seq is 1
	Requires        []int64   // unacknowledged shipments whose blobs this one leans on, ascending
	RootVersion     int64     // the inside needs this root or a newer one
	Issued          time.Time // whole seconds, UTC
	Expires         time.Time // whole seconds, UTC, after Issued
	Index           IndexInfo
	Layout          Layout
	InventoryBefore Digest // Merkle root over the site's holdings that the packer assumed
	InventoryAfter  Digest // the same when this bundle is imported
	Releases        []ReleaseInfo
	Tool            string // program and version that packed
}

// IndexInfo binds the index, and bounds memory and disk before it is read.
type IndexInfo struct {
	Digest  Digest
	Size    int64 // bytes of the index itself
	Entries int64 // manifests and blobs
	Chunks  int64
	Bytes   int64 // sum of the sizes of all entries
}

// Layout says how the bundle is cut.
type Layout struct {
	VolumeSize int64 // largest volume in bytes, 0 for one volume of any size
	Volumes    int64
	ChunkSize  int64 // bytes
}

// ReleaseInfo names a release that is complete at the site after the import.
type ReleaseInfo struct {
	Name    string
	Version string
	Digest  Digest // of the release's manifest
}

// The JSON form. Field order and spelling are the format.
type (
	statementJSON struct {
		Site            string        `json:"site"`
		SiteKey         string        `json:"site_key"`
		Epoch           int64         `json:"epoch"`
		Seq             int64         `json:"seq"`
		Prev            string        `json:"prev"`
		Requires        []int64       `json:"requires"`
		RootVersion     int64         `json:"root_version"`
		Issued          string        `json:"issued"`
		Expires         string        `json:"expires"`
		Index           indexJSON     `json:"index"`
		Layout          layoutJSON    `json:"layout"`
		InventoryBefore string        `json:"inventory_before"`
		InventoryAfter  string        `json:"inventory_after"`
		Releases        []releaseJSON `json:"releases"`
		Tool            string        `json:"tool"`
	}
	indexJSON struct {
		Digest  string `json:"digest"`
		Size    int64  `json:"size"`
		Entries int64  `json:"entries"`
		Chunks  int64  `json:"chunks"`
		Bytes   int64  `json:"bytes"`
	}
	layoutJSON struct {
		VolumeSize int64 `json:"volume_size"`
		Volumes    int64 `json:"volumes"`
		ChunkSize  int64 `json:"chunk_size"`
	}
	releaseJSON struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		Digest  string `json:"digest"`
	}
)

// ParseStatement parses the bytes of a statement. It accepts the canonical
// spelling only: encoding the result again gives the same bytes.
//
// Another version of the format gives a [*VersionError], anything else that
// is not a statement a [*FormatError]. It checks form, not origin.
func ParseStatement(b []byte) (*Statement, error) {
	var j statementJSON
	if err := statementForm.Decode(b, &j); err != nil {
		return nil, err
	}
	s, err := j.statement()
	if err != nil {
		return nil, err
	}
	again, err := s.AppendText(nil)
	if err != nil {
		return nil, err
	}
	if err := statementForm.Compare(b, again); err != nil {
		return nil, err
	}
	return s, nil
}

// AppendText appends s in canonical form: the bytes that are signed and
// stored. It fails if s has a value that ParseStatement would not accept.
func (s *Statement) AppendText(b []byte) ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	j := statementJSON{
		Site: s.Site, SiteKey: string(s.SiteKey), Epoch: s.Epoch, Seq: s.Seq, Prev: string(s.Prev),
		Requires: append([]int64{}, s.Requires...), RootVersion: s.RootVersion,
		Issued: FormatTime(s.Issued), Expires: FormatTime(s.Expires),
		Index:           indexJSON{string(s.Index.Digest), s.Index.Size, s.Index.Entries, s.Index.Chunks, s.Index.Bytes},
		Layout:          layoutJSON(s.Layout),
		InventoryBefore: string(s.InventoryBefore), InventoryAfter: string(s.InventoryAfter),
		Releases: make([]releaseJSON, 0, len(s.Releases)), Tool: s.Tool,
	}
	for _, r := range s.Releases {
		j.Releases = append(j.Releases, releaseJSON{r.Name, r.Version, string(r.Digest)})
	}
	return statementForm.Append(b, j)
}

// statement converts j; fields are checked by Statement.check.
func (j *statementJSON) statement() (*Statement, error) {
	issued, err := ParseTime(j.Issued)
	if err != nil {
		return nil, statementError("issued: %v", err)
	}
	expires, err := ParseTime(j.Expires)
	if err != nil {
		return nil, statementError("expires: %v", err)
	}
	s := &Statement{
		Site: j.Site, SiteKey: Digest(j.SiteKey), Epoch: j.Epoch, Seq: j.Seq, Prev: Digest(j.Prev),
		Requires: j.Requires, RootVersion: j.RootVersion, Issued: issued, Expires: expires,
		Index:           IndexInfo{Digest(j.Index.Digest), j.Index.Size, j.Index.Entries, j.Index.Chunks, j.Index.Bytes},
		Layout:          Layout(j.Layout),
		InventoryBefore: Digest(j.InventoryBefore), InventoryAfter: Digest(j.InventoryAfter), Tool: j.Tool,
	}
	for _, r := range j.Releases {
		s.Releases = append(s.Releases, ReleaseInfo{r.Name, r.Version, Digest(r.Digest)})
	}
	return s, nil
}

// check returns the first field of s that format v1 does not allow.
func (s *Statement) check() error {
	if !ValidSiteName(s.Site) {
		return statementError("site %.80q: want 1 to 63 of a-z, 0-9 and '-'", s.Site)
	}
	if !ValidToolName(s.Tool) {
		return statementError("tool %.80q: want 1 to 64 printable ASCII characters", s.Tool)
	}
	if err := s.checkNumbers(); err != nil {
		return err
	}
	if err := s.checkDigests(); err != nil {
		return err
	}
	if !s.Expires.After(s.Issued) {
		return statementError("expires %s is not after issued %s", FormatTime(s.Expires), FormatTime(s.Issued))
	}
	for _, t := range []time.Time{s.Issued, s.Expires} {
		if again, err := ParseTime(FormatTime(t)); err != nil || !again.Equal(t) {
			return statementError("time %v: want whole seconds from 2000 to 2999", t)
		}
	}
	for i, n := range s.Requires {
		if n < 1 || n >= s.Seq || i > 0 && n <= s.Requires[i-1] {
			return statementError("requires: want ascending shipments below %d, got %d", s.Seq, n)
		}
	}
	return s.checkReleases()
}

func (s *Statement) checkNumbers() error {
	for _, f := range []struct {
		name     string
		n        int64
		min, max int64
	}{
		{"epoch", s.Epoch, 1, maxInteger},
		{"seq", s.Seq, 1, maxInteger},
		{"root_version", s.RootVersion, 1, maxInteger},
		{"index size", s.Index.Size, 1, MaxIndexSize},
		{"index entries", s.Index.Entries, 0, MaxEntries},
		{"index chunks", s.Index.Chunks, 0, maxInteger},
		{"index bytes", s.Index.Bytes, 0, MaxBundleBytes},
		{"volumes", s.Layout.Volumes, 1, MaxVolumes},
	} {
		if f.n < f.min || f.n > f.max {
			return statementError("%s is %d, want %d to %d", f.name, f.n, f.min, f.max)
		}
	}
	return s.Layout.check()
}

func (s *Statement) checkDigests() error {
	if s.SiteKey != "" {
		if _, err := ParseDigest(string(s.SiteKey)); err != nil {
			return statementError("site_key: %v", err)
		}
	}
	if (s.Prev == "") != (s.Seq == 1) {
		return statementError("prev is %q at seq %d: shipment 1, and only that, has none", s.Prev, s.Seq)
	}
	if s.Prev != "" {
		if _, err := ParseDigest(string(s.Prev)); err != nil {
			return statementError("prev: %v", err)
		}
	}
	for name, d := range map[string]Digest{
		"index": s.Index.Digest, "inventory_before": s.InventoryBefore, "inventory_after": s.InventoryAfter,
	} {
		if _, err := ParseDigest(string(d)); err != nil {
			return statementError("%s: %v", name, err)
		}
	}
	return nil
}

func (s *Statement) checkReleases() error {
	if len(s.Releases) > MaxReleases {
		return statementError("%d releases, at most %d are allowed", len(s.Releases), MaxReleases)
	}
	for i, r := range s.Releases {
		if !ValidReleaseName(r.Name) || !ValidVersion(r.Version) {
			return statementError("release %.80q version %.80q is not a valid name", r.Name, r.Version)
		}
		if _, err := ParseDigest(string(r.Digest)); err != nil {
			return statementError("release %q: %v", r.Name, err)
		}
		if i > 0 && r.Name <= s.Releases[i-1].Name {
			return statementError("releases are not sorted by name: %q after %q", r.Name, s.Releases[i-1].Name)
		}
	}
	return nil
}

func statementError(format string, args ...any) error {
	return &FormatError{Part: "statement", Msg: fmt.Sprintf(format, args...)}
}

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

// ValidSiteName reports whether s can name a site: 1 to 63 of a-z, 0-9 and
// "-", not starting with "-".
func ValidSiteName(s string) bool { return validName(s, 63, lower+digits+"-") }

// ValidReleaseName reports whether s can name a release: 1 to 100 of a-z,
// 0-9, ".", "_" and "-", not starting with a sign. It can then be part of a
// repository and of a path.
func ValidReleaseName(s string) bool { return validName(s, 100, lower+digits+"._-") }

// ValidVersion reports whether s can be the version of a release: what an OCI
// tag may be, so 1 to 128 of letters, digits, ".", "_" and "-", not starting
// with "." or "-".
func ValidVersion(s string) bool { return validName(s, 128, lower+upper+digits+"._-") }

// ValidToolName reports whether s can stand in Statement.Tool.
func ValidToolName(s string) bool {
	return validName(s, 64, lower+upper+digits+" ._-+:()/")
}

// validName wants 1 to limit characters of set, the first a letter or digit.
func validName(s string, limit int, set string) bool {
	return s != "" && len(s) <= limit && strings.Trim(s, set) == "" && !strings.ContainsAny(s[:1], " ._-+:()/")
}

const timeForm = "2006-01-02T15:04:05Z"

// FormatTime returns t as format v1 spells times: RFC 3339, UTC, seconds.
func FormatTime(t time.Time) string { return t.UTC().Format(timeForm) }

// ParseTime parses the spelling of FormatTime, and no other.
func ParseTime(s string) (time.Time, error) {
	t, err := time.Parse(timeForm, s)
	if err != nil || FormatTime(t) != s || t.Year() < 2000 || t.Year() > 2999 {
		return time.Time{}, fmt.Errorf("time %.40q: want the form %q", s, timeForm)
	}
	return t, nil
}

// commonPrefix returns how many bytes a and b share at their start.
func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
