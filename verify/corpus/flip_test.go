package corpus_test

import (
	"archive/tar"
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/verify/corpus"
	"github.com/airgap-ferry/ferry/verify/statement"
)

const threatModel = "../../docs/threat-model.md"

// A judgement reads b in place of volume n, from 0, of a good bundle, and
// returns nil if it takes the whole for the one that was signed.
type judgement func(n int, b []byte) error

// TestEveryBitOfABundleCounts flips every single bit of a bundle of three
// volumes, signed by a packer and an officer who must both have signed. ferry
// must accept none. What a usual verifier accepts is there to compare; both
// numbers stand in docs/threat-model.md.
func TestEveryBitOfABundleCounts(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("verifies more than half a million bundles")
	}
	c := corpus.Countersigned()
	var volumes [][]byte
	bits := 0
	for _, name := range sortedNames(c.Files) {
		volumes = append(volumes, c.Files[name])
		bits += 8 * len(c.Files[name])
	}
	if len(volumes) != 3 || bits < 500_000 {
		t.Fatalf("%d volumes with %d bits, want 3 with 500,000", len(volumes), bits)
	}
	root, err := statement.ParseRoot(c.State.Root)
	if err != nil {
		t.Fatal(err)
	}
	ferry, usual := newStrict(t, root, volumes), newUsual(t, root, volumes)
	for n, v := range volumes {
		if err := errors.Join(ferry.judge(n, v), usual.judge(n, v)); err != nil {
			t.Fatalf("the bundle as it is: %v", err)
		}
	}
	byFerry := flips(t, volumes, ferry.judge, true)
	byUsual := flips(t, volumes, usual.judge, false)
	t.Logf("%d flips: ferry accepts %d, the usual verifier %d", bits, byFerry, byUsual)
	if byFerry != 0 {
		t.Errorf("ferry accepts %d of %d flips", byFerry, bits)
	}
	text, err := os.ReadFile(threatModel)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("Of %s single-bit flips ferry accepts %s, the usual verifier %s (%.1f %%).",
		thousands(bits), thousands(byFerry), thousands(byUsual), 100*float64(byUsual)/float64(bits))
	if !strings.Contains(string(text), want) {
		t.Errorf("%s lacks the sentence %q", threatModel, want)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{thousands(bits) + " single-bit flips", fmt.Sprintf("%.1f %% of the flips", 100*float64(byUsual)/float64(bits))} {
		if !bytes.Contains(readme, []byte(n)) {
			t.Errorf("README.md does not say %q", n)
		}
	}
}

func sortedNames(files map[string][]byte) []string {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// thousands writes n with commas.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// saysWhere matches errors that name the volume, or the part of one that all
// volumes share.
var saysWhere = regexp.MustCompile("volume|index|statement|signature|key")

// flips returns how many of all single-bit flips judge accepts.
func flips(t *testing.T, volumes [][]byte, judge judgement, where bool) int {
	t.Helper()
	var accepted atomic.Int64
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			for n := range volumes {
				v := bytes.Clone(volumes[n])
				for bit := w; bit < 8*len(v); bit += workers {
					v[bit/8] ^= 1 << (bit % 8)
					err := judge(n, v)
					v[bit/8] ^= 1 << (bit % 8)
					if err == nil {
						accepted.Add(1)
					} else if where && !saysWhere.MatchString(err.Error()) {
						t.Errorf("volume %d, bit %d: the error does not say where: %v", n+1, bit, err)
					}
				}
			}
		})
	}
	wg.Wait()
	return int(accepted.Load())
}

// strict is ferry's judgement, by the packages that import and ferry-verify
// use. The volumes that were not changed are read once, at the start.
type strict struct {
	root *statement.Root
	good *bundle.VolumeReader // of volume 1, with statement and signatures
	plan *bundle.Plan
}

func newStrict(t *testing.T, root *statement.Root, volumes [][]byte) *strict {
	t.Helper()
	s := &strict{root: root, good: bundle.NewVolumeReader(bytes.NewReader(volumes[0]))}
	err := s.good.ReadHead()
	if err == nil {
		_, err = statement.VerifySignatures(s.good.StatementText, s.good.Signatures, root)
	}
	if err == nil {
		s.plan, err = s.good.ReadIndex()
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *strict) judge(n int, b []byte) error {
	v := bundle.NewVolumeReader(bytes.NewReader(b))
	if err := v.ReadHead(); err != nil {
		return err
	}
	same := func(a, b bundle.Signature) bool { return a.KeyID == b.KeyID && bytes.Equal(a.DER, b.DER) }
	if !bytes.Equal(v.StatementText, s.good.StatementText) || !slices.EqualFunc(v.Signatures, s.good.Signatures, same) {
		if _, err := statement.VerifySignatures(v.StatementText, v.Signatures, s.root); err != nil {
			return err
		}
		return errors.New("volumes of two statements, or with other signatures")
	}
	if v.HasIndex() {
		if _, err := v.ReadIndex(); err != nil {
			return err
		}
	}
	got, err := v.Identify(s.plan)
	if err != nil {
		return err
	}
	if got != n+1 {
		return fmt.Errorf("volume %d twice and volume %d missing", got, n+1)
	}
	return v.ReadPayload(s.plan, got, make([]byte, s.plan.Layout.ChunkSize), func(bundle.Chunk) error { return nil })
}

// usual is a verifier as it is usually written: archive/tar reads the volumes,
// encoding/json the statement, signatures must verify and reach the threshold,
// and what the signed index lists must be there with its digest. Nothing is
// wrong with it but that it reads what it is given in its own way.
type usual struct {
	keys map[string]*ecdsa.PublicKey
	root *statement.Root
	good sync.Map            // signatures that verified
	read []map[string][]byte // members of the good volumes
}

func newUsual(t *testing.T, root *statement.Root, volumes [][]byte) *usual {
	t.Helper()
	u := &usual{keys: make(map[string]*ecdsa.PublicKey), root: root}
	for _, v := range volumes {
		members, err := untar(v)
		if err != nil {
			t.Fatal(err)
		}
		u.read = append(u.read, members)
	}
	for _, k := range root.Keys {
		if pub, err := x509.ParsePKIXPublicKey(k.SPKI); err == nil {
			u.keys[k.ID], _ = pub.(*ecdsa.PublicKey)
		}
	}
	return u
}

func untar(volume []byte) (map[string][]byte, error) {
	members := make(map[string][]byte)
	r := tar.NewReader(bytes.NewReader(volume))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return members, nil
		}
		if err != nil {
			return nil, err
		}
		if members[h.Name], err = io.ReadAll(r); err != nil {
			return nil, err
		}
	}
}

func (u *usual) judge(n int, b []byte) error {
	damaged, err := untar(b)
	if err != nil {
		return err
	}
	members := make(map[string][]byte)
	for i, good := range u.read {
		if i == n {
			good = damaged
		}
		maps.Copy(members, good)
	}
	if err := u.signatures(members); err != nil {
		return err
	}
	_, body, _ := bytes.Cut(members["ferry.statement"], []byte("\n"))
	var s struct {
		Site  string
		Epoch int64
		Seq   int64
		Index struct {
			Digest  string
			Entries int
		}
	}
	if err := json.Unmarshal(body, &s); err != nil {
		return err
	}
	if s.Site != "north" || s.Epoch != 2 || s.Seq != 42 {
		return errors.New("does not fit")
	}
	if digest(members["ferry.index"]) != s.Index.Digest {
		return errors.New("another index")
	}
	return entries(members, s.Index.Entries)
}

// signatures wants the thresholds of the root.
func (u *usual) signatures(members map[string][]byte) error {
	packers, officers := 0, 0
	sum := sha256.Sum256(members["ferry.statement"])
	for id, key := range u.keys {
		text, ok := members["sigs/"+id+".sig"]
		if !ok {
			continue
		}
		der, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
		if err != nil {
			continue
		}
		memo := id + string(sum[:]) + string(der)
		if _, ok := u.good.Load(memo); !ok {
			if !ecdsa.VerifyASN1(key, sum[:], der) {
				continue
			}
			u.good.Store(memo, nil)
		}
		if slices.Contains(u.root.Packer.Keys, id) {
			packers++
		}
		if slices.Contains(u.root.Officer.Keys, id) {
			officers++
		}
	}
	if packers < u.root.Packer.Threshold || officers < u.root.Officer.Threshold {
		return errors.New("not enough signatures")
	}
	return nil
}

// entries wants all that the index lists.
func entries(members map[string][]byte, want int) error {
	got := 0
	for line := range strings.Lines(string(members["ferry.index"])) {
		f := strings.Fields(line)
		if f[0] != "manifest" && f[0] != "blob" {
			continue
		}
		name := "blobs/sha256/" + strings.TrimPrefix(f[1], "sha256:")
		b, ok := members[name]
		for n := 1; !ok; n++ {
			part, more := members[fmt.Sprintf("%s.%04d", name, n)]
			if !more {
				break
			}
			b = append(b[:len(b):len(b)], part...)
		}
		if digest(b) != f[1] {
			return fmt.Errorf("%s is damaged", f[1])
		}
		got++
	}
	if got != want {
		return errors.New("entries are missing")
	}
	return nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}
