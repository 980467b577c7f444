# JavaMail, as Jenkins, Jira and most servers in Java use it.
exec java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto -cp "$CLIENTS/built/java:/usr/share/java/javax.mail.jar:/usr/share/java/javax.activation.jar" Mail "$1"
