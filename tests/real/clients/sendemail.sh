# sendEmail: a script in Perl that monitoring and backup jobs use.
. "$CLIENTS/driver.sh"

# Of dots at the beginning of lines it doubles a lone one only.
sed 's/^\.\./.../' text >stuffed
sendemail -f "$MAIL_USER" -t "$MAIL_USER" -u "$SUBJECT" -o message-file=stuffed -o message-charset=utf-8 -a noise.bin \
    -s "$HOST:$PORT" -xu "$MAIL_USER" -xp "$MAIL_PASSWORD" -o tls=no -o timeout=60
did send alike
