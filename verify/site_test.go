package verify

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/airgap-ferry/ferry/bundle"
)

// newTestSiteKey makes the key of a site from fixed bytes.
func newTestSiteKey(tb testing.TB, site string, seed byte) *SiteKey {
	tb.Helper()
	private, public, err := GenerateSiteKey(bytes.NewReader(bytes.Repeat([]byte{seed}, 32)), site)
	if err != nil {
		tb.Fatal(err)
	}
	k, err := ParseSiteKey(private)
	if err != nil {
		tb.Fatal(err)
	}
	if k.Public().String() != public {
		tb.Fatalf("ParseSiteKey has public key %q, GenerateSiteKey gave %q", k.Public(), public)
	}
	return k
}

func TestSiteKey(t *testing.T) {
	private, public, err := GenerateSiteKey(rand.Reader, "north")
	if err != nil {
		t.Fatal(err)
	}
	for _, newline := range []string{"", "\n"} {
		k, err := ParseSiteKey(private + newline)
		if err != nil {
			t.Fatal(err)
		}
		p, err := ParsePublicSiteKey(public + newline)
		if err != nil {
			t.Fatal(err)
		}
		if p.Site() != "north" || p.String() != public || p.Digest() != bundle.DigestOf([]byte(public)) {
			t.Errorf("public key of %q is %q with digest %s, want north, %q", p.Site(), p, p.Digest(), public)
		}
		if k.Public().Digest() != p.Digest() {
			t.Errorf("digest is %s by the private and %s by the public key", k.Public().Digest(), p.Digest())
		}
	}
	_, again, err := GenerateSiteKey(rand.Reader, "north")
	if err != nil || again == public {
		t.Errorf("GenerateSiteKey gave %q twice, %v", public, err)
	}
}

// "+" is a digit of base64 and separates the parts of a key.
func TestSiteKeyWithPlus(t *testing.T) {
	private, public, err := GenerateSiteKey(bytes.NewReader(bytes.Repeat([]byte{0xef, 0xbe, 0xfb}, 11)), "north")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(private, "++++") {
		t.Fatalf("private key %q of a test has no +", private)
	}
	k, err := ParseSiteKey(private)
	if err != nil {
		t.Fatal(err)
	}
	if k.Public().String() != public {
		t.Errorf("ParseSiteKey has public key %q, want %q", k.Public(), public)
	}
}

func TestGenerateSiteKeyErrors(t *testing.T) {
	for _, site := range []string{"", "North", "a b", "a+b", strings.Repeat("a", 64)} {
		if _, _, err := GenerateSiteKey(rand.Reader, site); refusal(err) != "form of site key" {
			t.Errorf("GenerateSiteKey(%q) = %v, want a form error", site, err)
		}
	}
	errNoise := errors.New("no entropy")
	if _, _, err := GenerateSiteKey(errReader{errNoise}, "north"); !errors.Is(err, errNoise) {
		t.Errorf("GenerateSiteKey without entropy = %v, want %v", err, errNoise)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func TestParsePublicSiteKeyErrors(t *testing.T) {
	key := newTestSiteKey(t, "north", 1)
	good := key.Public().String()
	private, _, err := GenerateSiteKey(bytes.NewReader(make([]byte, 32)), "north")
	if err != nil {
		t.Fatal(err)
	}
	_, upper, err := note.GenerateKey(rand.Reader, "North")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, in string
		want     string // part of the message
	}{
		{"not a name of a site", upper, `site "North"`},
		{"empty", "", "malformed verifier id"},
		{"long", strings.Repeat("a", 300), "at most 256"},
		{"private", private, "this is the private key"},
		{"renamed", "south" + good[len("north"):], "invalid verifier hash"},
		{"upper-case hash", strings.Replace(good, good[6:14], strings.ToUpper(good[6:14]), 1), "not in canonical form"},
		{"base64 in two lines", good[:20] + "\n" + good[20:], "not in canonical form"},
		{"two newlines", good + "\n\n", "not in canonical form"},
		{"cut", good[:len(good)-4], "invalid verifier hash"},
		{"space", good + " ", "malformed verifier id"},
		{"other name", "a.b+" + good[6:], "invalid verifier hash"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k, err := ParsePublicSiteKey(tt.in)
			if refusal(err) != "form of site key" || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ParsePublicSiteKey = %v, want a form error with %q", err, tt.want)
			}
			if k != nil {
				t.Error("ParsePublicSiteKey returned a key with an error")
			}
		})
	}
}

// A key has one spelling, or a site could be bound by two digests.
func TestPublicSiteKeyNotMalleable(t *testing.T) {
	b := []byte(newTestSiteKey(t, "north", 1).Public().String())
	for i, old := range b {
		for c := range 256 {
			if b[i] = byte(c); b[i] == old {
				continue
			}
			if _, err := ParsePublicSiteKey(string(b)); err == nil {
				t.Errorf("byte %d changed from %#02x to %#02x: accepted", i, old, c)
			}
		}
		b[i] = old
	}
}

func TestParseSiteKeyErrors(t *testing.T) {
	private, public, err := GenerateSiteKey(bytes.NewReader(make([]byte, 32)), "north")
	if err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]string{
		"empty": "", "public": public, "renamed": strings.Replace(private, "north", "south", 1),
		"cut": private[:len(private)-4], "long": private + strings.Repeat("A", 300), "other name": strings.Replace(private, "north", "North", 1),
	} {
		k, err := ParseSiteKey(in)
		if refusal(err) != "form of site key" || k != nil {
			t.Errorf("%s: ParseSiteKey = %v, %v, want a form error", name, k, err)
		}
		if err != nil && strings.Contains(err.Error(), private[len(private)-20:]) {
			t.Errorf("%s: the error %q holds a part of the key", name, err)
		}
	}
}

func FuzzPublicSiteKey(f *testing.F) {
	good := newTestSiteKey(f, "north", 1).Public().String()
	f.Add(good)
	f.Add(good[:20])
	f.Add("PRIVATE+KEY+north")
	f.Fuzz(func(t *testing.T, in string) {
		k, err := ParsePublicSiteKey(in)
		if err == nil && k.String() != strings.TrimSuffix(in, "\n") {
			t.Errorf("read %q, wrote %q", in, k)
		}
	})
}
