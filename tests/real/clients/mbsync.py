"""mbsync (isync): keeps a local Maildir and the IMAP mailboxes the same, both ways."""

import os
import re

from lab.processes import run

CONFIGURATION = """
IMAPStore remote
Host {address}
Port {port}
User "{user}"
Pass "{password}"
SSLType None
AuthMechs {mechanism}
Timeout 60

MaildirStore local
Path {mail}/
Inbox {mail}/INBOX
SubFolders Verbatim

Channel all
Far :remote:
Near :local:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState *
"""


class Mbsync:
    def __init__(self, settings, mechanism="LOGIN"):
        self.mail = settings.folder / f"mbsync-{mechanism}"
        self.mail.mkdir()
        self.configuration = settings.folder / f"mbsyncrc-{mechanism}"
        self.configuration.write_text(CONFIGURATION.format(
            address=settings.address, port=settings.imap, user=settings.user, password=settings.password,
            mail=self.mail, mechanism=mechanism,
        ))

    def sync(self):
        run("mbsync", "--config", self.configuration, "all")

    def messages(self, mailbox):
        """The message files of a mailbox, as they lie here."""
        return [file for part in ("new", "cur") for file in (self.mail / mailbox / part).iterdir()]

    def add(self, mailbox, message):
        """Puts a message into a mailbox here, made if need be, as a mail program would. Lines end as on a Unix disk."""
        for part in ("tmp", "new", "cur"):
            (self.mail / mailbox / part).mkdir(parents=True, exist_ok=True)
        name = f"1.{os.getpid()}.client"
        (self.mail / mailbox / "tmp" / name).write_bytes(message.replace(b"\r\n", b"\n"))
        (self.mail / mailbox / "tmp" / name).rename(self.mail / mailbox / "cur" / f"{name}:2,S")

    @staticmethod
    def without_mark(stored):
        """A message that mbsync sent up, without the header line by which it finds it again."""
        return re.sub(rb"(?m)^X-TUID: .*\r\n", b"", stored, count=1)

    def flag(self, file, flags):
        """Sets the flags of a message here: letters of the Maildir kind."""
        name = file.name.partition(":2,")[0]
        file.rename(file.parent.parent / "cur" / f"{name}:2,{flags}")
