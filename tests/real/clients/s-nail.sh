# s-nail, the mail(1) of many servers: SMTP, IMAP and POP3.
. "$CLIENTS/driver.sh"

account=$(encode "$MAIL_USER"):$(encode "$MAIL_PASSWORD")@$HOST:$PORT
case $TLS in implicit) s=s ;; *) s= ;; esac
cat >.mailrc <<END
set v15-compat ttycharset=utf-8 sendcharsets=utf-8 norecord noheader
set tls-ca-file=$CA tls-ca-no-defaults tls-verify=strict
END
if [ "$TLS" = starttls ]; then
    echo "set smtp-use-starttls imap-use-starttls pop3-use-starttls" >>.mailrc
fi
export MAILRC="$HOME/.mailrc"

# Commands for a mailbox, one a line on standard input.
open() {
    s-nail -# -n -X "source $MAILRC" -f "$1"
}

case $1 in
smtp)
    case $TLS in implicit) scheme=submissions ;; *) scheme=smtp ;; esac
    s-nail -n -X "source $MAILRC" -S "mta=$scheme://$account" -S "smtp-auth=$LOGIN" -r "$MAIL_USER" -s "$SUBJECT" -a noise.bin "$MAIL_USER" <text
    did send alike
    ;;
imap | pop3)
    url=$1$s://$account
    printf '%s\n' "copy 1 fetched.mbox" "xit" | open "$url"
    tail -n +2 fetched.mbox >fetched
    case $1 in imap) did fetch alike ;; *) did retr alike ;; esac
    printf '%s\n' "delete 1" "quit" | open "$url"
    case $1 in imap) did delete ;; *) did dele ;; esac
    ;;
esac
