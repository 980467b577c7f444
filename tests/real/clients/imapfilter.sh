# imapfilter: sorts mail on the server. Its configuration, imapfilter.lua, is a program.
exec imapfilter -t "$CA" -c "$CLIENTS/imapfilter.lua"
