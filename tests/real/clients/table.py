"""The mail programs: what each is written in, how it is driven, and what it does at which protocol.

It exists so that "which clients were tried" has one answer, from which the tests and docs/clients.md are made. It refuses to hold
how a thing is done: that is in the driver of each program, beside this file and in the program's own language where it has one.
"""

import re
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILT = HERE / "built"  # by install.sh

IMAP = "list search fetch create append flag move delete idle wake"
POP3 = "stat uidl top retr dele"
BOTH = "starttls implicit"
LATE = "starttls! implicit!"
ABRUPT = "starttls implicit!"  # where TLS comes first they leave without an alert


class Work:
    """What a program does at a protocol, with which login forms, and which kinds of TLS it can have besides none.

    A question mark behind a kind of TLS: the program does not look at the certificate, whatever it is told. An exclamation mark:
    it looks behind the handshake, and the daemon sees no more than a client that leaves.
    """

    def __init__(self, steps, logins, tls=""):
        self.steps, self.logins = steps.split(), logins.split()
        self.tls = [kind.rstrip("?!") for kind in tls.split()]
        self.verified = [kind.rstrip("!") for kind in tls.split() if not kind.endswith("?")]
        self.late = [kind.rstrip("!") for kind in tls.split() if kind.endswith("!")]


def smtp(logins, tls="", steps="send"):
    return {"smtp": Work(steps, logins, tls)}


def imap(logins, tls="", steps=IMAP):
    return {"imap": Work(steps, logins, tls)}


def pop3(logins, tls="", steps=POP3):
    return {"pop3": Work(steps, logins, tls)}


@dataclass(frozen=True)
class Client:
    name: str
    language: str
    version: str  # a shell command that prints it
    command: tuple  # the driver; the protocol comes behind it
    work: dict

    @property
    def id(self):
        """Its name, for names of tests and for markers in messages."""
        return re.sub(r"\W+", "-", self.name).strip("-").lower()

    @classmethod
    def of(cls, name, language, version, driver, *work):
        command = tuple(HERE / word if (HERE / word).is_file() or word.startswith("built/") else word for word in driver.split())
        return cls(name, language, version, command, {k: v for part in work for k, v in part.items()})


def npm(package):
    return f"grep '\"version\"' {HERE}/node/node_modules/{package}/package.json"


def debian(package):
    return "dpkg-query -W -f='${Version}' " + package


CLIENTS = (
    Client.of("curl", "C", "curl --version", "sh curl.sh",
              smtp("plain plain-ir login login-ir", BOTH), imap("plain login", BOTH, "list search fetch create append flag move delete"),
              pop3("plain login", BOTH)),
    Client.of("msmtp", "C", "msmtp --version", "sh msmtp.sh", smtp("plain login", LATE)),
    Client.of("mpop", "C", "mpop --version", "sh mpop.sh", pop3("user plain login", LATE, "retr dele")),
    Client.of("swaks", "Perl", "swaks --version", "sh swaks.sh", smtp("plain login plain-pipelined", BOTH)),
    Client.of("s-nail", "C", "s-nail --version", "sh s-nail.sh",
              smtp("plain login", BOTH), imap("user", BOTH, "fetch delete"), pop3("user", BOTH, "retr dele")),
    Client.of("mutt", "C", "mutt -v", "sh mutt.sh mutt", smtp("plain login", LATE), imap("plain", LATE, "fetch flag move delete"),
              pop3("plain", LATE, "retr dele")),
    Client.of("neomutt", "C", "neomutt -v", "sh mutt.sh neomutt", smtp("plain login", LATE), imap("plain", LATE, "fetch flag move delete"),
              pop3("plain", LATE, "retr dele")),
    Client.of("mailutils", "C", "mail.mailutils --version", "sh mailutils.sh",
              smtp("plain login"), imap("user", steps="fetch delete"), pop3("user", steps="retr dele")),
    Client.of("esmtp", "C", debian("esmtp"), "sh esmtp.sh", smtp("plain")),
    Client.of("sendEmail", "Perl", "sendemail --help", "sh sendemail.sh", smtp("login")),
    Client.of("nmh", "C", debian("nmh"), "sh nmh.sh", smtp("plain login"), pop3("user", steps="retr dele")),
    Client.of("Emacs smtpmail", "Emacs Lisp", "emacs --version", "emacs --batch --load emacs.el", smtp("plain", LATE)),
    Client.of("monitoring-plugins", "C", "/usr/lib/nagios/plugins/check_smtp --version", "sh probes.sh",
              smtp("login", steps="probe"), imap("none", "implicit?", "probe"), pop3("none", "implicit?", "probe")),
    Client.of("mbsync", "C", "mbsync --version", "sh mbsync.sh",
              imap("user plain", LATE, "list fetch create append flag move delete")),
    # Not behind STARTTLS: imaplib2 reads and writes the TLS object from two threads, and hangs or crashes at times.
    Client.of("OfflineIMAP", "Python", "offlineimap --version", "sh offlineimap.sh",
              imap("plain user", "implicit", "list fetch create append flag delete")),
    Client.of("fetchmail", "C", debian("fetchmail"), "sh fetchmail.sh",
              imap("user", BOTH, "fetch delete idle wake"), pop3("user", BOTH, "retr dele")),
    Client.of("getmail", "Python", "getmail --version", "sh getmail.sh",
              imap("user", "implicit", "fetch delete"), pop3("user", "implicit", "retr dele")),
    Client.of("imapfilter", "Lua", "imapfilter -V", "sh imapfilter.sh",
              imap("user", BOTH, "list search fetch create append flag move delete")),
    Client.of("fdm", "C", debian("fdm"), "sh fdm.sh", imap("user", "implicit!", "fetch delete"), pop3("user", "implicit!", "retr dele")),
    Client.of("python", "Python", "python3 --version", "python3 python.py",
              smtp("plain plain-ir login login-ir", BOTH), imap("user plain login", BOTH), pop3("user", BOTH)),
    Client.of("nodemailer", "JavaScript", npm("nodemailer"), "node node/nodemailer.mjs", smtp("plain login", ABRUPT)),
    Client.of("emailjs", "JavaScript", npm("emailjs"), "node node/emailjs.mjs", smtp("login plain", "implicit! starttls?")),
    Client.of("imapflow", "JavaScript", npm("imapflow"), "node node/imapflow.mjs", imap("plain user login", ABRUPT)),
    Client.of("node-imap", "JavaScript", npm("imap"), "node node/node-imap.mjs", imap("user", ABRUPT)),
    Client.of("node-pop3", "JavaScript", npm("node-pop3"), "node node/node-pop3.mjs", pop3("user", "implicit!")),
    Client.of("Ruby net-smtp, net-imap, net-pop", "Ruby", "ruby --version", "ruby ruby.rb",
              smtp("plain login", BOTH), imap("user plain", BOTH), pop3("user", "implicit")),
    Client.of("Perl Net::SMTP, Mail::IMAPClient, Net::POP3", "Perl", "perl -MMail::IMAPClient -e 'print $Mail::IMAPClient::VERSION'",
              "perl perl.pl", smtp("plain login", BOTH), imap("user plain", BOTH), pop3("user", BOTH)),
    Client.of("Perl Mail::IMAPTalk", "Perl", "perl -MMail::IMAPTalk -e 'print $Mail::IMAPTalk::VERSION'", "perl imaptalk.pl",
              imap("user", "implicit", "list search fetch create append flag move delete")),
    Client.of("PHPMailer", "PHP", debian("libphp-phpmailer"), "php phpmailer.php", smtp("login plain", BOTH)),
    Client.of("PHP Net_SMTP", "PHP", debian("php-net-smtp"), "php net_smtp.php", smtp("login plain", BOTH)),
    # Its STARTTLS is of TLS 1.0 and nothing newer.
    Client.of("PHP imap (c-client)", "PHP", "php --version", "php php-imap.php",
              imap("plain", "implicit", "list search fetch create append flag move delete"),
              pop3("plain", "implicit", "stat top retr dele")),
    Client.of("LuaSocket", "Lua", debian("lua-socket"), "lua5.4 lua.lua", smtp("plain")),
    Client.of("Tcllib pop3", "Tcl", debian("tcllib"), "tclsh tcl.tcl", pop3("user")),
    Client.of("aiosmtplib", "Python", "/usr/bin/python3 -c 'print(__import__(\"aiosmtplib\").__version__)'",
              "/usr/bin/python3 aiosmtp.py", smtp("plain login", ABRUPT)),
    Client.of("imap-tools", "Python", debian("python3-imap-tools"), "/usr/bin/python3 imap_tools_.py",
              imap("user", BOTH)),
    Client.of("JavaMail", "Java", debian("libmail-java"), "sh java.sh",
              smtp("login plain", BOTH), imap("plain login", BOTH), pop3("user", BOTH)),
    Client.of("Commons Net", "Java", debian("libcommons-net-java"), "sh commons-net.sh",
              smtp("plain login", "implicit"), pop3("user", "implicit")),
    Client.of("Go net/smtp", "Go", "go version", "built/go net", smtp("plain", "starttls")),
    Client.of("go-smtp, go-imap", "Go", debian("golang-github-emersion-go-imap-dev"), "built/go emersion",
              smtp("plain login"), imap("user plain", BOTH)),
    Client.of("libetpan", "C", debian("libetpan20"), "built/etpan",
              smtp("plain"), imap("user"), pop3("user")),
    Client.of("Mono SmtpClient", "C#", "mono --version", "mono built/mono.exe", smtp("login")),
    Client.of(".NET Core SmtpClient", "C#", f"ls {BUILT}/dotnet/dotnetcore2/bin/shared/Microsoft.NETCore.App", "sh dotnet.sh",
              smtp("login")),
    Client.of("lettre, imap", "Rust", f"grep -A1 'name = .lettre.' {HERE}/rust/Cargo.lock", "built/rust/debug/gatepost-real-clients",
              smtp("plain login"), imap("user")),
)

# Driven by test_thunderbird.
THUNDERBIRD = Client.of("Thunderbird", "C++", "thunderbird --version", "thunderbird", smtp("plain"),
                        imap("plain", steps="list search fetch create append flag move delete idle wake"),
                        pop3("plain", steps="retr dele"))
