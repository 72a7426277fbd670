package release

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
)

// A shelf holds manifests by digest.
type shelf map[bundle.Digest][]byte

func (s shelf) put(text string) bundle.Digest {
	d := bundle.DigestOf([]byte(text))
	s[d] = []byte(text)
	return d
}

func (s shelf) image(text string) bundle.Digest {
	return s.put(fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"x","digest":"%[1]s","size":1},"layers":[{"mediaType":"y","digest":"%[1]s","size":1}]}`,
		bundle.DigestOf([]byte(text))))
}

func (s shelf) index(children ...bundle.Digest) bundle.Digest {
	var list []string
	for _, c := range children {
		mediaType := oci.MediaTypeManifest
		if strings.Contains(string(s[c]), "manifests") {
			mediaType = oci.MediaTypeIndex
		}
		list = append(list, fmt.Sprintf(`{"mediaType":"%s","digest":"%s","size":%d}`, mediaType, c, len(s[c])))
	}
	return s.put(`{"schemaVersion":2,"manifests":[` + strings.Join(list, ",") + `]}`)
}

var errNotHeld = errors.New("not held")

func (s shelf) manifest(d bundle.Digest) (string, []byte, error) {
	raw, ok := s[d]
	if !ok {
		return "", nil, errNotHeld
	}
	return "", raw, nil
}

func TestClosureOrder(t *testing.T) {
	s := make(shelf)
	a, b, c := s.image("a"), s.image("b"), s.image("c")
	inner := s.index(b, c)
	top := s.index(a, inner, a)
	sig, sigOfSig := s.image("sig"), s.image("sig of sig")
	pushes, err := Closure(Artifact{
		Name: "x", Tag: "1", Digest: top, Selected: []bundle.Digest{b, inner, a},
		Attachments: []Attachment{{Subject: sig, Digest: sigOfSig}, {Subject: b, Digest: sig, Tag: "t2"}, {Subject: top, Digest: sig, Tag: "t1"}},
	}, s.manifest)
	if err != nil {
		t.Fatal(err)
	}
	var got []bundle.Digest
	for _, p := range pushes {
		got = append(got, p.Digest)
		if want := p.Digest == inner; p.Sparse != want {
			t.Errorf("%s: sparse is %v, want %v", p.Digest, p.Sparse, want)
		}
		if want := p.Digest != top && p.Digest != inner; (len(p.Blobs) == 1) != want {
			t.Errorf("%s has blobs %v, want each once", p.Digest, p.Blobs)
		}
	}
	if want := []bundle.Digest{a, b, inner, top, sig, sigOfSig}; !slices.Equal(got, want) {
		t.Errorf("order is %v, want %v", got, want)
	}
	if !slices.Equal(pushes[3].Tags, []string{"1"}) || !slices.Equal(pushes[4].Tags, []string{"t1", "t2"}) {
		t.Errorf("tags are %v and %v", pushes[3].Tags, pushes[4].Tags)
	}
}

func TestClosureRefuses(t *testing.T) {
	s := make(shelf)
	img, other := s.image("a"), s.image("b")
	deep := img
	var all []bundle.Digest
	for range maxDepth + 2 {
		all = append(all, deep)
		deep = s.index(deep)
	}
	wrong := bundle.DigestOf([]byte("wrong"))
	s[wrong] = s[img]
	broken := s.put("{}")
	tests := []struct {
		name string
		a    Artifact
		want string
	}{
		{"not held", Artifact{Digest: bundle.DigestOf([]byte("none"))}, "not held"},
		{"selected elsewhere", Artifact{Digest: s.index(img), Selected: []bundle.Digest{other}}, "is selected, but not below"},
		{"subject not there", Artifact{Digest: img, Attachments: []Attachment{{Subject: other, Digest: other}}}, "which is not there"},
		{"too deep", Artifact{Digest: deep, Selected: all}, "indexes deep"},
		{"other bytes", Artifact{Digest: wrong}, "has the digest"},
		{"broken", Artifact{Digest: broken}, "malformed manifest"},
		{"attachment not held", Artifact{Digest: img, Attachments: []Attachment{{Subject: img, Digest: bundle.DigestOf(nil)}}}, "attachment of"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Closure(tt.a, s.manifest); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Closure = %v, want %q", err, tt.want)
			}
		})
	}
}

// What two sources say about one digest must agree.
func TestItemsDisagree(t *testing.T) {
	d := bundle.DigestOf([]byte("x"))
	tests := []struct {
		name string
		a, b Item
		want string
	}{
		{"size", Item{Digest: d, Size: 1}, Item{Digest: d, Size: 2}, "has 2 bytes, but"},
		{"kind", Item{Digest: d, Size: 1}, Item{Digest: d, Size: 1, IsManifest: true}, "is a manifest and a blob"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, at := new(Resolution), make(map[bundle.Digest]int)
			if err := r.addItem(at, tt.a); err != nil {
				t.Fatal(err)
			}
			if err := r.addItem(at, tt.a); err != nil || len(r.items) != 1 {
				t.Errorf("the same again: %v, %d items", err, len(r.items))
			}
			if err := r.addItem(at, tt.b); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("addItem = %v, want %q", err, tt.want)
			}
		})
	}
}
