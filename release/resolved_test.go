package release

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
)

// sampleResolved returns a resolved release with everything in it.
func sampleResolved() *Resolved {
	d := func(s string) bundle.Digest { return bundle.DigestOf([]byte(s)) }
	selected := []bundle.Digest{d("amd64"), d("arm64")}
	slices.Sort(selected)
	return &Resolved{
		Name: "shop", Version: "1.0.0",
		Images: []Image{
			{
				Name: "docker.io/library/nginx:1.27", Repository: "docker.io/library/nginx", Tag: "1.27",
				Digest: d("index"), MediaType: oci.MediaTypeIndex, Size: 900,
				Platforms: []string{"linux/amd64", "linux/arm64"}, Selected: selected,
				Attachments: []Attachment{{
					Subject: d("amd64"), Digest: d("signature"), MediaType: oci.MediaTypeManifest, Size: 500,
					Tag: "sha256-" + d("amd64").Hex() + ".sig", ArtifactType: oci.MediaTypeConfig,
				}},
			},
			{
				Name: "registry.example/shop/api@" + string(d("api")), Repository: "registry.example/shop/api",
				Digest: d("api"), MediaType: oci.MediaTypeManifest, Size: 700,
			},
		},
		Charts: []Chart{{
			Name: "n9e", Version: "1.2.3+x", Source: "oci://registry.example/charts/n9e",
			Repository: "registry.example/charts/n9e", Tag: "1.2.3_x",
			Digest: d("chart"), MediaType: oci.MediaTypeManifest, Size: 400,
		}},
		Files:     []File{{"bin/tool", ModeExecutable, 12, d("tool")}, {"doc/<read> & me", ModePlain, 0, d("")}},
		Manifests: []File{{"deploy/app.yaml", ModePlain, 30, d("app")}},
	}
}

func TestResolvedRoundTrip(t *testing.T) {
	r := sampleResolved()
	text, err := r.AppendText([]byte("before "))
	if err != nil {
		t.Fatal(err)
	}
	text, ok := bytes.CutPrefix(text, []byte("before "))
	if !ok || !bytes.HasPrefix(text, []byte("{\n  \"name\": \"shop\",\n")) || !bytes.HasSuffix(text, []byte("\n}\n")) {
		t.Errorf("AppendText =\n%s", text)
	}
	if bytes.Contains(text, []byte("null")) || !bytes.Contains(text, []byte("<read> & me")) {
		t.Errorf("has null, or escapes what people should read:\n%s", text)
	}
	got, err := ParseResolved(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r.withLists(), got); diff != "" {
		t.Errorf("ParseResolved (-want +got):\n%s", diff)
	}
}

func TestResolvedRefuses(t *testing.T) {
	tests := []struct {
		name string
		harm func(r *Resolved)
		want string
	}{
		{"name", func(r *Resolved) { r.Name = "Shop" }, "name \"Shop\""},
		{"version", func(r *Resolved) { r.Version = "" }, "version \"\""},
		{"unsorted images", func(r *Resolved) { slices.Reverse(r.Images) }, "images are not sorted"},
		{"image name", func(r *Resolved) { r.Images[0].Name = "nginx:1.27" }, "are not those of the name"},
		{"image tag", func(r *Resolved) { r.Images[0].Tag = "1.28" }, "are not those of the name"},
		{"other digest than named", func(r *Resolved) { r.Images[1].Digest = r.Images[0].Digest }, "is not that of the name"},
		{"digest", func(r *Resolved) { r.Images[0].Digest = "sha256:0" }, "digest"},
		{"media type", func(r *Resolved) { r.Images[0].MediaType = "" }, "is not a media type"},
		{"size", func(r *Resolved) { r.Images[0].Size = 0 }, "has 0 bytes"},
		{"platform", func(r *Resolved) { r.Images[0].Platforms[0] = "linux" }, "platform \"linux\""},
		{"unsorted platforms", func(r *Resolved) { slices.Reverse(r.Images[0].Platforms) }, "platforms are not sorted"},
		{"unsorted selection", func(r *Resolved) { slices.Reverse(r.Images[0].Selected) }, "is not sorted"},
		{"subject", func(r *Resolved) { r.Images[0].Attachments[0].Subject = "" }, "subject"},
		{"attachment tag", func(r *Resolved) { r.Images[0].Attachments[0].Tag = "a b" }, "is not a tag"},
		{"attachment twice", func(r *Resolved) {
			a := r.Images[0].Attachments
			r.Images[0].Attachments = append(a, a[0])
		}, "attachments are not sorted"},
		{"chart name", func(r *Resolved) { r.Charts[0].Name = "" }, "is not printable"},
		{"chart repository", func(r *Resolved) { r.Charts[0].Repository = "a//b" }, "is not a repository"},
		{"chart tag", func(r *Resolved) { r.Charts[0].Tag = "1+x" }, "is not a tag"},
		{"chart twice", func(r *Resolved) { r.Charts = append(r.Charts, r.Charts[0]) }, "charts are not sorted"},
		{"one tag, two contents", func(r *Resolved) {
			c := r.Charts[0]
			c.Repository, c.Tag = "docker.io/library/nginx", "1.27"
			r.Charts = append(r.Charts, c)
		}, "would be"},
		{"path above", func(r *Resolved) { r.Files[0].Path = "../x" }, "want a relative path"},
		{"path with backslash", func(r *Resolved) { r.Files[0].Path = `a\b` }, "printable characters, without"},
		{"file and folder", func(r *Resolved) { r.Files[0].Path, r.Files[1].Path = "doc", "doc/x" }, "is a file, and the folder of"},
		{"mode", func(r *Resolved) { r.Files[0].Mode = "0777" }, "mode is \"0777\""},
		{"file size", func(r *Resolved) { r.Files[0].Size = -1 }, "-1 bytes"},
		{"unsorted files", func(r *Resolved) { slices.Reverse(r.Files) }, "not sorted by path"},
		{"too many files", func(r *Resolved) { r.Files = make([]File, MaxFiles+1) }, "at most 5000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := sampleResolved()
			tt.harm(r)
			_, err := r.AppendText(nil)
			if _, ok := errors.AsType[*FormatError](err); !ok || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("AppendText = %v, want a FormatError with %q", err, tt.want)
			}
		})
	}
}

// Another spelling of the same release is refused, and so is every truncation
// and every single byte changed, unless it spells another release.
func TestResolvedNotMalleable(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds with the race detector")
	}
	text, err := sampleResolved().AppendText(nil)
	if err != nil {
		t.Fatal(err)
	}
	check := func(b []byte) {
		r, err := ParseResolved(b)
		if err != nil {
			return
		}
		if again, err := r.AppendText(nil); err != nil || !bytes.Equal(again, b) {
			t.Errorf("accepted, but encodes to other bytes (%v):\n%s", err, b)
		}
	}
	for i := range text {
		check(text[:i])
		for _, c := range []byte{' ', '0', text[i] ^ 0x20} {
			b := bytes.Clone(text)
			b[i] = c
			check(b)
		}
	}
	for _, other := range []string{
		strings.TrimSuffix(string(text), "\n"),
		string(text) + "\n",
		strings.ReplaceAll(string(text), "  ", "\t"),
		strings.Replace(string(text), `"charts"`, `"Charts"`, 1),
		strings.Replace(string(text), `"selected": []`, `"selected": null`, 1),
		strings.Replace(string(text), `"size": 900`, `"size": 9e2`, 1),
		strings.Replace(string(text), "shop", `\u0073hop`, 1),
	} {
		if _, err := ParseResolved([]byte(other)); err == nil {
			t.Errorf("ParseResolved accepted\n%s", other)
		}
	}
}

// What is accepted encodes to the same bytes.
func FuzzParseResolved(f *testing.F) {
	text, err := sampleResolved().AppendText(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseResolved(b)
		if err != nil {
			return
		}
		if again, err := r.AppendText(nil); err != nil || !bytes.Equal(again, b) {
			t.Errorf("accepted, but encodes to other bytes (%v):\n%s", err, again)
		}
	})
}
