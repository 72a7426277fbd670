package statement

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/bundle"
)

// The golden file is the format: a change that fails here breaks roots that
// sites already trust. Add a file for a new version instead.
func TestRootGolden(t *testing.T) {
	const golden = "testdata/root-v1.json"
	got := encode(t, newCast(t).root())
	want, err := os.ReadFile(golden)
	if errors.Is(err, os.ErrNotExist) && *update {
		want, err = got, os.WriteFile(golden, got, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("AppendText =\n%s\nwant\n%s", got, want)
	}
	r, err := ParseRoot(want)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(newCast(t).root(), r); diff != "" {
		t.Errorf("ParseRoot differs (-want +got):\n%s", diff)
	}
}

// The document shows the golden file and its fingerprint, and the signature
// there is a real one.
func TestRootDocument(t *testing.T) {
	doc, err := os.ReadFile("../../docs/formats/root-v1.md")
	if err != nil {
		t.Fatal(err)
	}
	c := newCast(t)
	root := encode(t, c.root())
	sig, err := c.root1.sign(t, root).AppendText(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"```\n" + string(root) + "```", Fingerprint(root), c.root1.ID, string(sig)} {
		if !strings.Contains(string(doc), want) {
			t.Errorf("docs/formats/root-v1.md does not contain\n%s", want)
		}
	}
}

func TestParseRootErrors(t *testing.T) {
	good := string(encode(t, newCast(t).root()))
	edit := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not in the root", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	spki := base64.StdEncoding.EncodeToString(newCast(t).root1.SPKI)
	body := strings.TrimPrefix(good, rootMagic+"\n")
	tests := []struct {
		name string
		in   string
		want string // part of the message
	}{
		{"empty", "", `first line is "", want "ferry-root-v1"`},
		{"only magic", rootMagic, `first line`},
		{"no JSON", rootMagic + "\n", "EOF"},
		{"a statement", edit("root", "statement"), `first line is "ferry-statement-v1"`},
		{"next version", edit("v1", "v2"), `format "ferry-root-v2" is not supported`},
		{"carriage return", edit("v1\n", "v1\r\n"), "first line"},
		{"byte order mark", "\ufeff" + good, "first line"},
		{"too large", good + strings.Repeat(" ", MaxRootSize), "at most 65536"},
		{"two objects", good + body, "not in canonical form"},
		{"byte at the end", good + "\n", "not in canonical form"},
		{"newline missing", strings.TrimSuffix(good, "\n"), "not in canonical form"},
		{"space", edit(`"version":3`, `"version": 3`), "not in canonical form: differs at byte 25"},
		{"other order", edit(`"version":3,"epoch":2`, `"epoch":2,"version":3`), "not in canonical form"},
		{"other case", edit(`"version"`, `"Version"`), "not in canonical form"},
		{"duplicate field", edit(`"epoch":2`, `"epoch":2,"epoch":2`), "not in canonical form"},
		{"unknown field", edit(`"epoch":2`, `"epoch":2,"extra":1`), `unknown field "extra"`},
		{"missing field", edit(`"epoch":2,`, ""), "epoch is 0"},
		{"null", edit(`"epoch":2`, `"epoch":null`), "epoch is 0"},
		{"null list", edit(`"sites":["north","south"]`, `"sites":null`), "not in canonical form"},
		{"exponent", edit(`"epoch":2`, `"epoch":2e0`), "cannot unmarshal"},
		{"fraction", edit(`"epoch":2`, `"epoch":2.0`), "cannot unmarshal"},
		{"minus zero", edit(`"threshold":0`, `"threshold":-0`), "not in canonical form"},
		{"2^53", edit(`"epoch":2`, `"epoch":9007199254740992`), "epoch is 9007199254740992"},
		{"overflow", edit(`"epoch":2`, `"epoch":9223372036854775808`), "cannot unmarshal"},
		{"trailing comma", edit(`"epoch":2,`, `"epoch":2,,`), "invalid character"},
		{"escape", edit(`packer-1`, `packer\u002d1`), "not in canonical form"},
		{"invalid UTF-8", edit(`packer-1`, "packer\xff1"), "printable ASCII"},
		{"deep", rootMagic + "\n" + strings.Repeat("[", 10_001), "max depth"},
		{"time with offset", edit("2026-08-01T00:00:00Z", "2026-08-01T00:00:00+00:00"), "issued: time"},
		{"year 0", edit("2026-08-01", "0000-08-01"), "issued: time"},
		{"hours that are days", edit(`"P30D"`, `"PT720H"`), "max_age: duration"},
		{"base64 without padding", edit(`=="`, `"`), "not strict base64"},
		{"base64 spare bits", edit(spki, spki[:len(spki)-3]+"1=="), "not strict base64"},
		{"base64 with newline", edit(spki, spki[:4]+`\n`+spki[4:]), "not in canonical form"},
		{"base64 for URLs", edit(spki, strings.NewReplacer("+", "-", "/", "_").Replace(spki)), "not strict base64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := ParseRoot([]byte(tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want one with %q", err, tt.want)
			}
			if r != nil {
				t.Errorf("ParseRoot = %+v with an error, want nil", r)
			}
		})
	}
}

// Case 6 of the hostile corpus: keys that a root must not hold.
func TestRootKeyType(t *testing.T) {
	raw := sha256.Sum256([]byte("other curve"))
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P384(), append(raw[:], raw[:16]...))
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	c := newCast(t)
	good := string(encode(t, &Root{
		Version: 1, Epoch: 1, Issued: c.root().Issued, Expires: c.root().Expires,
		Keys: []Key{c.root1.Key}, Root: Role{ids(c.root1), 1}, Packer: Role{ids(c.root1), 1},
		Policy: c.root().Policy,
	}))
	bad := strings.NewReplacer(
		c.root1.ID, keyID(spki),
		base64.StdEncoding.EncodeToString(c.root1.SPKI), base64.StdEncoding.EncodeToString(spki)).Replace(good)
	if _, err := ParseRoot([]byte(bad)); refusal(err) != KeyType {
		t.Errorf("ParseRoot with a P-384 key = %v, want %s", err, KeyType)
	}
}

func TestRootCheck(t *testing.T) {
	c := newCast(t)
	tests := []struct {
		name string
		edit func(*Root)
		want string // part of the message
	}{
		{"version", func(r *Root) { r.Version = 0 }, "version is 0"},
		{"epoch", func(r *Root) { r.Epoch = maxInteger + 1 }, "epoch is 9007199254740992"},
		{"issued after expires", func(r *Root) { r.Expires = r.Issued }, "is not after issued"},
		{"fraction of a second", func(r *Root) { r.Issued = r.Issued.Add(1) }, "whole seconds"},
		{"year 3000", func(r *Root) { r.Expires = r.Expires.AddDate(1000, 0, 0) }, "from 2000 to 2999"},
		{"no keys", func(r *Root) { r.Keys = nil }, `role root: key`},
		{"too many keys", func(r *Root) { r.Keys = slices.Repeat(r.Keys, 11) }, "66 keys"},
		{"key without name", func(r *Root) { r.Keys[0].Name = "" }, "name"},
		{"name with newline", func(r *Root) { r.Keys[0].Name = "a\nb" }, "name"},
		{"one name twice", func(r *Root) { r.Keys[0].Name = r.Keys[1].Name }, "two keys are named"},
		{"id of another key", func(r *Root) { r.Keys[0].ID = r.Keys[1].ID }, "id is"},
		{"key twice", func(r *Root) { r.Keys[1] = r.Keys[0]; r.Keys[1].Name = "x" }, "not sorted by id"},
		{"keys unsorted", func(r *Root) { r.Keys[0], r.Keys[1] = r.Keys[1], r.Keys[0] }, "not sorted by id"},
		{"root threshold 0", func(r *Root) { r.Root.Threshold = 0 }, "role root: threshold is 0 with 2 keys, want 1 to 2"},
		{"packer threshold 0", func(r *Root) { r.Packer.Threshold = 0 }, "role packer: threshold is 0"},
		{"packer threshold 3 of 2", func(r *Root) { r.Packer.Threshold = 3 }, "role packer: threshold is 3 with 2 keys"},
		{"negative officer threshold", func(r *Root) { r.Officer.Threshold = -1 }, "role officer: threshold is -1"},
		{"no packers", func(r *Root) { r.Packer = Role{} }, "role packer: threshold is 0 with 0 keys"},
		{"unknown key in role", func(r *Root) { r.Packer.Keys[0] = "0000000000000000" }, "not in keys"},
		{"key twice in role", func(r *Root) { r.Packer.Keys[1] = r.Packer.Keys[0] }, "role packer: keys are not sorted"},
		{"packer is officer", func(r *Root) { r.Officer.Keys = ids(c.packer1) }, "must not countersign itself"},
		{"max_seq_step", func(r *Root) { r.Policy.MaxSeqStep = 0 }, "max_seq_step is 0"},
		{"max_seq_step huge", func(r *Root) { r.Policy.MaxSeqStep = 10_001 }, "max_seq_step is 10001"},
		{"max_age 0", func(r *Root) { r.Policy.MaxAge = 0 }, "max_age"},
		{"max_age with minutes", func(r *Root) { r.Policy.MaxAge += time.Minute }, "max_age"},
		{"clock_skew", func(r *Root) { r.Policy.ClockSkew = -time.Hour }, "clock_skew"},
		{"clock_skew huge", func(r *Root) { r.Policy.ClockSkew = 31 * day }, "clock_skew"},
		{"site name", func(r *Root) { r.Policy.Sites[0] = "North" }, `site "North"`},
		{"sites unsorted", func(r *Root) { slices.Reverse(r.Policy.Sites) }, "sites are not sorted"},
		{"site twice", func(r *Root) { r.Policy.Sites = []string{"north", "north"} }, "sites are not sorted"},
		{"any site and one more", func(r *Root) { r.Policy.Sites = []string{AnySite, "north"} }, `site "*"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := c.root()
			tt.edit(r)
			_, err := r.AppendText(nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("AppendText = %v, want an error with %q", err, tt.want)
			}
		})
	}
	if _, err := new(Root).AppendText(nil); err == nil {
		t.Error("the zero Root encodes")
	}
}

// A root of the greatest size is accepted, and one that is a byte larger is not.
func TestLargestRoot(t *testing.T) {
	r := newCast(t).root()
	r.Policy.Sites = nil
	spare := MaxRootSize - len(encode(t, r))
	for i := range spare/52 - 1 { // 49 of the name, two quotes, a comma
		r.Policy.Sites = append(r.Policy.Sites, fmt.Sprintf("site-%044d", i))
	}
	// Two more share what is left, which is 52 to 104 bytes.
	spare = MaxRootSize - len(encode(t, r)) - 6
	r.Policy.Sites = append(r.Policy.Sites, strings.Repeat("y", spare/2), strings.Repeat("z", spare-spare/2))
	if b := encode(t, r); len(b) != MaxRootSize {
		t.Fatalf("the test made a root of %d bytes, want %d", len(b), MaxRootSize)
	}
	// What stands before it in the buffer does not count.
	if _, err := r.AppendText(make([]byte, MaxRootSize)); err != nil {
		t.Error(err)
	}
	r.Policy.Sites[len(r.Policy.Sites)-1] += "z"
	if _, err := r.AppendText(nil); err == nil || !strings.Contains(err.Error(), "65537 bytes, at most 65536") {
		t.Errorf("AppendText of a root that is a byte too large = %v, want an error", err)
	}
}

// Changing any bit either breaks the root or changes what it says. A root with
// a second spelling could be read over the telephone once and mean two things.
func TestRootNotMalleable(t *testing.T) {
	want := newCast(t).root()
	b := encode(t, want)
	for i := range b {
		for bit := range 8 {
			b[i] ^= 1 << bit
			if r, err := ParseRoot(b); err == nil {
				if reflect.DeepEqual(r, want) {
					t.Errorf("bit %d of byte %d flipped: same Root", bit, i)
				}
				if again := encode(t, r); !bytes.Equal(again, b) {
					t.Errorf("bit %d of byte %d flipped: read %q, wrote %q", bit, i, b, again)
				}
			}
			b[i] ^= 1 << bit
		}
	}
	for n := range b {
		if _, err := ParseRoot(b[:n]); err == nil {
			t.Errorf("cut to %d bytes: accepted", n)
		}
	}
}

func TestParseRootAnySite(t *testing.T) {
	for _, sites := range [][]string{{AnySite}, nil} {
		want := newCast(t).root()
		want.Policy.Sites = sites
		r, err := ParseRoot(encode(t, want))
		if err != nil || !slices.Equal(r.Policy.Sites, sites) {
			t.Errorf("sites %q: ParseRoot = %v, %v", sites, r, err)
		}
	}
}

func TestRootErrorKinds(t *testing.T) {
	if _, err := ParseRoot([]byte("ferry-root-v9\n")); !errors.As(err, new(*bundle.VersionError)) {
		t.Errorf("other version: %T, want *bundle.VersionError", err)
	}
	if _, err := ParseRoot([]byte("hello\n")); !errors.As(err, new(*bundle.FormatError)) {
		t.Errorf("not a root: %T, want *bundle.FormatError", err)
	}
}

func FuzzRoot(f *testing.F) {
	good := encode(f, newCast(f).root())
	f.Add(good)
	f.Add([]byte("ferry-root-v2\n{}\n"))
	f.Add(good[:len(good)/2])
	f.Add(bytes.Replace(good, []byte(`["north","south"]`), []byte(`["*"]`), 1))
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := ParseRoot(in)
		if err != nil {
			return
		}
		b, err := r.AppendText(nil)
		if err != nil {
			t.Fatalf("accepted root does not encode: %v", err)
		}
		if !bytes.Equal(b, in) {
			t.Errorf("read %q, wrote %q", in, b)
		}
	})
}
