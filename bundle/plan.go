package bundle

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"slices"
)

const (
	// MinChunkSize is the smallest chunk that format v1 allows.
	MinChunkSize = 4 << 10 // bytes

	// signatureMember is what a signature takes in a volume.
	signatureMember = 2 * blockSize

	// headReserve is kept free in each volume of a bundle with a volume size:
	// the largest statement, all signatures and the end. So the place of the
	// payload follows from the index alone, and signatures can be added.
	headReserve = blockSize + MaxStatementSize + MaxSignatures*signatureMember + endSize

	// MinVolumeSize is the smallest volume size that format v1 allows.
	MinVolumeSize = headReserve + blockSize + MinChunkSize

	nameStatement = "ferry.statement"
	nameIndex     = "ferry.index"
	nameOCILayout = "oci-layout"
	nameOCIIndex  = "index.json"
	prefixSig     = "sigs/"
	suffixSig     = ".sig"
	prefixBlob    = "blobs/sha256/"

	ociLayout = `{"imageLayoutVersion":"1.0.0"}`
)

// check checks the numbers of a layout, not that they fit an index.
func (l Layout) check() error {
	if l.ChunkSize < MinChunkSize || l.ChunkSize > MaxChunkSize || bits.OnesCount64(uint64(l.ChunkSize)) != 1 {
		return statementError("chunk_size is %d, want a power of two from %d to %d", l.ChunkSize, MinChunkSize, MaxChunkSize)
	}
	if l.VolumeSize == 0 && l.Volumes != 1 {
		return statementError("%d volumes without a volume_size", l.Volumes)
	}
	if l.VolumeSize != 0 && (l.VolumeSize < MinVolumeSize || l.VolumeSize > maxInteger) {
		return statementError("volume_size is %d, want 0 or at least %d", l.VolumeSize, MinVolumeSize)
	}
	return nil
}

// ChunkSizeFor returns the chunk size that suits a volume size: the largest
// of which at least eight fit into a volume.
func ChunkSizeFor(volumeSize int64) int64 {
	chunk := int64(MaxChunkSize)
	for volumeSize != 0 && chunk > MinChunkSize && 8*chunk > volumeSize-headReserve {
		chunk /= 2
	}
	return chunk
}

// VolumeName returns the file name of volume n, from 1, of a bundle. Names
// are for people: readers know a volume by what it holds.
func VolumeName(site string, epoch, seq int64, n int) string {
	return fmt.Sprintf("%s-%d-%d.v%03d.tar", site, epoch, seq, n)
}

// A Part is a run of chunks of one entry that stands in one volume as one
// member.
type Part struct {
	Entry  int   // of Index.Entries
	Offset int64 // of the part in the entry, bytes; a multiple of the chunk size
	Size   int64 // bytes
	Volume int   // from 1
	number int   // of the part in the entry, from 1; 0 if the entry is one part
	start  int64 // of the member's header, from the start of the payload
}

// A Plan says where in which volume each byte of a bundle stands. It follows
// from the index and the sizes in the layout, and needs no digest of a chunk.
type Plan struct {
	Layout   Layout
	index    *Index
	indexLen int64
	ociIndex []byte
	parts    []Part // in the order of entries, so also by volume
	payload  []int64
}

// NewPlan lays out the entries of ix. The result has Layout.Volumes set.
//
// It fails if a volume of volumeSize bytes can not hold the index and at
// least one chunk. ix must be sorted; the plan keeps it.
func NewPlan(ix *Index, volumeSize, chunkSize int64) (*Plan, error) {
	p := &Plan{
		Layout:   Layout{VolumeSize: volumeSize, Volumes: 1, ChunkSize: chunkSize},
		index:    ix,
		indexLen: ix.EncodedSize(chunkSize),
		payload:  []int64{0},
	}
	if err := p.Layout.check(); err != nil {
		return nil, err
	}
	var err error
	if p.ociIndex, err = ociIndex(ix); err != nil {
		return nil, err
	}
	room := p.room(1)
	if volumeSize != 0 && room < blockSize+chunkSize {
		return nil, fmt.Errorf("volumes of %d bytes are too small: the first needs at least %d for the index", volumeSize, volumeSize-room+blockSize+chunkSize)
	}
	for i, e := range ix.Entries {
		room = p.place(i, e.Size, room)
	}
	if n := len(p.payload); volumeSize != 0 && n > 1 && room < memberSize(p.indexLen) {
		p.payload = append(p.payload, 0)
	}
	p.Layout.Volumes = int64(len(p.payload))
	if p.Layout.Volumes > MaxVolumes {
		return nil, fmt.Errorf("the bundle takes %d volumes of %d bytes, at most %d are allowed", p.Layout.Volumes, volumeSize, MaxVolumes)
	}
	return p, nil
}

// room returns the bytes that payload may take in volume n, if it is not the
// last, which also holds the index.
func (p *Plan) room(n int) int64 {
	room := p.Layout.VolumeSize - headReserve
	if n == 1 {
		room -= memberSize(p.indexLen) + memberSize(int64(len(ociLayout))) + memberSize(int64(len(p.ociIndex)))
	}
	return room
}

// place adds the parts of an entry after what is placed already. It takes
// and returns the room in the current volume.
func (p *Plan) place(entry int, size, room int64) int64 {
	chunk := p.Layout.ChunkSize
	first := len(p.parts)
	for offset, done := int64(0), false; !done; {
		n := min(size-offset, maxMember/chunk*chunk)
		if p.Layout.VolumeSize != 0 && memberSize(n) > room {
			n = min(n, (room-blockSize)/chunk*chunk)
			if n <= 0 {
				p.payload = append(p.payload, 0)
				room = p.room(len(p.payload))
				continue
			}
		}
		v := len(p.payload)
		p.parts = append(p.parts, Part{Entry: entry, Offset: offset, Size: n, Volume: v, start: p.payload[v-1]})
		p.payload[v-1] += memberSize(n)
		room -= memberSize(n)
		offset += n
		done = offset == size
	}
	if len(p.parts)-first > 1 {
		for i := range p.parts[first:] {
			p.parts[first+i].number = i + 1
		}
	}
	return room
}

// Parts returns the parts of entry i in order. The caller must not change
// them.
func (p *Plan) Parts(i int) []Part {
	lo, _ := slices.BinarySearchFunc(p.parts, i, func(a Part, i int) int { return a.Entry - i })
	hi := lo
	for hi < len(p.parts) && p.parts[hi].Entry == i {
		hi++
	}
	return p.parts[lo:hi]
}

// VolumeParts returns the parts that stand in volume n in order.
func (p *Plan) VolumeParts(n int) []Part {
	lo, _ := slices.BinarySearchFunc(p.parts, n, func(a Part, n int) int { return a.Volume - n })
	hi, _ := slices.BinarySearchFunc(p.parts, n+1, func(a Part, n int) int { return a.Volume - n })
	return p.parts[lo:hi]
}

// member returns the name of the member that holds part.
func (p *Plan) member(part Part) string {
	name := prefixBlob + p.index.Entries[part.Entry].Digest.Hex()
	if part.number > 0 {
		name = fmt.Sprintf("%s.%04d", name, part.number)
	}
	return name
}

// hasIndex reports whether volume n holds the index.
func (p *Plan) hasIndex(n int) bool { return n == 1 || n == len(p.payload) }

// headSize returns the bytes before the payload of volume n.
func (p *Plan) headSize(n, statementLen, signatures int) int64 {
	size := memberSize(int64(statementLen)) + int64(signatures)*signatureMember
	if p.hasIndex(n) {
		size += memberSize(p.indexLen)
	}
	if n == 1 {
		size += memberSize(int64(len(ociLayout))) + memberSize(int64(len(p.ociIndex)))
	}
	return size
}

// ociIndex returns index.json of the OCI layout that the bundle is: the names
// of the manifests that it carries.
func ociIndex(ix *Index) ([]byte, error) {
	type descriptor struct {
		MediaType   string            `json:"mediaType"`
		Digest      Digest            `json:"digest"`
		Size        int64             `json:"size"`
		Annotations map[string]string `json:"annotations"`
	}
	manifests := make([]descriptor, 0, len(ix.Changes))
	for _, c := range ix.Changes {
		i, ok := slices.BinarySearchFunc(ix.Entries, Entry{Digest: c.Digest, MediaType: "any"}, compareEntries)
		if c.Removed || !ok {
			continue
		}
		e := ix.Entries[i]
		manifests = append(manifests, descriptor{e.MediaType, e.Digest, e.Size, map[string]string{"org.opencontainers.image.ref.name": c.Name}})
	}
	b, err := json.Marshal(struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		Manifests     []descriptor `json:"manifests"`
	}{2, "application/vnd.oci.image.index.v1+json", manifests})
	if err != nil {
		return nil, fmt.Errorf("writing index.json: %w", err)
	}
	return b, nil
}
