package verify

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"github.com/airgap-ferry/ferry/bundle"
)

func newTestReceipt() *Receipt {
	return &Receipt{
		Site: "north", Epoch: 3, Seq: 42, Head: bundle.DigestOf([]byte("statement 42")), State: Imported,
		Images: 10_000, Blobs: 1_000_000, Bytes: 9_876_543_210_987,
		Inventory: bundle.DigestOf([]byte("inventory")),
		Time:      time.Date(2026, 8, 21, 10, 11, 12, 0, time.UTC),
	}
}

func signTest(tb testing.TB, r *Receipt) []byte {
	tb.Helper()
	b, err := SignReceipt(r, newTestSiteKey(tb, r.Site, 1))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// The golden file is the format: a change that fails here makes receipts
// unreadable that are on their way.
func TestReceiptGolden(t *testing.T) {
	const golden = "testdata/receipt-v1.txt"
	got := signTest(t, newTestReceipt())
	want, err := os.ReadFile(golden)
	if errors.Is(err, os.ErrNotExist) && *update {
		want, err = got, os.WriteFile(golden, got, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("SignReceipt =\n%s\nwant\n%s", got, want)
	}
	key := newTestSiteKey(t, "north", 1).Public()
	r, err := OpenReceipt(want, key)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(newTestReceipt(), r); diff != "" {
		t.Errorf("OpenReceipt differs (-want +got):\n%s", diff)
	}
	doc, err := os.ReadFile("../docs/formats/receipt-v1.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"```\n" + string(want) + "```", key.String(), string(key.Digest())} {
		if !strings.Contains(string(doc), s) {
			t.Errorf("docs/formats/receipt-v1.md does not contain\n%s", s)
		}
	}
}

func TestReceiptSize(t *testing.T) {
	// With a short name of the site it fits a QR code of version 14-M.
	if n := len(signTest(t, newTestReceipt())); n > 362 {
		t.Errorf("receipt has %d bytes, want at most 362", n)
	}
	r := newTestReceipt()
	r.Site = strings.Repeat("z", 63)
	r.State = strings.Repeat("z", 16)
	r.Epoch, r.Seq, r.Images, r.Blobs, r.Bytes = maxInteger, maxInteger, maxInteger, maxInteger, maxInteger
	b := signTest(t, r)
	if len(b) > MaxReceiptSize {
		t.Errorf("longest receipt has %d bytes, limit is %d", len(b), MaxReceiptSize)
	}
	if _, err := OpenReceipt(b, newTestSiteKey(t, r.Site, 1).Public()); err != nil {
		t.Errorf("longest receipt: %v", err)
	}
}

func TestParseReceiptErrors(t *testing.T) {
	text, err := newTestReceipt().AppendText(nil)
	if err != nil {
		t.Fatal(err)
	}
	good := string(text)
	head := encodeDigest(newTestReceipt().Head)
	edit := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not in the receipt", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	tests := []struct {
		name string
		in   string
		want string // part of the message
	}{
		{"empty", "", `line 1: got "", want "ferry-receipt-v1"`},
		{"long", strings.Repeat("a", 3000), "at most 2048"},
		{"next version", edit("v1", "v2"), `format "ferry-receipt-v2" is not supported`},
		{"line missing", edit("seq 42\n", ""), "got 10 lines"},
		{"line more", good + "\n", "got 12 lines"},
		{"newline missing", strings.TrimSuffix(good, "\n"), "got 10 lines"},
		{"carriage return", edit("north\n", "north\r\n"), "line 2: site"},
		{"site", edit("north", "North"), "line 2: site"},
		{"epoch 0", edit("epoch 3", "epoch 0"), "line 3: epoch"},
		{"other field", edit("epoch", "Epoch"), `line 3: got "Epoch 3", want "epoch" and a value`},
		{"leading zero", edit("seq 42", "seq 042"), "line 4: seq"},
		{"seq 2^53", edit("seq 42", "seq 9007199254740992"), "line 4: seq"},
		{"two spaces", edit("seq 42", "seq  42"), "line 4: seq"},
		{"digest in hex", edit("head ", "head sha256:"), "line 5: head"},
		{"digest cut", edit("=\nstate", "\nstate"), "line 5: head"},
		{"digest with spare bits", edit("I5M=\n", "I5N=\n"), "line 5: head"},
		{"digest of 31 bytes", edit(head, base64.StdEncoding.EncodeToString(make([]byte, 31))), "line 5: head"},
		{"state with NUL", edit("imported", "import\x00d"), "line 6: state"},
		{"state empty", edit("imported", ""), "line 6: state"},
		{"negative", edit("images 10000", "images -1"), "line 7: images"},
		{"minus zero", edit("blobs 1000000", "blobs -0"), "line 8: blobs"},
		{"separators", edit("9876543210987", "9,876,543"), "line 9: bytes"},
		{"no inventory", edit("inventory ", "inventor "), "line 10"},
		{"offset", edit("12Z", "12+00:00"), "line 11: time"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := ParseReceipt([]byte(tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want one with %q", err, tt.want)
			}
			if r != nil {
				t.Errorf("ParseReceipt = %+v with an error, want nil", r)
			}
		})
	}
}

func TestSignReceiptErrors(t *testing.T) {
	key := newTestSiteKey(t, "north", 1)
	tests := []struct {
		name string
		edit func(*Receipt)
		want string // part of the message
	}{
		{"other site", func(r *Receipt) { r.Site = "south" }, `receipt of site "south", key of site "north"`},
		{"no head", func(r *Receipt) { r.Head = "" }, "head: digest"},
		{"no inventory", func(r *Receipt) { r.Inventory = "sha256:00" }, "inventory: digest"},
		{"state of two lines", func(r *Receipt) { r.State = "imported\nimages 1" }, "malformed receipt"},
		{"seq 0", func(r *Receipt) { r.Seq = 0 }, "seq"},
		{"fraction of a second", func(r *Receipt) { r.Time = r.Time.Add(1) }, "whole seconds"},
		{"no time", func(r *Receipt) { r.Time = time.Time{} }, "time"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newTestReceipt()
			tt.edit(r)
			if _, err := SignReceipt(r, key); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("SignReceipt = %v, want an error with %q", err, tt.want)
			}
		})
	}
	if _, err := SignReceipt(newTestReceipt(), nil); err == nil {
		t.Error("SignReceipt without a key succeeds")
	}
}

// Case 42 of the hostile corpus, as far as it concerns the receipt itself.
func TestOpenReceiptErrors(t *testing.T) {
	key, stranger := newTestSiteKey(t, "north", 1), newTestSiteKey(t, "north", 2)
	good := string(signTest(t, newTestReceipt()))
	line := good[strings.LastIndex(good, "— "):]
	signWith := func(text string, keys ...*SiteKey) string {
		var signers []note.Signer
		for _, k := range keys {
			signers = append(signers, k.signer)
		}
		b, err := note.Sign(&note.Note{Text: text}, signers...)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	text := good[:strings.LastIndex(good, "\n—")]
	tests := []struct {
		name string
		in   string
		want string
	}{
		{"other key", signWith(text, stranger), ReceiptSignature},
		{"other site", signWith(text, newTestSiteKey(t, "south", 1)), ReceiptSignature},
		{"other site by our key", signWith(strings.Replace(text, "north", "south", 1), key), ReceiptSite},
		{"two signatures", signWith(text, key, stranger), ReceiptSignature},
		{"our signature twice", good + line, ReceiptSignature},
		{"tampered", strings.Replace(good, "seq 42", "seq 43", 1), ReceiptSignature},
		{"signature in lax base64", strings.TrimSuffix(good, "\n") + "\\\n", "form of receipt"},
		{"no signature", text, "form of receipt"},
		{"byte at the end", good + "x", "form of receipt"},
		{"newline at the end", good + "\n", "form of receipt"},
		{"line at the start", "\n" + good, ReceiptSignature},
		{"NUL in the text", signedNUL(t, text, key), "form of receipt"},
		{"other version", signWith(strings.Replace(text, "v1", "v2", 1), key), "version"},
		{"other note", signWith("hello\n", key), "form of receipt"},
		{"huge", good + strings.Repeat(line, 50), "form of receipt"},
		{"empty", "", "form of receipt"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := OpenReceipt([]byte(tt.in), key.Public())
			if refusal(err) != tt.want {
				t.Errorf("OpenReceipt = %v, want %q", err, tt.want)
			}
			if r != nil {
				t.Errorf("OpenReceipt = %+v with an error, want nil", r)
			}
		})
	}
	if _, err := OpenReceipt([]byte(good), nil); refusal(err) != ReceiptSignature {
		t.Errorf("OpenReceipt without a key = %v, want %s", err, ReceiptSignature)
	}
}

// signedNUL returns a note that note.Sign would refuse to make.
func signedNUL(t *testing.T, text string, key *SiteKey) string {
	t.Helper()
	signed, err := note.Sign(&note.Note{Text: text}, key.signer)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(string(signed), "imported", "import\x00d", 1)
}

// Every bit flipped, and every truncation.
func TestReceiptNotMalleable(t *testing.T) {
	key := newTestSiteKey(t, "north", 1).Public()
	b := signTest(t, newTestReceipt())
	if _, err := OpenReceipt(b, key); err != nil {
		t.Fatal(err)
	}
	for i := range b {
		for bit := range 8 {
			b[i] ^= 1 << bit
			if _, err := OpenReceipt(b, key); err == nil {
				t.Errorf("bit %d of byte %d flipped: accepted", bit, i)
			}
			b[i] ^= 1 << bit
		}
	}
	for n := range b {
		if _, err := OpenReceipt(b[:n], key); err == nil {
			t.Errorf("cut to %d bytes: accepted", n)
		}
	}
}

func FuzzReceipt(f *testing.F) {
	signed := signTest(f, newTestReceipt())
	text, err := newTestReceipt().AppendText(nil)
	if err != nil {
		f.Fatal(err)
	}
	key := newTestSiteKey(f, "north", 1)
	f.Add(signed)
	f.Add(text)
	f.Add([]byte("ferry-receipt-v2\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if r, err := ParseReceipt(in); err == nil {
			b, err := r.AppendText(nil)
			if err != nil {
				t.Fatalf("accepted receipt does not encode: %v", err)
			}
			if !bytes.Equal(b, in) {
				t.Errorf("read %q, wrote %q", in, b)
			}
		}
		if r, err := OpenReceipt(in, key.Public()); err == nil {
			b, err := SignReceipt(r, key)
			if err != nil {
				t.Fatalf("accepted receipt does not sign: %v", err)
			}
			if !bytes.Equal(b, in) {
				t.Errorf("read %q, wrote %q", in, b)
			}
		}
	})
}
