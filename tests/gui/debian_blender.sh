#!/usr/bin/env bash
# Debian 13's Blender in a folder of its own, for machines without a Blender or a screen. Needs root and debootstrap.
#
#   debian_blender.sh FOLDER SHARED...   makes FOLDER when absent and lets it see the SHARED folders
set -euo pipefail

root=$1
shift

if [ ! -x "$root/usr/bin/blender" ]; then
    command -v debootstrap >/dev/null || { apt-get update -qq && apt-get install -y -qq debootstrap >/dev/null; }
    debootstrap --variant=minbase trixie "$root" >/dev/null
    chroot "$root" apt-get install -y -qq --no-install-recommends \
        blender python3-numpy xvfb xauth xdotool imagemagick libgl1-mesa-dri libegl1 libgles2 fonts-dejavu-core >/dev/null
fi

for folder in /proc /sys /dev "$@"; do
    mkdir -p "$root$folder"
    mountpoint -q "$root$folder" || mount --bind "$folder" "$root$folder"
done
