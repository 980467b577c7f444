# What every driver in shell begins with: `did STEP` tells that a step is done, and waits until it was looked at.
set -eu
exec 3<&0 </dev/null

did() {
    echo "did $*"
    read -r _ <&3
}

# For the user and the password in a URL.
encode() {
    printf %s "$1" | sed 's/%/%25/g; s/ /%20/g; s/&/%26/g; s/@/%40/g'
}

# Waits until a command is true, looking again and again; the tests themselves have the deadline.
until_so() {
    while ! "$@"; do sleep 0.05; done
}
