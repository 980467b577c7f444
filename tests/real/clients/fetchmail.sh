# fetchmail: takes mail out of an IMAP or POP3 mailbox, once or for ever.
. "$CLIENTS/driver.sh"

export FETCHMAILHOME="$HOME"
case $TLS in
off) tls='sslproto ""' ;;
starttls) tls="sslproto TLS1.2+ sslcertck sslcertfile $CA" ;;
implicit) tls="ssl sslcertck sslcertfile $CA" ;;
esac
cat >config <<END
set no bouncemail
poll $HOST with proto $1 port $PORT
  auth password uidl
  user "$MAIL_USER" there with password "$MAIL_PASSWORD"
  $tls
  mda "/bin/sh -c 'cat >> $HOME/inbox'"
END
chmod 600 config
fetch() { fetchmail -v --nosyslog --pidfile "$HOME/pid" -f config "$@"; }

fetch --keep
cp inbox fetched
case $1 in imap) did fetch alike ;; *) did retr alike ;; esac
fetch --keep && exit 1  # 1: nothing new
fetch --all --nokeep || [ $? -eq 1 ]
case $1 in
pop3) did dele all ;;
imap)
    did delete
    fetch --idle --keep >idle.log 2>&1 &
    idling=$!
    until_so grep -q 'IMAP> [^ ]* IDLE' idle.log
    did idle
    until_so grep -q "$MARKER-wake-up" inbox
    kill $idling
    did wake
    ;;
esac
