"""The messages that are sent, and the comparison of what arrived with what was sent.

It exists so that "byte-identical" means one thing everywhere: all bytes of the message, in order, below trace headers that the
servers on the way put on top. It refuses to forgive anything else; a client that changes its own message is compared by what it
put on the wire, not by what it was given.
"""

import email
import email.policy
import random
import zlib
from email.message import EmailMessage

TRACE = ("return-path", "delivered-to", "received", "x-original-to")
SUBJECT = "Grüße, 日本語の件名 и тема"
TEXT = "Text mit Umlauten: äöü\n.\n..two dots\n日本語\n"
NAME = "Jürgen Möller-Wölfli"
MEGABYTE = 1024 * 1024


def noise(size, seed=1):
    """Bytes that nothing compresses or mistakes for text, the same in every run."""
    return random.Random(seed).randbytes(size)


def with_attachment(sender, recipient, marker, size=MEGABYTE):
    """A message as a mail program makes it: encoded UTF-8 headers, a text, an attachment with a UTF-8 name."""
    mail = EmailMessage(policy=email.policy.SMTP)
    mail["From"] = f"{NAME} <{sender}>"
    mail["To"] = recipient
    mail["Subject"] = f"{SUBJECT} ({marker})"
    mail["Date"] = "Wed, 25 Nov 2026 09:00:00 +0100"
    mail["Message-ID"] = f"<{marker}@client.example>"
    mail.set_content(TEXT.replace("\n", "\r\n"), cte="8bit")
    mail.add_attachment(noise(size), maintype="application", subtype="octet-stream", filename="Übersicht 図.bin")
    return mail.as_bytes()


def ordinary(sender, recipient, subject, body="Nothing special.\r\n"):
    """A small message, its body as given."""
    return raw(sender, recipient, subject, body.encode())


def raw(sender, recipient, subject, body, headers=b""):
    """A message of exactly these bytes. The subject goes in as UTF-8, unencoded, as many devices send it."""
    head = (
        f"From: <{sender}>\r\nTo: <{recipient}>\r\nSubject: {subject}\r\n"
        "Date: Wed, 25 Nov 2026 09:00:00 +0100\r\n"
        f"Message-ID: <{zlib.crc32(subject.encode())}@client.example>\r\n"
    )
    return head.encode() + headers + b"\r\n" + body


def attachment(message):
    """The bytes of the first attachment of a message."""
    parsed = email.message_from_bytes(message, policy=email.policy.default)
    return next(parsed.iter_attachments()).get_content()


def subject(message):
    return email.message_from_bytes(message, policy=email.policy.default)["Subject"]


def assert_arrived(sent, stored):
    """What was stored is what was sent, byte for byte, below trace headers."""
    if stored.endswith(sent):
        top = stored[: len(stored) - len(sent)]
        names = [line.partition(b":")[0].decode().lower() for line in top.split(b"\r\n") if line and line[:1] not in b" \t"]
        foreign = [name for name in names if name not in TRACE]
        assert not foreign, f"headers were added on the way: {foreign}"
        return
    start = stored.find(sent[: sent.index(b"\r\n") + 2])
    assert start >= 0, f"the message does not begin as it was sent:\n{stored[:1000]!r}"
    assert_same(sent, stored[start:])


def assert_same(sent, got):
    """Two messages are the same bytes; otherwise says where they part."""
    if sent == got:
        return
    at = next((index for index, (one, other) in enumerate(zip(sent, got)) if one != other), min(len(sent), len(got)))
    raise AssertionError(
        f"{len(sent)} bytes were expected and {len(got)} came, different from byte {at} on:\n"
        f"expected ...{sent[max(0, at - 40) : at + 60]!r}\ncame     ...{got[max(0, at - 40) : at + 60]!r}"
    )
