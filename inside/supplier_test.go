package inside

import (
	"bytes"
	"context"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
	"github.com/airgap-ferry/ferry/ledger"
	"github.com/airgap-ferry/ferry/registry"
	"github.com/airgap-ferry/ferry/registry/registrytest"
	"github.com/airgap-ferry/ferry/release"
	"github.com/airgap-ferry/ferry/verify"
	"github.com/airgap-ferry/ferry/verify/statement"
)

// testTime is when everything in these tests happens.
var testTime = time.Date(2026, 11, 23, 10, 11, 12, 0, time.UTC)

// testSigner returns the key that suppliers sign with, and strangerSigner one
// that no root knows. Making one takes a while.
var (
	testSigner     = sync.OnceValues(newSigner)
	strangerSigner = sync.OnceValues(newSigner)
)

func newSigner() (verify.Signer, error) {
	private, _, err := verify.GenerateKeyPair(nil)
	if err != nil {
		return nil, err
	}
	return verify.LoadSigner(private, nil)
}

// A supplier is the outside of these tests: it resolves releases over a real
// registry and packs what its site does not hold yet.
type supplier struct {
	tb      testing.TB
	source  *registrytest.Registry
	client  *registry.Client
	signer  verify.Signer
	siteKey bundle.Digest
	held    map[bundle.Digest]int64 // sizes
	seq     int64
	prev    bundle.Digest
	dir     string // of releases and their files
}

func newSupplier(tb testing.TB) *supplier {
	tb.Helper()
	signer, err := testSigner()
	if err != nil {
		tb.Fatal(err)
	}
	return &supplier{
		tb: tb, source: registrytest.Start(tb, registrytest.Options{}), client: registrytest.Client(tb),
		signer: signer, held: make(map[bundle.Digest]int64), dir: tb.TempDir(),
	}
}

// root returns the root that trusts the supplier.
func (s *supplier) root() []byte {
	s.tb.Helper()
	key, err := statement.ParsePublicKey(s.signer.PublicKeyPEM())
	if err != nil {
		s.tb.Fatal(err)
	}
	key.Name = "packer"
	only := statement.Role{Keys: []string{key.ID}, Threshold: 1}
	root := &statement.Root{
		Version: 1, Epoch: 2, Issued: testTime, Expires: testTime.AddDate(1, 0, 0),
		Keys: []statement.Key{key}, Root: only, Packer: only,
		Policy: statement.Policy{MaxSeqStep: 3, MaxAge: 30 * 24 * time.Hour, ClockSkew: time.Hour, Sites: []string{statement.AnySite}},
	}
	text, err := root.AppendText(nil)
	if err != nil {
		s.tb.Fatal(err)
	}
	return text
}

// write writes a file that a release can name.
func (s *supplier) write(name, content string, perm os.FileMode) {
	s.tb.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), perm); err != nil {
		s.tb.Fatal(err)
	}
}

// ref returns path in the source registry.
func (s *supplier) ref(path string) string { return s.source.Repository(path) }

// A packing says how to pack; its zero value is the usual way.
type packing struct {
	volumeSize int64 // 0 for one volume
	chunkSize  int64 // 0 for what suits the volumes

	change func(*bundle.Statement)                            // before it is signed
	drop   func(e bundle.Entry) bool                          // entries that are left out
	sign   func(statement []byte) ([]bundle.Signature, error) // nil: by the supplier
}

// A shipment is a bundle on disk, with what it brings.
type shipment struct {
	*release.Resolution
	statement *bundle.Statement
	digest    bundle.Digest // of the statement
	index     *bundle.Index
	plan      *bundle.Plan
	volumes   []string // paths
}

// all returns the directory of the volumes.
func (b *shipment) all() string { return filepath.Dir(b.volumes[0]) }

// pack packs the release of that name and version, of which body is the rest
// of release.yaml with HOST for the source registry, and takes it as shipped.
func (s *supplier) pack(name, version, body string, p packing) *shipment {
	s.tb.Helper()
	text := "apiVersion: ferry/v1\nkind: Release\nname: " + name + "\nversion: '" + version + "'\n" + body
	r, err := release.Parse(filepath.Join(s.dir, "release.yaml"), []byte(strings.ReplaceAll(text, "HOST", s.source.Host)))
	if err != nil {
		s.tb.Fatal(err)
	}
	resolution, err := release.Resolve(s.tb.Context(), r, source{s.client}, release.ResolveOptions{})
	if err != nil {
		s.tb.Fatal(err)
	}
	b := &shipment{Resolution: resolution}
	before := s.inventory()
	content := s.lay(b, &p)
	s.seal(b, &p, before)
	s.writeVolumes(b, &p, content)
	s.seq, s.prev = b.statement.Seq, b.digest
	return b
}

// inventory returns the root over what the site holds.
func (s *supplier) inventory() bundle.Digest {
	s.tb.Helper()
	var inv ledger.Inventory
	for _, d := range slices.Sorted(maps.Keys(s.held)) {
		if err := inv.Add(ledger.Blob{Digest: d, Size: s.held[d]}); err != nil {
			s.tb.Fatal(err)
		}
	}
	return inv.Root()
}

// lay plans the bundle and returns the content of its entries.
func (s *supplier) lay(b *shipment, p *packing) map[bundle.Digest][]byte {
	s.tb.Helper()
	if p.chunkSize == 0 {
		p.chunkSize = bundle.ChunkSizeFor(p.volumeSize)
	}
	content := make(map[bundle.Digest][]byte)
	b.index = new(bundle.Index)
	for _, item := range b.Items() {
		if _, ok := s.held[item.Digest]; ok {
			continue
		}
		s.held[item.Digest] = item.Size
		e := bundle.Entry{Digest: item.Digest, Size: item.Size}
		if item.IsManifest {
			e.MediaType = item.MediaType
		}
		raw := s.read(item)
		for chunk := range slices.Chunk(raw, int(p.chunkSize)) {
			e.Chunks = append(e.Chunks, bundle.DigestOf(chunk))
		}
		if len(e.Chunks) == 1 {
			e.Chunks = nil
		}
		if p.drop != nil && p.drop(e) {
			continue
		}
		b.index.Entries = append(b.index.Entries, e)
		content[item.Digest] = raw
	}
	b.index.Sort()
	var err error
	if b.plan, err = bundle.NewPlan(b.index, p.volumeSize, p.chunkSize); err != nil {
		s.tb.Fatal(err)
	}
	return content
}

// read returns the bytes of an item.
func (s *supplier) read(item release.Item) []byte {
	s.tb.Helper()
	if item.IsManifest {
		return item.Raw
	}
	open := item.Open
	if open == nil {
		open = func() (io.ReadCloser, error) { return s.client.Blob(s.tb.Context(), item.Repository, item.Digest, 0) }
	}
	r, err := open()
	if err != nil {
		s.tb.Fatal(err)
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil || bundle.DigestOf(raw) != item.Digest {
		s.tb.Fatalf("reading %s of %q: %v, or other bytes", item.Digest, item.Owner, err)
	}
	return raw
}

// seal makes the statement.
func (s *supplier) seal(b *shipment, p *packing, before bundle.Digest) {
	s.tb.Helper()
	index, err := b.index.AppendText(nil, p.chunkSize)
	if err != nil {
		s.tb.Fatal(err)
	}
	b.statement = &bundle.Statement{
		Site: "north", SiteKey: s.siteKey, Epoch: 1, Seq: s.seq + 1, Prev: s.prev, RootVersion: 1,
		Issued: testTime, Expires: testTime.AddDate(0, 0, 7),
		Index: b.index.Info(index, p.chunkSize), Layout: b.plan.Layout,
		InventoryBefore: before, InventoryAfter: s.inventory(),
		Releases: []bundle.ReleaseInfo{{Name: b.Resolved.Name, Version: b.Resolved.Version, Digest: b.Digest()}},
		Tool:     "ferry test",
	}
	if p.change != nil {
		p.change(b.statement)
	}
}

// writeVolumes signs the statement and writes the volumes to a new directory.
func (s *supplier) writeVolumes(b *shipment, p *packing, content map[bundle.Digest][]byte) {
	s.tb.Helper()
	text, err := b.statement.AppendText(nil)
	if err != nil {
		s.tb.Fatal(err)
	}
	b.digest = bundle.DigestOf(text)
	if p.sign == nil {
		p.sign = signedBy(s.signer)
	}
	sigs, err := p.sign(text)
	if err != nil {
		s.tb.Fatal(err)
	}
	index, err := b.index.AppendText(nil, p.chunkSize)
	if err != nil {
		s.tb.Fatal(err)
	}
	w, err := bundle.NewWriter(b.plan, len(text), len(sigs))
	if err != nil {
		s.tb.Fatal(err)
	}
	dir := s.tb.TempDir()
	for n := 1; n <= int(b.plan.Layout.Volumes); n++ {
		v := make([]byte, w.VolumeSize(n))
		head, err := w.AppendHead(nil, n, text, sigs, index)
		if err != nil {
			s.tb.Fatal(err)
		}
		copy(v, head)
		for _, part := range b.plan.VolumeParts(n) {
			place, header := w.Place(part), w.Header(part)
			copy(v[place-int64(len(header)):], header)
			copy(v[place:], content[b.index.Entries[part.Entry].Digest][part.Offset:part.Offset+part.Size])
		}
		path := filepath.Join(dir, bundle.VolumeName(b.statement.Site, b.statement.Epoch, b.statement.Seq, n))
		if err := os.WriteFile(path, v, 0o600); err != nil {
			s.tb.Fatal(err)
		}
		b.volumes = append(b.volumes, path)
	}
}

// signedBy returns what signs with each of signers.
func signedBy(signers ...verify.Signer) func([]byte) ([]bundle.Signature, error) {
	return func(text []byte) ([]bundle.Signature, error) {
		var sigs []bundle.Signature
		for _, s := range signers {
			sig, err := s.Sign(text)
			if err != nil {
				return nil, err
			}
			sigs = append(sigs, sig)
		}
		return sigs, nil
	}
}

// A source is what release.Resolve needs of registries.
type source struct{ c *registry.Client }

func (s source) Resolve(ctx context.Context, ref oci.Reference) (oci.Descriptor, error) {
	return s.c.Resolve(ctx, ref)
}

func (s source) Manifest(ctx context.Context, repo string, d bundle.Digest) (string, []byte, error) {
	desc, raw, err := s.c.Manifest(ctx, repo, d)
	return desc.MediaType, raw, err
}

func (s source) Blob(ctx context.Context, repo string, d bundle.Digest, size int64) ([]byte, error) {
	r, err := s.c.Blob(ctx, repo, d, 0)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var b bytes.Buffer
	_, err = io.CopyN(&b, r, size)
	return b.Bytes(), err
}

func (s source) Attachments(ctx context.Context, repo string, subject bundle.Digest) ([]release.Attachment, error) {
	var list []release.Attachment
	for _, suffix := range []string{".sig", ".att", ".sbom"} {
		tag := oci.FallbackTag(subject) + suffix
		d, ok, err := s.c.StatManifest(ctx, repo, tag)
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, release.Attachment{Digest: d.Digest, Tag: tag})
		}
	}
	referrers, err := s.c.Referrers(ctx, repo, subject)
	for _, d := range referrers {
		list = append(list, release.Attachment{Digest: d.Digest, ArtifactType: d.ArtifactType})
	}
	return list, err
}

func (s source) Tags(ctx context.Context, repo string) ([]string, error) { return s.c.Tags(ctx, repo) }
