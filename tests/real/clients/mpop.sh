# mpop: takes mail out of a POP3 mailbox.
. "$CLIENTS/driver.sh"

case $TLS in
off) tls='tls off' ;;
*) tls="tls on
tls_trust_file $CA
tls_starttls $([ "$TLS" = starttls ] && echo on || echo off)" ;;
esac
mkdir -p mail/new mail/cur mail/tmp
cat >config <<END
account default
host $HOST
port $PORT
auth $LOGIN
user $MAIL_USER
password "$MAIL_PASSWORD"
delivery maildir $HOME/mail
received_header off
keep on
$tls
END
chmod 600 config
mpop --file=config
cp "$(grep -l "$MARKER-waiting" mail/new/*)" fetched
did retr
mpop --file=config --keep=off
did dele all
