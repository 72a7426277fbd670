package ledger

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/airgap-ferry/ferry/internal/oci"
)

// manifests returns manifests that the names stand for.
func manifests(names ...string) (all []Manifest) {
	for _, name := range names {
		all = append(all, manifestOf(`{"schemaVersion":2,"name":"`+name+`"}`))
	}
	return all
}

func manifestOf(raw string) Manifest {
	return Manifest{digest(raw), oci.MediaTypeManifest, []byte(raw)}
}

func TestManifests(t *testing.T) {
	o, i := newOutside(t), newInside(t)
	for name, l := range map[string]struct {
		put   func([]Manifest) error
		get   func(d Manifest) (Manifest, error)
		check func() error
	}{
		"outside": {o.PutManifests, func(m Manifest) (Manifest, error) { return o.Manifest(m.Digest) }, o.Check},
		"inside":  {i.PutManifests, func(m Manifest) (Manifest, error) { return i.Manifest(m.Digest) }, i.Check},
	} {
		t.Run(name, func(t *testing.T) {
			all := []Manifest{
				manifestOf(""),
				manifestOf("{}"),
				manifestOf(`{"layers":[` + strings.Repeat(`{"mediaType":"a"},`, 500) + `]}`),
				{digest("x"), "", []byte("x")},
				manifestOf(strings.Repeat("a release of many thousand images ", 200_000)),
			}
			must(t, l.put(all))
			must(t, l.put(all))
			for _, want := range all {
				got, err := l.get(want)
				if err != nil || !bytes.Equal(got.Raw, want.Raw) || got.MediaType != want.MediaType {
					t.Errorf("Manifest(%.20q) = %v, %v", want.Raw, got, err)
				}
			}
			if _, err := l.get(manifestOf("absent")); !errors.Is(err, ErrNotFound) {
				t.Errorf("absent: %v, want ErrNotFound", err)
			}
			must(t, l.check())
		})
	}
}

// Manifests are text full of repetition; they must not be kept as they come.
func TestManifestsAreCompressed(t *testing.T) {
	enc, err := zstd.NewWriter(nil)
	must(t, err)
	defer enc.Close()
	m := manifestOf(strings.Repeat(`{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip"}`, 100))
	if n := len(m.encode(enc)); n > len(m.Raw)/10 {
		t.Errorf("%d bytes are kept as %d", len(m.Raw), n)
	}
}

func TestPutManifestsRefuses(t *testing.T) {
	o := newOutside(t)
	good := manifestOf("good")
	for name, bad := range map[string]Manifest{
		"other digest": {digest("other"), "", []byte("bytes")},
		"no digest":    {"sha256:00", "", []byte("bytes")},
		"long type":    {digest("bytes"), strings.Repeat("x", 256), []byte("bytes")},
		"too large":    manifestOf(strings.Repeat("x", MaxManifestSize+1)),
	} {
		if err := o.PutManifests([]Manifest{good, bad}); err == nil {
			t.Errorf("%s: taken", name)
		}
		if _, err := o.Manifest(good.Digest); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: the good one beside it was kept", name)
		}
	}
}

func TestPutManifestsFaults(t *testing.T) {
	testFaults(t, func(t *testing.T) (side, func() error) {
		t.Helper()
		o := newOutside(t)
		return side{o.f, o.Check}, func() error { return o.PutManifests(manifests("a", "b", "c")) }
	}, true)
}

// What is accepted has the digest, and comes out again as it was.
func FuzzManifest(f *testing.F) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		f.Fatal(err)
	}
	dec, err := newManifestDecoder()
	if err != nil {
		f.Fatal(err)
	}
	for _, m := range append(manifests("a"), manifestOf(strings.Repeat("long ", 100)), manifestOf("")) {
		f.Add(m.encode(enc), m.Raw)
	}
	f.Fuzz(func(t *testing.T, v, raw []byte) {
		m, err := parseManifest(digest(string(raw)), v, dec)
		if err != nil {
			return
		}
		if !bytes.Equal(m.Raw, raw) {
			t.Fatalf("accepted %q for %q", m.Raw, raw)
		}
		again, err := parseManifest(m.Digest, m.encode(enc), dec)
		if diff := cmp.Diff(m, again); diff != "" || err != nil {
			t.Errorf("encoded again: %v\n%s", err, diff)
		}
		if v[0] == manifestStored && !bytes.Equal(v[:2], []byte{manifestStored, byte(len(m.MediaType))}) {
			t.Errorf("head of %x does not say %q", v, m.MediaType)
		}
	})
}
