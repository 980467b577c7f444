#!/bin/sh
# Builds the program, what comes out of it (man page, completions), and the Debian package of all that.
#
#   deb.sh [--profile PROFILE] [MORE OPTIONS OF cargo deb]
#
# It exists so that the package is made by one command, which a test runs too. It refuses a lock file that does not fit.
set -eu
cd "$(dirname "$0")/.."
profile=release
if [ "${1-}" = --profile ]; then
    profile=$2
    shift 2
fi
target=${CARGO_TARGET_DIR:-target}
built=$target/$profile
[ "$profile" != dev ] || built=$target/debug
cargo=${CARGO:-cargo}

"$cargo" build --quiet --profile "$profile" --locked
mkdir -p target/assets
# Whatever the language of who builds it: the shells have one file for all.
mkdir -p target/assets/ja
"$built/gatepost" --lang en man >target/assets/gatepost.1
"$built/gatepost" --lang ja man >target/assets/ja/gatepost.1
"$built/gatepost" --lang en completions bash >target/assets/gatepost.bash
"$built/gatepost" --lang en completions zsh >target/assets/_gatepost
"$built/gatepost" --lang en completions fish >target/assets/gatepost.fish
exec "$cargo" deb --profile "$profile" --no-build --locked "$@"
