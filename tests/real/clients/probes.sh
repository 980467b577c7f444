# The probes of Nagios and Icinga: they connect, perhaps sign on, look at the greeting, and go.
. "$CLIENTS/driver.sh"

plugins=/usr/lib/nagios/plugins
case $1 in
smtp) "$plugins/check_smtp" -H "$HOST" -p "$PORT" -A LOGIN -U "$MAIL_USER" -P "$MAIL_PASSWORD" ;;
imap) "$plugins/check_imap" -H "$HOST" -p "$PORT" $([ "$TLS" = implicit ] && echo --ssl) ;;
pop3) "$plugins/check_pop" -H "$HOST" -p "$PORT" $([ "$TLS" = implicit ] && echo --ssl) ;;
esac
did probe
