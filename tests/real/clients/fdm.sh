# fdm: fetches, filters and delivers.
. "$CLIENTS/driver.sh"

case $TLS in implicit) type=${1}s ;; *) type=$1 ;; esac
write() { # keep, or nothing
    cat >config <<END
set lock-file "$HOME/lock"
set no-received
set verify-certificates
action "inbox" maildir "$HOME/mail"
account "all" $type server "$HOST" port $PORT user "$MAIL_USER" pass "$MAIL_PASSWORD" ${1-}
match all action "inbox"
END
    chmod 600 config
}
write keep
fdm -f config -q fetch
cp "$(grep -rl "$MARKER-waiting" mail)" fetched
case $1 in imap) did fetch alike ;; *) did retr alike ;; esac
write
fdm -f config -q fetch
case $1 in imap) did delete ;; *) did dele all ;; esac
