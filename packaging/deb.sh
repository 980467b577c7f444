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
"$built/gatepost" man --lang en >target/assets/gatepost.1
"$built/gatepost" completions bash --lang en >target/assets/gatepost.bash
"$built/gatepost" completions zsh --lang en >target/assets/_gatepost
"$built/gatepost" completions fish --lang en >target/assets/gatepost.fish
exec "$cargo" deb --profile "$profile" --no-build --locked "$@"
