#!/bin/bash
# Makes the blobs of one plain text that the producers of layers make.
#
#	bench/corpus/producers.sh DIR TAR [NAME...]
#
# writes DIR/NAME.tar.gz or .tar.zst for every producer below whose tool is
# installed, and DIR/manifest.tsv: size, SHA-256, name, SHA-256 of the plain
# text, version of the tool, command. What is there already is not made again,
# not even from another TAR. On Debian the tools are in the packages skopeo,
# buildah, umoci, pigz, busybox, libarchive-tools, zstd, default-jdk-headless,
# 7zip, zopfli, libdeflate-tools, nodejs and python3.
#
# A few producers read TAR and write the archive anew; their plain text is
# another one, and the manifest shows it. The slow ones get the first 4 MiB.
set -euo pipefail

corpus=$(cd "$(dirname "$0")" && pwd)
GO=${GO:-go}
CRANE=github.com/google/go-containerregistry/cmd/crane@v0.22.1

# Name, tool whose version counts, and command from the plain text on standard
# input to the blob on standard output. $tar is the plain text as a file.
producers() {
	local level
	for level in 1 6 9; do
		row "go-$level.tar.gz" go "layers gzip $level"
		row "go-tar-$level.tar.gz" go "layers retar $level"
		row "gnu-$level.tar.gz" gzip "gzip -n -$level"
		row "gnu-$level-rsyncable.tar.gz" gzip "gzip -n -$level --rsyncable"
		row "python-gzip-$level.tar.gz" python3 "python3 $corpus/pygzip.py gzip $level"
		row "python-zlib-$level.tar.gz" python3 "python3 $corpus/pygzip.py zlib $level"
		row "node-$level.tar.gz" node "node_gzip $level"
		row "libdeflate-$level.tar.gz" libdeflate-gzip "libdeflate-gzip -$level"
		row "pigz-$level.tar.gz" pigz "pigz -n -p2 -$level"
	done
	row gnu-named.tar.gz gzip 'gzip -6 -c $tar'
	row busybox.tar.gz busybox 'busybox gzip -c'
	row pigz-6-p1.tar.gz pigz 'pigz -n -p1 -6'
	row pigz-6-i.tar.gz pigz 'pigz -n -p2 -6 -i'
	row pigz-6-R.tar.gz pigz 'pigz -n -p2 -6 -R'
	row nix.tar.gz pigz 'pigz -p2 -nTR'
	row pigz-6-b1024.tar.gz pigz 'pigz -n -p2 -6 -b 1024'
	row python-zlib9-6.tar.gz python3 "python3 $corpus/pygzip.py zlib9 6"
	row python-tarfile.tar.gz python3 "python3 $corpus/pygzip.py w:gz 9"
	row python-tarfile-pipe.tar.gz python3 "python3 $corpus/pygzip.py 'w|gz' 9"
	row java.tar.gz java "java -XX:TieredStopAtLevel=1 $corpus/Gzip.java"
	row perl.tar.gz perl "perl -MIO::Compress::Gzip=gzip,:constants -e 'gzip q(-) => q(-), -Minimal => 1'"
	row bsdtar.tar.gz bsdtar 'bsdtar -cz --format=pax @-'
	row crane.tar.gz crane 'crane_gzip'
	row pgzip-1024.tar.gz klauspost 'klauspost pgzip 1024'
	row pgzip-256.tar.gz klauspost 'klauspost pgzip 256'
	row skopeo.tar.gz skopeo 'skopeo_blob gzip'
	row buildah.tar.gz buildah 'buildah_blob gzip'
	row umoci.tar.gz umoci 'umoci_blob'
	row estargz.tar.gz estargz 'estargz $tar'
	row 7z.tar.gz 7z '7z a -tgzip -si -so -an -bd'
	row libdeflate-12.tar.gz libdeflate-gzip 'libdeflate-gzip -12'
	row zopfli-small.tar.gz zopfli 'head -c 4194304 >"$scratch/small" && zopfli -c --i1 "$scratch/small"'
	row pigz-11-small.tar.gz pigz 'small pigz -n -11'

	for level in fastest default better best; do
		row "ferry-$level.tar.zst" layers "layers zstd $level" # as go.mod pins it
		row "klauspost-$level.tar.zst" klauspost "klauspost zstd $level"
	done
	row skopeo.tar.zst skopeo 'skopeo_blob zstd'
	row buildah.tar.zst buildah 'buildah_blob zstd'
	row zstd-3.tar.zst zstd 'zstd -q -3'
	row zstd-3-T2.tar.zst zstd 'zstd -q -3 -T2'
	row zstd-19-small.tar.zst zstd 'small zstd -q -19'
}

row() { printf '%s\t%s\t%s\n' "$1" "$2" "$3"; }

main() {
	if [ $# -lt 2 ]; then
		echo "usage: $0 DIR TAR [NAME...]" >&2
		exit 64
	fi
	mkdir -p "$1/work/bin"
	dir=$(cd "$1" && pwd)
	tar=$(realpath "$2")
	shift 2
	PATH=$dir/work/bin:$PATH
	tools

	local name tool command
	while IFS=$'\t' read -r name tool command <&3; do
		if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
		make "$name" "$tool" "$command"
	done 3< <(producers)
	manifest
}

# tools builds those of the tools that are Go programs.
tools() {
	(cd "$corpus/../.." && "$GO" build -o "$dir/work/bin/layers" ./bench/layers)
	if ! command -v crane >/dev/null; then
		(cd "$dir/work" && GOFLAGS=-mod=mod GOBIN=$dir/work/bin nice "$GO" install -p 1 "$CRANE")
	fi
	local name
	for name in estargz klauspost; do
		[ ! -x "$dir/work/bin/$name" ] || continue
		rm -rf "$dir/work/$name"
		cp -R "$corpus/_$name" "$dir/work/$name"
		(cd "$dir/work/$name" && GOFLAGS=-mod=mod nice "$GO" build -p 1 -o "$dir/work/bin/$name" .)
	done
}

make() {
	if [ -s "$dir/$1" ]; then return; fi
	if ! command -v "$2" >/dev/null; then
		echo "$0: no $2 here; leaving out $1" >&2
		return
	fi
	echo "== $1" >&2
	scratch=$dir/work/scratch
	rm -rf "$scratch"
	mkdir "$scratch"
	if ! (set -o pipefail; eval "$3" <"$tar" >"$dir/$1.partial"); then
		echo "$0: $1: not made" >&2
		rm -f "$dir/$1.partial"
		return
	fi
	printf '%s\t%s\n' "$(version "$2")" "$3" >"$dir/$1.from"
	mv "$dir/$1.partial" "$dir/$1"
}

# version prints what a tool says it is.
version() {
	case $1 in
	go) "$GO" env GOVERSION ;;
	layers) sed -n 's/^\tgithub.com.klauspost.//p' "$corpus/../../go.mod" | grep '^compress ' ;;
	crane) echo "${CRANE##*@}" ;;
	estargz) sed -n 's/^require .*estargz /estargz /p' "$corpus/_estargz/go.mod" ;;
	klauspost) sed -n 's/^\tgithub.com.klauspost.//p' "$corpus/_klauspost/go.mod" | xargs ;;
	busybox) busybox | head -1 | cut -d, -f1 ;;
	java) java -version 2>&1 | head -1 ;;
	perl) perl -MIO::Compress::Gzip -e 'print "IO::Compress::Gzip $IO::Compress::Gzip::VERSION, $^V\n"' ;;
	node) echo "$(node -v), zlib $(node -p process.versions.zlib)" ;;
	python3) python3 -c 'import platform, zlib; print(platform.python_version() + ", zlib " + zlib.ZLIB_RUNTIME_VERSION)' ;;
	zopfli) dpkg-query -W zopfli 2>/dev/null | tr '\t' ' ' ;;
	libdeflate-gzip) libdeflate-gzip -V | head -1 ;;
	7z) 7z | grep -m1 . ;;
	pigz) pigz --version 2>&1 ;;
	*) "$1" --version 2>&1 | head -1 ;;
	esac
}

# small runs a command on the first 4 MiB.
small() { head -c 4194304 | "$@"; }

node_gzip() {
	node -e 'process.stdin.pipe(require("zlib").createGzip({level: +process.argv[1]})).pipe(process.stdout)' "$1"
}

crane_gzip() {
	nice crane append --oci-empty-base -f "$tar" -t layer:1 -o "$scratch/image.tar" >&2
	tar -xOf "$scratch/image.tar" --wildcards '*.tar.gz'
}

# layout writes an OCI image layout whose one layer is the plain text itself.
layout() {
	local blobs=$1/blobs/sha256 plain config manifest
	mkdir -p "$blobs"
	plain=$(sha256sum "$tar" | cut -d' ' -f1)
	ln -s "$tar" "$blobs/$plain"
	config=$(blob "$blobs" '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:'"$plain"'"]}}')
	manifest=$(blob "$blobs" '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":'"$(descriptor config.v1+json "$blobs" "$config")"',"layers":['"$(descriptor layer.v1.tar "$blobs" "$plain")"']}')
	echo '{"schemaVersion":2,"manifests":['"$(descriptor manifest.v1+json "$blobs" "$manifest")"']}' >"$1/index.json"
	echo '{"imageLayoutVersion":"1.0.0"}' >"$1/oci-layout"
}

blob() {
	local digest
	digest=$(printf %s "$2" | sha256sum | cut -d' ' -f1)
	printf %s "$2" >"$1/$digest"
	echo "$digest"
}

descriptor() {
	echo '{"mediaType":"application/vnd.oci.image.'"$1"'","digest":"sha256:'"$3"'","size":'"$(stat -Lc %s "$2/$3")"'}'
}

# largest prints the largest blob of a layout: the layer.
largest() {
	find "$1/blobs" -type f -printf '%s %p\n' | sort -n | tail -1 | cut -d' ' -f2- | xargs cat
}

skopeo_blob() {
	layout "$scratch/in"
	nice skopeo copy -q --insecure-policy --dest-compress --dest-compress-format "$1" \
		"oci:$scratch/in" "oci:$scratch/out" >&2
	largest "$scratch/out"
}

# buildah keeps the files of a layer and writes the tar anew, from what it
# remembers of it.
buildah_blob() {
	layout "$scratch/in"
	printf '{"default":[{"type":"insecureAcceptAnything"}]}' >"$scratch/policy.json"
	local buildah=(nice buildah --root "$scratch/root" --runroot "$scratch/run" --storage-driver vfs)
	local image
	image=$("${buildah[@]}" pull -q --signature-policy "$scratch/policy.json" "oci:$scratch/in")
	"${buildah[@]}" push -q --signature-policy "$scratch/policy.json" --compression-format "$1" \
		"$image" "oci:$scratch/out" >&2
	largest "$scratch/out"
}

umoci_blob() {
	nice umoci init --layout "$scratch/out" >&2
	nice umoci new --image "$scratch/out:layer" >&2
	nice umoci raw add-layer --image "$scratch/out:layer" "$tar" >&2
	largest "$scratch/out"
}

# manifest prints and keeps a line for each blob, after opening it.
manifest() {
	local file plain
	(
		cd "$dir"
		for file in *.tar.gz *.tar.zst; do
			[ -e "$file" ] || continue
			if [ ! -s "$file.plain" ]; then
				case $file in
				*.gz) nice gzip -dc "$file" ;;
				*.zst) nice zstd -qdc "$file" ;;
				esac | sha256sum | cut -d' ' -f1 >"$file.plain"
			fi
			printf '%s\t%s\t%s\t%s\t%s\n' "$(stat -c %s "$file")" "$(sha256sum "$file" | cut -d' ' -f1)" \
				"$file" "$(cat "$file.plain")" "$(cat "$file.from")"
		done
	) | sed "s|$corpus/||g" >"$dir/manifest.tsv.partial"
	mv "$dir/manifest.tsv.partial" "$dir/manifest.tsv"
	cat "$dir/manifest.tsv"
}

main "$@"
exit
