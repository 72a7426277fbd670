package verify

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/verify/statement"
)

const (
	receiptMagicPrefix = "ferry-receipt-"
	receiptMagic       = receiptMagicPrefix + "v1"

	// MaxReceiptSize bounds a signed receipt. The longest of v1 is far below.
	MaxReceiptSize = 2 << 10 // bytes

	maxInteger = 1<<53 - 1 // what every JSON reader takes without loss
)

// Stable names of refusals of a receipt, for statement.UntrustedError.Name.
const (
	ReceiptSignature = "receipt-signature" // not signed by the site's key, or not by that alone
	ReceiptSite      = "receipt-site"      // signed by a site for another one
)

// Imported is the state of a shipment that a site has taken in completely.
const Imported = "imported"

// A Receipt says what a site holds after a shipment.
type Receipt struct {
	Site       string
	Epoch, Seq int64         // of the shipment
	Head       bundle.Digest // of the shipment's statement
	State      string        // of the shipment: Imported, or another word of a-z and '-'
	Images     int64         // held by the site
	Blobs      int64         // held by the site
	Bytes      int64         // sum of the sizes of all blobs held
	Inventory  bundle.Digest // Merkle root over the site's holdings
	Time       time.Time     // whole seconds, UTC, by the site's clock
}

// SignReceipt returns the signed receipt: the text, an empty line and one
// signature. It fails if r has a value that ParseReceipt would not accept or is
// of another site than key.
func SignReceipt(r *Receipt, key *SiteKey) ([]byte, error) {
	if key == nil {
		return nil, errors.New("signing receipt: no site key")
	}
	if r.Site != key.public.Site() {
		return nil, fmt.Errorf("signing receipt: receipt of site %.80q, key of site %q", r.Site, key.public.Site())
	}
	text, err := r.AppendText(nil)
	if err != nil {
		return nil, fmt.Errorf("signing receipt: %w", err)
	}
	signed, err := note.Sign(&note.Note{Text: string(text)}, key.signer)
	if err != nil {
		return nil, fmt.Errorf("signing receipt: %w", err)
	}
	return signed, nil
}

// OpenReceipt verifies a signed receipt and returns what it says. It accepts
// exactly the bytes that [SignReceipt] made with the private half of key: one
// signature and nothing around it.
//
// A receipt that the key did not sign gives a [*statement.UntrustedError],
// another version a [*bundle.VersionError], anything else that is no receipt a
// [*bundle.FormatError].
func OpenReceipt(signed []byte, key *PublicSiteKey) (*Receipt, error) {
	if key == nil {
		return nil, &statement.UntrustedError{Name: ReceiptSignature, Msg: "there is no site key to check the receipt against"}
	}
	if len(signed) > MaxReceiptSize {
		return nil, receiptError(0, "%d bytes, at most %d are allowed", len(signed), MaxReceiptSize)
	}
	n, err := note.Open(signed, note.VerifierList(key.verifier))
	if err != nil {
		var unknown *note.UnverifiedNoteError
		var invalid *note.InvalidSignatureError
		if errors.As(err, &unknown) || errors.As(err, &invalid) {
			return nil, &statement.UntrustedError{
				Name: ReceiptSignature,
				Msg:  fmt.Sprintf("receipt is not signed by key %s: %v", key, err),
			}
		}
		return nil, receiptError(0, "not a signed note: %v", err)
	}
	if again, err := joinNote(n); err != nil || again != string(signed) {
		return nil, &statement.UntrustedError{
			Name: ReceiptSignature,
			Msg:  fmt.Sprintf("receipt does not bear the one signature by key %s alone", key),
		}
	}
	r, err := ParseReceipt([]byte(n.Text))
	if err != nil {
		return nil, err
	}
	if r.Site != key.Site() {
		return nil, &statement.UntrustedError{
			Name: ReceiptSite,
			Msg:  fmt.Sprintf("receipt of site %q is signed by site %q", r.Site, key.Site()),
		}
	}
	return r, nil
}

// joinNote spells a note with the first of its verified signatures alone.
func joinNote(n *note.Note) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(n.Sigs[0].Base64)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s\n— %s %s\n", n.Text, n.Sigs[0].Name, base64.StdEncoding.EncodeToString(raw)), nil
}

// ParseReceipt parses the text of a receipt, without the empty line and the
// signature. It accepts the canonical spelling only. Another version of the
// format gives a [*bundle.VersionError], anything else that is no receipt a
// [*bundle.FormatError]. It checks form, not origin.
func ParseReceipt(text []byte) (*Receipt, error) {
	if len(text) > MaxReceiptSize {
		return nil, receiptError(0, "%d bytes, at most %d are allowed", len(text), MaxReceiptSize)
	}
	lines := strings.Split(string(text), "\n")
	if lines[0] != receiptMagic {
		if strings.HasPrefix(lines[0], receiptMagicPrefix) {
			return nil, &bundle.VersionError{Got: fmt.Sprintf("%.40s", lines[0])}
		}
		return nil, receiptError(1, "got %.40q, want %q", lines[0], receiptMagic)
	}
	if len(lines) != 12 || lines[11] != "" {
		return nil, receiptError(0, "got %d lines, want 11, each ended by a newline", len(lines)-1)
	}
	p := receiptParser{lines: lines, line: 1}
	r := &Receipt{
		Site:      p.site(),
		Epoch:     p.number("epoch", 1),
		Seq:       p.number("seq", 1),
		Head:      p.digest("head"),
		State:     p.state("state"),
		Images:    p.number("images", 0),
		Blobs:     p.number("blobs", 0),
		Bytes:     p.number("bytes", 0),
		Inventory: p.digest("inventory"),
		Time:      p.time("time"),
	}
	if p.err != nil {
		return nil, p.err
	}
	return r, nil
}

// AppendText appends the text of r in canonical form: the bytes that are
// signed. It fails if r has a value that ParseReceipt would not accept.
func (r *Receipt) AppendText(b []byte) ([]byte, error) {
	for name, d := range map[string]bundle.Digest{"head": r.Head, "inventory": r.Inventory} {
		if _, err := bundle.ParseDigest(string(d)); err != nil {
			return nil, receiptError(0, "%s: %v", name, err)
		}
	}
	text := fmt.Sprintf("%s\n%s\nepoch %d\nseq %d\nhead %s\nstate %s\nimages %d\nblobs %d\nbytes %d\ninventory %s\ntime %s\n",
		receiptMagic, r.Site, r.Epoch, r.Seq, encodeDigest(r.Head), r.State,
		r.Images, r.Blobs, r.Bytes, encodeDigest(r.Inventory), bundle.FormatTime(r.Time))
	// Reading back what was just written keeps one definition of what is
	// valid. It also finds a time with a fraction of a second.
	again, err := ParseReceipt([]byte(text))
	if err != nil {
		return nil, err
	}
	if !again.Time.Equal(r.Time) {
		return nil, receiptError(11, "time %v: want whole seconds", r.Time)
	}
	return append(b, text...), nil
}

// encodeDigest spells a digest shorter than "sha256:…", since a receipt should
// fit on the screen of a telephone.
func encodeDigest(d bundle.Digest) string {
	sum := d.Sum()
	return base64.StdEncoding.EncodeToString(sum[:])
}

// A receiptParser takes the lines of a receipt apart. After the first error it
// does nothing more; the caller looks at err once, at the end.
type receiptParser struct {
	lines []string
	line  int // lines taken so far, so the number of the current one
	err   error
}

func (p *receiptParser) failf(format string, args ...any) {
	if p.err == nil {
		p.err = receiptError(p.line, format, args...)
	}
}

// next returns the next line.
func (p *receiptParser) next() string {
	p.line++
	return p.lines[p.line-1]
}

// field returns the value on the next line, which must begin with name.
func (p *receiptParser) field(name string) string {
	line := p.next()
	value, ok := strings.CutPrefix(line, name+" ")
	if !ok {
		p.failf("got %.80q, want %q and a value", line, name)
	}
	return value
}

func (p *receiptParser) site() string {
	s := p.next()
	if !bundle.ValidSiteName(s) {
		p.failf("site %.80q: want 1 to 63 of a-z, 0-9 and '-'", s)
	}
	return s
}

func (p *receiptParser) number(name string, least int64) int64 {
	s := p.field(name)
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < least || n > maxInteger || s != strconv.FormatInt(n, 10) {
		p.failf("%s %.40q: want a decimal from %d to %d, without sign or leading zeros", name, s, least, maxInteger)
	}
	return n
}

func (p *receiptParser) digest(name string) bundle.Digest {
	s := p.field(name)
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != 32 || len(s) != 44 {
		p.failf("%s %.80q: want 32 bytes in base64", name, s)
		return ""
	}
	return bundle.DigestFromSum([32]byte(b))
}

func (p *receiptParser) state(name string) string {
	s := p.field(name)
	if s == "" || len(s) > 16 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz-") != "" {
		p.failf("%s %.40q: want 1 to 16 of a-z and '-'", name, s)
	}
	return s
}

func (p *receiptParser) time(name string) time.Time {
	t, err := bundle.ParseTime(p.field(name))
	if err != nil {
		p.failf("%s: %v", name, err)
	}
	return t
}

func receiptError(line int, format string, args ...any) error {
	return &bundle.FormatError{Part: "receipt", Line: line, Msg: fmt.Sprintf(format, args...)}
}
