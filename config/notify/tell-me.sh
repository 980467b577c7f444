#!/bin/sh
# Mails an event of Gatepost with msmtp, by another provider than the mailbox that it is about. Needs jq and msmtp.
set -eu
event=$(cat)
field() { printf '%s' "$event" | jq -r ".[\"$1\"] // \"\""; }
{
    printf 'From: gatepost@example.net\nTo: admin@example.net\n'
    printf 'Subject: [%s] %s on %s\n' "$(field severity)" "$(field event)" "$(field host)"
    printf 'Content-Type: text/plain; charset=utf-8\n\n'
    field text
} | msmtp --file=/etc/gatepost/msmtprc -t
