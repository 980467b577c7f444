# What programs do alike that keep a Maildir and the IMAP mailboxes the same. They give `sync`, and `fetched`: how to compare.
mkdir mail

waiting() {
    find mail/INBOX/new mail/INBOX/cur -type f
}

sync
ls mail >list; did list
cp "$(waiting)" fetched; did fetch "$fetched"
mkdir -p mail/Work/tmp mail/Work/new mail/Work/cur
sync
did create
# Lines end as on a Unix disk.
tr -d '\r' <message >mail/Work/tmp/1.own
mv mail/Work/tmp/1.own "mail/Work/cur/1.own:2,S"
sync
did append alike
message=$(waiting) # its name may be another now
flagged=mail/INBOX/cur/$(basename "${message%%:2,*}"):2,FS
mv "$message" "$flagged"
sync
did flag
