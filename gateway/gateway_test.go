package gateway

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/bundle/volume"
	"github.com/airgap-ferry/ferry/report"
	"github.com/airgap-ferry/ferry/verify/statement"
)

// three is the sizes of a bundle of three volumes.
var three = []int{0, 700, 9*chunk + 5}

// one inspects dir, in which there is one bundle.
func one(t *testing.T, dir string, o InspectOptions) (report.Bundle, []volume.Skipped, error) {
	t.Helper()
	got, skipped, err := Inspect(t.Context(), []string{dir}, o)
	if len(got) != 1 {
		t.Fatalf("%d bundles, want 1; skipped %v, error %v", len(got), skipped, err)
	}
	return got[0], skipped, err
}

func TestInspectSaysWhatTheStatementSays(t *testing.T) {
	s := newSample(t, three...)
	dir := s.put(t, 1, 2, 3)
	got, skipped, err := one(t, dir, InspectOptions{Root: RootOf(s.key), Read: true, Now: issued})
	if err != nil || len(skipped) != 0 {
		t.Fatalf("error %v, skipped %v", err, skipped)
	}
	want := report.Bundle{
		Site: "north", Epoch: 1, Seq: 2, Statement: got.Statement, Prev: bundle.DigestOf(nil), Requires: []int64{1}, Root: 3,
		Issued: issued, Expires: issued.AddDate(0, 1, 0),
		Releases: []report.Release{{Name: "shop", Version: "1.1", Digest: bundle.DigestOf([]byte("shop"))}},
		Added:    []report.Reference{{Name: "docker.io/library/nginx:1.27", Digest: bundle.DigestOf([]byte("new"))}},
		Removed:  []report.Reference{{Name: "docker.io/library/nginx:1.26", Digest: bundle.DigestOf([]byte("old"))}},
		Entries:  3, Bytes: 700 + 9*chunk + 5, Volumes: 3, Missing: []int{}, Files: []report.Volume{
			{Path: filepath.Join(dir, "v1"), Bytes: int64(len(s.volumes[0]))},
			{Path: filepath.Join(dir, "v2"), Bytes: int64(len(s.volumes[1]))},
			{Path: filepath.Join(dir, "v3"), Bytes: int64(len(s.volumes[2]))},
		},
		Signatures: []report.Signer{{KeyID: s.key.ID, Name: "given key", Role: "packer"}},
		Trusted:    true, Verified: true, Tool: "ferry test",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := bundle.ParseDigest(string(got.Statement)); err != nil {
		t.Error(err)
	}
}

func TestInspectWithoutTrustSaysSo(t *testing.T) {
	s := newSample(t, three...)
	got, _, err := one(t, s.put(t, 1, 2, 3), InspectOptions{Read: true, Now: issued.AddDate(0, 1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	if got.Trusted || got.NoTrust == "" || !got.Verified || got.Signatures[0].Role != "" {
		t.Errorf("Trusted %v, NoTrust %q, Verified %v, role %q", got.Trusted, got.NoTrust, got.Verified, got.Signatures[0].Role)
	}
	if !got.Expired {
		t.Error("Expired is false at the time of expiry")
	}
}

// Nothing of a bundle that is not trusted is read beyond the statement.
func TestInspectStopsAtUntrustedBundle(t *testing.T) {
	s := newSample(t, three...)
	_, other := newKey(t, "somebody else")
	old, expired := RootOf(s.key), RootOf(s.key)
	old.Version, expired.Expires = 2, issued
	tests := []struct {
		name string
		root *statement.Root
		want string
	}{
		{"another key", RootOf(other), statement.NoTrustedSignature},
		{"root too old", old, statement.RootTooOld},
		{"root expired", expired, statement.RootExpired},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _, err := one(t, s.put(t, 1, 2, 3), InspectOptions{Root: tt.root, Read: true, Now: issued})
			untrusted, ok := errors.AsType[*statement.UntrustedError](err)
			if !ok || untrusted.Name != tt.want {
				t.Fatalf("error = %v, want an UntrustedError %q", err, tt.want)
			}
			if got.Trusted || got.Verified || len(got.Added) != 0 || got.NoTrust != untrusted.Error() {
				t.Errorf("Trusted %v, Verified %v, Added %v, NoTrust %q", got.Trusted, got.Verified, got.Added, got.NoTrust)
			}
		})
	}
}

func TestInspectNamesMissingVolumes(t *testing.T) {
	s := newSample(t, three...)
	tests := []struct {
		have, want []int
	}{
		{[]int{1}, []int{2, 3}},
		{[]int{1, 3}, []int{2}},
		{[]int{2, 3}, []int{1}},
		{[]int{2}, []int{1, 3}}, // no index: at least these
	}
	for _, tt := range tests {
		dir := s.put(t, tt.have...)
		got, _, err := one(t, dir, InspectOptions{Now: issued})
		if err != nil || !slices.Equal(got.Missing, tt.want) {
			t.Errorf("have %v: Missing = %v, error %v; want %v", tt.have, got.Missing, err, tt.want)
		}
		got, _, err = one(t, dir, InspectOptions{Now: issued, Read: true})
		if !errors.Is(err, io.ErrUnexpectedEOF) || got.Verified || !slices.Equal(got.Missing, tt.want) {
			t.Errorf("have %v, reading: Missing = %v, Verified %v, error %v", tt.have, got.Missing, got.Verified, err)
		}
	}
	_, _, err := one(t, s.put(t, 1), InspectOptions{Now: issued, Read: true})
	if !strings.Contains(err.Error(), "of 3 volumes: 2, 3") {
		t.Errorf("error %q does not name all missing volumes", err)
	}
}

// Every byte is looked at, and damage is named by file, volume and place.
func TestInspectFindsDamage(t *testing.T) {
	s := newSample(t, three...)
	for at := 0; at < len(s.volumes[1]); at += 97 {
		dir := s.put(t, 1, 3)
		damaged := slices.Clone(s.volumes[1])
		damaged[at] ^= 0x20
		write(t, filepath.Join(dir, "v2"), damaged)
		if _, skipped, err := Inspect(t.Context(), []string{dir}, InspectOptions{Now: issued, Read: true}); err == nil {
			t.Fatalf("byte %d changed: not noticed, skipped %v", at, skipped)
		}
	}
	dir := s.put(t, 1, 3)
	damaged := slices.Clone(s.volumes[1])
	damaged[len(damaged)-2000] ^= 1
	write(t, filepath.Join(dir, "v2"), damaged)
	got, _, err := one(t, dir, InspectOptions{Now: issued, Read: true})
	if !errors.As(err, new(*bundle.DamageError)) || got.Verified {
		t.Fatalf("error = %v, Verified %v; want a DamageError", err, got.Verified)
	}
	for _, want := range []string{filepath.Join(dir, "v2"), "volume 2", "sha256:"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not name %q", err, want)
		}
	}
}

// A second copy makes up for damage in the first, and the whole blob is still
// compared although some chunks were read twice.
func TestInspectReadsTheOtherCopy(t *testing.T) {
	s := newSample(t, three...)
	dir := s.put(t, 1, 2, 3)
	damaged := slices.Clone(s.volumes[1])
	damaged[len(damaged)-2000] ^= 1
	write(t, filepath.Join(dir, "a-damaged-copy"), damaged)
	if got, _, err := one(t, dir, InspectOptions{Now: issued, Read: true}); err != nil || !got.Verified {
		t.Errorf("error = %v, Verified %v", err, got.Verified)
	}
}

// The index can be signed and wrong: chunks that don't make the blob.
func TestInspectComparesWholeBlobs(t *testing.T) {
	s := newSample(t, 9*chunk+5)
	e := &s.index.Entries[0]
	lie := bundle.DigestOf([]byte("another blob"))
	s.content[lie] = s.content[e.Digest]
	e.Digest = lie
	s.write(t)
	dir := s.put(t, 1, 2, 3)
	// The copy that is read first ends in the middle of the blob.
	damaged := slices.Clone(s.volumes[1])
	damaged[len(damaged)-2000] ^= 1
	write(t, filepath.Join(dir, "a-damaged-copy"), damaged)
	got, _, err := one(t, dir, InspectOptions{Root: RootOf(s.key), Now: issued, Read: true})
	if !errors.As(err, new(*bundle.FormatError)) || got.Verified {
		t.Errorf("error = %v, Verified %v; want a FormatError", err, got.Verified)
	}
}

func TestInspectOfNothing(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "text"), []byte(strings.Repeat("no bundle\n", 100)))
	_, skipped, err := Inspect(t.Context(), []string{dir}, InspectOptions{})
	if !errors.Is(err, volume.ErrNoVolume) || !strings.Contains(err.Error(), dir) || len(skipped) != 1 {
		t.Errorf("error = %v, skipped %v", err, skipped)
	}
}

func TestInspectStopsWhenToldTo(t *testing.T) {
	s := newSample(t, three...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := Inspect(ctx, []string{s.put(t, 1, 2, 3)}, InspectOptions{Now: issued, Read: true})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want context.Canceled", err)
	}
}

// What RootOf returns is a root that could also stand in a file.
func TestRootOfIsARoot(t *testing.T) {
	_, key := newKey(t, "packer")
	text, err := RootOf(key).AppendText(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := statement.ParseRoot(text); err != nil {
		t.Error(err)
	}
}
