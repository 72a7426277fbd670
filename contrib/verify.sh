#!/bin/sh
# verify.sh says whether a bundle may pass the gateway, without ferry.
#
#   verify.sh --root root.json --fingerprint "c0ff ee00 ..." --site north VOLUME...
#   verify.sh --key packer.pub [--key other.pub] [--threshold 2] VOLUME...
#
# It is a second implementation of docs/formats/bundle-v1.md and root-v1.md, in
# POSIX sh with openssl, sha256sum, base64, awk, dd, od, cmp, head, tail, tr, wc.
# The files named must be all volumes of one bundle, under whatever names.
#
# How it works: from the statement, the signatures, the index and the payload it
# builds the one volume that they can make, and compares that with the file, byte
# by byte. What it does not build, the payload, it hashes. So there is no byte
# that is neither compared nor hashed. A byte that was not vouched for by
# something before it is not looked at, except to ask whether it is the one that
# belongs there. Nothing is unpacked and no name in a bundle becomes a file name.
#
# It reads a volume several times: copy the medium first if somebody else could
# write to it meanwhile. It judges one bundle at a time, and ferry-verify the
# same ones in the same way, only faster.
#
# Options:
#   --root FILE          who must have signed
#   --fingerprint HEX    of that root, as it was told by another way
#   --key FILE           a public key in PEM that must have signed, instead of a root
#   --threshold N        how many of the keys must have; all, if it is not given
#   --site NAME          the bundle must be for this site
#   --site-key DIGEST    and for this key of the site
#   --after EPOCH/SEQ    the shipment that passed last; 0/0 for none
#   --head DIGEST        its statement
#   --at TIME            judge as if it were 2026-03-01T12:00:00Z
#
# Exit codes: 0 accepted, 1 refused, 64 wrong command line.
# shellcheck disable=SC2015 # refuse does not return
set -eu
LC_ALL=C
export LC_ALL
umask 077

refuse() {
	echo "verify.sh: REFUSED: $*" >&2
	exit 1
}

usage() {
	echo "verify.sh: error: $*" >&2
	exit 64
}

root='' fingerprint='' keys='' threshold='' site='' site_key='' after='' head='' now=''
tmp=$(mktemp -d "${TMPDIR:-/tmp}/verify.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' HUP INT TERM

while [ $# -gt 0 ]; do
	case $1 in
	--) shift && break ;;
	--*) [ $# -gt 1 ] || usage "$1 wants a value" ;;
	*) break ;;
	esac
	case $1 in
	--root) root=$2 ;;
	--fingerprint) fingerprint=$2 ;;
	--key)
		keys="$keys x"
		cp -- "$2" "$tmp/key.$(echo "$keys" | wc -w)" || usage "reading $2"
		;;
	--threshold) threshold=$2 ;;
	--site) site=$2 ;;
	--site-key) site_key=$2 ;;
	--after) after=$2 ;;
	--head) head=$2 ;;
	--at) now=$2 ;;
	*) usage "unknown option $1" ;;
	esac
	shift 2
done
[ $# -gt 0 ] || usage "a VOLUME is missing"
if [ -n "$root" ]; then
	[ -z "$keys$threshold" ] || usage "--root excludes --key and --threshold"
else
	[ -n "$keys" ] || usage "one of --root and --key is needed"
	[ -z "$fingerprint" ] || usage "--fingerprint wants --root"
fi
[ -z "$after" ] || [ -n "$site" ] || usage "--after wants --site"
[ -z "$head" ] || [ -n "$after" ] || usage "--head wants --after"
[ -n "$now" ] || now=$(date -u +%Y-%m-%dT%H:%M:%SZ)

# ---------------------------------------------------------------- bytes

# Everything in a volume begins at a multiple of 512 bytes.

# bytes FILE BLOCK SIZE prints SIZE bytes of FILE from block BLOCK.
bytes() {
	if [ "$3" -gt 0 ]; then
		dd if="$1" bs=512 skip="$2" count=$((($3 + 511) / 512)) 2>/dev/null | head -c "$3"
	fi
}

blocks() { echo $((($1 + 511) / 512)); }

# zeros SIZE prints zero bytes.
zeros() { head -c "$1" /dev/zero; }

# pad SIZE prints what fills a block after SIZE bytes.
pad() {
	if [ $(($1 % 512)) -ne 0 ]; then zeros $((512 - $1 % 512)); fi
}

size_of() { wc -c <"$1" | tr -d ' '; }

digest_of() {
	sha256sum | {
		read -r hex _
		echo "sha256:$hex"
	}
}

# text FILE wants printable ASCII and newlines, the last byte one of these.
text() {
	[ "$(tr -d '\012\040-\176' <"$1" | head -c 1 | wc -c)" -eq 0 ] &&
		[ "$(tail -c 1 "$1" | od -An -tx1 | tr -d ' \n')" = 0a ]
}

# two_lines FILE MAGIC wants a text of two lines, the first of them MAGIC.
two_lines() {
	text "$1" && [ "$(wc -l <"$1")" -eq 2 ] && [ "$(head -n 1 "$1")" = "$2" ]
}

# member NAME SIZE prints the header of a member: the escape sequences for
# printf come from awk, which counts the sum.
header_awk='
BEGIN { for (i = 32; i < 127; i++) code[sprintf("%c", i)] = i }
function octal(n, digits,   s) {
	for (s = ""; length(s) < digits; n = int(n / 8)) s = (n % 8) s
	return s
}
function weight(s,   i, n) {
	for (i = 1; i <= length(s); i++) n += code[substr(s, i, 1)]
	return n
}
function nul(n) {
	while (length(nuls) < 4 * n) nuls = nuls "\\000"
	return substr(nuls, 1, 4 * n)
}
function field(s, size) { return s nul(size - length(s)) }
function header(name, size,   sum, o) {
	o = octal(size, 11)
	sum = weight(name "0000444" "0000000" "0000000" o "00000000000" "        " "0" "ustar" "00" "0000000" "0000000")
	return field(name, 100) field("0000444", 8) field("0000000", 8) field("0000000", 8) field(o, 12) \
		field("00000000000", 12) octal(sum, 6) "\\000 0" nul(100) "ustar\\00000" nul(64) \
		field("0000000", 8) field("0000000", 8) nul(167)
}'
member() {
	# shellcheck disable=SC2059 # the format is made of escape sequences
	printf "$(awk -v name="$1" -v size="$2" "$header_awk"' BEGIN { printf "%s", header(name, size) }')"
}

# look FILE BLOCK sets name and size to what the header there claims. Whether
# the header is the right one turns out when the volume is compared.
look() {
	dd if="$1" bs=512 skip="$2" count=1 2>/dev/null | od -An -v -tu1 | awk '
		{ for (i = 1; i <= NF; i++) b[n++] = $i }
		END {
			for (i = 0; i < 100 && b[i]; i++) name = name (b[i] > 32 && b[i] < 127 ? sprintf("%c", b[i]) : "?")
			for (i = 124; i < 135; i++) {
				if (b[i] < 48 || b[i] > 55) exit
				size = size * 8 + b[i] - 48
			}
			if (name != "") printf "%s %.0f\n", name, size
		}' >"$tmp/look"
	read -r name size <"$tmp/look" || name='' size=''
}

# ---------------------------------------------------------------- JSON

# The JSON of roots and statements has one spelling. So this reads what is of
# interest into v, by path, and whoever uses it writes the whole again from v and
# compares.
# shellcheck disable=SC2016 # that is awk
json_awk='
function bad(msg) { print msg; failed = 1; exit 1 }
function str(   rest, n, s) {
	if (substr(json, at, 1) != "\"") bad("no string at byte " at)
	rest = substr(json, at + 1, 600)
	n = index(rest, "\"")
	if (n == 0) bad("no end of the string at byte " at)
	s = substr(rest, 1, n - 1)
	if (index(s, "\\")) bad("an escape at byte " at)
	at += n + 1
	return s
}
function value(path, depth,   c, key, n) {
	if (depth > 5) bad("nested too deeply")
	c = substr(json, at, 1)
	if (c == "\"") { v[path] = str(); return }
	if (c == "{") {
		for (at++; ; at++) {
			key = str()
			if (substr(json, at++, 1) != ":") bad("no colon at byte " at)
			value(path "." key, depth + 1)
			c = substr(json, at, 1)
			if (c == "}") break
			if (c != ",") bad("no comma at byte " at)
		}
		at++
		return
	}
	if (c == "[") {
		at++
		v[path "#"] = 0
		if (substr(json, at, 1) == "]") { at++; return }
		for (n = 1; ; at++) {
			v[path "#"] = n
			value(path "." n++, depth + 1)
			c = substr(json, at, 1)
			if (c == "]") break
			if (c != ",") bad("no comma at byte " at)
		}
		at++
		return
	}
	if (!match(substr(json, at, 17), /^[0-9]+/)) bad("no value at byte " at)
	v[path] = substr(json, at, RLENGTH)
	at += RLENGTH
}
function integer(path, min, max) {
	if (v[path] !~ /^(0|[1-9][0-9]*)$/ || length(v[path]) > 16 || v[path] + 0 < min || v[path] + 0 > max)
		bad(path " is " v[path] sprintf(", want %.0f to %.0f", min, max))
	return v[path]
}
function only(s, set,   i) {
	for (i = 1; i <= length(s); i++) if (!index(set, substr(s, i, 1))) return 0
	return 1
}
function word(path, limit, set,   s) {
	s = v[path]
	if (s == "" || length(s) > limit || !only(s, set) || s !~ /^[A-Za-z0-9]/) bad(path " is not a valid name")
	return "\"" s "\""
}
function isdigest(s) { return length(s) == 71 && s ~ /^sha256:[0-9a-f]+$/ }
function digest(path) {
	if (!isdigest(v[path])) bad(path " is not a digest")
	return "\"" v[path] "\""
}
# seconds returns the seconds from 2000 to a time, which must be spelled well.
function seconds(t,   y, m, d, leap, days) {
	if (t !~ /^2[0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z$/) bad("no time: " t)
	y = substr(t, 1, 4) + 0; m = substr(t, 6, 2) + 0; d = substr(t, 9, 2) + 0
	leap = y % 4 == 0 && y % 100 != 0 || y % 400 == 0
	days = m == 2 ? 28 + leap : m == 4 || m == 6 || m == 9 || m == 11 ? 30 : 31
	if (m < 1 || m > 12 || d < 1 || d > days || substr(t, 12, 2) + 0 > 23) bad("no time: " t)
	days = (y - 2000) * 365 + int((y - 1997) / 4) - int((y - 1901) / 100) + int((y - 1601) / 400) + d - 1
	while (--m > 0) days += m == 2 ? 28 + leap : m == 4 || m == 6 || m == 9 || m == 11 ? 30 : 31
	return days * 86400 + substr(t, 12, 2) * 3600 + substr(t, 15, 2) * 60 + substr(t, 18, 2)
}
function time(path) { seconds(v[path]); return "\"" v[path] "\"" }
# hours returns the hours of a duration.
function hours(path, min, max,   s, n) {
	s = v[path]
	n = s; gsub(/[PTDH]/, "", n)
	if (n !~ /^(0|[1-9][0-9]*)$/ || length(n) > 5) bad(path " is no duration")
	if (s == "P" n "D") n *= 24
	else if (s != "PT" n "H" || n % 24 == 0) bad(path " is no duration")
	if (n < min || n > max) bad(path " is " s)
	return n
}
BEGIN {
	digits = "0123456789"; low = "abcdefghijklmnopqrstuvwxyz"; up = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	safe = 9007199254740991
}'

# Whoever uses this defines canonical, which writes it all again, and report.
# shellcheck disable=SC2016 # that is awk
json_main='
FNR == 2 {
	json = $0
	at = 1
	value("", 0)
	if (at != length(json) + 1) bad("something after the end, at byte " at)
	again = canonical()
	if (again != json) bad("not in the one spelling")
	report()
}'

# ---------------------------------------------------------------- trust

# key FILE writes the DER of a public key in PEM; it must be one on P-256.
key() {
	openssl pkey -pubin -in "$1" -outform DER 2>/dev/null
}

# id_of names a key by its DER.
id_of() { sha256sum | cut -c 1-16; }

# add_key ROLE NAME DER-FILE makes a key known.
add_key() {
	[ "$(size_of "$3")" -eq 91 ] &&
		[ "$(head -c 27 "$3" | od -An -v -tx1 | tr -d ' \n')" = 3059301306072a8648ce3d020106082a8648ce3d03010703420004 ] ||
		refuse "key $2 is not an uncompressed key on P-256"
	id=$(id_of <"$3")
	openssl pkey -pubin -inform DER -in "$3" -out "$tmp/pub.$id" 2>/dev/null || refuse "key $2 is not a point of P-256"
	echo "$id $1 $2" >>"$tmp/keys"
}

# read_root checks the form of the root and makes its keys known.
read_root() {
	cp -- "$root" "$tmp/root" 2>/dev/null || usage "reading $root"
	if [ -n "$fingerprint" ]; then
		typed=$(printf %s "$fingerprint" | tr -d ' \t\r\n-' | tr 'A-F' 'a-f')
		[ "sha256:$typed" = "$(digest_of <"$tmp/root")" ] || refuse "$root does not have the fingerprint given"
	fi
	[ "$(size_of "$tmp/root")" -le 65536 ] && two_lines "$tmp/root" ferry-root-v1 || refuse "$root is not a root of version 1"
	awk "$json_awk$json_main"'
	function role(name, min,   p, n, i, id, out) {
		p = ".roles." name
		n = v[p ".keys#"]
		integer(p ".threshold", min, n)
		for (i = 1; i <= n; i++) {
			id = v[p ".keys." i]
			if (!(id in place)) bad("role " name " has a key that is not listed")
			if (i > 1 && id "" <= v[p ".keys." (i - 1)] "") bad("role " name " is not sorted")
			roles[id] = roles[id] name
			out = out (i > 1 ? "," : "") "\"" id "\""
		}
		return "\"" name "\":{\"keys\":[" out "],\"threshold\":" v[p ".threshold"] "}"
	}
	function listed(   i, p, out) {
		if (v[".keys#"] > 64) bad("more than 64 keys")
		for (i = 1; i <= v[".keys#"]; i++) {
			p = ".keys." i
			if (length(v[p ".id"]) != 16 || !only(v[p ".id"], "0123456789abcdef")) bad("a key has no id")
			if (i > 1 && v[p ".id"] "" <= v[".keys." (i - 1) ".id"] "") bad("keys are not sorted")
			place[v[p ".id"]] = i
			if (named[v[p ".name"]]++) bad("two keys of one name")
			if (!only(v[p ".spki"], low up digits "+/=")) bad("a key is not base64")
			out = out (i > 1 ? "," : "") "{\"id\":\"" v[p ".id"] "\",\"name\":" word(p ".name", 64, low up digits " ._-+:()/") \
				",\"spki\":\"" v[p ".spki"] "\"}"
		}
		return out
	}
	function sites(   i, s, out) {
		for (i = 1; i <= v[".policy.sites#"]; i++) {
			s = v[".policy.sites." i]
			if (s != "*" || v[".policy.sites#"] > 1) word(".policy.sites." i, 63, low digits "-")
			if (i > 1 && s "" <= v[".policy.sites." (i - 1)] "") bad("sites are not sorted")
			out = out (i > 1 ? "," : "") "\"" s "\""
		}
		return out
	}
	function canonical(   out, list) {
		integer(".version", 1, safe); integer(".epoch", 1, safe); integer(".policy.max_seq_step", 1, 10000)
		age = hours(".policy.max_age", 1, 36500 * 24)
		skew = hours(".policy.clock_skew", 0, 30 * 24)
		if (seconds(v[".issued"]) >= seconds(v[".expires"])) bad("expires before it was issued")
		list = listed()
		out = "{\"version\":" v[".version"] ",\"epoch\":" v[".epoch"] ",\"issued\":" time(".issued") ",\"expires\":" time(".expires") \
			",\"keys\":[" list "],\"roles\":{" role("root", 1) "," role("packer", 1) "," role("officer", 0) \
			"},\"policy\":{\"max_seq_step\":" v[".policy.max_seq_step"] ",\"max_age\":\"" v[".policy.max_age"] \
			"\",\"clock_skew\":\"" v[".policy.clock_skew"] "\",\"sites\":[" sites() "]}}"
		for (id in roles) if (roles[id] ~ /packer/ && roles[id] ~ /officer/) bad("a packer is officer")
		return out
	}
	function report(   i, p, r) {
		print v[".version"] " " v[".epoch"] " " v[".expires"] " " v[".roles.packer.threshold"] " " v[".roles.officer.threshold"] \
			" " v[".policy.max_seq_step"] " " age " " skew
		for (i = 1; i <= v[".policy.sites#"]; i++) printf "%s ", v[".policy.sites." i]
		print ""
		for (i = 1; i <= v[".keys#"]; i++) {
			p = ".keys." i
			r = roles[v[p ".id"]]
			r = r ~ /packer/ ? "packer" : r ~ /officer/ ? "officer" : r == "root" ? "root" : "none"
			print v[p ".id"] " " r " " v[p ".spki"] " " v[p ".name"]
		}
	}' "$tmp/root" >"$tmp/root.values" || refuse "$root: $(cat "$tmp/root.values")"
	{
		read -r root_version root_epoch root_expires packers_needed officers_needed max_step max_age skew
		read -r sites
		while read -r listed role spki key_name; do
			printf %s "$spki" | base64 -d >"$tmp/der" 2>/dev/null && [ "$(base64 <"$tmp/der" | tr -d '\n')" = "$spki" ] ||
				refuse "$root: the key $key_name is not in base64"
			add_key "$role" "$key_name" "$tmp/der"
			[ "$id" = "$listed" ] || refuse "$root: the key $key_name has the id $id"
		done
	} <"$tmp/root.values"
}

# trust_keys makes the keys of the command line the packers.
trust_keys() {
	root_version=9007199254740991 root_epoch=9007199254740991 root_expires=2999-12-31T00:00:00Z
	officers_needed=0 max_step=1 max_age=876000 skew=24 sites='*'
	for f in "$tmp"/key.*; do
		key "$f" >"$tmp/der" || refuse "a key given is not a public key in PEM"
		add_key packer given "$tmp/der"
	done
	packers_needed=$(cut -d ' ' -f 1 "$tmp/keys" | sort -u | wc -l)
	[ -z "$threshold" ] || packers_needed=$threshold
	[ "$packers_needed" -ge 1 ] 2>/dev/null || usage "--threshold wants a number from 1"
}

# check_der FILE wants a SEQUENCE of two numbers from 1 to n-1 and nothing else.
check_der() {
	od -An -v -tx1 "$1" | tr -d ' \n' | awk '
	function number(   size, n) {
		if (substr(der, at, 2) != "02") return 0
		size = index(hex, substr(der, at + 2, 1)) * 16 + index(hex, substr(der, at + 3, 1)) - 17
		n = substr(der, at + 4, 2 * size)
		if (size < 1 || size > 33 || length(n) != 2 * size || n ~ /^[89a-f]/ || n ~ /^00[0-7]/ || n ~ /^0+$/) return 0
		at += 4 + 2 * size
		sub(/^00/, "", n)
		return length(n) < 64 || n "" < order
	}
	{
		hex = "0123456789abcdef"
		order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
		der = $0
		at = 5
		size = index(hex, substr(der, 3, 1)) * 16 + index(hex, substr(der, 4, 1)) - 17
		good = length(der) <= 144 && substr(der, 1, 2) == "30" && length(der) == 2 * size + 4 && number() && number() && at == length(der) + 1
	}
	END { exit !good }'
}

# check_signature NAME FILE judges one signature over the statement.
check_signature() {
	id=${1#sigs/}
	id=${id%.sig}
	[ "$1" = "sigs/$id.sig" ] && [ ${#id} -eq 16 ] && [ -z "$(printf %s "$id" | tr -d '0-9a-f')" ] ||
		refuse "$1 is no signature"
	[ "$(printf '%s\n%s\n' "$last_id" "$id" | sort -u | tail -n 1)" = "$id" ] && [ "$id" != "$last_id" ] ||
		refuse "signatures are out of order or twice"
	last_id=$id
	base64 -d <"$2" >"$tmp/der" 2>/dev/null && base64 <"$tmp/der" | tr -d '\n' | cmp -s - "$2" && [ -s "$tmp/der" ] ||
		refuse "signature by $id is not in base64"
	key_role=$(awk -v id="$id" '$1 == id { print $2; exit }' "$tmp/keys")
	case $key_role in
	packer) packers=$((packers + 1)) ;;
	officer) officers=$((officers + 1)) ;;
	none) refuse "key $id has no role any more" ;;
	root) refuse "key $id may sign roots, not statements" ;;
	*) refuse "key $id is unknown" ;;
	esac
	check_der "$tmp/der" || refuse "signature by $id is not canonical"
	openssl dgst -sha256 -verify "$tmp/pub.$id" -signature "$tmp/der" "$tmp/statement" >/dev/null 2>&1 ||
		refuse "signature by $id is not of this statement"
	signers="$signers $key_role:$id"
}

# read_head FILE reads statement and signatures of a volume, judges the
# signatures, and builds what stands first in every volume.
read_head() {
	look "$1" 0
	[ "$name" = ferry.statement ] || refuse "$1 is not a volume of a bundle"
	[ "$size" -le 65536 ] || refuse "the statement is too long"
	bytes "$1" 1 "$size" >"$tmp/statement"
	[ "$(size_of "$tmp/statement")" -eq "$size" ] || refuse "$1 ends in its statement"
	{
		member "$name" "$size"
		cat "$tmp/statement"
		pad "$size"
	} >"$tmp/head"
	at=$((1 + $(blocks "$size"))) packers=0 officers=0 signers='' last_id='' count=0
	while
		look "$1" "$at"
		case $name in sigs/*) true ;; *) false ;; esac
	do
		count=$((count + 1))
		[ "$count" -le 8 ] && [ "$size" -le 128 ] || refuse "too many signatures, or one that is too long"
		bytes "$1" $((at + 1)) "$size" >"$tmp/sig"
		check_signature "$name" "$tmp/sig"
		{
			member "$name" "$size"
			cat "$tmp/sig"
			pad "$size"
		} >>"$tmp/head"
		at=$((at + 1 + $(blocks "$size")))
	done
	[ "$count" -gt 0 ] || refuse "nobody signed"
	[ "$packers" -ge "$packers_needed" ] || refuse "$packers of $packers_needed packers have signed"
	[ "$officers" -ge "$officers_needed" ] || refuse "$officers of $officers_needed officers have signed"
	bytes "$1" 0 "$(size_of "$tmp/head")" | cmp -s - "$tmp/head" || refuse "$1: the head is not in its one form"
}

# ---------------------------------------------------------------- statement

read_statement() {
	two_lines "$tmp/statement" ferry-statement-v1 || refuse "not a statement of version 1"
	awk "$json_awk$json_main"'
	function releases(   i, p, out) {
		if (v[".releases#"] > 256) bad("more than 256 releases")
		for (i = 1; i <= v[".releases#"]; i++) {
			p = ".releases." i
			if (v[p ".version"] !~ /^[A-Za-z0-9]/) bad("a version begins with a sign")
			if (i > 1 && v[p ".name"] "" <= v[".releases." (i - 1) ".name"] "") bad("releases are not sorted")
			out = out (i > 1 ? "," : "") "{\"name\":" word(p ".name", 100, low digits "._-") ",\"version\":" \
				word(p ".version", 128, low up digits "._-") ",\"digest\":" digest(p ".digest") "}"
		}
		return out
	}
	function requires(   i, out) {
		for (i = 1; i <= v[".requires#"]; i++) {
			integer(".requires." i, 1, v[".seq"] - 1)
			if (i > 1 && v[".requires." i] + 0 <= v[".requires." (i - 1)] + 0) bad("requires is not sorted")
			out = out (i > 1 ? "," : "") v[".requires." i]
		}
		return out
	}
	function canonical(   n) {
		n = integer(".layout.chunk_size", 4096, 8388608)
		while (n % 2 == 0) n /= 2
		if (n != 1) bad("chunk_size is no power of two")
		integer(".layout.volumes", 1, 999)
		if (v[".layout.volume_size"] == "0") { if (v[".layout.volumes"] != 1) bad("volumes without a volume_size") }
		else integer(".layout.volume_size", 79872, safe)
		if (v[".site_key"] != "") digest(".site_key")
		if ((v[".prev"] == "") != (v[".seq"] == 1)) bad("prev is there at seq 1, or not there later")
		if (v[".prev"] != "") digest(".prev")
		if (seconds(v[".issued"]) >= seconds(v[".expires"])) bad("expires before it was issued")
		return "{\"site\":" word(".site", 63, low digits "-") ",\"site_key\":\"" v[".site_key"] "\",\"epoch\":" integer(".epoch", 1, safe) \
			",\"seq\":" integer(".seq", 1, safe) ",\"prev\":\"" v[".prev"] "\",\"requires\":[" requires() \
			"],\"root_version\":" integer(".root_version", 1, safe) ",\"issued\":" time(".issued") ",\"expires\":" time(".expires") \
			",\"index\":{\"digest\":" digest(".index.digest") ",\"size\":" integer(".index.size", 1, 1073741824) \
			",\"entries\":" integer(".index.entries", 0, 4000000) ",\"chunks\":" integer(".index.chunks", 0, safe) \
			",\"bytes\":" integer(".index.bytes", 0, 2199023255552) "},\"layout\":{\"volume_size\":" v[".layout.volume_size"] \
			",\"volumes\":" v[".layout.volumes"] ",\"chunk_size\":" v[".layout.chunk_size"] \
			"},\"inventory_before\":" digest(".inventory_before") ",\"inventory_after\":" digest(".inventory_after") \
			",\"releases\":[" releases() "],\"tool\":" word(".tool", 64, low up digits " ._-+:()/") "}"
	}
	function report(   i) {
		print v[".site"] "|" v[".site_key"] "|" v[".epoch"] "|" v[".seq"] "|" v[".prev"] "|" v[".root_version"] "|" v[".issued"] "|" v[".expires"]
		print v[".index.digest"] " " v[".index.size"] " " v[".index.entries"] " " v[".index.chunks"] " " v[".index.bytes"] \
			" " v[".layout.volume_size"] " " v[".layout.volumes"] " " v[".layout.chunk_size"]
		for (i = 1; i <= v[".releases#"]; i++) printf "%s %s  ", v[".releases." i ".name"], v[".releases." i ".version"]
		print ""
	}' "$tmp/statement" >"$tmp/values" || refuse "statement: $(cat "$tmp/values")"
	{
		IFS='|' read -r for_site for_key epoch seq prev needs_root issued expires
		read -r index_digest index_size entries chunks total volume_size volumes chunk_size
		read -r releases
	} <"$tmp/values"
	statement=$(digest_of <"$tmp/statement")
}

# check_fit holds the statement against what is known of the site.
check_fit() {
	known=no
	[ -z "$site" ] || [ "$site" = "$for_site" ] || refuse "for site $for_site, not for $site"
	[ -z "$site_key" ] || [ -z "$for_key" ] || [ "$site_key" = "$for_key" ] || refuse "for another key of site $site"
	case " $sites " in *" $for_site "* | " * ") ;; *) refuse "the root is not for site $for_site" ;; esac
	if [ -n "$after" ]; then
		last_epoch=${after%%/*} last_seq=${after#*/}
		case $last_epoch:$last_seq in
		*[!0-9:]* | :* | *: | 0[0-9]* | *:0[0-9]*) usage "--after wants EPOCH/SEQ" ;;
		esac
		if [ "$epoch" -eq "$last_epoch" ] && [ "$seq" -eq "$last_seq" ] && [ -n "$head" ]; then
			[ "$statement" = "$head" ] || refuse "another statement for shipment $epoch/$seq, which has passed already"
			known=yes
			return
		fi
	fi
	[ "$root_version" -ge "$needs_root" ] || refuse "root version $needs_root is needed"
	awk -v now="$now" -v issued="$issued" -v expires="$expires" -v root_expires="$root_expires" -v age="$max_age" -v skew="$skew" "$json_awk"'
	BEGIN {
		t = seconds(now)
		if (t >= seconds(root_expires)) bad("the root expired at " root_expires)
		if (seconds(issued) - t > skew * 3600) bad("issued at " issued ", which is in the future of this clock")
		if (t >= seconds(expires)) bad("expired at " expires)
		if (t - seconds(issued) >= age * 3600) bad("issued at " issued ", which is older than the root allows")
	}' </dev/null >"$tmp/fit" || refuse "$(cat "$tmp/fit")"
	[ "$epoch" -le "$root_epoch" ] || refuse "the root does not allow epoch $epoch"
	[ -n "$after" ] || return 0
	[ "$epoch" -gt "$last_epoch" ] || { [ "$epoch" -eq "$last_epoch" ] && [ "$seq" -gt "$last_seq" ]; } ||
		refuse "shipment $epoch/$seq is older than $after"
	[ "$epoch" -eq "$last_epoch" ] || last_seq=0
	[ $((seq - last_seq)) -le "$max_step" ] || refuse "shipment $epoch/$seq is too far beyond $after"
	[ "$seq" -eq $((last_seq + 1)) ] || refuse "shipments between $after and $epoch/$seq are missing"
	[ -z "$head" ] || [ "$seq" -eq 1 ] || [ "$prev" = "$head" ] || refuse "follows another statement than that of $after"
}

# ---------------------------------------------------------------- index

# read_index VOLUME... takes the index from the first volume that has it, and
# writes the plan of the bundle: a line for each member of payload, and files
# with the members of the head.
read_index() {
	member ferry.index "$index_size" >"$tmp/index.header"
	: >"$tmp/index"
	for f; do
		bytes "$f" "$at" 512 | cmp -s - "$tmp/index.header" || continue
		bytes "$f" $((at + 1)) "$index_size" >"$tmp/index"
		break
	done
	[ -s "$tmp/index" ] || refuse "neither the first nor the last volume is here"
	[ "$(digest_of <"$tmp/index")" = "$index_digest" ] || refuse "the index is not the one that the statement names"
	text "$tmp/index" || refuse "the index is not text"
	awk -v tmp="$tmp" -v chunk="$chunk_size" -v volume_size="$volume_size" -v volumes="$volumes" -v index_size="$index_size" \
		-v want="$entries $chunks $total" "$header_awk"'
	function bad(msg) { print "line " NR ": " msg; failed = 1; exit 1 }
	function isdigest(s) { return length(s) == 71 && s ~ /^sha256:[0-9a-f]+$/ }
	function padded(n) { return int((n + 511) / 512) * 512 }
	function hex(d) { return substr(d, 8) }
	BEGIN { FS = " "; volume = 1; parts = 0; members = "" }
	length($0) + 1 > 1048576 { bad("too long") }
	NR == 1 { if ($0 !~ /^ferry-index-v[12]$/) bad("not an index of version 1 or 2"); version = substr($0, 14); next }
	{ n = split($0, f, / /) }
	f[1] == "added" || f[1] == "removed" {
		if (n != 3 || !isdigest(f[2]) || f[3] == "" || length(f[3]) > 512 || f[3] !~ /^[-A-Za-z0-9._+:\/@]+$/) bad("bad line")
		if (kind > 0) bad("out of place")
		if (before != "" && (f[3] "" < before "" || f[3] == before && f[1] "" <= verb "")) bad("out of order")
		before = f[3]; verb = f[1]
		if (f[1] == "added") { names++; name_of[names] = f[3]; digest_of[names] = f[2] }
		print (f[1] == "added" ? "adds        " : "removes     ") f[3] >(tmp "/changes")
		next
	}
	f[1] == "manifest" || f[1] == "blob" || f[1] == "patch" {
		k = f[1] == "manifest" ? 1 : f[1] == "blob" ? 2 : 3
		fixed = k == 1 ? 4 : 3
		if (n < fixed || !isdigest(f[2]) || f[3] !~ /^(0|[1-9][0-9]*)$/ || length(f[3]) > 11 || f[3] + 0 > 68719476736) bad("bad line")
		if (k == 1 && (f[4] == "" || length(f[4]) > 255 || f[4] !~ /^[-A-Za-z0-9._+\/]+$/)) bad("bad media type")
		if (k < kind || k == kind && f[2] "" <= last "") bad("out of order or twice")
		if (f[2] in seen) bad("twice")
		seen[f[2]]
		if (k == 3) patches++
		kind = k; last = f[2]
		size = f[3] + 0
		count = int((size + chunk - 1) / chunk)
		if (n - fixed != (count > 1 ? count : 0)) bad("wrong number of chunks")
		for (i = fixed + 1; i <= n; i++) if (!isdigest(f[i])) bad("no digest")
		if (++entries > 4000000) bad("too many entries")
		chunks += count
		total += size
		if (k == 1) { media[f[2]] = f[4]; length_of[f[2]] = f[3] }
		entry_size[entries] = size
		entry_digest[entries] = f[2]
		if (count > 1) {
			out = ""
			for (i = fixed + 1; i <= n; i++) out = out f[i] "\n"
			printf "%s", out >(tmp "/chunks." entries)
			close(tmp "/chunks." entries)
		}
		next
	}
	# What the patches make: it stands behind the entries.
	f[1] == "rebuilt" || f[1] == "base" {
		k = f[1] == "rebuilt" ? 4 : 5
		if (n != 3 || !isdigest(f[2]) || f[3] !~ /^(0|[1-9][0-9]*)$/ || length(f[3]) > 11 || f[3] + 0 > 68719476736) bad("bad line")
		if (k < kind || k == kind && f[2] "" <= last "" || f[2] in seen) bad("out of order or twice")
		if (++lines[k] > 4000000) bad("too many")
		seen[f[2]]
		kind = k; last = f[2]
		next
	}
	f[1] == "encoder" {
		if (n != 2 || f[2] == "" || length(f[2]) > 32 || f[2] !~ /^[A-Za-z0-9]+$/ || ++encoders > 256) bad("bad line")
		if (kind == 6 && f[2] "" <= last "") bad("out of order or twice")
		kind = 6; last = f[2]
		next
	}
	{ bad("unknown line") }
	# room returns what payload may take in a volume.
	function room_of(n) {
		if (!volume_size) return 9007199254740991
		return volume_size - 75264 - (n == 1 ? 512 + padded(index_size) + 1024 + 512 + padded(length(json)) : 0)
	}
	function place(e,   size, at, n, i, k) {
		size = entry_size[e]; at = 0; k = parts
		limit = int(8589934591 / chunk) * chunk
		do {
			n = size - at < limit ? size - at : limit
			if (512 + padded(n) > room) {
				i = int((room - 512) / chunk) * chunk
				if (room < 512) i = 0
				if (i < n) n = i
				if (n <= 0) { volume++; room = room_of(volume); continue }
			}
			parts++
			part_entry[parts] = e; part_at[parts] = at; part_size[parts] = n; part_volume[parts] = volume
			room -= 512 + padded(n)
			at += n
		} while (at < size || parts == k)
		for (i = k + 1; i <= parts; i++) part_number[i] = parts - k > 1 ? i - k : 0
	}
	END {
		if (failed) exit 1
		if (!patches != !lines[4] || kind > 3 && !patches || version != (patches ? 2 : 1)) bad("patches and what they make do not agree")
		if (sprintf("%.0f %.0f %.0f", entries, chunks, total) != want) bad("it does not have what the statement says")
		json = "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":["
		for (i = 1; i <= names; i++) if (digest_of[i] in media) {
			json = json comma "{\"mediaType\":\"" media[digest_of[i]] "\",\"digest\":\"" digest_of[i] "\",\"size\":" length_of[digest_of[i]] \
				",\"annotations\":{\"org.opencontainers.image.ref.name\":\"" name_of[i] "\"}}"
			comma = ","
		}
		json = json "]}"
		printf "%s", json >(tmp "/index.json")
		room = room_of(1)
		if (room < 512 + chunk) bad("volumes are too small")
		for (e = 1; e <= entries; e++) place(e)
		if (volume_size && volume > 1 && room < 512 + padded(index_size)) volume++
		if (volume != volumes) bad("it takes " volume " volumes, the statement says " volumes)
		for (i = 1; i <= parts; i++) {
			name = "blobs/sha256/" hex(entry_digest[part_entry[i]])
			if (part_number[i]) name = name sprintf(".%04d", part_number[i])
			printf "%d %s %.0f %d %s %.0f %.0f %s\n", part_volume[i], name, part_size[i], part_entry[i], entry_digest[part_entry[i]], \
				part_at[i], entry_size[part_entry[i]], header(name, part_size[i]) >(tmp "/plan")
		}
	}' "$tmp/index" >"$tmp/why" || refuse "index: $(cat "$tmp/why")"
	{
		cat "$tmp/index.header" "$tmp/index"
		pad "$index_size"
	} >"$tmp/index.member"
	{
		member oci-layout 30
		printf '%s' '{"imageLayoutVersion":"1.0.0"}'
		pad 30
		json_size=$(size_of "$tmp/index.json")
		member index.json "$json_size"
		cat "$tmp/index.json"
		pad "$json_size"
	} >"$tmp/oci.member"
}

# ---------------------------------------------------------------- volumes

# number FILE sets n to the number of the volume that FILE claims to be, by the
# name of what follows its head.
number() {
	n='' skip=$at
	bytes "$1" "$at" 512 | cmp -s - "$tmp/index.header" && skip=$((at + 1 + $(blocks "$index_size")))
	look "$1" "$skip"
	if [ "$name" = oci-layout ]; then
		n=1
	elif [ -n "$name" ]; then
		n=$(awk -v name="$name" '$2 == name { print $1; exit }' "$tmp/plan")
	elif ! grep -q "^$volumes " "$tmp/plan"; then
		n=$volumes # the last one, with nothing but the index
	fi
	[ -n "$n" ] || refuse "$1 is no volume of this bundle"
}

# head_of N prints what stands before the payload of volume N.
head_of() {
	cat "$tmp/head"
	if [ "$1" -eq 1 ] || [ "$1" -eq "$volumes" ]; then cat "$tmp/index.member"; fi
	if [ "$1" -eq 1 ]; then cat "$tmp/oci.member"; fi
}

# build FILE BLOCK < PARTS prints the volume that FILE must be. Payload, which
# begins at BLOCK, is taken from FILE itself: its digests are checked elsewhere.
build() {
	head_of "$n"
	block=$2
	while read -r _ _ part_size _ _ _ _ escaped; do
		# shellcheck disable=SC2059 # the format is made of escape sequences
		printf "$escaped"
		bytes "$1" $((block + 1)) "$part_size"
		pad "$part_size"
		block=$((block + 1 + (part_size + 511) / 512))
	done
	zeros 1024
}

# check_chunks FILE BLOCK < PARTS compares the digests of the payload.
check_chunks() {
	block=$2
	while read -r _ _ part_size entry digest part_at _; do
		block=$((block + 1))
		if [ -e "$tmp/chunks.$entry" ]; then
			left=$part_size from=$block
			tail -n +$((part_at / chunk_size + 1)) "$tmp/chunks.$entry" >"$tmp/todo"
			while [ "$left" -gt 0 ] && read -r want; do
				take=$((left < chunk_size ? left : chunk_size))
				[ "$(bytes "$1" "$from" "$take" | digest_of)" = "$want" ] || refuse "$1: damage in $digest after byte $((part_at + part_size - left))"
				from=$((from + chunk_size / 512)) left=$((left - take))
			done <"$tmp/todo"
			printf '%s %s %s\n' "$part_at" "$part_size" "$block" >>"$tmp/parts.$entry.$n"
		else
			[ "$(bytes "$1" "$block" "$part_size" | digest_of)" = "$digest" ] || refuse "$1: damage in $digest"
		fi
		block=$((block + (part_size + 511) / 512))
	done
}

check_volume() {
	number "$1"
	before=$(head_of "$n" | wc -c)
	grep "^$n " "$tmp/plan" >"$tmp/todo.$n" || :
	build "$1" $((before / 512)) <"$tmp/todo.$n" | cmp -s - "$1" || refuse "$1: not in the one form of volume $n"
	check_chunks "$1" $((before / 512)) <"$tmp/todo.$n"
	printf '%s\n' "$1" >"$tmp/volume.$n"
}

# check_blobs puts entries of several chunks together and compares their digest.
check_blobs() {
	for f in "$tmp"/chunks.*; do
		[ -e "$f" ] || continue
		entry=${f##*.}
		want=$(awk -v entry="$entry" '$4 == entry { print $5; exit }' "$tmp/plan")
		got=$(
			awk -v entry="$entry" '$4 == entry { print $1 }' "$tmp/plan" | uniq | while read -r v; do
				read -r file <"$tmp/volume.$v"
				sort -n -u "$tmp/parts.$entry.$v" | while read -r _ part_size block; do bytes "$file" "$block" "$part_size"; done
			done | digest_of
		)
		[ "$got" = "$want" ] || refuse "the chunks of $want make $got"
	done
}

: >"$tmp/keys"
: >"$tmp/changes"
: >"$tmp/plan"
if [ -n "$root" ]; then read_root; else trust_keys; fi
for f; do
	[ -f "$f" ] && [ -r "$f" ] || usage "no file $f"
done
read_head "$1"
read_statement
check_fit
read_index "$@"
for f; do check_volume "$f"; done
i=0
while [ $((i += 1)) -le "$volumes" ]; do
	[ -e "$tmp/volume.$i" ] || refuse "volume $i of $volumes is not here"
done
check_blobs

echo "site        $for_site"
echo "shipment    $epoch/$seq"
echo "statement   $statement"
echo "follows     ${prev:-none}"
echo "signed by  $signers"
echo "issued      $issued"
echo "expires     $expires; now is $now"
echo "releases    $releases"
echo "carries     $total bytes in $entries manifests and blobs, in $volumes volumes"
cat "$tmp/changes"
if [ "$known" = yes ]; then echo "This is the shipment that passed last."; fi
echo "ACCEPTED    every byte is as signed"
