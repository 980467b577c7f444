# OfflineIMAP: the same as mbsync, in Python.
. "$CLIENTS/driver.sh"

cat >config <<END
[general]
accounts = all
metadata = $HOME/state
[Account all]
localrepository = local
remoterepository = remote
[Repository local]
type = Maildir
localfolders = $HOME/mail
[Repository remote]
type = IMAP
remotehost = $HOST
remoteport = $PORT
remoteuser = $MAIL_USER
remotepass = $MAIL_PASSWORD
auth_mechanisms = $(case $LOGIN in user) echo LOGIN ;; *) echo PLAIN ;; esac)
ssl = $([ "$TLS" = implicit ] && echo yes || echo no)
starttls = $([ "$TLS" = starttls ] && echo yes || echo no)
sslcacertfile = $CA
END
sync() { offlineimap -c config -o -u quiet; }
fetched=exact

. "$CLIENTS/maildir.sh"
rm "$flagged"
sync
did delete
