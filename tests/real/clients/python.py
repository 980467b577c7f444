"""Python's own smtplib, imaplib and poplib."""

import imaplib
import poplib
import smtplib
import ssl
import sys
from os import environ as given

host, port, tls = given["HOST"], int(given["PORT"]), given["TLS"]
user, password = given["MAIL_USER"], given["MAIL_PASSWORD"]
login, marker, trash = given["LOGIN"], given["MARKER"], f'"{given["TRASH"]}"'
context = ssl.create_default_context(cafile=given["CA"])


def did(*words):
    print("did", *words, flush=True)
    sys.stdin.readline()


def connection(plain, implicit, context_name):
    return implicit(host, port, **{context_name: context}) if tls == "implicit" else plain(host, port)


def send():
    with connection(smtplib.SMTP, smtplib.SMTP_SSL, "context") as smtp:
        if tls == "starttls":
            smtp.starttls(context=context)
        smtp.ehlo()
        smtp.user, smtp.password = user, password
        mechanism, _, ir = login.partition("-")
        code, _ = smtp.auth(mechanism.upper(), getattr(smtp, f"auth_{mechanism}"), initial_response_ok=bool(ir))
        assert code == 235
        with open("message", "rb") as message:
            assert smtp.sendmail(user, [user], message.read()) == {}
        did("send")


class Imap(imaplib.IMAP4):
    """With the one thing that imaplib lacks in older versions."""

    def idle(self):
        tag = self._new_tag()
        self.send(tag + b" IDLE\r\n")
        while not (line := self.readline()).startswith(b"+"):
            assert line.startswith(b"*"), line
        did("idle")
        while b"EXISTS" not in (line := self.readline()):
            assert line.startswith(b"*"), line
        self.send(b"done\r\n")  # some clients write it small
        while not (line := self.readline()).startswith(tag):
            assert line.startswith(b"*"), line
        did("wake")


class ImapTls(imaplib.IMAP4_SSL, Imap):
    pass


def read():
    with connection(Imap, ImapTls, "ssl_context") as imap:
        if tls == "starttls":
            imap.starttls(context)
        if login == "user":
            imap.login(user, password)
        else:
            answers = iter([f"\0{user}\0{password}"] if login == "plain" else [user, password])
            imap.authenticate(login.upper(), lambda _: next(answers).encode())
        with open("list", "wb") as file:
            file.write(b"\n".join(imap.list()[1]))
        did("list")
        imap.select("INBOX")
        did("search", *(len(imap.search(None, "SUBJECT", f'"{word}"')[1][0].split()) for word in (f"{marker}-waiting", "something else")))
        with open("fetched", "wb") as file:
            file.write(imap.fetch("1", "(FLAGS BODY.PEEK[])")[1][0][1])
        did("fetch")
        assert imap.create("Work")[0] == "OK"
        did("create")
        with open("message", "rb") as message:
            assert imap.append("Work", r"(\Seen)", None, message.read())[0] == "OK"
        did("append")
        imap.store("1", "+FLAGS", r"(\Flagged)")
        did("flag")
        assert imap.uid("COPY", imap.uid("SEARCH", "ALL")[1][0].decode(), trash)[0] == "OK"
        imap.store("1", "+FLAGS", r"(\Deleted)")
        imap.expunge()
        did("move")
        imap.select(trash)
        imap.store("1", "+FLAGS", r"(\Deleted)")
        imap.close()
        did("delete")
        imap.select("INBOX")
        imap.idle()


def take():
    pop3 = connection(poplib.POP3, poplib.POP3_SSL, "context")
    if tls == "starttls":
        pop3.stls(context)
    assert "UIDL" in pop3.capa()
    pop3.user(user)
    pop3.pass_(password)
    did("stat", pop3.stat()[0])
    did("uidl", *(line.split()[1].decode() for line in pop3.uidl()[1]))
    for name, answer in (("top", pop3.top(1, 0)), ("fetched", pop3.retr(1))):
        with open(name, "wb") as file:
            file.write(b"".join(line + b"\r\n" for line in answer[1]))
        did("retr" if name == "fetched" else name)
    pop3.dele(1)
    pop3.rset()
    pop3.dele(1)
    pop3.quit()
    did("dele")


{"smtp": send, "imap": read, "pop3": take}[sys.argv[1]]()
