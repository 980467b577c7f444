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
mkdir mail
sync() { offlineimap -c config -o -u quiet; }

sync
ls mail >list; did list
message=$(find mail/INBOX/new mail/INBOX/cur -type f)
cp "$message" fetched; did fetch
mkdir -p mail/Work/tmp mail/Work/new mail/Work/cur
sync
did create
tr -d '\r' <message >mail/Work/tmp/1.own
mv mail/Work/tmp/1.own "mail/Work/cur/1.own:2,S"
sync
did append alike
message=$(find mail/INBOX/new mail/INBOX/cur -type f)
flagged=mail/INBOX/cur/$(basename "${message%%:2,*}"):2,FS
mv "$message" "$flagged"
sync
did flag
rm "$flagged"
sync
did delete
