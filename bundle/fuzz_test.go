package bundle

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"
)

// seeds adds the frozen files that match, and fails if there are none.
func seeds(f *testing.F, pattern string) {
	f.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(names) == 0 {
		f.Fatalf("no seeds match %q (%v)", pattern, err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
}

func FuzzParseStatement(f *testing.F) {
	seeds(f, "statement-*.txt")
	f.Fuzz(func(t *testing.T, in []byte) {
		s, err := ParseStatement(in)
		if err != nil {
			return
		}
		if out, err := s.AppendText(nil); err != nil || !bytes.Equal(in, out) {
			t.Errorf("read %q, wrote %q, %v", in, out, err)
		}
	})
}

func FuzzParseIndex(f *testing.F) {
	seeds(f, "index-*.txt")
	f.Fuzz(func(t *testing.T, in []byte) {
		ix, err := ParseIndex(in, testChunk)
		if err != nil {
			return
		}
		if out, err := ix.AppendText(nil, testChunk); err != nil || !bytes.Equal(in, out) {
			t.Errorf("read %q, wrote %q, %v", in, out, err)
		}
		if n := ix.EncodedSize(testChunk); n != int64(len(in)) {
			t.Errorf("EncodedSize = %d of %d bytes", n, len(in))
		}
	})
}

func FuzzParseSignature(f *testing.F) {
	seeds(f, "signature-*.txt")
	f.Fuzz(func(t *testing.T, in []byte) {
		s, err := ParseSignature("0123456789abcdef", in)
		if err != nil {
			return
		}
		if out, err := s.AppendText(nil); err != nil || !bytes.Equal(in, out) {
			t.Errorf("read %q, wrote %q, %v", in, out, err)
		}
	})
}

func FuzzParseMember(f *testing.F) {
	h := memberHeader(nameStatement, 1234)
	f.Add(h[:])
	h = memberHeader("blobs/sha256/"+DigestOf(nil).Hex()+".0001", maxMember)
	f.Add(h[:])
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) != blockSize {
			return
		}
		name, size, err := parseMember((*[blockSize]byte)(in))
		if err != nil {
			return
		}
		if out := memberHeader(name, size); !bytes.Equal(in, out[:]) {
			t.Errorf("read %q, wrote %q", in, out)
		}
	})
}

// A volume that is read to its end without an error is the one that its
// statement, its signatures and its index make.
func FuzzVolumeReader(f *testing.F) {
	s := makeSample(f, 0, MinChunkSize, 1, 600, MinChunkSize+9)
	f.Add(s.volumes[0])
	for _, v := range makeSample(f, MinVolumeSize+2*MinChunkSize, MinChunkSize, 1, 5*MinChunkSize).volumes {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bytes.NewReader(in)
		v := NewVolumeReader(r)
		if v.ReadHead() != nil || !v.HasIndex() {
			return
		}
		p, err := v.ReadIndex()
		if err != nil {
			return
		}
		n, err := v.Identify(p)
		if err != nil {
			return
		}
		out := make([]byte, 0, len(in))
		content := make(map[int][]byte)
		err = v.ReadPayload(p, n, make([]byte, p.Layout.ChunkSize), func(c Chunk) error {
			content[c.Entry] = append(content[c.Entry], c.Data...)
			return nil
		})
		if err != nil {
			return
		}
		index, err := p.Index().AppendText(nil, p.Layout.ChunkSize)
		if err != nil {
			t.Fatal(err)
		}
		w, err := NewWriter(p, len(v.StatementText), len(v.Signatures))
		if err != nil {
			t.Fatal(err)
		}
		if out, err = w.AppendHead(out, n, v.StatementText, v.Signatures, index); err != nil {
			t.Fatal(err)
		}
		for _, part := range p.VolumeParts(n) {
			out = append(out, w.Header(part)...)
			out = append(out, content[part.Entry]...)
			out = append(out, make([]byte, padded(part.Size)-part.Size)...)
		}
		out = append(out, make([]byte, endSize)...)
		if sha256.Sum256(out) != sha256.Sum256(in) {
			t.Errorf("%d bytes were read, %d are written, not the same", len(in), len(out))
		}
	})
}
