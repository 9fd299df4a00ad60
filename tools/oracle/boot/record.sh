#!/bin/sh
# Boots a kernel under QEMU and records what it says of its memory, as a folder of golden/.
# Usage: record.sh VMLINUZ NAME "KERNEL OPTIONS" QEMU-ARGUMENTS...
#   record.sh /boot/vmlinuz-6.12… boot-512m transparent_hugepage=never -m 512 -smp 1
# Needs qemu-system-x86_64, a static busybox, cpio, a C compiler and tsx.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
kernel=$1 name=$2 options=$3
shift 3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/root/bin" "$work/root/proc" "$work/root/sys" "$work/root/dev"
cp "$(command -v busybox)" "$work/root/bin/busybox"
cp "$here/init" "$work/root/init"
chmod +x "$work/root/init"
${CC:-cc} -O2 -static -std=c11 -o "$work/root/bin/reserved" "$here/reserved.c"
(cd "$work/root" && find . | cpio -o -H newc 2>/dev/null | gzip) > "$work/initrd"
# Without -cx16 QEMU 7.2 sooner or later corrupts a kernel stack.
timeout 300 qemu-system-x86_64 -cpu max,-cx16 "$@" -kernel "$kernel" -initrd "$work/initrd" \
	-append "console=ttyS0 quiet panic=-1 $options" -nographic -no-reboot < /dev/null > "$work/console"
cd "$here/../../.." && npx tsx tools/oracle/boot/make-case.ts "$work/console" "golden/linux-6.12-x86_64/$name" "$*"
