# esmtp: a sendmail that only relays.
. "$CLIENTS/driver.sh"

cat >.esmtprc <<END
hostname = $HOST:$PORT
username = "$MAIL_USER"
password = "$MAIL_PASSWORD"
starttls = disabled
END
chmod 600 .esmtprc
esmtp -C "$HOME/.esmtprc" -f "$MAIL_USER" "$MAIL_USER" <message
did send
