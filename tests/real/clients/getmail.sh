# getmail: takes mail out of an IMAP or POP3 mailbox, in Python.
. "$CLIENTS/driver.sh"

protocol=$(echo "$1" | tr a-z A-Z)
case $TLS in implicit) type="Simple${protocol}SSLRetriever"; tls="ca_certs = $CA" ;; *) type="Simple${protocol}Retriever"; tls= ;; esac
mkdir mail
write() {
    cat >getmailrc <<END
[retriever]
type = $type
server = $HOST
port = $PORT
username = $MAIL_USER
password = $MAIL_PASSWORD
$tls
[destination]
type = MDA_external
path = /bin/sh
arguments = ("-c", "cat >mail/\$\$")
allow_root_commands = true
[options]
read_all = true
delete = $1
delivered_to = false
received = false
verbose = 2
END
}
write false
getmail --getmaildir "$HOME"
cp "$(grep -l "$MARKER-waiting" mail/*)" fetched
case $1 in imap) did fetch alike ;; *) did retr alike ;; esac
write true
getmail --getmaildir "$HOME"
case $1 in imap) did delete ;; *) did dele all ;; esac
