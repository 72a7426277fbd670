package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/internal/testtool"
)

// unpack unpacks volumes with tar into a directory.
func unpack(t *testing.T, w *world, volumes []string) string {
	t.Helper()
	dir := t.TempDir()
	for _, v := range volumes {
		mustExecute(t, dir, nil, testtool.Find(t, "tar"), "xf", w.path(v))
	}
	return dir
}

func volumePaths(w *world, flags ...string) []string {
	w.tb.Helper()
	var paths []string
	for _, v := range w.pack(flags...).Volumes {
		paths = append(paths, v.Path)
	}
	return paths
}

func TestStockToolsAcceptTheSignature(t *testing.T) {
	w := newWorld(t, 1<<10, "")
	dir := unpack(t, w, volumePaths(w))
	sigs, err := filepath.Glob(filepath.Join(dir, "sigs", "*.sig"))
	if err != nil || len(sigs) != 1 {
		t.Fatalf("%d signatures, %v, want 1", len(sigs), err)
	}
	key := w.path("vendor/keys/cosign.pub")
	text, err := os.ReadFile(filepath.Join(dir, "ferry.statement"))
	if err != nil {
		t.Fatal(err)
	}
	other := append(slices.Clone(text), ' ')
	if err := os.WriteFile(filepath.Join(dir, "other"), other, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		tool, script string // $1 is the tool, $2 the key, $3 the signature, $4 what is signed
	}{
		{"cosign", `"$1" verify-blob --key "$2" --insecure-ignore-tlog --signature "$3" "$4"`},
		{"openssl", `base64 -d "$3" | "$1" dgst -sha256 -verify "$2" -signature /dev/stdin "$4"`},
	}
	for _, tt := range tests {
		t.Run(tt.tool, func(t *testing.T) {
			verify := func(file string) result {
				return execute(t, dir, nil, "sh", "-c", tt.script, "sh", testtool.Find(t, tt.tool), key, sigs[0], file)
			}
			if r := verify("ferry.statement"); r.code != 0 || !strings.Contains(r.stdout+r.stderr, "Verified OK") {
				t.Errorf("%s does not accept the statement: exit code %d\n%s%s", tt.tool, r.code, r.stdout, r.stderr)
			}
			if r := verify("other"); r.code == 0 {
				t.Errorf("%s accepts another statement", tt.tool)
			}
		})
	}
}

func TestTarListsEveryVolume(t *testing.T) {
	w := newWorld(t, 9<<20, "")
	volumes := volumePaths(w, "--volume-size", "4MiB")
	if len(volumes) < 3 {
		t.Fatalf("%d volumes, want 3 or more", len(volumes))
	}
	tests := []struct {
		name    string
		program string
		args    []string
		pinned  bool // where changes land it is there
	}{
		{"GNU", "tar", []string{"tf"}, true},
		{"bsdtar", "bsdtar", []string{"tf"}, false},
		{"busybox", "busybox", []string{"tar", "tf"}, false},
	}
	var want []string
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			program, ok := testtool.Look(tt.program)
			if !ok && !tt.pinned {
				t.Skipf("%s is not installed", tt.program)
			}
			var got []string
			for _, v := range volumes {
				r := execute(t, w.dir, nil, program, append(tt.args, v)...)
				if r.code != 0 || r.stderr != "" {
					t.Errorf("%s of %s: exit code %d\n%s", tt.name, v, r.code, r.stderr)
				}
				got = append(got, strings.Fields(r.stdout)...)
			}
			if want == nil {
				want = got
			}
			if !slices.Equal(got, want) || !slices.Contains(got, "ferry.statement") {
				t.Errorf("%s lists %q, want %q", tt.name, got, want)
			}
		})
	}
}

func TestCatOfPartsIsTheBlob(t *testing.T) {
	w := newWorld(t, 9<<20, "")
	dir := unpack(t, w, volumePaths(w, "--volume-size", "4MiB"))
	firsts, err := filepath.Glob(filepath.Join(dir, "blobs", "sha256", "*.0001"))
	if err != nil || len(firsts) == 0 {
		t.Fatalf("no blob is split: %v", err)
	}
	for _, first := range firsts {
		blob := strings.TrimSuffix(first, ".0001")
		sum, _, _ := strings.Cut(mustExecute(t, dir, nil, "sh", "-c", `cat "$1".???? | sha256sum`, "sh", blob), " ")
		if want := filepath.Base(blob); sum != want {
			t.Errorf("cat of the parts of %s has SHA-256 %s", want, sum)
		}
	}
}

func TestUnpackedBundleIsAnImageLayout(t *testing.T) {
	w := newWorld(t, 1<<20, "")
	dir := unpack(t, w, volumePaths(w, "--no-patch"))
	var index struct {
		Manifests []struct {
			MediaType   string            `json:"mediaType"`
			Digest      string            `json:"digest"`
			Annotations map[string]string `json:"annotations"`
		} `json:"manifests"`
	}
	readJSON(t, filepath.Join(dir, "index.json"), &index)
	const charts, releases = 1, 1
	if len(index.Manifests) != 3+charts+releases {
		t.Fatalf("index.json names %d manifests, want the images, the chart and the release", len(index.Manifests))
	}
	host := serve(t, t.TempDir())
	for i, m := range index.Manifests {
		name := m.Annotations["org.opencontainers.image.ref.name"]
		t.Run(name, func(t *testing.T) {
			from := "oci:" + dir + ":" + name
			if raw := skopeo(t, "inspect", "--raw", from); digestOf(raw) != m.Digest {
				t.Errorf("skopeo inspect --raw gives %s, want %s", digestOf(raw), m.Digest)
			}
			got := pullAll(t, from)
			if strings.Contains(m.MediaType, "index") {
				if diff := cmp.Diff(pullAll(t, "docker://"+name), got); diff != "" {
					t.Errorf("skopeo copies other files from the layout than from the source (-source +layout):\n%s", diff)
				}
			} else if got["manifest.json"] != m.Digest {
				t.Errorf("copied by skopeo to a folder it is %s, want %s", got["manifest.json"], m.Digest)
			}
			to := "docker://" + host + "/copy/" + string(rune('a'+i)) + ":1"
			skopeo(t, "copy", "--all", "--dest-tls-verify=false", from, to)
			if diff := cmp.Diff(got, pullAll(t, to)); diff != "" {
				t.Errorf("copied on to a registry it is something else (-layout +copy):\n%s", diff)
			}
		})
	}
}

// skopeo runs skopeo, which has to succeed, and returns what it printed.
func skopeo(t *testing.T, args ...string) []byte {
	t.Helper()
	// Its usual policy comes in a package that it can do without.
	args = append([]string{"--insecure-policy"}, args...)
	return []byte(mustExecute(t, t.TempDir(), nil, testtool.Find(t, "skopeo"), args...))
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func digestOfFile(tb testing.TB, name string) string {
	tb.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	return digestOf(b)
}

func readJSON(t *testing.T, name string, v any) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}
