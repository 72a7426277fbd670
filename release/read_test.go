package release

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// wholeRelease has every field that a release can have.
const wholeRelease = `apiVersion: ferry/v1
kind: Release
name: shop
version: 1.10
platforms: [linux/amd64]
images:
  - docker.io/library/nginx:1.27
  - image: registry.example/shop/api:1.0
    platforms: [linux/arm64, linux/amd64]
    verify: {key: keys/api.pub}
  - image: busybox
    platforms: [all]
charts:
  - chart: oci://registry.example/charts/n9e
    version: 1.2.3
  - chart: nightingale
    repo: https://charts.example/stable
    version: ~1.2
  - ./charts/shop
files:
  - path: bin/kubectl
    to: tools/kubectl
  - docs
manifests:
  - deploy/*.yaml
  - path: ../common
    to: common
`

func TestParse(t *testing.T) {
	got, err := Parse("release.yaml", []byte(wholeRelease))
	if err != nil {
		t.Fatal(err)
	}
	want := &Release{
		Path: "release.yaml", Name: "shop", Version: "1.10", Platforms: []string{"linux/amd64"},
		Images: []WantedImage{
			{7, "docker.io/library/nginx:1.27", nil, ""},
			{8, "registry.example/shop/api:1.0", []string{"linux/amd64", "linux/arm64"}, "keys/api.pub"},
			{11, "busybox", []string{AllPlatforms}, ""},
		},
		Charts: []WantedChart{
			{14, "oci://registry.example/charts/n9e", "", "1.2.3"},
			{16, "nightingale", "https://charts.example/stable", "~1.2"},
			{19, "./charts/shop", "", ""},
		},
		Files:     []WantedFile{{21, "bin/kubectl", "tools/kubectl"}, {23, "docs", ""}},
		Manifests: []WantedManifests{{25, "deploy/*.yaml", ""}, {26, "../common", "common"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}
}

func TestParseFollowsAliases(t *testing.T) {
	r, err := Parse("r.yaml", []byte("apiVersion: ferry/v1\nkind: Release\nname: a\nversion: &v '1'\n"+
		"images: [{image: 'a:1', platforms: &p [linux/amd64]}, {image: 'b:1', platforms: *p}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"linux/amd64"}, r.Images[1].Platforms); diff != "" {
		t.Errorf("platforms of the alias (-want +got):\n%s", diff)
	}
}

const head = "apiVersion: ferry/v1\nkind: Release\nname: shop\nversion: '1'\n"

func TestParseProblems(t *testing.T) {
	tests := []struct {
		name, text string
		want       string // all lines
	}{
		{"empty", "", "r:1: is empty"},
		{"no mapping", "[]", "r:1: release is a list, want fields"},
		{"broken YAML", head + "images: [", "r:5: reading YAML: did not find expected node content"},
		{"tabs", head + "images:\n\t- a", "r:6: reading YAML: found character that cannot start any token"},
		{"second document", head + "images: [a]\n---\na: b\n", "r:6: has a second document, want one"},
		{"nothing to ship", head, "r:1: release has neither images nor charts nor files nor manifests"},
		{"required fields", "images: [a]", "r:1: release has no field \"apiVersion\"\nr:1: release has no field \"kind\"\nr:1: release has no field \"name\"\nr:1: release has no field \"version\""},
		{"other kind", "apiVersion: v1\nkind: Pod\n", "r:1: apiVersion is \"v1\", want \"ferry/v1\"\nr:2: kind is \"Pod\", want \"Release\""},
		{"unknown field", head + "platformz: []\n", "r:5: release has no field \"platformz\", did you mean \"platforms\"?"},
		{
			"far field", head + "images: [{image: a, colour: red}]\n",
			"r:5: image has no field \"colour\"; its fields are image, platforms, verify",
		},
		{"field twice", head + "images: [a]\nimages: [b]\n", "r:6: release has \"images\" twice, first in line 5"},
		{"field as list", head + "? [a]\n: b\n", "r:5: release has a list as name of a field"},
		{"merge", head + "<<: {images: [a]}\n", "r:5: release has no field \"<<\"; its fields are apiVersion, kind, name, version, platforms, images, charts, files, manifests"},
		{"number", "apiVersion: ferry/v1\nkind: Release\nname: 1\nversion: 1\nimages: [a]", "r:3: name is \"1\" (int), want text: write it in quotes, \"1\""},
		{"null", head + "images:\n", "r:5: images is empty, want a list"},
		{"null image", head + "images:\n-\n", "r:6: image is empty, want text"},
		{"empty list", head + "images: []\n", "r:5: images is an empty list; leave it out"},
		{"empty text", head + "images: ['']\n", "r:5: image is empty"},
		{"control character", head + "files: [\"a\\x07\"]\n", "r:5: path is \"a\\a\", want at most 2000 printable characters"},
		{"space around", head + "files: ['a ']\n", "r:5: path is \"a \", which starts or ends with a space"},
		{"name", "apiVersion: ferry/v1\nkind: Release\nname: Shop\nversion: '1'\nimages: [a]", "r:3: name is \"Shop\", want 1 to 100 of a-z, 0-9, '.', '_' and '-'"},
		{"version", "apiVersion: ferry/v1\nkind: Release\nname: a\nversion: 1+2\nimages: [a]", "r:4: version is \"1+2\", want what can be a tag: 1 to 128 letters, digits, '.', '_' and '-'"},
		{
			"platforms", head + "platforms: [linux, linux/amd64, linux/amd64, 5]\n",
			"r:5: platform \"linux\": want os/architecture or os/architecture/variant, such as linux/arm64\nr:5: platform \"linux/amd64\" is listed twice\nr:5: platform is \"5\" (int), want text: write it in quotes, \"5\"",
		},
		{"all beside others", head + "platforms: [linux/amd64, all]\nimages: [a]\n", "r:5: platforms has \"all\" beside others"},
		{"reference", head + "images: ['https://x/y']\n", "r:5: reference \"https://x/y\": \"https:\" can't be a host"},
		{"image without one", head + "images: [{platforms: [linux/amd64]}]\n", "r:5: image has no field \"image\""},
		{"verify without key", head + "images: [{image: a, verify: {}}]\n", "r:5: verify has no key"},
		{"chart without version", head + "charts: ['oci://a.example/b']\n", "r:5: chart \"oci://a.example/b\": has no version: name one, or a range, \"*\" for the newest"},
		{"chart with tag", head + "charts: [{chart: 'oci://a.example/b:1', version: 1}]\n", "r:5: chart \"oci://a.example/b:1\": want oci://host/path, and the version apart"},
		{"chart range", head + "charts: [{chart: a, version: '>>1'}]\n", "r:5: chart \"a\": version \">>1\" is neither a version nor a range of versions, such as ~1.2"},
		{"chart repo", head + "charts: [{chart: a, repo: 'ftp://x', version: '1'}]\n", "r:5: chart \"a\": repo \"ftp://x\": want https://host/path"},
		{"chart password", head + "charts: [{chart: a, repo: 'https://me:secret@x.example', version: '1'}]\n", "r:5: chart \"a\": repo of host \"x.example\": has a password in it, which would be in the lock file"},
		{"chart path in repo", head + "charts: [{chart: a/b, repo: 'https://x', version: '1'}]\n", "r:5: chart \"a/b\": want the name that it has in the repo"},
		{"oci with repo", head + "charts: [{chart: 'oci://x.example/y', repo: 'https://x', version: '1'}]\n", "r:5: chart \"oci://x.example/y\": has a repo, which is for charts of HTTP repositories"},
		{
			"file above", head + "files: [../a]\n",
			"r:5: file \"../a\": say with \"to\" where it lands: path \"../a\": want a relative path without \"..\", \".\" and empty parts",
		},
		{"to above", head + "files: [{path: a, to: ../b}]\n", "r:5: to: path \"../b\": want a relative path without \"..\", \".\" and empty parts"},
		{"file without path", head + "files: [{to: b}]\n", "r:5: file has no field \"path\""},
		{"pattern", head + "manifests: ['[']\n", "r:5: manifests \"[\": syntax error in pattern"},
		{"manifests above", head + "manifests: ['../*.yaml']\n", "r:5: manifests \"../*.yaml\": say with \"to\" where it lands: path \"..\": want a relative path without \"..\", \".\" and empty parts"},
		{
			"all at once", "apiVersion: ferry/v1\nkind: Release\nnane: x\nversion: [1]\nimages:\n- A\n- image: b\n  platformz: x\n",
			"r:3: release has no field \"nane\", did you mean \"name\"?\nr:4: version is a list, want text\n" +
				"r:6: reference \"A\": \"library/A\" can't be a repository: want names of a-z and 0-9 with '.', '_', '__' or '-' inside, separated by '/'\n" +
				"r:8: image has no field \"platformz\", did you mean \"platforms\"?",
		},
		{"too large", strings.Repeat("#", MaxReleaseSize+1), "r: is larger than 1048576 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := Parse("r", []byte(tt.text))
			if err == nil {
				t.Fatalf("Parse = %+v, want an error", r)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("Parse (-want +got):\n%s", diff)
			}
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Errorf("Parse = %T, want *Error in it", err)
			}
		})
	}
}

// A small document can stand for a huge one.
func TestParseAliasBomb(t *testing.T) {
	var b strings.Builder
	b.WriteString(head + "images:\n- &i {image: a, platforms: [" + strings.Repeat("linux/amd64,", 1000) + "]}\n")
	for range 100_000 {
		b.WriteString("- *i\n")
	}
	_, err := Parse("r", []byte(b.String()))
	if err == nil || !strings.Contains(err.Error(), "has more than 200000 values, aliases followed") {
		t.Errorf("Parse = %.300v, want it to give up", err)
	}
}

func TestReadNoFile(t *testing.T) {
	_, err := Read(filepath.Join(t.TempDir(), "release.yaml"))
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Read = %v, want ErrNotExist", err)
	}
}

// A name that could be taken for something else is quoted in errors.
func TestErrorQuotesStrangeNames(t *testing.T) {
	e := &Error{File: "a\nb", Line: 2, Msg: "is wrong", Err: os.ErrNotExist}
	if got, want := e.Error(), `"a\nb":2: is wrong: file does not exist`; got != want {
		t.Errorf("Error() = %s, want %s", got, want)
	}
}

// What is accepted is printed and read to the same again.
func FuzzParse(f *testing.F) {
	f.Add([]byte(wholeRelease))
	f.Add([]byte(head + "images: [{image: 'a:1', platforms: &p [linux/amd64]}, {image: 'b:1', platforms: *p}]\n"))
	f.Add([]byte(head + "files: [{path: \"a b\", to: 'true'}, {path: '1.0', to: '~'}, '#', '- a', \"'\", 'a: b']\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Parse("r", data)
		if err != nil {
			return
		}
		text, err := r.AppendText(nil)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse("r", text)
		if err != nil {
			t.Fatalf("printed as\n%s\n%v", text, err)
		}
		noLines := cmpopts.IgnoreFields
		if diff := cmp.Diff(r, again, noLines(WantedImage{}, "Line"), noLines(WantedChart{}, "Line"),
			noLines(WantedFile{}, "Line"), noLines(WantedManifests{}, "Line")); diff != "" {
			t.Errorf("printed as\n%s(-first +second):\n%s", text, diff)
		}
		second, err := again.AppendText(nil)
		if err != nil || !bytes.Equal(text, second) {
			t.Errorf("printed again, %v:\n%s\nwant\n%s", err, second, text)
		}
	})
}
