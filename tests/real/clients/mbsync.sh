# mbsync (isync): keeps a local Maildir and the IMAP mailboxes the same, both ways.
. "$CLIENTS/driver.sh"

case $LOGIN in user) mechanism=LOGIN ;; *) mechanism=PLAIN ;; esac
case $TLS in off) tls=None ;; starttls) tls=STARTTLS ;; implicit) tls=IMAPS ;; esac
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
fetched=alike

. "$CLIENTS/maildir.sh"
mv "$flagged" "mail/$TRASH/cur/2.moved:2,S"
sync
did move
rm "mail/$TRASH/cur/"*
sync
did delete
