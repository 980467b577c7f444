#!/usr/bin/env bash
# Installs the proxies that `make bench` compares with, where they are missing.
#
# It exists so that the table is complete on a fresh Debian 12 as root. It refuses to do more: no package is upgraded and no
# service is started. Without it, or on another system, the bench leaves out what is not there.
set -euo pipefail

policy=/usr/sbin/policy-rc.d
missing=()
for package in haproxy stunnel4 dovecot-imapd; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
# The program that Gatepost's users come from. In a folder of its own; nothing else of the system's Python changes.
rival=$(cd "$(dirname "$0")/.." && pwd)/target/email-oauth2-proxy
if [ ! -d "$rival" ] && python3 -m pip --version >/dev/null 2>&1; then
    echo "bench: installing email-oauth2-proxy into $rival" >&2
    mkdir -p "${rival%/*}"
    python3 -m pip install --quiet --root-user-action=ignore --target "$rival.new" emailproxy==2026.7.3
    mv "$rival.new" "$rival"
fi
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "bench: not root, and these packages are missing: ${missing[*]}" >&2
    exit 1
fi
echo "bench: installing ${missing[*]}" >&2

# Must not start services. A policy that is already there stays.
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install --yes --no-install-recommends -qq "${missing[@]}" </dev/null
