package corpus

import (
	"bytes"
	"strings"

	"github.com/airgap-ferry/ferry/bundle"
)

// patched returns a small bundle with a patch, whose bytes no verifier opens.
func patched() *draft {
	d := small()
	d.putEntry(bytes.Repeat([]byte("patch "), 1000), bundle.Entry{Patch: true})
	d.index.Rebuilt = []bundle.Blob{
		{Digest: bundle.DigestOf([]byte("target")), Size: 123_456},
		{Digest: bundle.DigestOf([]byte("another")), Size: 0},
	}
	d.index.Bases = []bundle.Blob{
		{Digest: bundle.DigestOf([]byte("held")), Size: 123_000},
		{Digest: bundle.DigestOf([]byte("held too")), Size: 1},
	}
	d.index.Encoders = []string{"go126", "zlib"}
	d.index.Sort()
	return d
}

// patches are bundles with patches, whose index is of version 2.
func patches(c *collector) {
	c.add(0, "a bundle with a patch", patched(), Accepted, "")
	unaided := patched()
	unaided.index.Bases, unaided.index.Encoders = nil, nil
	c.add(0, "a patch without bases and encoders", unaided, Accepted, "")

	change := func(name string, change func([]byte) []byte) {
		b := patched()
		b.reindex = change
		c.add(30, name, b, Malformed, IndexForm)
	}
	to := func(name, old, new string) {
		change(name, func(b []byte) []byte { return replace(b, old, new) })
	}
	line := func(b []byte, verb string) string {
		from := bytes.Index(b, []byte("\n"+verb+" ")) + 1
		return string(b[from : from+bytes.IndexByte(b[from:], '\n')+1])
	}
	to("patches in an index of version 1", "ferry-index-v2", "ferry-index-v1")
	c.index("an index of version 2 without patches", func(b []byte) []byte { return replace(b, "ferry-index-v1", "ferry-index-v2") })
	to("a rebuilt blob with a size of more than 64 GiB", " 123456\n", " 68719476737\n")
	to("a rebuilt blob with a leading zero", " 123456\n", " 0123456\n")
	to("a rebuilt blob with a chunk", " 123456\n", " 123456 "+string(head())+"\n")
	to("a base without a size", " 123000\n", "\n")
	to("a base that is no digest", "\nbase sha256:", "\nbase sha512:")
	to("an encoder with a dash", "encoder go126", "encoder go-126")
	to("an encoder of 33 letters", "encoder go126", "encoder "+strings.Repeat("g", 33))
	to("an encoder without a name", "encoder go126", "encoder ")
	to("an encoder with two names", "encoder go126", "encoder go126 gnu")
	to("encoders out of order", "encoder go126\nencoder zlib", "encoder zlib\nencoder go126")
	for _, verb := range []string{"patch", "rebuilt", "base", "encoder"} {
		change("a line of "+verb+" twice", func(b []byte) []byte { return replace(b, line(b, verb), line(b, verb)+line(b, verb)) })
	}
	change("rebuilt blobs after the bases", func(b []byte) []byte {
		return append(replace(b, line(b, "rebuilt"), ""), line(b, "rebuilt")...)
	})
	change("a blob after the patches", func(b []byte) []byte {
		return append(replace(b, line(b, "blob"), ""), line(b, "blob")...)
	})
	change("a patch that makes nothing", func(b []byte) []byte { return b[:bytes.Index(b, []byte("rebuilt "))] })
	change("rebuilt blobs of no patch", func(b []byte) []byte { return replace(b, line(b, "patch"), "") })
	change("a rebuilt blob that is carried too", func(b []byte) []byte {
		f := strings.Fields(line(b, "manifest"))
		return append(b[:bytes.Index(b, []byte("rebuilt "))], "rebuilt "+f[1]+" "+f[2]+"\n"...)
	})
	change("a base that is rebuilt", func(b []byte) []byte {
		f := strings.Fields(line(b, "rebuilt"))
		return append(b[:bytes.Index(b, []byte("base "))], "base "+f[1]+" "+f[2]+"\n"...)
	})
}
