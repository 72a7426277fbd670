package corpus

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"slices"
	"strings"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/verify/statement"
)

// foreignVolumes are bundles with volumes of others, or without their own.
func foreignVolumes(c *collector) {
	other := sample()
	other.statement = func(s *bundle.Statement) { s.Tool = "ferry v0.2.0" }
	foreign := other.files()["north-2-42.v002.tar"]

	b := sample()
	b.extra = map[string][]byte{"foreign.tar": foreign}
	c.add(21, "a volume of another bundle besides", b, Damaged, Incomplete)
	b = sample()
	b.leave, b.extra = []int{2}, map[string][]byte{"north-2-42.v002.tar": foreign}
	c.add(21, "a volume of another bundle in place of its own", b, Damaged, Incomplete)
	b = sample()
	countersigned := sample()
	countersigned.signers = []string{packer1, officer1}
	b.leave, b.extra = []int{2}, map[string][]byte{"north-2-42.v002.tar": countersigned.files()["north-2-42.v002.tar"]}
	c.add(21, "a volume with other signatures", b, Damaged, IsDamaged)
	for _, n := range []int{1, 2, 3} {
		b = sample()
		b.leave = []int{n}
		c.add(21, fmt.Sprintf("without volume %d", n), b, Damaged, Incomplete)
	}
	b = sample()
	b.leave = []int{1, 3}
	c.add(21, "without an index", b, Damaged, Incomplete)

	payload := sampleOf(smallVolume, 0, 1, 514, 2*chunk+300, 900).files()
	b = sample()
	b.raw = func(n int, v []byte) []byte {
		if n == 2 {
			good := split(v)
			mixed := append(good[:2:2], split(payload["north-2-42.v002.tar"])[2:]...)
			return append(join(mixed), make([]byte, 2*blockSize)...)
		}
		return v
	}
	c.add(22, "the head of one bundle and the payload of another", b, Damaged, IsDamaged)
	b = small()
	b.volumes = change("ferry.index", func(m member) member { return newMember("ferry.index", flip(m.body(), 30)) })
	c.add(22, "an index with a bit flipped", b, Damaged, IsDamaged)
	b = small()
	b.volumes = change("ferry.index", func(m member) member { return newMember("ferry.index", append(m.body(), '\n')) })
	c.add(22, "an index of another size", b, Damaged, Incomplete)
	b = small()
	b.volumes = changePayload(func(m member) member { return newMember(m.name(), flip(m.body(), 0)) })
	c.add(22, "payload with a bit flipped", b, Damaged, IsDamaged)
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// change returns what makes something else of the members with a name.
func change(name string, to func(member) member) func(int, []member) []member {
	return func(_ int, members []member) []member {
		for i, m := range members {
			if m.name() == name {
				members[i] = to(m)
			}
		}
		return members
	}
}

// changePayload returns what makes something else of the second member of
// payload, which is not empty.
func changePayload(to func(member) member) func(int, []member) []member {
	return func(_ int, members []member) []member {
		i := payload(members) + 1
		members[i] = to(members[i])
		return members
	}
}

// payload returns the place of the first member of payload.
func payload(members []member) int {
	return slices.IndexFunc(members, func(m member) bool { return strings.HasPrefix(m.name(), "blobs/") })
}

// insert returns what puts members before the first member of payload.
func insert(more ...member) func(int, []member) []member {
	return func(_ int, members []member) []member { return slices.Insert(members, payload(members), more...) }
}

func memberNames(c *collector) {
	for _, name := range []string{
		"../x", "/etc/x", "a/../../x", `C:\x`, "blobs/sha256/../../x", "./blobs/sha256/x", "CON", "", " ",
		"blobs/sha256/\x00x", "blobs/sha256/x\u202egnp", "blobs/sha256/" + strings.Repeat("A", 64), strings.Repeat("x", 100),
	} {
		b := small()
		b.volumes = changePayload(func(m member) member { return m.named(name) })
		c.add(23, fmt.Sprintf("payload called %.30q", name), b, Damaged, IsDamaged)
		b = small()
		b.volumes = insert(newMember(name, []byte("x")))
		c.add(23, fmt.Sprintf("one more member called %.30q", name), b, Damaged, IsDamaged)
	}
	b := small()
	b.volumes = changePayload(func(m member) member { return m.with(99, "\x00").with(90, "\x00x") })
	c.add(23, "a name with bytes behind its end", b, Damaged, IsDamaged)
	b = small()
	b.volumes = changePayload(func(m member) member { return m.with(345, "prefix") })
	c.add(23, "a name with a prefix", b, Damaged, IsDamaged)
	b = small()
	b.volumes = change("ferry.statement", func(m member) member { return m.named("./ferry.statement") })
	c.add(23, "a statement in the folder .", b, Malformed, NotABundle)
	b = small()
	b.volumes = change("oci-layout", func(m member) member { return m.named("oci-layout2") })
	c.add(23, "another name for oci-layout", b, Damaged, IsDamaged)
	b = small()
	b.volumes = change("index.json", func(m member) member {
		return newMember(m.name(), bytes.ReplaceAll(m.body(), []byte("1.27"), []byte("1.28")))
	})
	c.add(23, "another name in index.json", b, Damaged, IsDamaged)
}

func memberTypes(c *collector) {
	for _, typ := range "\x001234567xgLKSVADMN9" {
		b := small()
		b.volumes = changePayload(func(m member) member { return m.with(156, string(typ)) })
		c.add(24, fmt.Sprintf("payload of type %q", typ), b, Damaged, IsDamaged)
	}
	for _, f := range []struct {
		name   string
		offset int
		field  string
	}{
		{"mode 0644", 100, "0000644"},
		{"a mode with setuid", 100, "0004444"},
		{"a uid", 108, "0000001"},
		{"a gid", 116, "0000001"},
		{"a time", 136, "00000000001"},
		{"a time with a space", 136, " 0000000000"},
		{"a target of a link", 157, "/etc/passwd"},
		{"the magic of old GNU tar", 257, "ustar  \x00"},
		{"no magic", 257, "\x00\x00\x00\x00\x00\x00\x00\x00"},
		{"a user's name", 265, "root"},
		{"a group's name", 297, "root"},
		{"a major number", 329, "0000001"},
		{"a minor number", 337, "0000001"},
		{"a byte at its end", 511, "x"},
	} {
		b := small()
		b.volumes = changePayload(func(m member) member { return m.with(f.offset, f.field) })
		c.add(24, "payload with "+f.name, b, Damaged, IsDamaged)
		b = small()
		b.volumes = change("ferry.statement", func(m member) member { return m.with(f.offset, f.field) })
		c.add(24, "a statement with "+f.name, b, Malformed, NotABundle)
	}
	pax := newMember("PaxHeaders/x", []byte("16 path=../evil\n")).with(156, "x")
	b := small()
	b.volumes = insert(pax)
	c.add(24, "a PAX header before payload", b, Damaged, IsDamaged)
	b = small()
	b.volumes = func(_ int, m []member) []member { return slices.Insert(m, 0, pax) }
	c.add(24, "a PAX header before the statement", b, Malformed, NotABundle)
	b = small()
	b.volumes = insert(newMember("././@LongLink", []byte(strings.Repeat("x", 300))).with(156, "L"))
	c.add(24, "a long name of GNU tar", b, Damaged, IsDamaged)

	b = small()
	b.volumes = insert(newMember("link", nil).with(156, "2").with(157, "/etc"), newMember("link/x", []byte("x")))
	c.add(25, "a link, and a file through it", b, Damaged, IsDamaged)
	b = small()
	b.volumes = insert(newMember("blobs", nil).with(156, "2").with(157, "/etc"))
	c.add(25, "a link called blobs", b, Damaged, IsDamaged)
}

func memberSizes(c *collector) {
	for _, size := range []string{
		"-0000000001\x00", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x01",
		"       1001\x00", "1001       \x00", "1001\x00\x00\x00\x00\x00\x00\x00\x00", "00000001001 ", "77777777777\x00", "777777777777",
		"00000001000\x00", "00000001002\x00", "0000000100a\x00", "00000000000\x00", "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
	} {
		b := small()
		b.volumes = func(_ int, members []member) []member {
			i := slices.IndexFunc(members, func(m member) bool { return string(m.header[124:136]) == "00000001001\x00" })
			members[i] = members[i].with(124, size)
			return members
		}
		c.add(26, fmt.Sprintf("payload of size %q", size), b, Damaged, IsDamaged)
		b = small()
		b.volumes = change("ferry.statement", func(m member) member { return m.with(124, size) })
		want, exit := NotABundle, Malformed
		switch size {
		case "77777777777\x00", "00000000000\x00", "00000001000\x00":
			want = StatementForm
		case "00000001002\x00": // what is then padding is not zeros
			want, exit = IsDamaged, Damaged
		}
		c.add(26, fmt.Sprintf("a statement of size %q", size), b, exit, want)
	}
	b := small()
	b.volumes = changePayload(func(m member) member {
		copy(m.header[148:], "000000\x00 ")
		return m
	})
	c.add(26, "a wrong checksum", b, Damaged, IsDamaged)
	b = small()
	b.volumes = changePayload(func(m member) member {
		copy(m.header[148:], strings.TrimSuffix(string(m.header[148:156]), "\x00 ")+" \x00")
		return m
	})
	c.add(26, "a checksum in another spelling", b, Damaged, IsDamaged)
}

func memberOrder(c *collector) {
	edit := func(name string, exit int, want string, edit func([]member) []member) {
		b := small()
		b.volumes = func(_ int, m []member) []member { return edit(m) }
		c.add(27, name, b, exit, want)
	}
	edit("payload twice", Damaged, IsDamaged, func(m []member) []member {
		i := payload(m) + 1
		return slices.Insert(m, i, m[i])
	})
	edit("payload missing", Damaged, IsDamaged, func(m []member) []member {
		i := payload(m) + 1
		return slices.Delete(m, i, i+1)
	})
	edit("the last of payload missing", Damaged, IsDamaged, func(m []member) []member { return m[:len(m)-1] })
	edit("payload out of order", Damaged, IsDamaged, func(m []member) []member {
		i := payload(m) + 1
		m[i], m[i+1] = m[i+1], m[i]
		return m
	})
	edit("one member more at the end", Damaged, IsDamaged, func(m []member) []member { return append(m, newMember("x", []byte("x"))) })
	edit("one empty member more at the end", Damaged, IsDamaged, func(m []member) []member { return append(m, newMember("x", nil)) })
	edit("the statement twice", Untrusted, statement.Unsigned, func(m []member) []member { return slices.Insert(m, 1, m[0]) })
	edit("the statement twice, at the end", Damaged, IsDamaged, func(m []member) []member { return append(m, m[0]) })
	edit("the statement after the signature", Malformed, NotABundle, func(m []member) []member {
		m[0], m[1] = m[1], m[0]
		return m
	})
	edit("no statement", Malformed, NotABundle, func(m []member) []member { return m[1:] })
	edit("no index", Damaged, Incomplete, func(m []member) []member { return slices.Delete(m, 2, 3) })
	edit("the index twice", Damaged, IsDamaged, func(m []member) []member { return slices.Insert(m, 2, m[2]) })
	edit("the index at the end", Damaged, Incomplete, func(m []member) []member { return append(slices.Delete(slices.Clone(m), 2, 3), m[2]) })
	edit("no oci-layout", Damaged, IsDamaged, func(m []member) []member { return slices.Delete(m, 3, 4) })
	edit("no index.json", Damaged, IsDamaged, func(m []member) []member { return slices.Delete(m, 4, 5) })
	edit("nothing but the statement and the signature", Damaged, Incomplete, func(m []member) []member { return m[:2] })

	b := sample()
	b.volumes = func(n int, m []member) []member {
		if n == 2 {
			i := payload(m)
			m = slices.Insert(m, i, newMember("ferry.index", must(b.index.AppendText(nil, chunk))))
		}
		return m
	}
	c.add(27, "the index in a volume that has none", b, Damaged, IsDamaged)
	b = sample()
	b.volumes = func(n int, m []member) []member {
		if n == 3 {
			m = slices.DeleteFunc(m, func(m member) bool { return m.name() == "ferry.index" })
		}
		return m
	}
	c.add(27, "the last volume without the index", b, Damaged, IsDamaged)
}

func ends(c *collector) {
	for _, tt := range []struct {
		number int
		name   string
		edit   func([]byte) []byte
		want   string
	}{
		{28, "one zero block at the end", func(v []byte) []byte { return v[:len(v)-blockSize] }, Incomplete},
		{28, "no zero block at the end", func(v []byte) []byte { return v[:len(v)-2*blockSize] }, Incomplete},
		{28, "one byte missing at the end", func(v []byte) []byte { return v[:len(v)-1] }, Incomplete},
		{28, "cut in the payload", func(v []byte) []byte { return v[:len(v)-3000] }, Incomplete},
		{28, "cut in the index", func(v []byte) []byte { return v[:2048+blockSize] }, Incomplete},
		{28, "cut in the statement", func(v []byte) []byte { return v[:blockSize+100] }, Incomplete},
		{28, "three zero blocks at the end", func(v []byte) []byte { return append(v, make([]byte, blockSize)...) }, IsDamaged},
		{28, "twenty blocks, as tar writes it", func(v []byte) []byte { return append(v, make([]byte, -len(v)&10239)...) }, IsDamaged},
		{28, "one zero byte more", func(v []byte) []byte { return append(v, 0) }, IsDamaged},
		{28, "an end that is not zeros", func(v []byte) []byte { return flip(v, len(v)-1) }, IsDamaged},
		{28, "an end whose first block is not zeros", func(v []byte) []byte { return flip(v, len(v)-blockSize-1) }, IsDamaged},
		{28, "padding of payload that is not zeros", func(v []byte) []byte { return flip(v, len(v)-2*blockSize-1) }, IsDamaged},
		{28, "padding of the statement that is not zeros", func(v []byte) []byte { return flip(v, 3*blockSize-1) }, IsDamaged},
		{28, "padding of the signature that is not zeros", func(v []byte) []byte { return flip(v, 5*blockSize-1) }, IsDamaged},
		{28, "a program after the end", func(v []byte) []byte { return append(v, "\x7fELF\x02\x01\x01"...) }, IsDamaged},
		{28, "the bundle twice", func(v []byte) []byte { return append(v, v...) }, IsDamaged},
		{29, "a zip after the end", func(v []byte) []byte { return append(v, zipped([]byte("another one"))...) }, IsDamaged},
		{32, "two megabytes after the end", func(v []byte) []byte { return append(v, bytes.Repeat([]byte("x"), 2<<20)...) }, IsDamaged},
		{32, "two megabytes of payload after the last", func(v []byte) []byte {
			v = append(v[:len(v)-2*blockSize], join([]member{newMember("blobs/sha256/x", make([]byte, 2<<20))})...)
			return append(v, make([]byte, 2*blockSize)...)
		}, IsDamaged},
	} {
		b := small()
		b.raw = func(_ int, v []byte) []byte { return tt.edit(v) }
		c.add(tt.number, tt.name, b, Damaged, tt.want)
	}
}

func zipped(content []byte) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w := must(z.CreateHeader(&zip.FileHeader{Name: "ferry.statement", Method: zip.Store}))
	_ = must(w.Write(content))
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func gzipped(v []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_ = must(z.Write(v))
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func otherFormats(c *collector) {
	for _, tt := range []struct {
		name string
		edit func([]byte) []byte
		want string
	}{
		{"compressed with gzip", gzipped, NotABundle},
		{"compressed with zstd", func(v []byte) []byte { return append([]byte("\x28\xb5\x2f\xfd"), v...) }, NotABundle},
		{"in a zip", zipped, NotABundle},
		{"in a tar", func(v []byte) []byte {
			return append(join([]member{newMember("north-2-42.v001.tar", v)}), make([]byte, 2*blockSize)...)
		}, NotABundle},
		{"a zip before the bundle", func(v []byte) []byte { return append(zipped(v), v...) }, NotABundle},
		{"zeros before the bundle", func(v []byte) []byte { return append(make([]byte, blockSize), v...) }, NotABundle},
		{"an empty tar", func([]byte) []byte { return make([]byte, 2*blockSize) }, NotABundle},
		{"a text", func([]byte) []byte { return []byte(strings.Repeat("no bundle\n", 100)) }, NotABundle},
	} {
		b := small()
		b.raw = func(_ int, v []byte) []byte { return tt.edit(v) }
		c.add(29, tt.name, b, Malformed, tt.want)
	}
	b := small()
	b.raw = func(int, []byte) []byte { return nil }
	c.add(29, "an empty file", b, Damaged, Incomplete)
	b = small()
	b.raw = func(int, []byte) []byte { return []byte("short") }
	c.add(29, "a file of five bytes", b, Malformed, NotABundle)
}
