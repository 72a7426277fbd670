# shellcheck shell=bash disable=SC2154 # read by make.sh, which sets dir and work
# Pairs of Debian packages: what the last point release has, and what the
# security archive has made of it since.

suite=${SUITE:-bookworm}
debian=${DEBIAN:-http://deb.debian.org/debian}
security=${SECURITY:-http://deb.debian.org/debian-security}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# apt_old and apt_new run apt-get before and after the update. Neither looks
# at the sources or the packages of this machine, only at its proxies.
apt_old() { apt_at old "$@"; }
apt_new() { apt_at new "$@"; }

apt_at() {
	local at=$work/apt/$1
	shift
	nice apt-get -q -o Dir::Etc::SourceList="$at/sources.list" -o Dir::Etc::SourceParts=- \
		-o Dir::State="$at/state" -o Dir::State::status="${status:-$at/status}" \
		-o Dir::Cache="$at/cache" -o APT::Sandbox::User=root \
		-o APT::Install-Recommends=false -o DPkg::Post-Invoke::= -o APT::Update::Post-Invoke::= \
		-o APT::Update::Post-Invoke-Success::= "$@" </dev/null >&2
}

# apt_ready fetches the lists of packages, once per run.
apt_ready() {
	[ -z "${apt_is_ready:-}" ] || return 0
	local side
	for side in old new; do
		local at=$work/apt/$side
		fresh "$at/state/lists/partial" "$at/cache/archives/partial"
		: >"$at/status"
		echo "deb [signed-by=$keyring] $debian $suite main" >"$at/sources.list"
		if [ $side = new ]; then
			echo "deb [signed-by=$keyring] $security $suite-security main" >>"$at/sources.list"
		fi
		"apt_$side" update
	done
	apt_is_ready=1
}

# make_debbase: the smallest system, and the same after its security updates.
make_debbase() {
	have debbase/old.tar && have debbase/new.tar && return
	apt_ready
	local tree=$work/debbase/tree
	rm -rf "$tree"
	nice debootstrap --variant=minbase --keyring="$keyring" "$suite" "$tree" "$debian" >&2
	debbase_side "$tree" old
	debbase_upgrade "$tree"
	debbase_side "$tree" new
	rm -rf "$tree"
}

# debbase_side packs the system without what images of it leave out.
debbase_side() {
	find "$1"/dev "$1"/proc "$1"/sys "$1"/run "$1"/tmp "$1"/var/cache/apt "$1"/var/lib/apt/lists \
		-mindepth 1 -delete
	rm -f "$1"/var/log/*.log "$1"/etc/resolv.conf "$1"/etc/hostname
	{
		echo "debootstrap minbase $suite, $2"
		dpkg-query --admindir="$1/var/lib/dpkg" -W
	} | note debbase "$2" -
	pack "$1" "debbase/$2.tar"
}

debbase_upgrade() {
	local debs=$work/apt/new/cache/archives
	rm -f "$debs"/*.deb
	status=$1/var/lib/dpkg/status apt_new -y --download-only dist-upgrade
	mkdir -p "$1/tmp/debs"
	cp "$debs"/*.deb "$1/tmp/debs"
	DEBIAN_FRONTEND=noninteractive chroot "$1" sh -c 'dpkg --unpack /tmp/debs/*.deb && dpkg --configure -a' >&2
}

# deb_pair takes packages apart, without installing them.
# deb_pair PAIR PACKAGE...
deb_pair() {
	local pair=$1 side
	shift
	for side in old new; do
		have "$pair/$side.tar" && continue
		apt_ready
		local tree=$work/$pair/$side debs=$work/$pair/$side-debs
		fresh "$tree" "$debs"
		(cd "$debs" && "apt_$side" download "$@")
		for deb in "$debs"/*.deb; do
			nice dpkg-deb -x "$deb" "$tree"
			dpkg-deb -W --showformat='${Package}\t${Version}\n' "$deb"
		done >"$work/$pair/$side.packages"
		{
			echo "$# packages of $suite, $side"
			cat "$work/$pair/$side.packages"
		} | note "$pair" "$side" -
		pack "$tree" "$pair/$side.tar"
		rm -rf "$tree" "$debs"
	done
}

make_debapp() {
	deb_pair debapp python3.11 python3.11-minimal libpython3.11-stdlib libpython3.11-minimal \
		perl perl-base perl-modules-5.36 libperl5.36 git openssl libssl3 \
		nginx nginx-common vim vim-runtime vim-common postgresql-client-15 libpq5 \
		imagemagick-6.q16 libmagickcore-6.q16-6 libmagickwand-6.q16-6 bind9-libs libexpat1 apache2-bin
}

make_debjava() {
	deb_pair debjava openjdk-17-jre-headless tomcat10 tomcat10-common libtomcat10-java \
		libspring-core-java libspring-context-java libspring-web-java libnetty-java libjetty9-java \
		libjackson2-core-java libjackson2-databind-java liblog4j2-java libpostgresql-jdbc-java \
		libhsqldb-java libzookeeper-java
}
