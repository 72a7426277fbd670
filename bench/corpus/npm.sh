# shellcheck shell=bash disable=SC2154 # read by make.sh, which sets dir and work
# Pairs of node_modules, as npm installs them on one day and on a later one.
# npm writes no times of packages: every file has that of its installation,
# so every header differs between the two sides, as it does in real images.

# npm_pair PAIR OLD-DAY NEW-DAY OLD-PACKAGES NEW-PACKAGES
npm_pair() {
	npm_tar "$1" old "$2" "$4"
	npm_tar "$1" new "$3" "$5"
}

npm_tar() {
	local pair=$1 side=$2 day=$3 packages=$4
	have "$pair/$side.tar" && return
	local tree=$work/$pair/$side
	fresh "$tree/app"
	echo '{"name":"app","version":"1.0.0","private":true}' >"$tree/app/package.json"
	# shellcheck disable=SC2086 # a list of packages
	(cd "$tree/app" && nice npm install --before="$day" --os=linux --cpu=x64 \
		--ignore-scripts --no-audit --no-fund --no-progress --cache="$work/npm" $packages >&2)
	{
		echo "npm install --before=$day $packages"
		(cd "$tree/app" && npm ls --all --parseable --long 2>/dev/null | sed 's/.*://' | sort -u)
	} | note "$pair" "$side" -
	pack "$tree" "$pair/$side.tar"
	rm -rf "$tree"
}

make_next() {
	npm_pair next 2026-11-04 2026-11-10 \
		"next@16.4.5 react react-dom typescript eslint eslint-config-next tailwindcss @tailwindcss/postcss" \
		"next@16.4.6 react react-dom typescript eslint eslint-config-next tailwindcss @tailwindcss/postcss"
}

make_vite() {
	local packages="vite @vitejs/plugin-react rxjs" p
	for p in core common compiler router forms platform-browser; do
		packages+=" @angular/$p@22"
	done
	npm_pair vite 2026-11-05 2026-11-13 "$packages" "$packages"
}
