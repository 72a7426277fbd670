#!/bin/sh
# Writes the golden vectors of package delta/recipe: digests of what the
# original encoders make of the package's samples. The originals are pinned:
# compress/flate of the Go 1.26 in PATH, klauspost/compress of generations G and
# H in modules of their own, zlib, gzip and pigz of Debian 12. Run it in this
# folder; it prints to standard output:
#
#	sh make.sh > ../../delta/recipe/testdata/golden.txt
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
(cd ../../delta/recipe && FERRY_WRITE_SAMPLES=$dir go test -count=1 -run TestWriteSamples . >&2)
{
	(cd _go126 && go run . "$dir"/*)
	(cd _kpg && go run . kpG "$dir"/*)
	(cd _kph && go run . kpH "$dir"/*)
	python3 tools.py "$dir"/*
} | awk '
	# Levels between the common ones only for the samples that say most.
	$2 == 1 || $2 == 5 && $1 ~ /^kp/ || $2 == 6 || $2 == 9 ||
	$4 == "text" || $4 == "mixed" || $4 == "binary" || $4 == "far" || $4 == "skewed"
'
