# mutt and its child neomutt: SMTP without a terminal, IMAP and POP3 in one, with keys pushed in.
. "$CLIENTS/driver.sh"

program=$1
case $TLS in
off) tls='unset ssl_starttls; unset ssl_force_tls' ;;
*) tls='set ssl_starttls=yes; set ssl_force_tls=yes' ;;
esac
case $TLS in implicit) s=s ;; *) s= ;; esac
account=$(encode "$MAIL_USER")@$HOST:$PORT
cat >muttrc <<END
set from="$MAIL_USER" realname="Jürgen Möller-Wölfli" use_envelope_from charset=utf-8 send_charset=utf-8
set smtp_url="smtp$s://$account/" smtp_pass="$MAIL_PASSWORD" smtp_authenticators="$LOGIN"
set imap_user="$MAIL_USER" imap_pass="$MAIL_PASSWORD" imap_authenticators="$LOGIN"
set pop_user="$MAIL_USER" pop_pass="$MAIL_PASSWORD" pop_authenticators="$LOGIN" pop_delete=yes pop_host="pop$s://$account"
set certificate_file="$CA" ssl_verify_host=yes ssl_usesystemcerts=no
$tls
unset record confirmcreate confirmappend confirmcreate wait_key mark_old
set copy=no delete=yes quit=yes sleep_time=0 mail_check=1 timeout=1 imap_idle=yes imap_check_subscribed=no mbox_type=mbox pop_last=no
set header_cache="" spoolfile="imap$s://$account/INBOX" folder="imap$s://$account/" postponed=+Drafts
set crypt_use_gpgme=no
END

# Runs it on a mailbox in a terminal of its own, with these keys.
keys() {
    mailbox=$1
    shift
    script --quiet --return --command "$program -n -F muttrc -f '$mailbox' -e 'push \"$*\"'" screen >/dev/null
}

case $2 in
smtp)
    "$program" -n -F muttrc -s "$SUBJECT" -a noise.bin -- "$MAIL_USER" <text
    did send alike
    ;;
imap)
    inbox="imap$s://$account/INBOX"
    trash="imap$s://$account/$(encode "$TRASH")"
    keys "$inbox" "<copy-message>$HOME/copied<enter><exit>"
    tail -n +2 copied >fetched
    did fetch alike
    keys "$inbox" "<limit>~s $MARKER-waiting<enter><flag-message><sync-mailbox><quit>"
    did flag
    keys "$inbox" "<save-message>$trash<enter><sync-mailbox><quit>"
    did move
    keys "$trash" "<delete-message><sync-mailbox><quit>"
    did delete
    ;;
pop3)
    keys "pop$s://$account/" "<copy-message>$HOME/copied<enter><exit>"
    tail -n +2 copied >fetched
    did retr alike
    keys "pop$s://$account/" "<delete-message><sync-mailbox><quit>"
    did dele
    ;;
esac
