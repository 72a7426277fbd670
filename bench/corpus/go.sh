# shellcheck shell=bash disable=SC2154 # read by make.sh, which sets dir and work
# Pairs of Go programs, built from the module proxy as their projects build
# them: a static binary, alone in its layer.

# go_pair PAIR MODULE OLD NEW PACKAGE PATH [BUILD FLAGS...]
go_pair() {
	local pair=$1 module=$2 old=$3 new=$4 package=$5 path=$6
	shift 6
	go_tar "$pair" old "$module" "$old" "$package" "$path" "$@"
	go_tar "$pair" new "$module" "$new" "$package" "$path" "$@"
}

go_tar() {
	local pair=$1 side=$2 module=$3 version=$4 package=$5 path=$6
	shift 6
	have "$pair/$side.tar" && return
	local tree=$work/$pair/$side src=$work/$pair/$side-src
	fresh "$tree" "$src"
	# The module as the main module, so that its own go.sum and replacements
	# count. Modules in the cache are read-only; the copy is not.
	cp -R "$(module_dir "$module@$version")/." "$src"
	chmod -R u+w "$src"
	mkdir -p "$tree/$(dirname "$path")"
	(cd "$src" && GOFLAGS=-mod=mod CGO_ENABLED=0 nice -n 3 "$GO" build -p 1 -trimpath -buildvcs=false \
		"${@//VERSION/${version#v}}" -o "$tree/$path" "$package")
	note "$pair" "$side" "$module $version, $("$GO" env GOVERSION) linux/amd64, go build -trimpath $*"
	pack "$tree" "$pair/$side.tar"
	rm -rf "$src" "$tree"
}

# module_dir downloads a module and prints the folder that holds it.
module_dir() {
	(cd "$work" && "$GO" mod download -json "$1") | sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p' | grep .
}

make_coredns() {
	go_pair coredns github.com/coredns/coredns v1.14.6 v1.14.7 . coredns -ldflags='-s -w'
}

make_caddy() {
	go_pair caddy github.com/caddyserver/caddy/v2 v2.11.8 v2.11.9 ./cmd/caddy usr/bin/caddy \
		-ldflags='-s -w'
}

# With its symbols and its compressed DWARF, as its project ships it.
make_node_exporter() {
	go_pair node_exporter github.com/prometheus/node_exporter v1.11.1 v1.12.1 . bin/node_exporter \
		-tags=netgo,osusergo,static_build \
		-ldflags='-X github.com/prometheus/common/version.Version=VERSION'
}
