# swaks: the tool with which postmasters try a mail server. It makes the message itself.
. "$CLIENTS/driver.sh"

case $TLS in
off) tls= ;;
starttls) tls="--tls --tls-verify --tls-ca-path $CA" ;;
implicit) tls="--tls-on-connect --tls-verify --tls-ca-path $CA" ;;
esac
case $LOGIN in *-pipelined) pipeline=--pipeline ;; *) pipeline= ;; esac
# shellcheck disable=SC2086
swaks --server "$HOST" --port "$PORT" --timeout 30s $tls $pipeline --suppress-data \
    --auth "${LOGIN%-pipelined}" --auth-user "$MAIL_USER" --auth-password "$MAIL_PASSWORD" \
    --from "$MAIL_USER" --to "$MAIL_USER" --header "Subject: $SUBJECT" --body "$(cat text)" \
    --attach-name noise.bin --attach @noise.bin
did send alike
