#!/bin/bash
# Makes the pairs of layers that patches are measured on, from public packages.
#
#	bench/corpus/make.sh DIR [PAIR...]
#
# writes DIR/PAIR/old.tar and DIR/PAIR/new.tar, the plain texts of one layer
# before and after an update, each with its blob as docker and BuildKit make
# it, .tar.gz, and DIR/manifest.tsv: the size of each file, its SHA-256, its
# name and what it was made from. PAIR/old.from and new.from list the packages.
#
# Versions are pinned where the registry keeps old ones, so a pair is of the
# same versions everywhere; its bytes still differ where builders write times
# of their own. The Debian pairs are of what the mirror has on that day.
#
# What is there already is not made again. DIR/work is for scratch and for the
# caches of npm and apt; it may be removed when all is made. The Go pairs need
# go; debbase needs root and debootstrap; debapp and debjava apt and dpkg;
# next and vite npm.
set -euo pipefail

corpus=$(cd "$(dirname "$0")" && pwd)
GO=${GO:-go}
pairs=(coredns caddy node_exporter debbase debapp debjava next vite)

main() {
	if [ $# -lt 1 ]; then
		echo "usage: $0 DIR [PAIR...]     pairs: ${pairs[*]}" >&2
		exit 64
	fi
	mkdir -p "$1"
	dir=$(cd "$1" && pwd)
	shift
	work=$dir/work
	mkdir -p "$work"
	layers=$work/layers
	(cd "$corpus/../.." && "$GO" build -o "$layers" ./bench/layers)

	local pair
	for pair in "${@:-${pairs[@]}}"; do
		if [ "$(type -t "make_$pair")" != function ]; then
			echo "$0: no pair $pair; there are: ${pairs[*]}" >&2
			exit 64
		fi
		echo "== $pair" >&2
		"make_$pair"
		blob "$pair/old"
		blob "$pair/new"
	done
	manifest
}

# have reports whether a file of the corpus is made.
have() { [ -s "$dir/$1" ]; }

# fresh makes empty folders, whatever stood there.
fresh() {
	rm -rf "$@"
	mkdir -p "$@"
}

# pack writes a tree as the plain text of a layer: pack TREE PAIR/SIDE.tar.
pack() {
	mkdir -p "$(dirname "$dir/$2")"
	nice "$layers" tar "$1" >"$dir/$2.partial"
	mv "$dir/$2.partial" "$dir/$2"
}

# blob writes the gzip layer of one side of a pair: blob PAIR/SIDE.
blob() {
	have "$1.tar.gz" && return
	nice "$layers" gzip 6 <"$dir/$1.tar" >"$dir/$1.tar.gz.partial"
	mv "$dir/$1.tar.gz.partial" "$dir/$1.tar.gz"
}

# note keeps what a tar is made from: note PAIR SIDE TEXT. Further lines, such
# as a list of packages, come from standard input if TEXT is "-".
note() {
	mkdir -p "$dir/$1"
	if [ "$3" = - ]; then cat; else echo "$3"; fi >"$dir/$1/$2.from"
}

# manifest prints and keeps a line for each file: size, SHA-256, name, source.
# A source of many lines is named by its own file.
manifest() {
	local file from
	(
		cd "$dir"
		for file in */old.tar */old.tar.gz */new.tar */new.tar.gz; do
			[ -e "$file" ] || continue
			from=${file%.gz}
			from=${from%.tar}.from
			printf '%s\t%s\t%s\t%s\n' "$(stat -c %s "$file")" \
				"$(digest "$file")" "$file" "$(head -1 "$from")"
		done | sort -k3
	) >"$dir/manifest.tsv.partial"
	mv "$dir/manifest.tsv.partial" "$dir/manifest.tsv"
	cat "$dir/manifest.tsv"
}

# digest prints the SHA-256 of a file and remembers it beside the file.
digest() {
	if [ ! "$1.sha256" -nt "$1" ]; then
		nice sha256sum "$1" | cut -d' ' -f1 >"$1.sha256"
	fi
	cat "$1.sha256"
}

# shellcheck source-path=SCRIPTDIR
. "$corpus/go.sh"
# shellcheck source-path=SCRIPTDIR
. "$corpus/debian.sh"
# shellcheck source-path=SCRIPTDIR
. "$corpus/npm.sh"

main "$@"; exit
