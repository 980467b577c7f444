# msmtp: the sendmail of cron jobs and of mutt.
. "$CLIENTS/driver.sh"

case $TLS in
off) tls='tls off' ;;
starttls) tls="tls on
tls_starttls on
tls_trust_file $CA" ;;
implicit) tls="tls on
tls_starttls off
tls_trust_file $CA" ;;
esac
# `auth on` would refuse both forms where there is no TLS.
cat >config <<END
defaults
host $HOST
port $PORT
from $MAIL_USER
auth $LOGIN
user $MAIL_USER
password "$MAIL_PASSWORD"
$tls
account default
END
chmod 600 config
msmtp --file=config "$MAIL_USER" <message
did send
