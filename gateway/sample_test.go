package gateway

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/verify/statement"
)

const chunk = bundle.MinChunkSize

var issued = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// A sample is a small signed bundle in memory.
type sample struct {
	index   *bundle.Index
	content map[bundle.Digest][]byte
	volumes [][]byte
	private *ecdsa.PrivateKey
	key     statement.Key
}

// newSample returns a bundle with blobs of these sizes, cut to volumes of
// about four chunks.
func newSample(t *testing.T, sizes ...int) *sample {
	t.Helper()
	s := &sample{index: new(bundle.Index), content: make(map[bundle.Digest][]byte)}
	s.private, s.key = newKey(t, "packer")
	s.index.Changes = []bundle.Change{
		{Name: "docker.io/library/nginx:1.27", Digest: bundle.DigestOf([]byte("new"))},
		{Name: "docker.io/library/nginx:1.26", Digest: bundle.DigestOf([]byte("old")), Removed: true},
	}
	rng := rand.New(rand.NewPCG(1, 7))
	for _, size := range sizes {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		e := bundle.Entry{Digest: bundle.DigestOf(b), Size: int64(size)}
		for c := range slices.Chunk(b, chunk) {
			if size > chunk {
				e.Chunks = append(e.Chunks, bundle.DigestOf(c))
			}
		}
		s.content[e.Digest] = b
		s.index.Entries = append(s.index.Entries, e)
	}
	s.index.Sort()
	s.write(t)
	return s
}

func newKey(t *testing.T, seed string) (*ecdsa.PrivateKey, statement.Key) {
	t.Helper()
	raw := sha256.Sum256([]byte(seed))
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw[:])
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	key, err := statement.ParsePublicKey(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}))
	if err != nil {
		t.Fatal(err)
	}
	return private, key
}

// write makes the volumes of s.
func (s *sample) write(t *testing.T) {
	t.Helper()
	plan, err := bundle.NewPlan(s.index, bundle.MinVolumeSize+4*chunk, chunk)
	if err != nil {
		t.Fatal(err)
	}
	index, err := s.index.AppendText(nil, chunk)
	if err != nil {
		t.Fatal(err)
	}
	st := &bundle.Statement{
		Site: "north", Epoch: 1, Seq: 2, Prev: bundle.DigestOf(nil), Requires: []int64{1}, RootVersion: 3,
		Issued: issued, Expires: issued.AddDate(0, 1, 0), Index: s.index.Info(index, chunk), Layout: plan.Layout,
		InventoryBefore: bundle.DigestOf(nil), InventoryAfter: bundle.DigestOf(nil),
		Releases: []bundle.ReleaseInfo{{Name: "shop", Version: "1.1", Digest: bundle.DigestOf([]byte("shop"))}}, Tool: "ferry test",
	}
	text, err := st.AppendText(nil)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	der, err := s.private.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	w, err := bundle.NewWriter(plan, len(text), 1)
	if err != nil {
		t.Fatal(err)
	}
	s.volumes = nil
	for n := 1; n <= int(plan.Layout.Volumes); n++ {
		head, err := w.AppendHead(nil, n, text, []bundle.Signature{{KeyID: s.key.ID, DER: der}}, index)
		if err != nil {
			t.Fatal(err)
		}
		v := make([]byte, w.VolumeSize(n))
		copy(v, head)
		for _, part := range plan.VolumeParts(n) {
			copy(v[w.Place(part)-512:], w.Header(part))
			copy(v[w.Place(part):], s.content[s.index.Entries[part.Entry].Digest][part.Offset:][:part.Size])
		}
		s.volumes = append(s.volumes, v)
	}
}

// put writes the volumes with these numbers into a new directory.
func (s *sample) put(t *testing.T, numbers ...int) string {
	t.Helper()
	dir := t.TempDir()
	for _, n := range numbers {
		write(t, filepath.Join(dir, fmt.Sprintf("v%d", n)), s.volumes[n-1])
	}
	return dir
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
