package inside

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"testing"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/delta"
	"github.com/airgap-ferry/ferry/delta/recipe"
)

// compressed returns a blob, its recipe and its plain text.
func compressed(t *testing.T) (blob []byte, how *recipe.Recipe, plain []byte) {
	t.Helper()
	plain = bytes.Repeat([]byte("all work and no play makes Jack a dull boy\n"), 20_000)
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	how, err := recipe.Find(bytes.NewReader(b.Bytes()), int64(b.Len()), recipe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), how, plain
}

func TestRebuiltBlob(t *testing.T) {
	blob, how, plain := compressed(t)
	want := bundle.Blob{Digest: bundle.DigestOf(blob), Size: int64(len(blob))}
	r := replay(how, want, bytes.NewReader(plain))
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, blob) {
		t.Errorf("read %d bytes, %v, want the %d of the blob", len(got), err, len(blob))
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// Of what has not the digest, nobody gets the end.
func TestRebuiltFromOtherText(t *testing.T) {
	blob, how, plain := compressed(t)
	want := bundle.Blob{Digest: bundle.DigestOf(blob), Size: int64(len(blob))}
	tests := []struct {
		name  string
		blob  bundle.Blob
		plain []byte
	}{
		{"a bit of the text", want, append([]byte{plain[0] ^ 1}, plain[1:]...)},
		{"another digest", bundle.Blob{Digest: bundle.DigestOf(nil), Size: want.Size}, plain},
		{"shorter", bundle.Blob{Digest: want.Digest, Size: want.Size - 1}, plain},
		{"longer", bundle.Blob{Digest: want.Digest, Size: want.Size + 1}, plain},
	}
	for _, tt := range tests {
		r := replay(how, tt.blob, bytes.NewReader(tt.plain))
		got, err := io.ReadAll(r)
		if _, ok := errors.AsType[*delta.MismatchError](err); !ok {
			t.Errorf("%s: error = %v, want a MismatchError", tt.name, err)
		}
		if int64(len(got)) >= tt.blob.Size {
			t.Errorf("%s: %d bytes of %d were given away", tt.name, len(got), tt.blob.Size)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Whoever stops reading does not leave anybody writing behind.
func TestRebuildingIsStopped(t *testing.T) {
	blob, how, plain := compressed(t)
	r := replay(how, bundle.Blob{Digest: bundle.DigestOf(blob), Size: int64(len(blob))}, bytes.NewReader(plain))
	if _, err := r.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil { // waits for the writer
		t.Error(err)
	}
}
