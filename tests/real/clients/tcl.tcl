# Tcllib's pop3.
package require pop3

proc did args {
    puts "did $args"
    flush stdout
    gets stdin
}
proc content {name bytes} {
    set file [open $name wb]
    puts -nonewline $file $bytes
    close $file
}
set host $env(HOST); set port $env(PORT); set user $env(MAIL_USER); set password $env(MAIL_PASSWORD)

set pop [pop3::open -stls 0 $host $user $password $port]
did stat [lindex [pop3::status $pop] 0]
did uidl {*}[dict values [dict create {*}[join [pop3::uidl $pop]]]]
content top [pop3::top $pop 1 0]
did top
content fetched [lindex [pop3::retrieve $pop 1] 0]
did retr
pop3::delete $pop 1
pop3::close $pop
did dele
