package corpus

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/airgap-ferry/ferry/bundle"
)

// respelled returns the small bundle with other bytes as its index, and a
// statement that is right about them in everything but their meaning.
func respelled(change func([]byte) []byte) *draft {
	b := small()
	b.reindex = change
	return b
}

func (c *collector) index(name string, change func([]byte) []byte) {
	c.add(30, name, respelled(change), Malformed, IndexForm)
}

// indexLine replaces the first line that begins with a verb.
func (c *collector) indexLine(name, verb string, change func(line string) string) {
	c.index(name, func(b []byte) []byte {
		return regexp.MustCompile(`(?m)^`+verb+` .*\n`).ReplaceAllFunc(b, func() func([]byte) []byte {
			done := false
			return func(line []byte) []byte {
				if done {
					return line
				}
				done = true
				return []byte(change(strings.TrimSuffix(string(line), "\n")))
			}
		}())
	})
}

// indexForms are indexes in another form altogether.
func indexForms(c *collector) {
	c.index("an index without a first line", func(b []byte) []byte { return b[len("ferry-index-v1\n"):] })
	c.index("an index without a last newline", func(b []byte) []byte { return b[:len(b)-1] })
	c.index("an index with an empty line", func(b []byte) []byte { return replace(b, "\n", "\n\n") })
	c.index("an index with an empty line at its end", func(b []byte) []byte { return append(b, '\n') })
	c.index("an index with CRLF", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")) })
	c.index("an index with one CRLF", func(b []byte) []byte { return replace(b, "\nblob", "\r\nblob") })
	c.index("an index with a NUL", func(b []byte) []byte { return replace(b, "nginx:1.27", "nginx:1.2\x00") })
	c.index("an index with a tab", func(b []byte) []byte { return replace(b, "blob ", "blob\t") })
	c.index("an index with a comment", func(b []byte) []byte { return replace(b, "\n", "\n# comment\n") })
	c.index("an index with an unknown line", func(b []byte) []byte { return append(b, "chart "+string(head())+" 1\n"...) })
	c.index("an index of nothing but a newline", func([]byte) []byte { return []byte("\n") })
	c.index("an index in JSON", func([]byte) []byte { return []byte("{}\n") })
	c.index("an index with a first line twice", func(b []byte) []byte { return append([]byte("ferry-index-v1\n"), b...) })
	c.index("an index with a line of a megabyte", func(b []byte) []byte {
		return append(b, "blob "+string(head())+" 1 "+strings.Repeat("x", 1<<20)+"\n"...)
	})
	c.index("an index with a manifest that is a blob too", manifestAsBlob)
	newer := respelled(func(b []byte) []byte { return replace(b, "ferry-index-v1", "ferry-index-v3") })
	c.add(30, "an index of version 3", newer, Newer, NewerFormat)
}

// manifestAsBlob lists the first manifest among the blobs too, where it belongs
// in their order.
func manifestAsBlob(b []byte) []byte {
	m := regexp.MustCompile(`(?m)^manifest (\S+ \d+) .*\n`).FindSubmatch(b)
	lines := append(strings.SplitAfter(string(b), "\n"), "blob "+string(m[1])+"\n")
	first := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "blob ") })
	slices.Sort(lines[first:])
	return []byte(strings.Join(lines, ""))
}

// indexEntries are indexes with bad lines about manifests and blobs.
func indexEntries(c *collector) {
	field := func(name, verb string, n int, value func(string) string) {
		c.indexLine(name, verb, func(line string) string {
			f := strings.Split(line, " ")
			f[n] = value(f[n])
			return strings.Join(f, " ") + "\n"
		})
	}
	to := func(s string) func(string) string { return func(string) string { return s } }
	field("a size below zero", "blob", 2, to("-1"))
	field("a size with a sign", "blob", 2, func(s string) string { return "+" + s })
	field("a size with a leading zero", "blob", 2, func(s string) string { return "0" + s })
	field("a size in hex", "blob", 2, func(s string) string { return "0x" + s })
	field("a size with a fraction", "blob", 2, func(s string) string { return s + ".0" })
	field("a size with an exponent", "blob", 2, func(s string) string { return s + "e0" })
	field("a size that is empty", "blob", 2, to(""))
	field("a size of a word", "blob", 2, to("x"))
	field("a size of 2^63", "blob", 2, to("9223372036854775808"))
	field("a size of 2^64 and one", "blob", 2, to("18446744073709551617"))
	field("a size of more than 64 GiB", "blob", 2, to("68719476737"))
	field("a size of a manifest of more than 64 GiB", "manifest", 2, to("68719476737"))
	field("a digest of capital letters", "blob", 1, func(s string) string { return "sha256:" + strings.ToUpper(s[7:]) })
	field("a digest of sha512", "blob", 1, func(s string) string { return "sha512:" + s[7:] + s[7:] })
	field("a digest without a kind", "blob", 1, func(s string) string { return s[7:] })
	field("a digest with a letter beyond f", "blob", 1, func(s string) string { return s[:70] + "g" })
	field("a digest cut short", "blob", 1, func(s string) string { return s[:70] })
	field("a digest with a letter more", "blob", 1, func(s string) string { return s + "0" })
	field("a media type with a space", "manifest", 3, func(s string) string { return s + " x" })
	field("a media type that is empty", "manifest", 3, to(""))
	field("a media type with a quote", "manifest", 3, func(s string) string { return s + `"` })
	field("a media type of 256", "manifest", 3, to(strings.Repeat("x", 256)))
	field("a space too many", "blob", 1, func(s string) string { return " " + s })
	field("a space at the end of a line", "blob", 2, func(s string) string { return s + " " })
	field("a chunk of a blob that is one chunk", "blob", 2, func(s string) string { return s + " " + string(head()) })
	field("a verb in capital letters", "blob", 0, to("Blob"))
	c.indexLine("a line without a size", "blob", func(line string) string {
		return line[:strings.LastIndexByte(line, ' ')] + "\n"
	})
	c.indexLine("a verb alone", "blob", func(string) string { return "blob\n" })
	c.indexLine("a manifest without a media type", "manifest", func(line string) string {
		return line[:strings.LastIndexByte(line, ' ')] + "\n"
	})
	c.indexLine("a blob twice", "blob", func(line string) string { return line + "\n" + line + "\n" })
	c.indexLine("a manifest twice", "manifest", func(line string) string { return line + "\n" + line + "\n" })
	c.indexLine("a blob missing", "blob", func(string) string { return "" })
	c.index("blobs out of order", func(b []byte) []byte {
		lines := strings.SplitAfter(string(b), "\n")
		n := len(lines)
		lines[n-2], lines[n-3] = lines[n-3], lines[n-2]
		return []byte(strings.Join(lines, ""))
	})
	c.index("a manifest after the blobs", func(b []byte) []byte {
		line := regexp.MustCompile(`(?m)^manifest .*\n`).Find(b)
		return append(bytes.Replace(b, line, nil, 1), line...)
	})
	many := regexp.MustCompile(`(?m)^blob \S+ \d+ .*\n`)
	chunks := func(name string, change func(line string) string) {
		c.index(name, func(b []byte) []byte {
			return many.ReplaceAllFunc(b, func(line []byte) []byte { return []byte(change(strings.TrimSuffix(string(line), "\n")) + "\n") })
		})
	}
	chunks("a chunk missing", func(line string) string { return line[:strings.LastIndexByte(line, ' ')] })
	chunks("a chunk too many", func(line string) string { return line + " " + string(head()) })
	chunks("no chunks of a blob of three", func(line string) string { return strings.Join(strings.Split(line, " ")[:3], " ") })
	chunks("a chunk that is no digest", func(line string) string { return line[:len(line)-1] + "x" })
	chunks("a chunk in capital letters", func(line string) string { return line[:len(line)-64] + strings.ToUpper(line[len(line)-64:]) })
}

// indexChanges are indexes with bad lines about what is added and removed.
func indexChanges(c *collector) {
	name := func(what, value string) {
		c.indexLine("a name "+what, "added", func(line string) string {
			return line[:strings.LastIndexByte(line, ' ')+1] + value + "\n"
		})
	}
	name("that is empty", "")
	name("with a space", "docker.io/library/nginx 1.27")
	name("with a control character", "docker.io/library/\x1b[2J")
	name("beyond ASCII", "docker.io/library/ngіnx:1.27")
	name("with a backslash", `docker.io\library`)
	name("with a quote", `docker.io/library/"nginx"`)
	name("with a percent sign", "docker.io/library/%s%n")
	name("of 513", "docker.io/"+strings.Repeat("x", 503))
	name("out of order", "docker.io/library/a:1")
	c.indexLine("a name twice", "added", func(line string) string { return line + "\n" + line + "\n" })
	c.indexLine("a name with two digests", "added", func(line string) string {
		return line + "\nadded " + string(head()) + line[strings.LastIndexByte(line, ' '):] + "\n"
	})
	c.indexLine("removed before added of one name", "removed", func(line string) string {
		return line + "\nadded " + string(head()) + line[strings.LastIndexByte(line, ' '):] + "\n"
	})
	c.index("a name after the manifests", func(b []byte) []byte {
		return append(b, "added "+string(head())+" docker.io/library/zoo:1\n"...)
	})
	b := small()
	b.index.Changes = []bundle.Change{
		{Name: "a/b:1", Digest: head()},
		{Name: "a/b:1", Digest: siteKey(), Removed: true},
		{Name: "docker.io/" + strings.Repeat("x", 502), Digest: head()},
	}
	c.add(0, "an index with a name that moves, and one of 512", b, Accepted, "")
}

// indexSums are statements that are wrong about their index, signed.
func indexSums(c *collector) {
	add := func(name, want string, exit int, change func(*bundle.Statement)) {
		b := small()
		b.statement = change
		c.add(30, name, b, exit, want)
	}
	add("an entry too many in the statement", IndexForm, Malformed, func(s *bundle.Statement) { s.Index.Entries++ })
	add("a chunk too many in the statement", IndexForm, Malformed, func(s *bundle.Statement) { s.Index.Chunks++ })
	add("a byte too many in the statement", IndexForm, Malformed, func(s *bundle.Statement) { s.Index.Bytes++ })
	add("no bytes in the statement", IndexForm, Malformed, func(s *bundle.Statement) { s.Index.Bytes = 0 })
	add("another chunk size in the statement", IndexForm, Malformed, func(s *bundle.Statement) { s.Layout.ChunkSize *= 2 })
	add("another digest of the index in the statement", IsDamaged, Damaged, func(s *bundle.Statement) { s.Index.Digest = head() })
	add("another size of the index in the statement", Incomplete, Damaged, func(s *bundle.Statement) { s.Index.Size++ })
	b := sample()
	b.statement = func(s *bundle.Statement) { s.Layout.Volumes++ }
	c.add(30, "a volume too many in the statement", b, Malformed, IndexForm)
	b = sample()
	b.statement = func(s *bundle.Statement) { s.Layout.VolumeSize += 512 * 64 }
	c.add(30, "another volume size in the statement", b, Malformed, IndexForm)
	b = sample()
	b.statement = func(s *bundle.Statement) { s.Layout.VolumeSize = bundle.MinVolumeSize }
	c.add(30, "volumes too small for the index", b, Malformed, IndexForm)
}

// indexAgainstPayload are indexes that contradict the payload, or themselves.
func indexAgainstPayload(c *collector) {
	many := regexp.MustCompile(`(?m)^(blob) (\S+) (\d+) (\S+) (\S+) (\S+)\n`)
	b := respelled(func(b []byte) []byte {
		return many.ReplaceAll(b, []byte("$1 $2 $3 $4 "+string(head())+" $6\n"))
	})
	c.add(33, "a chunk with another digest", b, Damaged, IsDamaged)
	b = respelled(func(b []byte) []byte { return many.ReplaceAll(b, []byte("$1 $2 $3 $5 $4 $6\n")) })
	c.add(33, "chunks in another order", b, Damaged, IsDamaged)

	for _, tt := range []struct {
		name       string
		volumeSize int64
	}{{"one volume", 0}, {"three volumes", smallVolume}} {
		lie := sampleOf(tt.volumeSize, 0, 1, 513, 2*chunk+300, 900)
		for i := range lie.index.Entries {
			if e := &lie.index.Entries[i]; len(e.Chunks) > 0 {
				good := lie.content[e.Digest]
				e.Digest = bundle.DigestOf([]byte("something else"))
				lie.content[e.Digest] = good
			}
		}
		lie.index.Sort()
		c.add(33, fmt.Sprintf("chunks of another blob, in %s", tt.name), lie, Malformed, IndexForm)
	}
}
