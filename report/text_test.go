package report

import (
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/bundle"
)

var update = flag.Bool("update", false, "write the files in testdata anew")

type text interface {
	WriteText(w io.Writer, width int) error
}

func digest(s string) bundle.Digest { return bundle.DigestOf([]byte(s)) }

var (
	noon    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	shop    = Release{"shop", "1.1", digest("shop 1.1")}
	shopOld = Release{"shop", "1.0", digest("shop 1.0")}
	image   = Content{
		Kind: KindImage, Name: "registry.example/a/rather/long/path/to/the/shop/api:1.1", Digest: digest("api"),
		Verdict: VerdictChanged, Platforms: []string{"linux/amd64", "linux/arm64"},
		Blobs: 12, Bytes: 98_100_000, NewBlobs: 4, NewBytes: 4_210_000, Signed: 1,
	}
	chart = Content{Kind: KindChart, Name: "shop 0.3.0", Verdict: VerdictHeld, Blobs: 3, Bytes: 4021}
	gone  = Content{Kind: KindImage, Name: "registry.example/shop/old:1", Verdict: VerdictRemoved}
	patch = Patch{
		Digest: digest("layer"), Owner: "registry.example/shop/api:1.1", Size: 3_900_000, Rung: RungRecipe, Encoder: "go126 level 6",
		Bases: []bundle.Digest{digest("old layer")}, Bytes: 990_000, Rebuild: 123,
	}
	largePatch = Patch{
		Digest: digest("tool"), Owner: "tools/cli.tar.gz", Size: 300_000, Rung: RungNear, Encoder: "pigz level 6 block 131072",
		Bases: []bundle.Digest{digest("old tool"), digest("layer"), digest("older tool")}, Bytes: 9_000, Rebuild: 20,
	}
	kept = Patch{Digest: digest("noise"), Owner: "registry.example/shop/api:1.1", Size: 301_000, Rung: RungWhole, Bytes: 301_000, Why: "no base"}
	plan = Plan{
		Site: "north", Epoch: 1, Seq: 2, Release: shop, Contents: []Content{image, chart, gone},
		Blobs: 15, Bytes: 98_104_021, NewBlobs: 4, NewBytes: 4_210_000, Payload: 1_300_000, Requires: []int64{1}, Lock: "release.lock.json",
		Patches: []Patch{patch, largePatch, kept},
	}
	sample = Bundle{
		Site: "north", SiteKey: digest("site key"), Epoch: 1, Seq: 2, Statement: digest("statement"), Prev: digest("prev"),
		Requires: []int64{1}, Root: 1, Issued: noon, Expires: noon.AddDate(0, 1, 0),
		Releases: []Release{shop}, Entries: 4, Bytes: 4_210_000, Volumes: 3, Missing: []int{2},
		Added:      []Reference{{"registry.example/shop/api:1.1", digest("api")}},
		Removed:    []Reference{{"registry.example/shop/api:1.0", digest("old api")}},
		Files:      []Volume{{"disk/north-1-2.v001.tar", 2_000_000}, {"disk/north-1-2.v003.tar", 210_000}},
		Signatures: []Signer{{"0123456789abcdef", "", ""}},
		Tool:       "ferry v0.1.0", NoTrust: "no root and no key was given to check the signatures against",
	}
)

// nothing is a plan that ships nothing, whole a bundle that was verified.
func nothing() *Plan {
	p := plan
	p.Seq, p.NewBlobs, p.NewBytes, p.Payload, p.Requires, p.Patches = 0, 0, 0, 0, nil, nil
	p.Contents = []Content{chart}
	return &p
}

func whole() *Bundle {
	b := sample
	b.Trusted, b.Verified, b.NoTrust, b.Missing, b.Requires = true, true, "", nil, nil
	b.Expired = true
	b.Releases = append(b.Releases, Release{"tools", "3", digest("tools")})
	b.Signatures = []Signer{{"0123456789abcdef", "packer", "packer"}, {"fedcba9876543210", "Ada", "officer"}}
	return &b
}

var texts = []struct {
	name string
	text text
}{
	{"plan", &plan},
	{"plan-nothing", nothing()},
	{"packed", &Packed{
		Plan: plan, Statement: digest("statement"), Issued: noon, Expires: noon.AddDate(0, 1, 0),
		Signers: []string{"0123456789abcdef"}, Volumes: []Volume{{"outbox/north-1-2.v001.tar", 4_300_000}},
	}},
	{"bundle", &sample},
	{"bundle-verified", whole()},
	{"bundle-unsigned", &Bundle{Site: "north", Epoch: 1, Seq: 1, Entries: 1, Volumes: 1, Issued: noon, Expires: noon, Tool: "x"}},
	{"import", &Import{
		Site: "north", Epoch: 1, Seq: 2, Statement: digest("statement"), State: "imported", Releases: []Release{shop},
		Changes: []TagChange{
			{"registry.example/shop/api:1.1", "harbor.north/registry.example/shop/api:1.1", "", digest("api"), ""},
			{"registry.example/shop/web:2", "harbor.north/registry.example/shop/web:2", digest("a"), digest("b"), "immutable"},
			{"registry.example/shop/db:3", "harbor.north/registry.example/shop/db:3", digest("a"), digest("a"), ""},
		},
		Files: []string{"/srv/files/shop"}, Uploaded: Count{4, 4_210_000}, Present: Count{1, 10},
		Receipt: "ferry-receipt-v1\nsite north\n", ReceiptAt: "receipts/1-2.txt",
	}},
	{"import-waiting", &Import{Site: "north", Epoch: 1, Seq: 2, State: "verified", Missing: []int{2, 3}, Releases: []Release{shop}}},
	{"import-dry", &Import{Site: "north", Epoch: 1, Seq: 2, State: "verified", DryRun: true, Uploaded: Count{1, 5}}},
	{"import-again", &Import{Site: "north", Epoch: 1, Seq: 2, State: "imported", Already: true, Releases: []Release{shop}}},
	{"outside-empty", &OutsideStatus{}},
	{"outside", &OutsideStatus{
		Sites: []SiteStatus{
			{
				Site: "north", Epoch: 1, SiteKey: digest("site key"), Holdings: Count{11, 94_000_000}, Inventory: digest("inventory"),
				Releases: []Release{shop},
				Shipments: []Shipment{
					{Seq: 1, State: "shipped", Means: "packed; nobody has said that it arrived", Releases: []Release{shopOld}, Bytes: 94_000_000, Volumes: []string{"a", "b"}, Issued: noon},
					{Seq: 2, State: "shipped", Means: "packed; nobody has said that it arrived", Releases: []Release{shop}, Bytes: 4_300_000, Volumes: []string{"c"}, Issued: noon.AddDate(0, 0, 1)},
					{Seq: 3, State: "planned", Means: "interrupted: pack again", Releases: []Release{shop}},
				},
			},
			{Site: "south", Epoch: 1},
		},
		Wanted: &plan,
	}},
	{"inside-empty", &InsideStatus{Site: "north", Registry: "harbor.north"}},
	{"inside", &InsideStatus{
		Site: "north", Registry: "harbor.north", Epoch: 1, Seq: 2, Head: digest("statement"), Holdings: Count{11, 94_000_000},
		Inventory: digest("inventory"), Probed: true, Missing: 1,
		Bundles: []BundleStatus{
			{Epoch: 1, Seq: 1, State: "imported", Releases: []Release{shopOld}, Since: noon},
			{Epoch: 1, Seq: 2, State: "imported", Releases: []Release{shop}, Since: noon.AddDate(0, 0, 1)},
			{Epoch: 1, Seq: 3, State: "verified", Means: "bring the missing volumes", Missing: []int{2}, Since: noon.AddDate(0, 0, 2)},
		},
		Releases: []ReleaseStatus{
			{Release: shop, Seq: 2, Current: true, Imported: noon.AddDate(0, 0, 1), Contents: []Content{
				image, {Kind: KindChart, Name: "shop 0.3.0", Verdict: VerdictHeld, Bytes: 4021, Missing: []string{"sha256:00"}},
			}},
			{Release: shopOld, Seq: 1, Imported: noon},
		},
	}},
	{"inside-probed", &InsideStatus{Site: "north", Registry: "harbor.north", Probed: true}},
	{"init-outside", &OutsideInit{"vendor", "vendor/trust/root.json", "vendor/keys/cosign.pub", "c0ff ee00"}},
	{"init-inside", &InsideInit{"north", "north", "harbor.north", "north/site.yaml", "north+1a2b3c4d+AAAA", digest("key")}},
	{"site", &SiteAdded{"north", "north+1a2b3c4d+AAAA"}},
	{"site-by-name", &SiteAdded{"south", ""}},
	{"trusted", &Trusted{"north", 1, "2027-03-01T12:00:00Z", []Signer{{"0123456789abcdef", "packer", "packer"}}}},
	{"served", &Served{"127.0.0.1:5000", "/srv/registry"}},
	{"version", &Version{"v0.1.0", "4fe7c82", "go1.26.8", "linux", "amd64", []string{"a-v1", "b-v1"}, []string{"a-v1"}}},
}

func TestText(t *testing.T) {
	for _, tt := range texts {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			if err := tt.text.WriteText(&b, 0); err != nil {
				t.Fatal(err)
			}
			name := filepath.Join("testdata", tt.name+".txt")
			if *update {
				if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("text of %s (-want +got):\n%s", tt.name, diff)
			}
		})
	}
}

// A narrow terminal makes names shorter, never anything else, and the lines of
// tables then fit.
func TestTextFits(t *testing.T) {
	for _, tt := range texts {
		var wide, narrow strings.Builder
		if err := errors.Join(tt.text.WriteText(&wide, 0), tt.text.WriteText(&narrow, 80)); err != nil {
			t.Fatal(err)
		}
		long, short := strings.Split(wide.String(), "\n"), strings.Split(narrow.String(), "\n")
		if len(long) != len(short) {
			t.Fatalf("%s: %d lines, on a narrow terminal %d", tt.name, len(long), len(short))
		}
		for i, line := range short {
			if !strings.HasPrefix(line, "  ") || strings.Contains(line, "sha256:") {
				if line != long[i] {
					t.Errorf("%s: line %q became %q, but is none of a table", tt.name, long[i], line)
				}
				continue
			}
			if n := utf8.RuneCountInString(line); n > 80 {
				t.Errorf("%s: line of %d columns: %q", tt.name, n, line)
			}
		}
	}
}

func TestTextPrintable(t *testing.T) {
	evil := plan
	evil.Contents = []Content{{Name: "a\x1b[2Kb\nferry: imported\u202e\xff", Verdict: VerdictNew}}
	var b strings.Builder
	if err := evil.WriteText(&b, 0); err != nil {
		t.Fatal(err)
	}
	if want := "a?[2Kb?ferry: imported??"; !strings.Contains(b.String(), want) {
		t.Errorf("text is %q, want %q in it", b.String(), want)
	}
}

// failWriter fails from the n-th write on.
type failWriter struct{ n int }

var errFull = errors.New("full")

func (w *failWriter) Write(b []byte) (int, error) {
	if w.n--; w.n < 0 {
		return 0, errFull
	}
	return len(b), nil
}

// However far it came, an error of writing is returned.
func TestTextReportsWriteErrors(t *testing.T) {
	for _, tt := range texts {
		var b strings.Builder
		if err := tt.text.WriteText(&b, 0); err != nil {
			t.Fatal(err)
		}
		for n := range strings.Count(b.String(), "\n") {
			if err := tt.text.WriteText(&failWriter{n}, 0); !errors.Is(err, errFull) {
				t.Fatalf("%s: WriteText with write %d failing = %v, want %v", tt.name, n, err, errFull)
			}
		}
	}
}

func TestPlural(t *testing.T) {
	tests := []struct {
		n    int64
		want string
	}{{0, "0 blobs"}, {1, "1 blob"}, {2, "2 blobs"}}
	for _, tt := range tests {
		if got := plural(tt.n, "blob"); got != tt.want {
			t.Errorf("plural(%d) = %q, want %q", tt.n, got, tt.want)
		}
	}
}
