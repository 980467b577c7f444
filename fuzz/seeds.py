#!/usr/bin/env python3
"""Seeds for the fuzzers, out of the dialogues that the tests hold: what a real peer says is where to start from."""

import pathlib
import re

HERE = pathlib.Path(__file__).parent
WIRE = HERE.parent / "src" / "wire"
MESSAGE = HERE.parent / "src" / "message"
TURN = re.compile(r"\('([CS])', (\"(?:[^\"\\]|\\.)*\")\)")
FED = re.compile(r"feed\(b(\"(?:[^\"\\]|\\.)*\")\)")
LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"', re.S)
TEST = re.compile(r"^fn (\w+)\(\) \{$(.*?)^\}$", re.M | re.S)


def text(literal):
    """The bytes of a Rust string literal."""
    return literal[1:-1].encode().decode("unicode_escape").encode("latin-1", "replace")


def conversation(body, side):
    said = [text(words) + b"\r\n" for who, words in TURN.findall(body) if who == side]
    return b"".join(said + [text(words) for words in FED.findall(body)])


# One that the doorman lets in, and what comes behind it.
LOGINS = {
    "smtp": (b"EHLO copier\r\nAUTH PLAIN AGFubgBwdw==\r\n", b"MAIL FROM:<a@b.c> SIZE=9\r\nRCPT TO:<d@e.f>\r\nDATA\r\n"),
    "imap": (b"a LOGIN ann pw\r\n", b"b SELECT INBOX\r\nc IDLE\r\n"),
    "pop3": (b"USER ann\r\nPASS pw\r\n", b"STAT\r\nQUIT\r\n"),
}
EXCHANGE = b"* OK The Microsoft Exchange IMAP4 service is ready. [abc=]\r\n"


def pieces(side, said):
    """As the target reads them: one byte for the side, one for the length."""
    return b"".join(bytes([side, len(piece)]) + piece for piece in (said[at : at + 250] for at in range(0, len(said), 250)))


def session(protocol, body):
    """A client signs in, the upstream answers line by line as it does in a dialogue of the back, and both go on."""
    login, behind = LOGINS[protocol]
    greeting = [EXCHANGE] if "'S', EXCHANGE" in body else []
    answers = greeting + [text(words) + b"\r\n" for who, words in TURN.findall(body) if who == "S"]
    return pieces(0, login) + b"".join(pieces(1, answer) for answer in answers) + pieces(0, behind)


def write(target, name, data):
    corpus = HERE / "corpus" / target
    corpus.mkdir(parents=True, exist_ok=True)
    (corpus / name).write_bytes(data)


def main():
    protocols = ("smtp", "imap", "pop3")
    for source, side, targets in (("tests.rs", "C", "front"), ("tests/back.rs", "S", "back")):
        for name, body in TEST.findall((WIRE / source).read_text()):
            said = conversation(body, side)
            if not said:
                continue
            for protocol in protocols:
                if protocol in name or not any(word in name for word in protocols):
                    # Mode, size of the pieces.
                    write(f"{protocol}_{targets}", name, b"\0\0" + said)
            if targets == "front":
                write("lines", name, b"\3" + said)
                write("literals", name, b"\0" + said)
                for n, line in enumerate(said.split(b"\r\n")):
                    write("commands", f"{name}-{n}", line)
            else:
                write("replies", name, b"\0" + said)
            for n, protocol in enumerate(protocols):
                if side == "S" and protocol in name:
                    write("session", f"{name}-{protocol}", bytes([n]) + session(protocol, body))
                else:
                    write("session", f"{name}-{protocol}", bytes([n]) + pieces(side == "S", said))
    for n, body in enumerate((b".\r\n", b"a\r\n.\r\n", b"a\n.\r\nb\r\n..c\r\n.\r\n", b"a\r\n.\rb\0\r\n.\r\nQUIT\r\n")):
        write("body", str(n), b"\0" + body)
    for n, line in enumerate((b"MAIL FROM:<a@b.example> SIZE=10 BODY=8BITMIME", b"RCPT TO:<\"a b\"@c.example> NOTIFY=NEVER")):
        write("commands", str(n), line)
    for n, literal in enumerate(LITERAL.findall((MESSAGE / "tests.rs").read_text() + (MESSAGE / "tests" / "samples.rs").read_text())):
        # Mode, then lines of a reader as lines of the wire. In the source a backslash joins lines, and \u{} names a character.
        head = text(re.sub(r"\\\n *|\\u\{\w+\}", "", literal)).strip().replace(b"\n", b"\r\n")
        if b":" in head:
            write("repair", str(n), bytes([n % 8]) + head + b"\r\n\r\n.\r\n")
    for file in sorted((HERE.parent / "config").rglob("*.toml")):
        write("configuration", file.name, file.read_bytes())
    account = b"[a@b.c]\npermission_url = https://login.microsoftonline.com/common/oauth2/v2.0/authorize\ntoken_url = "
    account += b"https://login.microsoftonline.com/common/oauth2/v2.0/token\noauth2_scope = a b\nclient_id = c\n"
    for n, old in enumerate(
        (
            b"[IMAP-1993]\nserver_address = outlook.office365.com\nserver_port = 993\nlocal_address = ::\n\n" + account,
            b'{"client_id":"c","client_secret":"","refresh_token":"r","expiry":"0","user":"a@b.c","proxy":"p:1"}',
            b'account "a@b.c" { auth_uri = "https://x/"; token_uri = "https://x/"; client_id = "c"; scopes = ["s"]; }',
        )
    ):
        write("old_configurations", str(n), old)
    for n, answer in enumerate(
        (
            b'{"access_token":"a","refresh_token":"r","expires_in":3600,"scope":"s","id_token":"e30.e30.e30"}',
            b'{"error":"invalid_grant","error_description":"AADSTS70000: x","error_codes":[70000],"suberror":"y"}',
            b'{"device_code":"d","user_code":"U","verification_uri":"https://x/","interval":5,"expires_in":900}',
        )
    ):
        write("tokens", str(n), b"\0" + answer)


main()
