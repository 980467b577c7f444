# Tcllib's smtp and pop3, as installers and test rigs use them.
package require mime
package require pop3
package require smtp

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

switch [lindex $argv 0] {
    smtp {
        set file [open text rb]
        set text [mime::initialize -canonical text/plain -param {charset utf-8} -encoding base64 -string [read $file]]
        set file [open noise.bin rb]
        set noise [mime::initialize -canonical application/octet-stream -param {name noise.bin} -encoding base64 \
            -header {Content-Disposition {attachment; filename=noise.bin}} -string [read $file]]
        set mail [mime::initialize -canonical multipart/mixed -parts [list $text $noise]]
        smtp::sendmessage $mail -servers [list $host] -ports [list $port] -username $user -password $password -usetls 0 \
            -header [list From $user] -header [list To $user] \
            -header [list Subject [mime::word_encode utf-8 base64 [encoding convertto utf-8 $env(SUBJECT)]]]
        did send alike
    }
    pop3 {
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
    }
}
