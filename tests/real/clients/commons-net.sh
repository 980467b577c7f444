# Apache Commons Net.
exec java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$CLIENTS/built/java:/usr/share/java/commons-net.jar" CommonsNet "$1"
