#!/bin/sh
# Lays out what the container image holds: the program, the libraries it is linked to, the roots of TLS.
#
#   image-root.sh BINARY DIRECTORY
#
# It exists so that the image can be built from `scratch`, and tried without an engine. It refuses a program that needs
# a library that is not here.
set -eu
binary=$1 root=$2

mkdir -p "$root/usr/bin" "$root/etc/ssl/certs" "$root/etc/gatepost"
cp "$binary" "$root/usr/bin/gatepost"

libraries=$(ldd "$binary")
case $libraries in *"not found"*) echo "$libraries" >&2; exit 1 ;; esac
for library in $(echo "$libraries" | grep -o '/[^ ]*'); do
    mkdir -p "$root${library%/*}"
    cp -L "$library" "$root$library"
done

cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
echo "hosts: files dns" >"$root/etc/nsswitch.conf"
echo "gatepost:x:65532:65532::/var/lib/gatepost:/nonexistent" >"$root/etc/passwd"
echo "gatepost:x:65532:" >"$root/etc/group"
