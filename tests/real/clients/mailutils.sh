# GNU mailutils: mail for sending, movemail for IMAP and POP3.
. "$CLIENTS/driver.sh"

account=$(encode "$MAIL_USER"):$(encode "$MAIL_PASSWORD")
case $1 in
smtp)
    mail.mailutils --exec "set sendmail=\"smtp://$account;auth=$LOGIN@$HOST:$PORT;notls\"" --return-address "$MAIL_USER" --append "From: $MAIL_USER" --subject "$SUBJECT" \
        --attach noise.bin "$MAIL_USER" <text
    did send alike
    ;;
*)
    case $1 in pop3) scheme=pop ;; *) scheme=$1 ;; esac
    url="$scheme://$account@$HOST:$PORT;notls"
    movemail --preserve "$url" "$HOME/mbox"
    tail -n +2 mbox >fetched
    case $1 in imap) did fetch alike ;; *) did retr alike ;; esac
    movemail "$url" "$HOME/rest"
    case $1 in imap) did delete ;; *) did dele all ;; esac
    ;;
esac
