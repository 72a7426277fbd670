package corpus

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/verify/statement"
)

// spelled adds a case in which the statement is changed before it is signed.
func (c *collector) spelled(name string, change func(text []byte) []byte) {
	b := small()
	b.spell = change
	c.add(9, name, b, Malformed, StatementForm)
}

// swapped adds a case in which a part of the statement is another.
func (c *collector) swapped(name, old, new string) {
	c.spelled(name, func(text []byte) []byte { return replace(text, old, new) })
}

// statementSpellings are spellings of a statement that a lenient reader takes
// for the same.
func statementSpellings(c *collector) {
	swap := c.swapped
	swap("a field twice", `"seq":42,`, `"seq":42,"seq":42,`)
	swap("a field twice with another value first", `"seq":42,`, `"seq":41,"seq":42,`)
	swap("a field in other case", `"site":`, `"Site":`)
	swap("an unknown field", `"epoch":2,`, `"epoch":2,"extra":1,`)
	swap("a field missing", `"epoch":2,`, ``)
	swap("a field null", `"epoch":2`, `"epoch":null`)
	swap("fields in another order", `"epoch":2,"seq":42,`, `"seq":42,"epoch":2,`)
	swap("a number with an exponent", `"chunk_size":4096`, `"chunk_size":4.096e3`)
	swap("a number with a fraction", `"epoch":2,`, `"epoch":2.0,`)
	swap("a number with a leading zero", `"epoch":2,`, `"epoch":02,`)
	swap("a number with a sign", `"epoch":2,`, `"epoch":+2,`)
	swap("minus zero", `"volume_size":0`, `"volume_size":-0`)
	swap("a number as a string", `"epoch":2,`, `"epoch":"2",`)
	swap("a string as a number", `"tool":"ferry v0.1.0"`, `"tool":1`)
	swap("a control character", `"tool":"ferry v0.1.0"`, `"tool":"ferry\u001b[2Jv0"`)
	swap("a comma too many", `"tool":"ferry v0.1.0"}`, `"tool":"ferry v0.1.0",}`)
	swap("a space", `"epoch":2`, `"epoch": 2`)
	swap("an escaped letter", `"site":"north"`, `"site":"n\u006frth"`)
	swap("a control character as it is", `"tool":"ferry v0.1.0"`, "\"tool\":\"ferry\x1b[2Jv0\"")
	swap("a NUL", `"tool":"ferry v0.1.0"`, "\"tool\":\"ferry\x00v0\"")
	swap("invalid UTF-8", `"tool":"ferry v0.1.0"`, "\"tool\":\"ferry\xff\"")
	swap("a letter beyond ASCII", `"site":"north"`, `"site":"nоrth"`)
	swap("a quote", `"tool":"ferry v0.1.0"`, `"tool":"ferry\""`)
	swap("ten thousand brackets", `"site":"north"`, `"site":`+strings.Repeat("[", 10_000))
	swap("a release with a field more", `"version":"2.0"`, `"version":"2.0","extra":""`)
	swap("no shipments as null", `[40,41]`, `null`)
}

// statementValues are values that no statement can have.
func statementValues(c *collector) {
	swap := c.swapped
	number := func(name, field, value string) {
		digits := regexp.MustCompile(`"` + field + `":[0-9]+`)
		c.spelled(name, func(text []byte) []byte { return digits.ReplaceAll(text, []byte(`"`+field+`":`+value)) })
	}
	swap("2^53", `"root_version":3`, `"root_version":9007199254740992`)
	swap("2^53 and one", `"root_version":3`, `"root_version":9007199254740993`)
	swap("2^63", `"root_version":3`, `"root_version":9223372036854775808`)
	swap("2^64 and three", `"root_version":3`, `"root_version":18446744073709551619`)
	swap("a number with a thousand digits", `"root_version":3`, `"root_version":`+strings.Repeat("3", 1000))
	swap("epoch zero", `"epoch":2`, `"epoch":0`)
	swap("a negative epoch", `"epoch":2`, `"epoch":-2`)
	swap("two releases of one name", `"monitoring"`, `"shop"`)
	swap("releases out of order", `"monitoring"`, `"zoo"`)
	swap("a release with a path as its name", `"monitoring"`, `"../monitoring"`)
	swap("a release with a capital letter", `"monitoring"`, `"Monitoring"`)
	swap("a version that begins with a point", `"version":"2.0"`, `"version":".20"`)
	swap("a site with a path as its name", `"site":"north"`, `"site":"../north"`)
	swap("a site that begins with a dash", `"site":"north"`, `"site":"-north"`)
	swap("a site without a name", `"site":"north"`, `"site":""`)
	swap("a site with a name of 64", `"site":"north"`, `"site":"`+strings.Repeat("n", 64)+`"`)
	swap("a tool that begins with a space", `"tool":"ferry`, `"tool":" ferry`)
	swap("shipments out of order", `[40,41]`, `[41,40]`)
	swap("a shipment twice", `[40,41]`, `[41,41]`)
	swap("a shipment that leans on itself", `[40,41]`, `[41,42]`)
	swap("a shipment zero", `[40,41]`, `[0,41]`)
	swap("no previous statement", string(head()), "")
	swap("a digest of a statement in capital letters", string(head()), "sha256:"+strings.ToUpper(head().Hex()))
	swap("a digest of another kind", string(head()), "sha512:"+strings.Repeat(head().Hex(), 2))
	swap("a digest of a statement cut short", string(head()), string(head()[:70]))
	number("an index of no bytes", "size", "0")
	number("an index of more than a gigabyte", "size", "1073741825")
	number("a thousand million entries", "entries", "1000000000")
	number("entries below zero", "entries", "-5")
	number("more bytes than a bundle can have", "bytes", "2199023255553")
	swap("a chunk size of three", `"chunk_size":4096`, `"chunk_size":3`)
	swap("a chunk size that is no power of two", `"chunk_size":4096`, `"chunk_size":4097`)
	swap("chunks of a gigabyte", `"chunk_size":4096`, `"chunk_size":1073741824`)
	swap("no volumes", `"volumes":1`, `"volumes":0`)
	swap("a thousand volumes", `"volumes":1`, `"volumes":1000`)
	swap("two volumes of any size", `"volumes":1`, `"volumes":2`)
	swap("a volume size below the least", `"volume_size":0`, `"volume_size":79871`)
}

// statementWholes are statements with something before, behind or instead.
func statementWholes(c *collector) {
	spelled := c.spelled
	spelled("a byte order mark", func(b []byte) []byte { return append([]byte("\xef\xbb\xbf"), b...) })
	spelled("CRLF", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")) })
	spelled("no newline at the end", func(b []byte) []byte { return b[:len(b)-1] })
	spelled("two newlines at the end", func(b []byte) []byte { return append(b, '\n') })
	spelled("a space at the end", func(b []byte) []byte { return append(b[:len(b)-1], " \n"...) })
	spelled("bytes after the object", func(b []byte) []byte { return append(b, "{}\n"...) })
	spelled("the object twice", func(b []byte) []byte { return append(b, b[len("ferry-statement-v1\n"):]...) })
	spelled("an array", func([]byte) []byte { return []byte("ferry-statement-v1\n[]\n") })
	spelled("an empty object", func([]byte) []byte { return []byte("ferry-statement-v1\n{}\n") })
	spelled("null", func([]byte) []byte { return []byte("ferry-statement-v1\nnull\n") })
	spelled("no object", func([]byte) []byte { return []byte("ferry-statement-v1\n") })
	spelled("pretty", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(`,"`), []byte(",\n \"")) })
	spelled("more than 64 KiB", func(b []byte) []byte {
		var list strings.Builder
		for i := range 257 {
			fmt.Fprintf(&list, `{"name":"r%03d","version":"%s","digest":"%s"},`, i, strings.Repeat("1", 128), head())
		}
		return replace(b, `"releases":[`, `"releases":[`+list.String())
	})
	spelled("257 releases", func(b []byte) []byte {
		var list strings.Builder
		for i := range 255 {
			fmt.Fprintf(&list, `{"name":"a%03d","version":"1","digest":"%s"},`, i, head())
		}
		return replace(b, `"releases":[`, `"releases":[`+list.String())
	})
}

// statementTimes are statements out of their time, by form or by clock.
func statementTimes(c *collector) {
	const good = `"issued":"2026-11-23T10:00:00Z"`
	for _, tt := range []struct{ name, issued string }{
		{"the year 0", "0000-11-23T10:00:00Z"},
		{"the year 1999", "1999-12-31T23:59:59Z"},
		{"the year 3000", "3000-01-01T00:00:00Z"},
		{"the year 10000", "10000-01-01T00:00:00Z"},
		{"the 30th of February", "2026-02-30T10:00:00Z"},
		{"the 29th of February", "2026-02-29T10:00:00Z"},
		{"the month 13", "2026-13-23T10:00:00Z"},
		{"the day 0", "2026-11-00T10:00:00Z"},
		{"the hour 24", "2026-11-23T24:00:00Z"},
		{"the second 60", "2026-11-23T10:00:60Z"},
		{"a fraction of a second", "2026-11-23T10:00:00.0Z"},
		{"a comma", "2026-11-23T10:00:00,5Z"},
		{"an offset", "2026-11-23T10:00:00+00:00"},
		{"a small z", "2026-11-23T10:00:00z"},
		{"a space in the time", "2026-11-23 10:00:00Z"},
		{"an hour of one digit", "2026-11-23T1:00:00Z"},
		{"issued at expiry", "2026-12-23T10:00:00Z"},
		{"issued after expiry", "2027-11-23T10:00:00Z"},
	} {
		b := small()
		b.spell = func(text []byte) []byte { return replace(text, good, `"issued":"`+tt.issued+`"`) }
		c.add(18, tt.name, b, Malformed, StatementForm)
	}
	at := func(name string, exit int, want string, change func(*State)) {
		st := ordinary()
		change(&st)
		c.addAt(18, name, small(), st, exit, want)
	}
	expires := issued.AddDate(0, 0, 30)
	at("the second before expiry", Accepted, "", func(st *State) { st.Now = expires.Add(-1e9) })
	at("the second of expiry", Misfit, statement.Expired, func(st *State) { st.Now = expires })
	at("long after expiry", Misfit, statement.Expired, func(st *State) { st.Now = expires.AddDate(0, 1, 0) })
	at("a clock set back below the floor", Misfit, statement.Expired, func(st *State) { st.Now, st.Floor = issued, expires })
	at("issued as far ahead as is allowed", Accepted, "", func(st *State) {
		st.Now, st.Floor = issued.AddDate(0, 0, -1), issued.AddDate(0, -1, 0)
	})
	at("issued a second further ahead", Misfit, statement.WrongClock, func(st *State) {
		st.Now, st.Floor = issued.AddDate(0, 0, -1).Add(-1e9), issued.AddDate(0, -1, 0)
	})
	at("a clock in 2001", Misfit, statement.WrongClock, func(st *State) {
		st.Now, st.Floor = issued.AddDate(-25, 0, 0), issued.AddDate(-26, 0, 0)
	})

	b := small()
	b.statement = func(s *bundle.Statement) { s.Issued, s.Expires = issued.AddDate(0, 0, -89), issued.AddDate(10, 0, 0) }
	st := ordinary()
	st.Now = issued.AddDate(0, 0, 1).Add(-1e9)
	c.addAt(18, "the second before the age that the policy allows", b, st, Accepted, "")
	st.Now = issued.AddDate(0, 0, 1)
	c.addAt(18, "as old as the policy allows", b, st, Misfit, statement.Expired)
}
