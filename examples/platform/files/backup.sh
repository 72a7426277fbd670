#!/bin/sh
# Copies a folder to the target that hello.conf names, and forgets copies
# older than keep_days.
set -eu

conf=${HELLO_CONF:-/etc/hello.conf}
source=${1:?usage: backup.sh FOLDER}

value() {
	sed -n "s/^$1 *= *//p" "$conf"
}

target=$(value target)
mkdir -p "$target"
tar -czf "$target/$(date -u +%Y%m%dT%H%M%SZ).tar.gz" -C "$source" .
find "$target" -name '*.tar.gz' -mtime "+$(value keep_days)" -delete
