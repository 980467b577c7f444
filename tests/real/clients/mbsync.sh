# mbsync (isync): keeps a local Maildir and the IMAP mailboxes the same, both ways.
. "$CLIENTS/driver.sh"

case $LOGIN in user) mechanism=LOGIN ;; *) mechanism=PLAIN ;; esac
case $TLS in off) tls=None ;; starttls) tls=STARTTLS ;; implicit) tls=IMAPS ;; esac
mkdir mail
cat >config <<END
IMAPStore remote
Host $HOST
Port $PORT
User "$MAIL_USER"
Pass "$MAIL_PASSWORD"
SSLType $tls
CertificateFile $CA
AuthMechs $mechanism
Timeout 60

MaildirStore local
Path $HOME/mail/
Inbox $HOME/mail/INBOX
SubFolders Verbatim

Channel all
Far :remote:
Near :local:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState *
END
sync() { mbsync --config config all; }

sync
ls mail >list; did list
message=$(find mail/INBOX/new mail/INBOX/cur -type f)
cp "$message" fetched; did fetch alike
mkdir -p mail/Work/tmp mail/Work/new mail/Work/cur
sync
did create
# Lines end as on a Unix disk.
tr -d '\r' <message >mail/Work/tmp/1.own
mv mail/Work/tmp/1.own "mail/Work/cur/1.own:2,S"
sync
did append alike
flagged=mail/INBOX/cur/$(basename "${message%%:2,*}"):2,FS
mv "$message" "$flagged"
sync
did flag
mv "$flagged" "mail/$TRASH/cur/2.moved:2,S"
sync
did move
rm "mail/$TRASH/cur/"*
sync
did delete
