# nmh: send and inc, the oldest mail program still in use.
. "$CLIENTS/driver.sh"

export MH="$HOME/profile" MHCONTEXT="$HOME/context" NMH_DEBUG=
mkdir -p Mail/inbox
cat >profile <<END
Path: $HOME/Mail
credentials: file:$HOME/netrc
END
printf 'machine %s\nlogin %s\npassword "%s"\n' "$HOST" "$MAIL_USER" "$MAIL_PASSWORD" >netrc
chmod 600 netrc
case $1 in
smtp)
    tr -d '\r' <message | sed '/^Date:/d; /^Message-ID:/d' >draft
    /usr/bin/mh/send -mts smtp -server "$HOST" -port "$PORT" -sasl -saslmech "$LOGIN" -user "$MAIL_USER" -notls -nopush "$HOME/draft"
    did send alike
    ;;
pop3)
    /usr/bin/mh/inc -host "$HOST" -port "$PORT" -user "$MAIL_USER" -notls -notruncate -silent
    cp "$(grep -l "$MARKER-waiting" Mail/inbox/*)" fetched
    did retr
    /usr/bin/mh/inc -host "$HOST" -port "$PORT" -user "$MAIL_USER" -notls -truncate -silent
    did dele all
    ;;
esac
