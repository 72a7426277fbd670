package inside

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/durable"
	"github.com/airgap-ferry/ferry/release"
)

// filesOf returns a release with files of these contents.
func filesOf(version string, contents map[string]string) (*release.Resolved, bundle.Digest, func(bundle.Digest) (io.ReadCloser, error)) {
	r := &release.Resolved{Name: "shop", Version: version}
	byDigest := make(map[bundle.Digest]string)
	for _, name := range sortedKeys(contents) {
		f := release.File{Path: name, Mode: release.ModePlain, Size: int64(len(contents[name])), Digest: bundle.DigestOf([]byte(contents[name]))}
		if strings.HasSuffix(name, ".sh") {
			f.Mode = release.ModeExecutable
		}
		byDigest[f.Digest] = contents[name]
		if strings.HasSuffix(name, ".yaml") {
			r.Manifests = append(r.Manifests, f)
		} else {
			r.Files = append(r.Files, f)
		}
	}
	digest := bundle.DigestOf(fmt.Append(nil, contents))
	return r, digest, func(d bundle.Digest) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(byDigest[d])), nil
	}
}

// dump returns the files below dir, with their modes, but not the temporary
// ones.
func dump(tb testing.TB, fsys durable.FS, dir string) map[string]string {
	tb.Helper()
	out := make(map[string]string)
	entries, err := fsys.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return out
	}
	if err != nil {
		tb.Fatal(err)
	}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		if durable.IsTemp(name) {
			continue
		}
		if e.IsDir() {
			for k, v := range dump(tb, fsys, name) {
				out[e.Name()+"/"+k] = v
			}
			continue
		}
		b, err := durable.ReadFile(fsys, name)
		if err != nil {
			tb.Fatal(err)
		}
		info, err := fsys.Stat(name)
		if err != nil {
			tb.Fatal(err)
		}
		out[e.Name()] = fmt.Sprintf("%v %s", info.Mode().Perm(), b)
	}
	return out
}

var (
	oldFiles = map[string]string{"read.me": "old", "gone": "x", "deploy.yaml": "kind: Old"}
	newFiles = map[string]string{"read.me": "new", "bin/run.sh": "#!", "empty": "", "deploy.yaml": "kind: New"}
)

// TestWriteFilesSurvivesPowerCuts stops the replacing of the files of a
// release at each call, and cuts the power. What is there then under the
// name is all of the old or all of the new, or nothing; and doing it again
// completes it and leaves nothing else.
func TestWriteFilesSurvivesPowerCuts(t *testing.T) {
	write := func(fsys durable.FS, files map[string]string) error {
		r, d, open := filesOf("1.0", files)
		_, err := writeFiles(fsys, "/files", r, d, open)
		return err
	}
	start := func() *durable.CrashFS {
		c := durable.NewCrash()
		if err := write(c, oldFiles); err != nil {
			t.Fatal(err)
		}
		return c.Crash()
	}
	before := dump(t, start(), "/files")
	done := start()
	if err := write(done, newFiles); err != nil {
		t.Fatal(err)
	}
	after := dump(t, done.Crash(), "/files")
	want := map[string]string{
		"shop/1.0/files/read.me":         "-rw-r--r-- new",
		"shop/1.0/files/bin/run.sh":      "-rwxr-xr-x #!",
		"shop/1.0/files/empty":           "-rw-r--r-- ",
		"shop/1.0/manifests/deploy.yaml": "-rw-r--r-- kind: New",
		"shop/1.0/" + releaseMark:        after["shop/1.0/"+releaseMark],
	}
	if diff := cmp.Diff(want, after); diff != "" {
		t.Fatalf("files (-want +got):\n%s", diff)
	}
	for n := 1; ; n++ {
		for seed := range uint64(4) {
			c := start()
			f := durable.NewFaulty(c, n, syscall.EIO)
			f.Forever = true
			err := write(f, newFiles)
			if len(f.Calls()) < n {
				if n < 30 {
					t.Errorf("only %d calls were made to fail", n)
				}
				return
			}
			when := fmt.Sprintf("power cut at call %d, %s", n, f.Calls()[n-1])
			cut := c.CrashTorn(rand.New(rand.NewPCG(uint64(n), seed)))
			got := dump(t, cut, "/files")
			if err == nil && !cmp.Equal(got, after) || len(got) > 0 && !cmp.Equal(got, before) && !cmp.Equal(got, after) {
				t.Errorf("%s: files are %v", when, got)
			}
			if err := write(cut, newFiles); err != nil {
				t.Errorf("%s: writing again: %v", when, err)
			}
			if diff := cmp.Diff(after, dump(t, cut.Crash(), "/files")); diff != "" {
				t.Errorf("%s: after writing again (-want +got):\n%s", when, diff)
			}
			if entries, err := cut.ReadDir("/files/shop"); err != nil || len(entries) != 1 {
				t.Errorf("%s: %v is left, %v", when, entries, err)
			}
		}
	}
}

// TestWriteFilesRefuses: what does not have its digest, or would stand
// elsewhere, does not become a file.
func TestWriteFilesRefuses(t *testing.T) {
	r, d, open := filesOf("1.0", map[string]string{"a": "content"})
	other := func(text string) func(bundle.Digest) (io.ReadCloser, error) {
		return func(bundle.Digest) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
	}
	errOpen := errors.New("not to be had")
	tests := []struct {
		name string
		path string
		open func(bundle.Digest) (io.ReadCloser, error)
	}{
		{"other content", "a", other("CONTENT")},
		{"more", "a", other("content, and more")},
		{"less", "a", other("conten")},
		{"not there", "a", func(bundle.Digest) (io.ReadCloser, error) { return nil, errOpen }},
		{"outside", "../../a", open},
		{"absolute", "/a", open},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := durable.NewCrash()
			r.Files[0].Path = tt.path
			if dir, err := writeFiles(c, "/files", r, d, tt.open); err == nil {
				t.Errorf("writeFiles made %q of it", dir)
			}
			if got := dump(t, c, "/"); len(got) > 0 {
				t.Errorf("files are %v, want none", got)
			}
		})
	}
}

// TestWriteFilesOnce: files that are there are not written again, and a
// release without files has no directory.
func TestWriteFilesOnce(t *testing.T) {
	c := durable.NewCrash()
	r, d, open := filesOf("1.0", newFiles)
	first, err := writeFiles(c, "/files", r, d, open)
	if err != nil {
		t.Fatal(err)
	}
	again, err := writeFiles(c, "/files", r, d, func(bundle.Digest) (io.ReadCloser, error) { return nil, errors.New("was opened again") })
	if err != nil || again != first {
		t.Errorf("writeFiles again = %q, %v, want %q", again, err, first)
	}
	none, d, open := filesOf("2.0", nil)
	if dir, err := writeFiles(c, "/files", none, d, open); err != nil || dir != "" {
		t.Errorf("writeFiles of no files = %q, %v", dir, err)
	}
}

// TestStagedReader gives no last byte of what has not its digest.
func TestStagedReader(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 100)
	tests := []struct {
		name   string
		staged []byte
		good   bool
	}{
		{"as it was", content, true},
		{"other byte", flip(500)(bytes.Clone(content)), false},
		{"shorter", content[:999], false},
		{"longer", append(bytes.Clone(content), 'x'), false},
		{"empty", nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ix := &bundle.Index{Entries: []bundle.Entry{{Digest: bundle.DigestOf(content), Size: int64(len(content))}}}
			plan, err := bundle.NewPlan(ix, 0, bundle.MinChunkSize)
			if err != nil {
				t.Fatal(err)
			}
			c := durable.NewCrash()
			if err := durable.CreateExclusive(c, "/"+ix.Entries[0].Digest.Hex(), 0o600, tt.staged); err != nil {
				t.Fatal(err)
			}
			st := &staging{fs: c, dir: "/", plan: plan}
			for _, size := range []int{1, 7, 1000, 4096} {
				r, err := st.open(0, 0)
				if err != nil {
					t.Fatal(err)
				}
				var got bytes.Buffer
				_, err = io.CopyBuffer(struct{ io.Writer }{&got}, struct{ io.Reader }{r}, make([]byte, size))
				if tt.good && (err != nil || !bytes.Equal(got.Bytes(), content)) {
					t.Errorf("reading %d at a time: %d bytes, %v", size, got.Len(), err)
				}
				if !tt.good && (!isDamage(err) || got.Len() >= len(content) && !bytes.Equal(got.Bytes(), content)) {
					t.Errorf("reading %d at a time: %d bytes, %v, want a DamageError before the last that is wrong", size, got.Len(), err)
				}
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
