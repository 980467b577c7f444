#!/usr/bin/env bash
# Installs what the real-parts tests need and is not there yet: mail servers, mail programs, a browser, and the OAuth server.
#
# It exists so that `make test` works on a fresh Debian 12 as root. It refuses to do more: no package is upgraded, no service is
# started (a policy-rc.d that answers 101 stands in while packages are set up), and nothing at all is asked of the network when
# everything is already there.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
policy=/usr/sbin/policy-rc.d

packages=(
    dovecot-imapd dovecot-pop3d dovecot-lmtpd postfix postfix-pcre   # the real upstream
    swaks isync fetchmail curl thunderbird                           # the real clients
    chromium chromium-driver                                         # the real browser
    openssl ca-certificates
)

say() { printf 'real parts: %s\n' "$*" >&2; }

# Runs a command silently; its whole output is shown only when it fails.
quietly() {
    local log
    log=$(mktemp)
    if ! "$@" >"$log" 2>&1 </dev/null; then
        cat "$log" >&2
        rm -f "$log"
        say "failed: $*"
        return 1
    fi
    rm -f "$log"
}

is_installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

install_packages() {
    local missing=() package
    for package in "${packages[@]}"; do
        is_installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0

    if [ "$(id -u)" -ne 0 ]; then
        say "not root, and these packages are missing: ${missing[*]}"
        return 1
    fi
    say "installing ${missing[*]}"

    # Must not start services. A policy that is already there is put back afterwards.
    local saved=''
    if [ -e "$policy" ]; then
        saved=$(mktemp)
        cp -p "$policy" "$saved"
    fi
    restore_policy() {
        if [ -n "$saved" ]; then cp -p "$saved" "$policy" && rm -f "$saved"; else rm -f "$policy"; fi
    }
    trap restore_policy EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"

    export DEBIAN_FRONTEND=noninteractive
    quietly apt-get update
    echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
    quietly apt-get install --yes --no-install-recommends "${missing[@]}"

    restore_policy
    trap - EXIT
}

install_node_modules() {
    if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
        say 'Node.js 20 or newer with npm is needed for the OAuth server (tests/real/as)'
        return 1
    fi
    # npm keeps a copy of the lock it installed from: older than ours means something changed.
    if [ -e "$here/as/node_modules/.package-lock.json" ] &&
        [ ! "$here/as/package-lock.json" -nt "$here/as/node_modules/.package-lock.json" ]; then
        return 0
    fi
    say 'installing the OAuth server'
    (cd "$here/as" && quietly npm ci --ignore-scripts --no-audit --no-fund)
}

install_packages
install_node_modules
