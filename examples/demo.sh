#!/usr/bin/env bash
# The whole story on one machine: a vendor packs a release, somebody carries
# it, a site without a network imports it; then a small update follows.
#
# It needs bash, Go and bin/ferry ("make demo" builds it), uses two free ports
# of the loopback interface and one folder below $TMPDIR, and removes both.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
export PATH="$root/bin:$PATH"
export COSIGN_PASSWORD=demo # of the vendor's key; ferry asks when it is not set

work=$(mktemp -d "${TMPDIR:-/tmp}/ferry-demo.XXXXXX")
servers=()

cleanup() {
	local status=$?
	trap - EXIT
	[ ${#servers[@]} = 0 ] || kill "${servers[@]}" 2>/dev/null || true
	wait
	if [ $status != 0 ]; then
		printf '\ndemo: failed with exit code %d\n' $status >&2
		tail -n 20 "$work"/*.log 2>/dev/null >&2 || true
	fi
	chmod -R u+w "$work" 2>/dev/null || true
	rm -rf "$work"
	exit $status
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# chapter, say and run tell the story: a heading, a line of prose, a command
# as one would type it and what it prints.
chapter() { printf '\n%s\n%s\n' "$*" "${*//?/-}"; }
say() { printf '\n'; printf '%s\n' "$@"; }
run() {
	printf '\n  $ %s\n' "$*"
	"$@" 2>&1 | sed 's/^/    /'
}

# refused CODE COMMAND... is run for a command that must fail with CODE.
refused() {
	local want=$1 got=0
	shift
	run "$@" || got=$?
	[ "$got" = "$want" ] || fail "exit code $got, want $want"
	printf '    (exit code %d)\n' "$got"
}

fail() {
	printf '\ndemo: %s\n' "$*" >&2
	exit 1
}

listening() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() {
	local port
	while :; do
		port=$((20000 + RANDOM % 12000))
		listening "$port" || break
	done
	echo "$port"
}

# serve NAME PORT starts a registry and waits until it listens.
serve() {
	printf '\n  $ ferry serve --store %s --listen localhost:%d &\n' "$1" "$2"
	ferry serve --store "$1" --listen "localhost:$2" >"$work/$1.log" 2>&1 &
	servers+=($!)
	for _ in $(seq 100); do
		if listening "$2"; then return; fi
		kill -0 "$!" 2>/dev/null || break
		sleep 0.1
	done
	fail "the registry for $1 does not listen on port $2"
}

bytes() { cat "$@" | wc -c | tr -d ' '; }

# row RELEASE FULL SHIPPED prints a line of the last table.
row() {
	awk -v release="$1" -v full="$2" -v shipped="$3" 'BEGIN {
		printf "  %-8s %12.2f MB %12.2f MB %9.1f %%\n", release, full / 1e6, shipped / 1e6, 100 * shipped / full
	}'
}

[ -x "$root/bin/ferry" ] || fail "bin/ferry is not there; run: make build"

echo "Building the images of examples/apps ..."
(cd "$root" && go build -o "$work/imagebuild" ./examples/imagebuild)
cd "$work"
# The registries come up on whatever ports are free.
source=$(free_port)
site=$(free_port)
while [ "$site" = "$source" ]; do site=$(free_port); done
cp -R "$root/examples/platform" platform
find platform -type f -name '*.yaml' -exec sed -i.orig "s/localhost:5000/localhost:$source/" {} +
find platform -name '*.orig' -exec rm {} +
serve source-registry "$source" >/dev/null
push() { # with Go's tools working where the module is
	(cd "$root" && "$work/imagebuild" -registry "localhost:$source" "$@") >>images.txt
}
push -version 1.0 hello-worker
for version in 1.0 1.1; do
	push -version $version -platforms linux/amd64,linux/arm64 hello-api
done
started=$SECONDS

chapter "1. The two ends"

say "Outside, a vendor has built two images into a registry, and wants to ship them" \
	"with a chart, two files and some manifests."
run cat images.txt
run cat platform/release-1.0.yaml

say "Outside gets a directory with a signing key, a ledger and a trust file."
run ferry init outside vendor

say "Inside, the site has no registry yet, so ferry is its registry, too."
serve site-registry "$site"
run ferry init inside north --site north --registry "localhost:$site"

say "The trust file goes in once, and is believed only because somebody outside" \
	"reads its fingerprint over the telephone."
fingerprint=$(sha256sum vendor/trust/root.json | cut -c 1-64)
run ferry --dir north trust init vendor/trust/root.json --fingerprint "$fingerprint"

say "The site's public key goes out once; so outside knows for whom it packs."
run ferry --dir vendor site add north --key north/keys/site.pub

chapter "2. The first delivery"

say "Outside packs the release. North holds nothing yet, so everything travels."
run ferry --dir vendor pack --site north platform/release-1.0.yaml -o outbox/
first=$(bytes outbox/*.tar)

say "Somebody carries the bundle. This is all that ever passes between the two ends."
mkdir disk
run cp outbox/*.tar disk/

say "At the gate, an officer looks at what is on the disk: who signed it, for whom," \
	"and what it changes."
run ferry --dir north verify disk/*.tar
run ferry inspect disk/*.tar

say "Had one byte suffered on the way, nothing of it would be let in."
mkdir damaged
cp disk/*.tar damaged/
chmod u+w damaged/*
for bundle in damaged/*.tar; do
	printf '\377\376\375' | dd of="$bundle" bs=1 seek=$(($(bytes "$bundle") / 2)) conv=notrunc 2>/dev/null
done
refused 11 ferry --dir north import damaged/

say "The disk itself is good. Inside imports it: verify, stage, push, read back, record."
run ferry --dir north import disk/

say "Both sides now say the same of the site."
run ferry --dir vendor status
run ferry --dir north status

chapter "3. A small update"

say "Version 1.1 brings a new hello-api, and the manifest that names it."
run diff -I '^#' platform/release-1.0.yaml platform/release-1.1.yaml || true

say "Before packing, outside shows what it would ship."
run ferry --dir vendor pack --dry-run --site north platform/release-1.1.yaml
run ferry --dir vendor pack --site north platform/release-1.1.yaml -o outbox-1.1/
update=$(bytes outbox-1.1/*.tar)
run cp outbox-1.1/*.tar disk/

say "The disk still has the first bundle. That does no harm: importing again is safe."
run ferry --dir north import disk/

say "The site's registry is asked for every single thing that ferry says it holds."
run ferry --dir north status --probe

say "Packing once more finds nothing to ship."
run ferry --dir vendor pack --site north platform/release-1.1.yaml -o nothing/
if compgen -G 'nothing/*' >/dev/null; then fail "a bundle was written although nothing is new"; fi

chapter "4. What it saved"

say "A site that holds nothing, south, gets the same 1.1 as a full export, for comparison."
run ferry --dir vendor site add south
run ferry --dir vendor pack --site south platform/release-1.1.yaml -o full/
full=$(bytes full/*.tar)

printf '\n  %-8s %15s %15s %11s\n' release "full export" "ferry" "of it"
row 1.0 "$first" "$first"
row 1.1 "$full" "$update"
[ $((update * 2)) -lt "$full" ] || fail "the update is $update bytes, more than half of a full export"

printf '\nThat took %d s. Nothing of it is left on this machine.\n' $((SECONDS - started))
