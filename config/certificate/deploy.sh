#!/bin/sh
# Hands a new certificate to Gatepost: a hook for certbot (--deploy-hook) and lego (--run-hook, --renew-hook), as root.
# The daemon sees the change by itself. As long as the two do not fit together it keeps the pair that it has.
set -eu
state=${GATEPOST_STATE:-/var/lib/gatepost}
certificate=${LEGO_CERT_PATH:-${RENEWED_LINEAGE:+$RENEWED_LINEAGE/fullchain.pem}}
key=${LEGO_CERT_KEY_PATH:-${RENEWED_LINEAGE:+$RENEWED_LINEAGE/privkey.pem}}
[ -n "$certificate" ] && [ -n "$key" ] || { echo "$0: a hook, called by certbot or lego" >&2; exit 2; }
# With DynamicUser= the user has a number and, while the service is stopped, no name.
owner=$(stat -L -c %u:%g "$state")
umask 077
place() {
    cp "$1" "$state/$2.new"
    chown "$owner" "$state/$2.new"
    mv "$state/$2.new" "$state/$2"
}
place "$key" public-key.pem
place "$certificate" public-cert.pem
