package inside

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/bundle/volume"
	"github.com/airgap-ferry/ferry/internal/durable"
)

// benchVolume writes a bundle of one volume with blobs of these sizes, whose
// signature nobody has made, to dir.
func benchVolume(b *testing.B, dir string, sizes ...int64) (*volume.Bundle, *bundle.Plan) {
	b.Helper()
	ix := new(bundle.Index)
	seeds := make(map[bundle.Digest]byte)
	for n, size := range sizes {
		seed, src := byte(n), payload(byte(n), size)
		e, whole := bundle.Entry{Size: size}, sha256.New()
		buf := make([]byte, bundle.MaxChunkSize)
		for left := size; left > 0; {
			chunk := buf[:min(left, int64(len(buf)))]
			if _, err := io.ReadFull(src, chunk); err != nil {
				b.Fatal(err)
			}
			e.Chunks = append(e.Chunks, bundle.DigestOf(chunk))
			whole.Write(chunk)
			left -= int64(len(chunk))
		}
		e.Digest = bundle.DigestFromSum([sha256.Size]byte(whole.Sum(nil)))
		if len(e.Chunks) == 1 {
			e.Chunks = nil
		}
		seeds[e.Digest] = seed
		ix.Entries = append(ix.Entries, e)
	}
	ix.Sort()
	plan, err := bundle.NewPlan(ix, 0, bundle.MaxChunkSize)
	if err != nil {
		b.Fatal(err)
	}
	text, err := ix.AppendText(nil, bundle.MaxChunkSize)
	if err != nil {
		b.Fatal(err)
	}
	none := bundle.DigestOf(nil)
	statement, err := (&bundle.Statement{
		Site: "north", Epoch: 1, Seq: 1, RootVersion: 1, Issued: testTime, Expires: testTime.AddDate(0, 0, 7),
		Index: ix.Info(text, bundle.MaxChunkSize), Layout: plan.Layout, InventoryBefore: none, InventoryAfter: none, Tool: "ferry test",
	}).AppendText(nil)
	if err != nil {
		b.Fatal(err)
	}
	w, err := bundle.NewWriter(plan, len(statement), 0)
	if err != nil {
		b.Fatal(err)
	}
	name := filepath.Join(dir, "volume.tar")
	f, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	head, err := w.AppendHead(nil, 1, statement, nil, text)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := f.Write(head); err != nil {
		b.Fatal(err)
	}
	for _, part := range plan.VolumeParts(1) {
		header := w.Header(part)
		if _, err := f.WriteAt(header, w.Place(part)-int64(len(header))); err != nil {
			b.Fatal(err)
		}
		d := ix.Entries[part.Entry].Digest
		if _, err := io.Copy(io.NewOffsetWriter(f, w.Place(part)), payload(seeds[d], part.Size)); err != nil {
			b.Fatal(err)
		}
	}
	if err := f.Truncate(w.VolumeSize(1)); err != nil {
		b.Fatal(err)
	}
	bundles, _, err := volume.Scan([]string{name})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := bundles[0].Identify(plan); err != nil {
		b.Fatal(err)
	}
	return bundles[0], plan
}

// payload returns bytes that follow from seed.
func payload(seed byte, size int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{seed}), size)
}

// BenchmarkReceive reads a volume of 1 GiB into staging. TMPDIR says where,
// such as a file system in memory.
func BenchmarkReceive(b *testing.B) {
	for _, sizes := range [][]int64{{1 << 30}, {256 << 20, 256 << 20, 256 << 20, 256 << 20}} {
		b.Run(fmt.Sprintf("%d blobs", len(sizes)), func(b *testing.B) {
			dir := b.TempDir()
			bun, plan := benchVolume(b, dir, sizes...)
			b.SetBytes(1 << 30)
			b.ReportAllocs()
			for b.Loop() {
				st, err := openStaging(durable.OS, filepath.Join(dir, stagingDir), bun.Digest)
				if err != nil {
					b.Fatal(err)
				}
				st.plan = plan
				if err := st.receive(b.Context(), bun, 1, nil); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := removeStaging(durable.OS, filepath.Join(dir, stagingDir), bun.Digest); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}
