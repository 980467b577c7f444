# curl: SMTP, IMAP and POP3, one command a process, as scripts and monitoring use it.
. "$CLIENTS/driver.sh"

case $TLS in implicit) scheme=${1}s ;; *) scheme=$1 ;; esac
case $TLS in off) tls= ;; *) tls="--ssl-reqd --cacert $CA" ;; esac
case $LOGIN in *-ir) ir=--sasl-ir ;; *) ir= ;; esac
mechanism=$(echo "${LOGIN%-ir}" | tr a-z A-Z)
url=$scheme://$HOST:$PORT

ask() {
    # shellcheck disable=SC2086 # lists of options
    curl --silent --show-error --max-time 60 $tls $ir --login-options "AUTH=$mechanism" --user "$MAIL_USER:$MAIL_PASSWORD" "$@"
}

search() {
    ask "$url/INBOX" --request "SEARCH SUBJECT $1" >found
    tr -d '\r' <found | sed 's/^\* SEARCH//' | wc -w
}

# An answer of one line is shown only when curl is watched.
line() {
    ask "$url/" --request "$1" --head --verbose 2>said
    tr -d '\r' <said | sed -n 's/^< +OK/+OK/p' | tail -n 1
}

case $1 in
smtp)
    ask "$url/client.example" --mail-from "$MAIL_USER" --mail-rcpt "$MAIL_USER" --upload-file message
    did send
    ;;
imap)
    ask "$url" >list; did list
    did search "$(search "$MARKER-waiting")" "$(search something-else)"
    ask "$url/INBOX;MAILINDEX=1" --output fetched; did fetch
    ask "$url" --request "CREATE Work"; did create
    ask "$url/Work" --upload-file message; did append
    ask "$url/INBOX" --request 'STORE 1 +FLAGS (\Flagged)'; did flag
    ask "$url/INBOX" --request "MOVE 1 \"$TRASH\""; did move
    trash=$(echo "$TRASH" | sed 's/ /%20/')
    ask "$url/$trash" --request 'STORE 1 +FLAGS (\Deleted)'
    ask "$url/$trash" --request EXPUNGE; did delete
    ;;
pop3)
    stat=$(line STAT)
    did stat "$(echo "$stat" | cut -d' ' -f2)"
    ask "$url" --request UIDL >uidl
    # shellcheck disable=SC2046
    did uidl $(tr -d '\r' <uidl | cut -d' ' -f2)
    ask "$url" --request "TOP 1 0" >top; did top
    ask "$url/1" --output fetched; did retr
    line "DELE 1"; did dele
    ;;
esac
