#!/bin/sh
# Makes the three partitions of the image from what was fetched and built. Runs as root, of the machine or of a user namespace
# (`cargo xtask image` chooses): nothing outside of $WORK is written to.
#
# WORK     folder: base.tar and debs/ are read; boot.fat, root.ext4 and data.ext4 are written
# RECIPE   this folder
# PROGRAM  the appliance for aarch64
# VERSION  of it
# UPDATE_KEY  file of the public key whose updates the box takes; may be empty
# SOURCE_DATE_EPOCH, BOOT_MIB, ROOT_MIB, DATA_MIB
set -eu
export LC_ALL=C TZ=UTC
umask 022
root=$WORK/root boot=$WORK/boot debs=$WORK/unpacked
rm -rf "$root" "$boot" "$debs" "$WORK/initrd"
mkdir -p "$root" "$boot/overlays" "$debs"
list() { sed 's/#.*//; /^[[:space:]]*$/d' "$1"; }

echo "root: Debian"
tar -C "$root" --numeric-owner --exclude='./dev/*' -xf "$WORK/base.tar"
for deb in "$WORK"/debs/*.deb; do dpkg-deb -x "$deb" "$debs"; done

echo "root: kernel modules"
release=$(basename "$(dirname "$debs"/usr/lib/modules/*/vmlinuz)")
all=$debs/usr/lib/modules/$release modules=$root/usr/lib/modules/$release
mkdir -p "$modules"
[ -e "$debs/lib" ] || ln -s usr/lib "$debs/lib"
depmod -b "$debs" "$release"
# What is kept is decided by the last line that a path begins with; and what a kept module needs is kept too.
list "$RECIPE/modules-left-out.txt" > "$WORK/left-out"
awk 'FILENAME == ARGV[1] { keeps[++n] = sub(/^!/, ""); rule[n] = $0; next }
     { module = $1; sub(/:$/, "", module)
       keep = 1
       for (i = 1; i <= n; i++) if (index(module, "kernel/" rule[i]) == 1) keep = keeps[i]
       if (keep) { print module; for (i = 2; i <= NF; i++) print $i } }' "$WORK/left-out" "$all/modules.dep" | sort -u > "$WORK/kept"
(cd "$all" && ls modules.order modules.builtin modules.builtin.modinfo && cat "$WORK/kept") |
    tar -C "$all" -T - -cf - | tar -C "$modules" --no-same-owner -xf -
depmod -b "$root" "$release"

echo "root: firmware of the wireless chips"
mkdir -p "$root/usr/lib/firmware/brcm" "$root/usr/lib/firmware/cypress"
cp -a "$debs"/usr/lib/firmware/cypress/cyfmac43430-* "$debs"/usr/lib/firmware/cypress/cyfmac43455-* "$root/usr/lib/firmware/cypress/"
cp -a "$debs"/usr/lib/firmware/brcm/brcmfmac4343[06]* "$debs"/usr/lib/firmware/brcm/brcmfmac4345[56]* "$root/usr/lib/firmware/brcm/"

echo "root: ours"
cp -R "$RECIPE/overlay/." "$root/"
chmod 440 "$root/etc/sudoers.d/tickerbox"
install -m 755 "$PROGRAM" "$root/usr/bin/tickerbox"
[ -z "$UPDATE_KEY" ] || install -m 644 "$UPDATE_KEY" "$root/etc/tickerbox/update.pub"
mkdir -p "$root/boot/firmware" "$root/data"
: > "$root/etc/machine-id"
ln -sf /run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
ln -sf /run/tickerbox-imager/localtime "$root/etc/localtime"
rm -rf "$root"/var/cache/* "$root"/var/lib/apt "$root"/var/log/* "$root"/tmp/* "$root"/run/* "$root"/etc/ssh/ssh_host_* \
    "$root"/var/lib/systemd/* "$root"/etc/apt/apt.conf.d/99mmdebstrap "$root"/usr/share/doc "$root"/usr/share/man \
    "$root"/usr/lib/systemd/system-generators/systemd-ssh-generator "$root"/usr/share/info "$root"/usr/share/lintian "$root"/usr/lib/udev/hwdb.bin
# /var lies in memory on the box; what Debian keeps about its packages is for people who look at the card.
systemd-sysusers --root="$root"
rm -f "$root"/etc/passwd- "$root"/etc/group- "$root"/etc/shadow- "$root"/etc/gshadow- "$root"/etc/subuid- "$root"/etc/subgid- "$root"/etc/.pwd.lock
list "$RECIPE/units.txt" | while read -r word unit; do
    systemctl --root="$root" --quiet "$word" "$unit"
done
echo "VERSION=$VERSION" > "$root/etc/tickerbox/image"

echo "initrd"
initrd=$WORK/initrd
mkdir -p "$initrd/bin" "$initrd/modules" "$initrd/dev" "$initrd/proc" "$initrd/sys" "$initrd/sysroot"
cp "$debs/usr/bin/busybox" "$initrd/bin/busybox"
for name in sh cat findfs insmod mount umount sleep reboot switch_root; do ln -s busybox "$initrd/bin/$name"; done
install -m 755 "$RECIPE/initrd/init" "$initrd/init"
list "$RECIPE/initrd/modules.txt" | while read -r name; do
    modprobe -S "$release" -d "$root" -C /dev/null -D "$name" || { echo "no module $name in kernel $release" >&2; exit 1; }
done > "$WORK/needed"
awk '$1 == "insmod" && !seen[$2]++ { print $2 }' "$WORK/needed" | while read -r file; do
    name=$(basename "$file" .xz)
    xz -dc "$file" > "$initrd/modules/$name"
    echo "$name" >> "$initrd/modules/order"
done
find "$initrd" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
(cd "$initrd" && find . | sort | cpio --quiet --reproducible -R 0:0 -H newc -o) | zstd -q -19 -T1 > "$boot/initrd.img"

echo "boot partition"
cp "$debs/usr/lib/modules/$release/vmlinuz" "$boot/vmlinuz"
cp "$debs"/usr/lib/raspi-firmware/*.bin "$debs"/usr/lib/raspi-firmware/*.elf "$debs"/usr/lib/raspi-firmware/*.dat "$boot/"
find "$debs/usr/lib" -path '*/broadcom/bcm2*-rpi-*.dtb' -exec cp {} "$boot/" \;
cp "$RECIPE"/firmware/*.txt "$boot/"
rmdir "$boot/overlays"
find "$boot" -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
rm -f "$WORK/boot.fat"
mkfs.vfat --invariant -C -F 32 -n TBBOOT -i 54424254 "$WORK/boot.fat" $((BOOT_MIB * 1024)) > /dev/null
(cd "$boot" && mcopy -spm -i "$WORK/boot.fat" $(ls | sort) ::)

# Its own times are the last thing in a file system that is not that of the commit: the tree's are clamped, the inode's set.
ext4() { # FILE LABEL MIB UUID ARGUMENTS...
    file=$1 label=$2 size=$3 uuid=$4
    shift 4
    rm -f "$file"
    E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH mke2fs -q -t ext4 -T default -b 4096 -L "$label" -U "$uuid" \
        -E "hash_seed=$uuid,lazy_itable_init=0,lazy_journal_init=0,nodiscard$EXTRA" "$@" "$file" "${size}M"
    used=$(dumpe2fs -h "$file" 2> /dev/null | awk -F: '/^Inode count/ { all = $2 } /^Free inodes/ { free = $2 } END { print all - free }')
    awk -v used="$used" -v at="@$SOURCE_DATE_EPOCH" 'BEGIN { for (i = 1; i <= used; i++) {
        print "sif <" i "> ctime " at; print "sif <" i "> ctime_extra 0"; print "sif <" i "> atime " at; print "sif <" i "> atime_extra 0" } }' > "$WORK/times"
    E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH debugfs -w -f "$WORK/times" "$file" > /dev/null 2>&1
    E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH e2fsck -fn "$file" > "$WORK/e2fsck.log" 2>&1 || { cat "$WORK/e2fsck.log" >&2; exit 1; }
}
echo "root partition: $(du -sm "$root" | cut -f1) MiB of files"
find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
EXTRA='' ext4 "$WORK/root.ext4" TBROOT "$ROOT_MIB" 54424252-4f4f-5400-8000-000000000001 -m 0 -O ^has_journal -d "$root"
echo "data partition"
# Room to grow to 2 TiB while it is mounted.
EXTRA=',resize=536870912' ext4 "$WORK/data.ext4" TBDATA "$DATA_MIB" 54424441-5441-4000-8000-000000000002 -m 1 -J size=8
# For the boot test, which starts the image's own kernel.
cp "$boot/vmlinuz" "$boot/initrd.img" "$WORK/"
cp "$root/var/lib/dpkg/status" "$WORK/dpkg-status"
