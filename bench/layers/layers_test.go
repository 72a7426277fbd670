package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// layers runs the command and returns what it writes.
func layers(t *testing.T, stdin []byte, args ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := run(args, bytes.NewReader(stdin), &out); err != nil {
		t.Fatalf("layers %s: %v", strings.Join(args, " "), err)
	}
	return out.Bytes()
}

// folder makes a folder with one file of every kind that a layer has often.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	long := filepath.Join(dir, "usr", strings.Repeat("long/", 60))
	for _, err := range []error{
		os.MkdirAll(long, 0o755),
		os.WriteFile(filepath.Join(dir, "usr/first"), []byte("content of two names"), 0o644),
		os.Link(filepath.Join(dir, "usr/first"), filepath.Join(dir, "usr/second")),
		os.Symlink("first", filepath.Join(dir, "usr/third")),
		os.WriteFile(filepath.Join(long, "empty"), nil, 0o755),
		os.Chtimes(filepath.Join(dir, "usr/first"), time.Time{}, time.Unix(1700000000, 987654321)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTarHeaders(t *testing.T) {
	plain := layers(t, nil, "tar", folder(t))
	long := "usr/" + strings.Repeat("long/", 60)
	want := map[string]string{
		"usr/":         "5 ",
		"usr/first":    "0 ",
		"usr/second":   "1 usr/first",
		"usr/third":    "2 first",
		long:           "5 ",
		long + "empty": "0 ",
	}
	got := map[string]string{}
	r := tar.NewReader(bytes.NewReader(plain))
	for {
		hdr, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if hdr.Uname != "" || hdr.Gname != "" {
			t.Errorf("%s: owner %q and group %q have names", hdr.Name, hdr.Uname, hdr.Gname)
		}
		if hdr.ModTime.Nanosecond() != 0 {
			t.Errorf("%s: time %v has parts of a second", hdr.Name, hdr.ModTime)
		}
		if _, ok := want[hdr.Name]; ok {
			got[hdr.Name] = string(hdr.Typeflag) + " " + hdr.Linkname
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("entries (-want +got):\n%s", d)
	}
}

// Writing an archive anew must not change it: a blob of "retar" is then one
// of the same plain text, only written in other pieces.
func TestRetarKeepsPlainText(t *testing.T) {
	plain := layers(t, nil, "tar", folder(t))
	for _, level := range []string{"1", "6", "9"} {
		blob := layers(t, plain, "retar", level)
		r, err := gzip.NewReader(bytes.NewReader(blob))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, plain) {
			t.Errorf("level %s: plain text of %d bytes became another of %d", level, len(plain), len(got))
		}
		if direct := layers(t, plain, "gzip", level); !bytes.Equal(blob, direct) {
			t.Errorf("level %s: the pieces in which the archive is written change the blob", level)
		}
	}
}

func TestZstdLevels(t *testing.T) {
	plain := []byte(strings.Repeat("the quick brown fox jumps over the lazy dog; ", 2000))
	for _, level := range []string{"fastest", "default", "better", "best"} {
		d, err := zstd.NewReader(bytes.NewReader(layers(t, plain, "zstd", level)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(d)
		d.Close()
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("level %s: %d bytes, error %v; want the plain text", level, len(got), err)
		}
	}
}

func TestWrongArguments(t *testing.T) {
	tests := []struct {
		args []string
		want string
	}{
		{nil, "0 arguments"},
		{[]string{"gzip"}, "1 arguments"},
		{[]string{"xz", "6"}, `no command "xz"`},
		{[]string{"gzip", "best"}, `level "best" is not a number`},
		{[]string{"gzip", "10"}, "invalid compression level"},
		{[]string{"zstd", "19"}, `no zstd level "19"`},
		{[]string{"tar", "/nonexistent"}, "no such file"},
		{[]string{"retar", "6"}, "unexpected EOF"},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		err := run(tt.args, strings.NewReader("not a tar"), &out)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("run(%q) = %v, want an error with %q", tt.args, err, tt.want)
		}
		if out.Len() > 0 {
			t.Errorf("run(%q) wrote %d bytes", tt.args, out.Len())
		}
	}
}
