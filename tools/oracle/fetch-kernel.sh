#!/bin/sh
# Fetches Debian's Linux 6.12 for x86-64 virtual machines from trixie's main archive, unpacked into a cache directory and never
# installed: nothing of this system changes, and apt's own lists stay as they are.
#
#     tools/oracle/fetch-kernel.sh [--full] [DIRECTORY]
#
# --full: Debian's kernel for ordinary machines instead, which is built with zswap, and those of its modules that a boot needs, in their
# order. DIRECTORY/full stands for DIRECTORY below then.
#
# DIRECTORY is $PAGEWALK_CACHE, or $XDG_CACHE_HOME/pagewalk, or ~/.cache/pagewalk; the kernel is then DIRECTORY/kernel/vmlinuz-6.12...,
# the driver of virtio disks, which is not built in, DIRECTORY/kernel/virtio_blk-6.12....ko.xz, and those of zram, in their order,
# DIRECTORY/modules/*.ko.xz.
# MIRROR overrides http://deb.debian.org/debian.
set -eu

flavour=cloud-
if [ "${1:-}" = --full ]; then
  flavour=
  shift
fi
cache=${1:-${PAGEWALK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pagewalk}}
[ -n "$flavour" ] || cache=$cache/full
mirror=${MIRROR:-http://deb.debian.org/debian}
pattern='^linux-image-6\.12\.[0-9]+\+deb13-'$flavour'amd64$'

for tool in apt-get apt-cache dpkg-deb; do
  command -v "$tool" >/dev/null || { echo "fetch-kernel: $tool is not here; this needs a Debian-like system" >&2; exit 1; }
done

mkdir -p "$cache/kernel"
work=$(mktemp -d "$cache/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial"
chmod 755 "$work"
echo "deb $mirror trixie main" >"$work/sources.list"

# apt with lists and archives of its own.
own_apt() {
  command=$1
  shift
  "$command" -o Dir::State::lists="$work/lists" -o Dir::Cache="$work" -o Dir::Etc::sourcelist="$work/sources.list" \
    -o Dir::Etc::sourceparts=/dev/null -o APT::Architecture=amd64 -o APT::Architectures::=amd64 -o APT::Sandbox::User=root "$@"
}

own_apt apt-get -q update >&2
package=$(own_apt apt-cache search --names-only "$pattern" | cut -d' ' -f1 | sort -V | tail -n 1)
[ -n "$package" ] || { echo "fetch-kernel: no package matches $pattern" >&2; exit 1; }
(cd "$work" && own_apt apt-get -q download "$package" >&2)
dpkg-deb -x "$work/$package"_*.deb "$work/root"
number=10
modules="zsmalloc lz4_compress lz4hc_compress zram"
[ -n "$flavour" ] || modules="crc16 mbcache jbd2 crc32c_generic ext4 nvme-keyring nvme-auth nvme-core nvme lz4_compress lz4"
mkdir -p "$cache/modules"
for module in $modules; do
  cp "$(find "$work/root/usr/lib/modules" -name "$module.ko.xz")" "$cache/modules/$number-$module.ko.xz"
  number=$((number + 1))
done
cp "$work"/root/boot/vmlinuz-6.12.* "$work"/root/boot/config-6.12.* "$cache/kernel/"
release=${package#linux-image-}
[ -z "$flavour" ] || cp "$(find "$work/root/usr/lib/modules" -name virtio_blk.ko.xz)" "$cache/kernel/virtio_blk-$release.ko.xz"
echo "$cache/kernel/vmlinuz-$release"
