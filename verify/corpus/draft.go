package corpus

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/airgap-ferry/ferry/bundle"
)

const (
	chunk = bundle.MinChunkSize

	// smallVolume holds one or two chunks.
	smallVolume = bundle.MinVolumeSize + chunk
)

// A draft is a bundle that is put together, and can be made wrong at each
// step: a later step signs and writes what an earlier one made of it.
type draft struct {
	index   *bundle.Index
	content map[bundle.Digest][]byte

	statement func(*bundle.Statement) // changes values; nil: none
	spell     func([]byte) []byte     // changes the bytes of the statement before they are signed; nil: none
	reindex   func([]byte) []byte     // changes the bytes of the index before the statement is made; nil: none
	signers   []string                // names of keys
	sigs      func([]byte) []member   // makes the signatures of a statement; nil: those of signers
	volumes   func(n int, m []member) []member
	raw       func(n int, b []byte) []byte // changes the bytes of volume n; nil: none
	extra     map[string][]byte            // more files
	leave     []int                        // volumes that are not there

	volumeSize int64
}

// sample returns a good bundle of three volumes: shipment 2/42 to site north,
// signed by packer-1.
func sample() *draft {
	return sampleOf(smallVolume, 0, 1, 513, 2*chunk+300, 900)
}

// small returns a good bundle of one volume.
func small() *draft { return sampleOf(0, 1, 513, 2*chunk+300) }

func sampleOf(volumeSize int64, sizes ...int) *draft {
	d := &draft{index: new(bundle.Index), content: make(map[bundle.Digest][]byte), signers: []string{packer1}, volumeSize: volumeSize}
	manifest := []byte(`{"schemaVersion":2}`)
	d.put(manifest, "application/vnd.oci.image.manifest.v1+json")
	d.index.Changes = []bundle.Change{
		{Name: "docker.io/library/nginx:1.26", Digest: bundle.DigestOf([]byte("1.26")), Removed: true},
		{Name: "docker.io/library/nginx:1.27", Digest: bundle.DigestOf(manifest)},
		{Name: "docker.io/library/redis:8", Digest: bundle.DigestOf([]byte("held"))},
	}
	rng := rand.New(rand.NewPCG(4, 2)) //nolint:gosec // test data
	for _, size := range sizes {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(rng.Uint32()) //nolint:gosec // the low byte is wanted
		}
		d.put(b, "")
	}
	d.index.Sort()
	return d
}

// put adds a manifest or a blob.
func (d *draft) put(b []byte, mediaType string) { d.putEntry(b, bundle.Entry{MediaType: mediaType}) }

// putEntry adds e with b as its content.
func (d *draft) putEntry(b []byte, e bundle.Entry) {
	e.Digest, e.Size = bundle.DigestOf(b), int64(len(b))
	if len(b) > chunk {
		for c := range slices.Chunk(b, chunk) {
			e.Chunks = append(e.Chunks, bundle.DigestOf(c))
		}
	}
	d.content[e.Digest] = b
	d.index.Entries = append(d.index.Entries, e)
}

// files writes the bundle.
func (d *draft) files() map[string][]byte {
	plan := must(bundle.NewPlan(d.index, d.volumeSize, chunk))
	goodIndex := must(d.index.AppendText(nil, chunk))
	index := goodIndex
	if d.reindex != nil {
		index = d.reindex(bytes.Clone(index))
	}
	text := d.statementText(plan, index)
	files := make(map[string][]byte)
	for n := 1; n <= int(plan.Layout.Volumes); n++ {
		v := append(d.write(plan, n, text, goodIndex, index), make([]byte, 2*blockSize)...)
		if d.raw != nil {
			v = d.raw(n, v)
		}
		if !slices.Contains(d.leave, n) {
			files[bundle.VolumeName("north", 2, 42, n)] = v
		}
	}
	for name, b := range d.extra {
		files[name] = b
	}
	return files
}

// statementText returns the statement about the index, as it is signed.
func (d *draft) statementText(plan *bundle.Plan, index []byte) []byte {
	s := &bundle.Statement{
		Site: "north", SiteKey: siteKey(), Epoch: 2, Seq: 42, Prev: head(), Requires: []int64{40, 41}, RootVersion: 3,
		Issued: issued, Expires: issued.AddDate(0, 0, 30), Index: d.index.Info(index, chunk), Layout: plan.Layout,
		InventoryBefore: bundle.DigestOf([]byte("before")), InventoryAfter: bundle.DigestOf([]byte("after")),
		Releases: []bundle.ReleaseInfo{
			{Name: "monitoring", Version: "2.0", Digest: bundle.DigestOf([]byte("monitoring"))},
			{Name: "shop", Version: "1.1.0", Digest: bundle.DigestOf([]byte("shop"))},
		},
		Tool: "ferry v0.1.0",
	}
	if d.statement != nil {
		d.statement(s)
	}
	text := must(s.AppendText(nil))
	if d.spell != nil {
		text = d.spell(text)
	}
	return text
}

// write returns volume n without its end. Its statement, signatures and index
// are whatever they were made; everything else is as package bundle writes it.
func (d *draft) write(plan *bundle.Plan, n int, text, goodIndex, index []byte) []byte {
	stand := []byte{' '} // for the statement, which may be one that nobody would write
	w := must(bundle.NewWriter(plan, len(stand), 0))
	good := must(w.AppendHead(nil, n, stand, nil, goodIndex))
	for _, p := range plan.VolumeParts(n) {
		c := d.content[d.index.Entries[p.Entry].Digest][p.Offset:][:p.Size]
		good = append(append(good, w.Header(p)...), c...)
		good = append(good, make([]byte, -len(c)&(blockSize-1))...)
	}
	members := []member{newMember("ferry.statement", text)}
	members = append(members, d.signatures(text)...)
	for _, m := range split(append(good, 0))[1:] {
		if m.name() == "ferry.index" {
			m = newMember("ferry.index", index)
		}
		members = append(members, m)
	}
	if d.volumes != nil {
		members = d.volumes(n, members)
	}
	return join(members)
}

func (d *draft) signatures(text []byte) []member {
	if d.sigs != nil {
		return d.sigs(text)
	}
	var members []member
	for _, name := range d.signers {
		members = append(members, signature(name, sign(name, text)))
	}
	return sorted(members)
}

// signature returns the signature file of a key with these bytes of DER.
func signature(name string, der []byte) member {
	return newMember(sigName(name), toBase64(der))
}

func sigName(name string) string { return fmt.Sprintf("sigs/%s.sig", keyID(spki(name))) }

func sorted(members []member) []member {
	slices.SortFunc(members, func(a, b member) int { return bytes.Compare(a.header[:100], b.header[:100]) })
	return members
}
