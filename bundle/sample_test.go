package bundle

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// A sample is a bundle in memory with the key that signed it.
type sample struct {
	statement []byte
	index     []byte
	volumes   [][]byte
	content   map[Digest][]byte
	key       *ecdsa.PrivateKey
}

// sampleKey returns the key of samples: the same bytes every time.
func sampleKey(tb testing.TB) (*ecdsa.PrivateKey, string) {
	tb.Helper()
	raw := sha256.Sum256([]byte("a key for tests"))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw[:])
	if err != nil {
		tb.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		tb.Fatal(err)
	}
	sum := sha256.Sum256(spki)
	return key, hex.EncodeToString(sum[:])[:16]
}

// makeSample writes a bundle with blobs of the given sizes and one manifest.
func makeSample(tb testing.TB, volumeSize, chunkSize int64, sizes ...int) *sample {
	tb.Helper()
	s := &sample{content: make(map[Digest][]byte)}
	rng := rand.New(rand.NewPCG(1, 2))
	manifest := []byte(`{"schemaVersion":2}`)
	m := Entry{Digest: DigestOf(manifest), Size: int64(len(manifest)), MediaType: "application/vnd.oci.image.manifest.v1+json"}
	s.content[m.Digest] = manifest
	ix := &Index{
		Changes: []Change{{Name: "docker.io/library/nginx:1.27", Digest: m.Digest}, {Removed: true, Name: "docker.io/library/nginx:1.26", Digest: DigestOf(nil)}},
		Entries: []Entry{m},
	}
	for _, size := range sizes {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		e := Entry{Digest: DigestOf(b), Size: int64(size)}
		for at := 0; int64(size) > chunkSize && at < size; at += int(chunkSize) {
			e.Chunks = append(e.Chunks, DigestOf(b[at:min(size, at+int(chunkSize))]))
		}
		s.content[e.Digest] = b
		ix.Entries = append(ix.Entries, e)
	}
	ix.Sort()
	s.write(tb, ix, volumeSize, chunkSize)
	return s
}

// makePatched writes a bundle with a patch, which stands for any bytes here.
func makePatched(tb testing.TB) *sample {
	tb.Helper()
	s := makeSample(tb, 0, MinChunkSize, 10)
	ix, err := ParseIndex(s.index, MinChunkSize)
	if err != nil {
		tb.Fatal(err)
	}
	patch := bytes.Repeat([]byte("patch "), 1000)
	e := Entry{Digest: DigestOf(patch), Size: int64(len(patch)), Patch: true}
	e.Chunks = []Digest{DigestOf(patch[:MinChunkSize]), DigestOf(patch[MinChunkSize:])}
	s.content[e.Digest] = patch
	ix.Entries = append(ix.Entries, e)
	ix.Rebuilt = []Blob{{DigestOf([]byte("target")), 123_456}}
	ix.Bases = []Blob{{DigestOf([]byte("base")), 123_000}}
	ix.Encoders = []string{"go126", "zlib"}
	s.volumes = nil
	s.write(tb, ix, 0, MinChunkSize)
	return s
}

func sampleStatement() *Statement {
	issued := time.Date(2026, 11, 23, 10, 11, 12, 0, time.UTC)
	return &Statement{
		Site: "north", Epoch: 1, Seq: 42, Prev: DigestOf([]byte("prev")), Requires: []int64{40, 41}, RootVersion: 3,
		Issued: issued, Expires: issued.AddDate(0, 0, 30),
		Index:           IndexInfo{Digest: DigestOf(nil), Size: 1},
		Layout:          Layout{Volumes: 1, ChunkSize: MaxChunkSize},
		InventoryBefore: DigestOf([]byte("before")), InventoryAfter: DigestOf([]byte("after")),
		Releases: []ReleaseInfo{{"shop", "1.0.0", DigestOf([]byte("shop"))}},
		Tool:     "ferry test",
	}
}

func (s *sample) write(tb testing.TB, ix *Index, volumeSize, chunkSize int64) {
	tb.Helper()
	p, err := NewPlan(ix, volumeSize, chunkSize)
	if err != nil {
		tb.Fatal(err)
	}
	if s.index, err = ix.AppendText(nil, chunkSize); err != nil {
		tb.Fatal(err)
	}
	st := sampleStatement()
	st.Index, st.Layout = ix.Info(s.index, chunkSize), p.Layout
	if s.statement, err = st.AppendText(nil); err != nil {
		tb.Fatal(err)
	}
	key, id := sampleKey(tb)
	s.key = key
	sum := sha256.Sum256(s.statement)
	der, err := key.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		tb.Fatal(err)
	}
	w, err := NewWriter(p, len(s.statement), 1)
	if err != nil {
		tb.Fatal(err)
	}
	for n := 1; n <= int(p.Layout.Volumes); n++ {
		head, err := w.AppendHead(nil, n, s.statement, []Signature{{id, der}}, s.index)
		if err != nil {
			tb.Fatal(err)
		}
		v := make([]byte, w.VolumeSize(n))
		copy(v, head)
		for _, part := range p.VolumeParts(n) {
			e := ix.Entries[part.Entry]
			copy(v[w.Place(part)-blockSize:], w.Header(part))
			copy(v[w.Place(part):], s.content[e.Digest][part.Offset:part.Offset+part.Size])
		}
		if volumeSize != 0 && int64(len(v)) > volumeSize {
			tb.Errorf("volume %d has %d bytes, at most %d are wanted", n, len(v), volumeSize)
		}
		s.volumes = append(s.volumes, v)
	}
}

// accept reads volumes as an importer does, and returns nil if they are a
// whole bundle that key signed. got receives the content.
func accept(key *ecdsa.PublicKey, volumes [][]byte, got map[Digest][]byte) error {
	var plan *Plan
	var statement []byte
	readers := make([]*VolumeReader, len(volumes))
	_, id := keyOf(key)
	for i, b := range volumes {
		v := NewVolumeReader(bytes.NewReader(b))
		readers[i] = v
		if err := v.ReadHead(); err != nil {
			return err
		}
		if len(v.Signatures) != 1 || v.Signatures[0].KeyID != id {
			return fmt.Errorf("volume %d: not signed by the key", i+1)
		}
		if !verified(key, v.StatementText, v.Signatures[0].DER) {
			return fmt.Errorf("volume %d: bad signature", i+1)
		}
		if statement != nil && !bytes.Equal(statement, v.StatementText) {
			return fmt.Errorf("volume %d: other statement", i+1)
		}
		statement = v.StatementText
		if v.HasIndex() {
			p, err := v.ReadIndex()
			if err != nil {
				return err
			}
			plan = p
		}
	}
	if plan == nil {
		return fmt.Errorf("no index")
	}
	return acceptPayload(plan, readers, got)
}

func acceptPayload(plan *Plan, readers []*VolumeReader, got map[Digest][]byte) error {
	seen := make(map[int]bool)
	buf := make([]byte, plan.Layout.ChunkSize)
	for _, v := range readers {
		n, err := v.Identify(plan)
		if err != nil {
			return err
		}
		if seen[n] {
			return fmt.Errorf("volume %d twice", n)
		}
		seen[n] = true
		err = v.ReadPayload(plan, n, buf, func(c Chunk) error {
			d := plan.Index().Entries[c.Entry].Digest
			if int64(len(got[d])) == c.Offset {
				got[d] = append(got[d], c.Data...)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if int64(len(seen)) != plan.Layout.Volumes {
		return fmt.Errorf("%d of %d volumes: %w", len(seen), plan.Layout.Volumes, io.ErrUnexpectedEOF)
	}
	return nil
}

func keyOf(key *ecdsa.PublicKey) ([]byte, string) {
	spki, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(spki)
	return spki, hex.EncodeToString(sum[:])[:16]
}

// good remembers what was verified: damage to the payload needs no second
// look at the same statement.
var good sync.Map

func verified(key *ecdsa.PublicKey, statement, der []byte) bool {
	memo := string(statement) + string(der)
	if _, ok := good.Load(memo); ok {
		return true
	}
	sum := sha256.Sum256(statement)
	if !ecdsa.VerifyASN1(key, sum[:], der) {
		return false
	}
	good.Store(memo, nil)
	return true
}
