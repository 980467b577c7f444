"""imap-tools, a friendlier face of imaplib."""

import ssl
import sys
from os import environ as given
from pathlib import Path

import imap_tools
from imap_tools import AND

context = ssl.create_default_context(cafile=given["CA"])
host, port, trash, marker = given["HOST"], int(given["PORT"]), given["TRASH"], given["MARKER"]


def did(*words):
    print("did", *words, flush=True)
    sys.stdin.readline()


if given["TLS"] == "off":
    box = imap_tools.MailBoxUnencrypted(host, port)
elif given["TLS"] == "starttls":
    box = imap_tools.MailBoxTls(host, port, ssl_context=context)
else:
    box = imap_tools.MailBox(host, port, ssl_context=context)

with box.login(given["MAIL_USER"], given["MAIL_PASSWORD"]):
    Path("list").write_text("\n".join(folder.name for folder in box.folder.list()))
    did("list")
    (found,) = box.fetch(AND(subject=f"{marker}-waiting"), mark_seen=False)
    did("search", 1, len(box.uids(AND(subject="something else"))))
    Path("fetched").write_bytes(box.client.uid("fetch", found.uid, "(BODY.PEEK[])")[1][0][1])
    did("fetch")
    box.folder.create("Work")
    did("create")
    box.append(Path("message").read_bytes(), "Work")
    did("append")
    box.flag(found.uid, imap_tools.MailMessageFlags.FLAGGED, True)
    did("flag")
    box.move(found.uid, trash)
    did("move")
    box.folder.set(trash)
    box.delete(box.uids())
    did("delete")
    box.folder.set("INBOX")
    box.idle.start()
    did("idle")
    while not any(b"EXISTS" in line for line in box.idle.poll(timeout=60)):
        pass
    box.idle.stop()
    did("wake")
