package release

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/bundle"
)

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func TestResolveFiles(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"bin/kubectl*": "k", "docs/a.md": "a", "docs/sub/b.md": "b", "docs/empty": "",
		"above/x": "x", "rel/.keep": "",
	})
	link(t, "a.md", filepath.Join(dir, "docs/link.md"))
	link(t, "sub", filepath.Join(dir, "docs/linked"))
	link(t, "bin/kubectl", filepath.Join(dir, "tool"))
	rel := filepath.Join(dir, "rel")
	r := mustResolve(t, nil, rel, fmt.Sprintf(
		"files: [{path: ../bin/kubectl, to: tools/k}, {path: ../docs, to: docs}, {path: ../above/x, to: x}, {path: '%s/tool', to: tools/k}]\n", dir), ResolveOptions{})
	file := func(path, mode, content string) File {
		return File{path, mode, int64(len(content)), bundle.DigestOf([]byte(content))}
	}
	want := []File{
		file("docs/a.md", ModePlain, "a"),
		file("docs/empty", ModePlain, ""),
		file("docs/link.md", ModePlain, "a"),
		file("docs/linked/b.md", ModePlain, "b"),
		file("docs/sub/b.md", ModePlain, "b"),
		file("tools/k", ModeExecutable, "k"),
		file("x", ModePlain, "x"),
	}
	if diff := cmp.Diff(want, r.Resolved.Files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestResolveFilesRefuses(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"secret": "s", "out/a": "a", "gone/a": "a", "loop/sub/a": "a", "sock/a": "a", "one": "1", "two": "2", "colon/a:b": "x",
	})
	link(t, "../secret", filepath.Join(dir, "out/link"))
	link(t, "nothing", filepath.Join(dir, "gone/link"))
	link(t, "..", filepath.Join(dir, "loop/sub/up"))
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "unix", filepath.Join(dir, "sock/s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	tests := []struct{ name, files, want string }{
		{"missing", "[none]", "file \"none\": no such file or directory"},
		{"link out of the folder", "[out]", "file \"out\": \"link\": is a link that can't be followed: path escapes from parent"},
		{"link to nothing", "[gone]", "\"link\": is a link to something that is not there"},
		{"link to a folder above", "[loop]", "\"sub/up\" is a link to a folder above it"},
		{"socket in a folder", "[sock]", "\"s\" is neither a file nor a folder"},
		{"socket", "[sock/s]", "is neither a file nor a folder"},
		{"empty folder", "[empty]", "has no files"},
		{"two for one place", "[one, {path: two, to: one}]", "would both land at \"one\""},
		{"file and folder", "[one, {path: two, to: one/two}]", "\"one\" is a file, and the folder of \"one/two\""},
		{"name that is none elsewhere", "[colon]", "without"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := resolve(t, nil, dir, "files: "+tt.files+"\n", ResolveOptions{}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Resolve = %v, want %q", err, tt.want)
			}
		})
	}
}

// A file that changes between resolving and packing is noticed when it is
// opened, though the packer would also notice.
func TestChangedFile(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"a": "before"})
	r := mustResolve(t, nil, dir, "files: [a]\n", ResolveOptions{})
	open := r.Items()[1].Open
	if r.Items()[1].Owner != "a" || open == nil {
		t.Fatalf("second item is %+v, want the file", r.Items()[1])
	}
	if rc, err := open(); err != nil {
		t.Fatal(err)
	} else if b, err := io.ReadAll(rc); err != nil || string(b) != "before" {
		t.Errorf("content is %q, %v", b, err)
	} else {
		rc.Close()
	}
	later := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(dir, "a"), later, later); err != nil {
		t.Fatal(err)
	}
	if _, err := open(); err == nil || !strings.Contains(err.Error(), "changed since") {
		t.Errorf("Open = %v, want it to notice", err)
	}
}

// The files of /proc have no size, but content: like one that grows while it
// is read.
func TestGrowingFile(t *testing.T) {
	if _, err := os.Stat("/proc/version"); err != nil {
		t.Skip("needs /proc")
	}
	for _, body := range []string{"files: [{path: /proc/version, to: x}]\n", "manifests: [{path: /proc/version, to: x}]\n"} {
		if _, err := resolve(t, nil, t.TempDir(), body, ResolveOptions{}); err == nil || !strings.Contains(err.Error(), "reading from \"/proc/version\": ") {
			t.Errorf("%s: Resolve = %v, want it to notice", body, err)
		}
	}
}

func TestResolveManifests(t *testing.T) {
	const pod = "apiVersion: v1\nkind: Pod\n"
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"deploy/a.yaml": pod, "deploy/b.yaml": "# only\n---\n" + pod + "---\n" + pod, "deploy/c.yml": pod, "deploy/sub/d.yaml": pod,
		"all/x.json": `{"apiVersion":"v1","kind":"List","items":[]}`, "all/deep/y.yaml": pod, "all/readme.md": "#",
		"other/z": pod, "[odd]/q.yaml": pod,
	})
	r := mustResolve(t, nil, dir, "manifests: ['deploy/*.yaml', {path: all, to: base}, ./other/z, {path: deploy/*/*.yaml, to: deep}, {path: other/z, to: .x}]\n", ResolveOptions{})
	var got []string
	for _, f := range r.Resolved.Manifests {
		got = append(got, f.Path)
	}
	want := []string{".x/z", "base/deep/y.yaml", "base/x.json", "deep/sub/d.yaml", "deploy/a.yaml", "deploy/b.yaml", "other/z"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("manifests (-want +got):\n%s", diff)
	}
}

func TestResolveManifestsRefuses(t *testing.T) {
	tests := []struct{ name, content, want string }{
		{"broken", "apiVersion: v1\nkind: Pod\nspec:\n  a: b: c\n", "m.yaml:4: reading YAML: mapping values are not allowed"},
		{"template", "apiVersion: v1\nkind: {{ .Kind }}\n", "m.yaml:1: is no Kubernetes object: has no field \"kind\""},
		{"no object", "# nothing\n", "m.yaml: has no Kubernetes object"},
		{"text", "hello\n", "m.yaml:1: is the text \"hello\", want a Kubernetes object"},
		{"no kind in the second", "apiVersion: v1\nkind: Pod\n---\napiVersion: v1\n", "m.yaml:4: is no Kubernetes object: has no field \"kind\""},
		{"field twice", "apiVersion: v1\nkind: Pod\nspec:\n- {a: 1}\n- a: 1\n  a: 2\n", "m.yaml:6: field \"a\" stands twice, first in line 5"},
		{"deep", "apiVersion: v1\nkind: Pod\nspec: " + strings.Repeat("[", 300) + strings.Repeat("]", 300), "levels deep"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			writeFiles(t, dir, map[string]string{"m.yaml": tt.content})
			if _, err := resolve(t, nil, dir, "manifests: [m.yaml]\n", ResolveOptions{}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Resolve = %v, want %q", err, tt.want)
			}
		})
	}
	t.Run("nothing matches", func(t *testing.T) {
		if _, err := resolve(t, nil, t.TempDir(), "manifests: ['*.yml']\n", ResolveOptions{}); err == nil || !strings.Contains(err.Error(), "matches no file") {
			t.Errorf("Resolve = %v, want that nothing matches", err)
		}
	})
}

// Whatever is given, checking ends.
func FuzzCheckManifests(f *testing.F) {
	f.Add([]byte("apiVersion: v1\nkind: Pod\n---\n# c\n---\n- a\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, e := range checkManifests("m", b) {
			if e.Error() == "" {
				t.Error("empty error")
			}
		}
	})
}
