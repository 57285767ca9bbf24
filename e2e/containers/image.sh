#!/bin/sh
# image.sh ENGINE TAG [tmux]: makes an image without a registry: static busybox, the libraries that node needs (the test mounts
# node itself), and tmux with its libraries when asked for. Idempotent.
set -eu
engine=$1 tag=$2 with=${3:-}
"$engine" image inspect "$tag" >/dev/null 2>&1 && exit 0
root=$(mktemp -d /tmp/sac-image-XXXXXX)
trap 'rm -rf -- "$root"' EXIT
mkdir -p "$root/bin" "$root/usr/bin" "$root/etc" "$root/root" "$root/proc" "$root/sys" "$root/dev" "$root/tmp"
chmod 1777 "$root/tmp"
cp "$(command -v busybox)" "$root/bin/busybox"
for applet in $("$root/bin/busybox" --list); do [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"; done
libraries() { ldd "$(command -v "$1")" | grep -o '/[^ ]*' | while read -r file; do mkdir -p "$root${file%/*}"; cp -L "$file" "$root$file"; done; }
libraries node
if [ "$with" = tmux ]; then
  libraries tmux
  cp "$(command -v tmux)" "$root/usr/bin/tmux"
  mkdir -p "$root/usr/lib/locale" "$root/lib/terminfo"
  cp -rL /lib/terminfo/. "$root/lib/terminfo/"
  cp -r /usr/lib/locale/C.utf8 "$root/usr/lib/locale/"
fi
printf 'root:x:0:0:root:/root:/bin/sh\n' > "$root/etc/passwd"
printf 'root:x:0:\n' > "$root/etc/group"
tar -C "$root" -c . | "$engine" import - "$tag" >/dev/null
