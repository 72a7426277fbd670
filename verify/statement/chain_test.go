package statement

import (
	"bytes"
	"strings"
	"testing"

	"github.com/airgap-ferry/ferry/bundle"
)

// Case 19 of the hostile corpus, and what must be accepted beside it.
func TestVerifyRootUpdate(t *testing.T) {
	c := newCast(t)
	held := c.root()
	held.Root = Role{ids(c.root1, c.root2), 2}

	// The next root replaces root-1 by the stranger.
	next := func() *Root {
		r := c.root()
		r.Version = held.Version + 1
		i := 0
		for r.Keys[i].ID != c.former.ID {
			i++
		}
		r.Keys[i] = c.stranger.Key
		sortKeys(r)
		r.Root = Role{ids(c.root2, c.stranger), 2}
		return r
	}
	tests := []struct {
		name string
		edit func(*Root)
		by   []testKey
		want string
	}{
		{"signed by both", nil, []testKey{c.root1, c.root2, c.stranger}, ""},
		{"next epoch", func(r *Root) { r.Epoch++ }, []testKey{c.root1, c.root2, c.stranger}, ""},
		{"signed only by the old", nil, []testKey{c.root1, c.root2}, RootChain},
		{"signed only by the new", nil, []testKey{c.root2, c.stranger}, RootChain},
		{"one key of each", nil, []testKey{c.root1, c.stranger}, RootChain},
		{"unsigned", nil, nil, Unsigned},
		{"key twice", nil, []testKey{c.root1, c.root1, c.root2, c.stranger}, Threshold},
		{"signed by a packer too", nil, []testKey{c.root1, c.root2, c.stranger, c.packer1}, NoTrustedSignature},
		{"version + 2", func(r *Root) { r.Version++ }, []testKey{c.root1, c.root2, c.stranger}, RootChain},
		{"same version, other bytes", func(r *Root) { r.Version-- }, []testKey{c.root1, c.root2, c.stranger}, RootChain},
		{"older version", func(r *Root) { r.Version -= 2 }, []testKey{c.root1, c.root2, c.stranger}, RootChain},
		{"lower epoch", func(r *Root) { r.Epoch-- }, []testKey{c.root1, c.root2, c.stranger}, RootChain},
		{"held itself", func(r *Root) { *r = *held }, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := next()
			if tt.edit != nil {
				tt.edit(r)
			}
			b := encode(t, r)
			var sigs []bundle.Signature
			for _, k := range tt.by {
				sigs = append(sigs, k.sign(t, b))
			}
			got, err := VerifyRootUpdate(held, b, sigs)
			if refusal(err) != tt.want {
				t.Fatalf("VerifyRootUpdate = %v, want %q", err, tt.want)
			}
			if err == nil && !bytes.Equal(encode(t, got), b) {
				t.Errorf("VerifyRootUpdate returned another root than the one given")
			}
			if err != nil && got != nil {
				t.Errorf("VerifyRootUpdate returned a root with an error")
			}
		})
	}
}

// Two roots with one version are evidence, so both are named.
func TestVerifyRootUpdateFork(t *testing.T) {
	c := newCast(t)
	other := c.root()
	other.Policy.MaxSeqStep++
	held, b := encode(t, c.root()), encode(t, other)
	_, err := VerifyRootUpdate(c.root(), b, []bundle.Signature{c.root1.sign(t, b)})
	for _, want := range []string{string(bundle.DigestOf(held)), string(bundle.DigestOf(b))} {
		if refusal(err) != RootChain || !strings.Contains(err.Error(), want) {
			t.Errorf("VerifyRootUpdate = %v, want %s with %s", err, RootChain, want)
		}
	}
}

func TestVerifyRootUpdateBadSignature(t *testing.T) {
	c := newCast(t)
	r := c.root()
	r.Version++
	b := encode(t, r)
	good, bad := c.root1.sign(t, b), c.root2.sign(t, b[1:])
	if _, err := VerifyRootUpdate(c.root(), b, []bundle.Signature{good}); err != nil {
		t.Errorf("one good signature for a threshold of one: %v", err)
	}
	if _, err := VerifyRootUpdate(c.root(), b, []bundle.Signature{good, bad}); refusal(err) != BadSignature {
		t.Errorf("good and bad signature: %v, want %s", err, BadSignature)
	}
	if _, err := VerifyRootUpdate(nil, b, []bundle.Signature{good}); refusal(err) != RootChain {
		t.Errorf("nothing held: %v, want %s", err, RootChain)
	}
	if _, err := VerifyRootUpdate(c.root(), b[:len(b)-1], []bundle.Signature{good}); refusal(err) != "form of root" {
		t.Errorf("not a root: %v, want a form error", err)
	}
}
