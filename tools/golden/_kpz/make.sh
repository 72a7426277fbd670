#!/bin/sh
# Writes the golden vectors of the zstd encoders of package delta/recipe. The
# originals are klauspost/compress 1.19.2 (kpzA; the same bytes since 1.14.4) and
# 1.20.3 (kpzB). Run it in this folder; it prints to standard output:
#
#	sh make.sh > ../../../delta/recipe/testdata/zs/golden.txt
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
(cd ../../../delta/recipe && FERRY_WRITE_SAMPLES=$dir go test -count=1 -run TestWriteZsSamples . >&2)
go run . kpzA "$dir"/*
go run -modfile=b.mod . kpzB "$dir"/*
